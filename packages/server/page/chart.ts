/** One chart over time: a heading with the values under the pointer (or the last ones), and lines by uPlot. */
import type { SeriesName } from "./api.ts";
import { element, setText } from "./dom.ts";
import type { HistoryData } from "./history.ts";
import uPlot from "./uplot.js";

interface ChartSeries {
  readonly name: SeriesName;
  readonly label: string;
  /** A colour of the style sheet: `--put`. */
  readonly color: string;
  /** Filled down to zero. */
  readonly isArea?: boolean;
}

export interface ChartOptions {
  readonly title: string;
  readonly series: readonly ChartSeries[];
  format(value: number): string;
  /** Distances that the lines of the grid may have; decimal ones unless set. */
  readonly steps?: readonly number[];
  /** The scale reaches at least so far. */
  readonly maxAtLeast: number;
  /** Charts of the same group show the same moment under the pointer. */
  readonly group: string;
}

const hourSeconds = 3600;
/** A young node's lines are drawn over less than an hour, but not over less than this. */
const spanSecondsMin = 300;
const axisWidth = 62;

export class Chart {
  readonly root: HTMLElement;
  readonly #options: ChartOptions;
  readonly #holder: HTMLElement = element("div", { class: "plot" });
  readonly #values: readonly HTMLElement[];
  readonly #time: HTMLElement = element("span", { class: "time" });
  readonly #empty: HTMLElement = element("p", {
    class: "empty-plot",
    text: "Nothing yet: a point comes every five seconds.",
  });
  readonly #resizes: ResizeObserver;
  readonly #darkness: MediaQueryList = matchMedia("(prefers-color-scheme: dark)");
  readonly #recolor = (): void => this.#rebuild();
  #data: HistoryData = { times: [], series: {} };
  #plot: uPlot | null = null;

  constructor(options: ChartOptions) {
    this.#options = options;
    this.#values = options.series.map(() => element("span", { class: "value", text: "–" }));
    const keys = options.series.map(({ label, color }, index) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.background = `var(${color})`;
      return element(
        "span",
        { class: "key" },
        swatch,
        element("span", { text: label }),
        this.#values[index]!,
      );
    });
    this.root = element(
      "section",
      { class: "chart card" },
      element(
        "header",
        {},
        element("h3", { text: options.title }),
        this.#time,
        element("div", { class: "keys" }, ...keys),
      ),
      this.#holder,
    );
    this.#holder.append(this.#empty);
    this.#holder.setAttribute("role", "img");
    this.#resizes = new ResizeObserver(() => this.#resize());
    this.#resizes.observe(this.#holder);
    this.#darkness.addEventListener("change", this.#recolor);
  }

  show(data: HistoryData): void {
    this.#data = data;
    if (data.times.length === 0) return;
    if (this.#plot === null) this.#build();
    else this.#plot.setData(this.#aligned());
    this.#tellValues(null);
  }

  remove(): void {
    this.#resizes.disconnect();
    this.#darkness.removeEventListener("change", this.#recolor);
    this.#plot?.destroy();
    this.root.remove();
  }

  #aligned(): uPlot.AlignedData {
    const { times, series } = this.#data;
    return [times, ...this.#options.series.map(({ name }) => series[name] ?? [])] as uPlot.AlignedData;
  }

  #build(): void {
    this.#empty.remove();
    this.#plot = new uPlot(this.#plotOptions(), this.#aligned(), this.#holder);
  }

  #rebuild(): void {
    if (this.#plot === null) return;
    this.#plot.destroy();
    this.#build();
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#holder;
    if (this.#plot === null || width === 0) return;
    if (this.#plot.width !== width || this.#plot.height !== height) this.#plot.setSize({ width, height });
  }

  #plotOptions(): uPlot.Options {
    const { series, maxAtLeast, group, format, steps } = this.#options;
    const style = getComputedStyle(this.#holder);
    const color = (name: string): string => style.getPropertyValue(name).trim();
    const axis: uPlot.Axis = {
      stroke: color("--muted"),
      font: `11px ${style.fontFamily}`,
      grid: { stroke: color("--grid"), width: 1 },
      ticks: { show: false },
    };
    return {
      width: this.#holder.clientWidth,
      height: this.#holder.clientHeight,
      padding: [8, 18, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: group }, drag: { x: false, y: false }, points: { size: 7 } },
      scales: {
        x: { time: true, range: () => this.#span() },
        y: { range: (_, __, max) => [0, Math.max(maxAtLeast, (max ?? 0) * 1.08)] },
      },
      axes: [
        { ...axis, size: 26, space: 70, values: (_, times) => times.map(formatClock) },
        {
          ...axis,
          size: axisWidth,
          space: 34,
          values: (_, values) => values.map(format),
          ...(steps === undefined ? {} : { incrs: [...steps] }),
        },
      ],
      series: [
        {},
        ...series.map(({ label, color: name, isArea }) => ({
          label,
          stroke: color(name),
          width: 1.5,
          ...(isArea ? { fill: `${color(name)}22` } : {}),
          points: { size: 3, width: 0, fill: color(name) },
        })),
      ],
      hooks: { setCursor: [({ cursor }) => this.#tellValues(cursor.idx ?? null)] },
    };
  }

  /** From an hour ago, or from where there is something, until now. */
  #span(): [from: number, to: number] {
    const { times } = this.#data;
    const to = times.at(-1) ?? 0;
    const first = times[0] ?? to;
    return [Math.min(to - spanSecondsMin, Math.max(to - hourSeconds, first)), to];
  }

  /** Those at `index`; null: the last ones. */
  #tellValues(index: number | null): void {
    const { times, series } = this.#data;
    const at = index ?? times.length - 1;
    const { series: shown, format, title } = this.#options;
    const texts = shown.map(({ name }) => {
      const value = series[name]?.[at];
      return value === null || value === undefined ? "–" : format(value);
    });
    for (const [place, text] of texts.entries()) setText(this.#values[place]!, text);
    setText(this.#time, index === null ? "" : formatClock(times[at]!, true));
    if (index === null) {
      const now = shown.map(({ label }, place) => `${label} ${texts[place]}`).join(", ");
      this.#holder.setAttribute("aria-label", `${title} over the last hour. Now: ${now}.`);
    }
  }
}

function formatClock(seconds: number, withSeconds: unknown = false): string {
  const date = new Date(seconds * 1000);
  const parts = [date.getHours(), date.getMinutes()];
  if (withSeconds === true) parts.push(date.getSeconds());
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}
