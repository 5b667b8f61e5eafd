/** The player's buttons, slider and selects. */
import { iconButton, make, setText } from "../elements.js";
import type { Player } from "./player.js";
import { clock } from "./state.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];

export class Controls {
  /** A fieldset: disabling it disables all. */
  readonly node: HTMLFieldSetElement;
  readonly #reverse: HTMLButtonElement;
  readonly #pause: HTMLButtonElement;
  readonly #play: HTMLButtonElement;
  readonly #loop: HTMLButtonElement;
  readonly #seek: HTMLInputElement;
  readonly #frame = make("output", { class: "kcomm-Frame", "aria-label": "Frame" });
  readonly #time = make("output", { class: "kcomm-Time", "aria-label": "Time" });
  readonly #speed: HTMLSelectElement;

  constructor(readonly player: Player) {
    this.#reverse = iconButton("Reverse", "reverse", () => player.play(-1));
    this.#pause = iconButton("Pause", "pause", () => player.pause());
    this.#play = iconButton("Play", "play", () => player.play(1));
    this.#loop = iconButton("Loop", "loop", () => player.setLoop(!player.state.loop));
    this.#seek = make("input", {
      type: "range",
      class: "kcomm-Seek",
      min: "0",
      step: "1",
      value: "0",
      "aria-label": "Seek",
    });
    this.#seek.addEventListener("input", () => player.seek(this.#seek.valueAsNumber));
    this.#speed = make("select", { class: "kcomm-Select", "aria-label": "Speed", title: "Speed" });
    this.#speed.addEventListener("change", () => this.#chooseSpeed());
    this.#offer([...SPEEDS.map(String), "max"]);
    this.node = make(
      "fieldset",
      { class: "kcomm-Controls", disabled: true },
      make("div", { class: "kcomm-Row" }, this.#seek, this.#frame),
      make(
        "div",
        { class: "kcomm-Row" },
        iconButton("Previous frame", "previous", () => player.step(-1)),
        this.#reverse,
        this.#pause,
        this.#play,
        iconButton("Next frame", "next", () => player.step(1)),
        this.#time,
        this.#loop,
        this.#speed,
      ),
    );
  }

  /** Shows the player's state. */
  update(): void {
    const { state, info } = this.player;
    const { playing, direction, index } = state;
    press(this.#play, playing && direction === 1);
    press(this.#reverse, playing && direction === -1);
    press(this.#pause, !playing);
    press(this.#loop, state.loop);
    this.#showSpeed();
    if (info === null) return;
    const { count } = info;
    this.#seek.hidden = count === null;
    if (count !== null) this.#showSeek(index, count);
    setText(this.#frame, count === null ? `frame ${index}` : `${index} / ${count - 1}`);
    setText(this.#time, timeOf(index, count, state.fps === "max" ? null : state.fps));
  }

  #showSeek(index: number, count: number): void {
    const seek = this.#seek;
    seek.max = String(count - 1);
    seek.valueAsNumber = index;
    seek.setAttribute("aria-valuetext", `frame ${index}, the last is ${count - 1}`);
    const share = count > 1 ? index / (count - 1) : 0;
    seek.style.setProperty("--kcomm-share", share.toFixed(4));
  }

  #showSpeed(): void {
    const { fps, speed } = this.player.state;
    const value = fps === "max" ? "max" : String(speed);
    if (this.#speed.value === value) return;
    if (!Array.from(this.#speed.options).some((option) => option.value === value)) {
      const speeds = [...SPEEDS, speed].sort((a, b) => a - b);
      this.#offer([...speeds.map(String), "max"]);
    }
    this.#speed.value = value;
  }

  #offer(values: readonly string[]): void {
    const options = values.map((value) =>
      make("option", { value }, value === "max" ? "max" : `${value}×`),
    );
    this.#speed.replaceChildren(...options);
    this.#speed.value = "1";
  }

  #chooseSpeed(): void {
    const { player } = this;
    const { value } = this.#speed;
    if (value === "max") {
      player.setFps("max");
      return;
    }
    // Back from "max": at the animation's own pace.
    if (player.state.fps === "max" && player.info !== null) {
      player.setFps(player.info.fps === "max" ? 1000 / player.info.interval : player.info.fps);
    }
    player.setSpeed(Number(value));
  }
}

function press(button: HTMLButtonElement, pressed: boolean): void {
  const value = String(pressed);
  if (button.getAttribute("aria-pressed") !== value) button.setAttribute("aria-pressed", value);
}

/** The moment of the frame at normal speed, and the length of it all. */
function timeOf(index: number, count: number | null, fps: number | null): string {
  if (fps === null) return "";
  const now = clock(index / fps);
  return count === null ? now : `${now} / ${clock((count - 1) / fps)}`;
}
