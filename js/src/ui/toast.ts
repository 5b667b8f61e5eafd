/** What became of a click, said on the picture: it does not move the layout. */
import { make, setText } from "../elements.js";

/** Milliseconds that it stays. */
const STAY = 2500;

/** A line that goes by itself. */
export class Toast {
  readonly node = make("div", { class: "kcomm-Toast", role: "status" });
  #timer: ReturnType<typeof setTimeout> | undefined;

  say(text: string): void {
    clearTimeout(this.#timer);
    setText(this.node, text);
    this.node.toggleAttribute("data-shown", true);
    this.#timer = setTimeout(() => this.node.removeAttribute("data-shown"), STAY);
  }

  dispose(): void {
    clearTimeout(this.#timer);
  }
}
