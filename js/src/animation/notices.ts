/** What a player says on its picture of frames that could not be drawn; it does not move the layout. */
import { iconButton, make, setText } from "../elements.js";
import { show } from "../ui/focus.js";
import { statusAround } from "../ui/status.js";
import type { FrameError } from "./drawn.js";
import type { Player } from "./player.js";

/** The latest frame that failed. */
export class ErrorNote {
  readonly node: HTMLElement;
  readonly #box: HTMLElement;
  readonly #text = make("span", { class: "kcomm-Note-text" });

  constructor(readonly player: Player) {
    const close = iconButton("Dismiss", "close", () => player.dismiss());
    this.#box = make("div", { class: "kcomm-Note", hidden: true }, this.#text, close);
    this.node = statusAround(this.#box);
  }

  update(): void {
    const { error, failed, state } = this.player;
    show(this.#box, error !== null);
    // Not read out again and again while they fly by.
    const live = state.playing ? "off" : "polite";
    if (this.node.ariaLive !== live) this.node.ariaLive = live;
    if (error === null) return;
    this.#box.dataset.code = error.code;
    setText(this.#text, describeError(error, failed));
  }
}

/** What is said of a frame that failed. */
export function describeError({ index, message }: FrameError, failed: number): string {
  const what = /^frame \d/.test(message) ? message : `frame ${index}: ${message}`;
  return failed > 1 ? `${what} (${failed} frames failed)` : what;
}
