/** What fills the page below its head. */

export interface View {
  readonly root: HTMLElement;
  /** For the window's title. */
  readonly title: string;
  /** Its root is in the page. */
  start(): void;
  stop(): void;
}
