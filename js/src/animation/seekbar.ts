/** The slider: where it is, where one could go. */
import { make, setText } from "../elements.js";
import type { Player } from "./player.js";
import { clamp, clock } from "./state.js";

/** Half of the thumb's width in CSS pixels: the track's ends are this far inside. */
const THUMB = 6;

export class SeekBar {
  readonly node: HTMLElement;
  readonly #slider = make("input", {
    type: "range",
    class: "kcomm-Seek",
    min: "0",
    step: "1",
    value: "0",
    "aria-label": "Seek",
  });
  /** Says what the pointer is over. */
  readonly #bubble = make("div", { class: "kcomm-Bubble", "aria-hidden": "true", hidden: true });

  constructor(readonly player: Player) {
    const slider = this.#slider;
    slider.addEventListener("input", () => player.scrub(slider.valueAsNumber));
    // A drag that ends where it began changes nothing, and only the pointer tells.
    for (const end of ["change", "pointerup", "pointercancel", "blur"]) {
      slider.addEventListener(end, () => player.release());
    }
    slider.addEventListener("pointermove", (event) => this.#point(event));
    for (const end of ["pointerleave", "pointercancel"]) {
      slider.addEventListener(end, () => {
        this.#bubble.hidden = true;
      });
    }
    this.node = make("div", { class: "kcomm-SeekBar" }, slider, this.#bubble);
  }

  /** Shows the frame that the player is at. */
  update(): void {
    const { info, state } = this.player;
    const count = info?.count ?? null;
    this.node.hidden = count === null;
    if (count === null) return;
    const slider = this.#slider;
    slider.max = String(count - 1);
    slider.valueAsNumber = state.index;
    slider.setAttribute("aria-valuetext", `frame ${state.index}, the last is ${count - 1}`);
    const share = count > 1 ? state.index / (count - 1) : 0;
    slider.style.setProperty("--kcomm-share", share.toFixed(4));
  }

  #point({ clientX }: PointerEvent): void {
    const { info, state } = this.player;
    if (info === null || info.count === null) return;
    const { left, width } = this.#slider.getBoundingClientRect();
    const share = (clientX - left - THUMB) / Math.max(1, width - 2 * THUMB);
    const index = clamp(share * (info.count - 1), info.count);
    setText(
      this.#bubble,
      state.fps === "max" ? `${index}` : `${index} · ${clock(index / state.fps)}`,
    );
    this.#bubble.hidden = false;
    // It stays within the bar.
    const half = this.#bubble.offsetWidth / 2;
    const x = Math.min(Math.max(clientX - left, half), Math.max(half, width - half));
    this.#bubble.style.left = `${x}px`;
  }
}
