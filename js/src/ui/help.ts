/** The list of keys, on the picture. */
import { iconButton, make } from "../elements.js";
import { passFocus } from "./focus.js";

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
    else this.#giveBack();
    this.node.hidden = !isShown;
    if (isShown) this.#close.focus({ preventScroll: true });
  }

  /** To what had the focus; to the view where that can't have it any more, as a button of a menu that has closed. */
  #giveBack(): void {
    const hasFocus = this.node.contains(document.activeElement);
    const before = this.#before;
    if (hasFocus && before instanceof HTMLElement) before.focus({ preventScroll: true });
    passFocus(this.node);
  }
}

function caps(keys: string): HTMLElement[] {
  return keys.split(" ").map((key) => make("kbd", { class: "kcomm-Key" }, key));
}
