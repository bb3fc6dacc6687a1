/** Statistics as a client sees them: names and values in the order of Kestrel's lists. */

export type Statistic = readonly [name: string, value: string | number];

/** Statistics, or settings, of one queue. */
export interface StatisticGroup {
  readonly queue: string;
  readonly statistics: readonly Statistic[];
}
