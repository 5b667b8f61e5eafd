/** The list of keys, on the picture. */
import { iconButton, make } from "../elements.js";

/** Keys, apart by spaces, and what they do. */
export type KeyRow = readonly [keys: string, what: string];

export class Help {
  readonly node: HTMLElement;
  readonly #close: HTMLButtonElement;
  /** What had the focus before. */
  #before: Element | null = null;

  constructor(keys: readonly KeyRow[]) {
    this.#close = iconButton("Close", "close", () => this.toggle());
    const rows = keys.map(([names, what]) =>
      make("div", { role: "listitem" }, make("span", {}, ...caps(names)), what),
    );
    this.node = make(
      "div",
      { class: "kcomm-Help", role: "dialog", "aria-label": "Keys", hidden: true },
      make("div", { class: "kcomm-Help-head" }, "Keys", this.#close),
      make("div", { class: "kcomm-Help-list", role: "list" }, ...rows),
    );
  }

  get isShown(): boolean {
    return !this.node.hidden;
  }

  toggle(): void {
    const isShown = this.node.hidden;
    if (isShown) this.#before = document.activeElement;
    this.node.hidden = !isShown;
    if (isShown) this.#close.focus({ preventScroll: true });
    else if (this.#before instanceof HTMLElement) this.#before.focus({ preventScroll: true });
  }
}

function caps(keys: string): HTMLElement[] {
  return keys.split(" ").map((key) => make("kbd", { class: "kcomm-Key" }, key));
}
