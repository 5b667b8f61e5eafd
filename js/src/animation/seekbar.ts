/** The slider: where it is, where one could go. */
import { make, setText } from "../elements.js";
import type { Player } from "./player.js";
import { clamp, clock } from "./state.js";

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
  // What is seen of the slider: they move without a layout, which a slider's own thumb does not.
  readonly #fill = make("div", { class: "kcomm-Fill" });
  readonly #thumb = make("div", { class: "kcomm-Thumb" });
  readonly #track = make(
    "div",
    { class: "kcomm-Track", "aria-hidden": "true" },
    this.#fill,
    this.#thumb,
  );
  /** Says what the pointer is over. */
  readonly #bubble = make("div", { class: "kcomm-Bubble", "aria-hidden": "true", hidden: true });

  constructor(readonly player: Player) {
    const slider = this.#slider;
    slider.addEventListener("input", () => player.scrub(slider.valueAsNumber));
    // It does not run away from under the pointer.
    slider.addEventListener("pointerdown", ({ button }) => {
      if (button !== 0 || !player.state.playing) return;
      player.scrub(player.state.index);
      // Wherever it is let go.
      window.addEventListener("pointerup", () => player.release(), { once: true });
    });
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
    this.node = make("div", { class: "kcomm-SeekBar" }, slider, this.#track, this.#bubble);
  }

  /** Moves to the frame that the player is at: cheap enough for each frame. */
  move(): void {
    const { info, state } = this.player;
    const count = info?.count ?? null;
    const share = count !== null && count > 1 ? state.index / (count - 1) : 0;
    this.#fill.style.transform = `scaleX(${share.toFixed(4)})`;
    this.#thumb.style.transform = `translateX(${(100 * share).toFixed(2)}%)`;
  }

  /** Gives the slider itself the frame, for keys and for who can't see it: a layout. */
  update(): void {
    const { info, state } = this.player;
    const count = info?.count ?? null;
    this.node.hidden = count === null;
    if (count === null) return;
    const slider = this.#slider;
    const last = String(count - 1);
    if (slider.max !== last) slider.max = last;
    slider.valueAsNumber = state.index;
    slider.setAttribute("aria-valuetext", `frame ${state.index}, the last is ${last}`);
  }

  #point({ clientX }: PointerEvent): void {
    const { info, state } = this.player;
    if (info === null || info.count === null) return;
    const { left, width } = this.node.getBoundingClientRect();
    const track = this.#track.getBoundingClientRect();
    const share = (clientX - track.left) / Math.max(1, track.width);
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
