/** A small read-out on the picture: where the time goes. */
import { make, setText } from "../elements.js";

/** Milliseconds between two looks. */
const INTERVAL = 250;

export class Figures<Row extends string> {
  readonly node: HTMLElement;
  readonly #values: Record<Row, HTMLElement>;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param describe what the rows say now; those that say nothing are not shown */
  constructor(
    rows: readonly Row[],
    readonly describe: () => Record<Row, string>,
  ) {
    const cells = rows.map((name) => [name, make("span")] as const);
    this.#values = Object.fromEntries(cells) as Record<Row, HTMLElement>;
    const lines = cells.map(([name, cell]) =>
      make("div", { "data-row": name }, make("span", { class: "kcomm-Stats-name" }, name), cell),
    );
    this.node = make(
      "div",
      { class: "kcomm-Stats", role: "group", "aria-label": "Figures", hidden: true },
      ...lines,
    );
  }

  get isShown(): boolean {
    return !this.node.hidden;
  }

  toggle(): void {
    this.node.hidden = !this.node.hidden;
    clearInterval(this.#timer);
    if (!this.isShown) return;
    this.#update();
    this.#timer = setInterval(() => this.#update(), INTERVAL);
  }

  dispose(): void {
    clearInterval(this.#timer);
  }

  #update(): void {
    for (const [name, text] of Object.entries<string>(this.describe())) {
      const cell = this.#values[name as Row];
      setText(cell, text);
      if (cell.parentElement !== null) cell.parentElement.hidden = text === "";
    }
  }
}

/** A number of bytes as people read it. */
export function bytes(count: number): string {
  if (count < 1000) return `${count.toFixed(0)} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} kB`;
  return `${(count / 1e6).toFixed(2)} MB`;
}
