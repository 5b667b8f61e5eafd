/** What a player says on its picture: frames that could not be drawn, and what became of a click. Neither moves the layout. */
import { iconButton, make, setText } from "../elements.js";
import type { FrameError } from "./drawn.js";
import type { Player } from "./player.js";

/** Milliseconds that a notice stays. */
const STAY = 2500;

/** The latest frame that failed. */
export class ErrorNote {
  readonly node: HTMLElement;
  readonly #text = make("span", { class: "kcomm-Note-text" });

  constructor(readonly player: Player) {
    const close = iconButton("Dismiss", "close", () => player.dismiss());
    this.node = make(
      "div",
      { class: "kcomm-Note", role: "status", hidden: true },
      this.#text,
      close,
    );
  }

  update(): void {
    const { error, failed, state } = this.player;
    if (this.node.hidden !== (error === null)) this.node.hidden = error === null;
    // Not read out again and again while they fly by.
    const live = state.playing ? "off" : "polite";
    if (this.node.ariaLive !== live) this.node.ariaLive = live;
    if (error === null) return;
    this.node.dataset.code = error.code;
    setText(this.#text, describeError(error, failed));
  }
}

/** What is said of a frame that failed. */
export function describeError({ index, message }: FrameError, failed: number): string {
  const what = /^frame \d/.test(message) ? message : `frame ${index}: ${message}`;
  return failed > 1 ? `${what} (${failed} frames failed)` : what;
}

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
