/** What became of a click, said on the picture: it does not move the layout. */
import { make, setText } from "../elements.js";

/** Milliseconds that it stays. */
const STAY = 2500;
/** Milliseconds after which it is not seen any more: it fades. */
const FADE = 300;

/** A line that goes by itself. */
export class Toast {
  readonly node = make("div", { class: "kcomm-Toast", role: "status" });
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string): void {
    clearTimeout(this.#timer);
    setText(this.node, text);
    this.node.toggleAttribute("data-shown", true);
    this.#timer = setTimeout(() => this.#go(), STAY);
  }

  /** Without its text: the same one said again would be no change, and not read out. */
  #go(): void {
    this.node.removeAttribute("data-shown");
    this.#timer = setTimeout(() => setText(this.node, ""), FADE);
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }
}
