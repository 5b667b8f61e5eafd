/** The player's buttons, slider and selects. */
import { drawIcon, iconButton, make, press, relabel, setText } from "../elements.js";
import { Menu, markNarrow } from "../ui/menu.js";
import type { Player } from "./player.js";
import { Readout } from "./readout.js";
import { SeekBar } from "./seekbar.js";
import { clock, type Loop } from "./state.js";

const SPEEDS = [0.25, 0.5, 1, 2, 4];
const LOOPS: readonly Loop[] = [false, true, "bounce"];
/** CSS pixels below which some buttons go into a menu: with a mouse, and with fingers, for which buttons are larger. */
const NARROW = { fine: 500, coarse: 620 };

export class Controls {
  /** A fieldset: disabling it disables all. */
  readonly node: HTMLFieldSetElement;
  readonly menu: Menu;
  readonly #seek: SeekBar;
  readonly #reverse: HTMLButtonElement;
  readonly #play: HTMLButtonElement;
  readonly #loop: HTMLButtonElement;
  readonly #speed: HTMLSelectElement;
  // Nothing reads them out while they change many times a second.
  readonly #frame = make("output", {
    class: "kcomm-Frame",
    "aria-label": "Frame",
    "aria-live": "off",
  });
  readonly #time = make("output", {
    class: "kcomm-Time",
    "aria-label": "Time",
    "aria-live": "off",
  });
  readonly #readout = new Readout(() => this.#write());
  readonly #unmark: () => void;

  /** @param extras buttons that are not for playing */
  constructor(
    readonly player: Player,
    ...extras: HTMLButtonElement[]
  ) {
    this.#seek = new SeekBar(player);
    this.#reverse = iconButton("Reverse", "reverse", () => player.act("reverse"));
    this.#play = iconButton("Play", "play", () => this.toggle(), "Space");
    this.#loop = iconButton("Loop", "loop", () => this.nextLoop());
    this.#speed = make("select", { class: "kcomm-Select", "aria-label": "Speed", title: "Speed" });
    this.#speed.addEventListener("change", () => this.#chooseSpeed(this.#speed.value));
    this.#offer([...SPEEDS.map(String), "max"]);
    this.menu = new Menu(...extras);
    this.node = make(
      "fieldset",
      { class: "kcomm-Controls", disabled: true },
      make("div", { class: "kcomm-Row" }, this.#seek.node, this.#frame),
      make(
        "div",
        { class: "kcomm-Row" },
        this.#reverse,
        iconButton("Previous frame", "previous", () => player.act("step", -1), "←"),
        this.#play,
        iconButton("Next frame", "next", () => player.act("step", 1), "→"),
        this.#time,
        this.#loop,
        this.#speed,
        this.menu.opener,
        this.menu.node,
      ),
    );
    this.#unmark = markNarrow(this.node, NARROW);
  }

  dispose(): void {
    this.#unmark();
    this.#readout.dispose();
  }

  /** Plays on the way it went, or pauses. */
  toggle(): void {
    const { playing, direction } = this.player.state;
    if (playing) this.player.act("pause");
    else this.player.act(direction === 1 ? "play" : "reverse");
  }

  /** From stopping at the end to going round, to turning round. */
  nextLoop(): void {
    const { info, state } = this.player;
    if (info?.count === null) return; // There is no end.
    const next = LOOPS[(LOOPS.indexOf(state.loop) + 1) % LOOPS.length] as Loop;
    this.player.act("loop", next);
  }

  /** Takes the next speed, or the one before. */
  shiftSpeed(by: 1 | -1): void {
    const options = Array.from(this.#speed.options, (option) => option.value);
    const next = options[options.indexOf(this.#speed.value) + by];
    if (next !== undefined) this.#chooseSpeed(next);
  }

  /** Shows the player's state. */
  update(): void {
    const { state, info } = this.player;
    const { playing, direction, loop } = state;
    relabel(this.#play, playing ? "Pause" : "Play", playing ? "pause" : "play", "Space");
    press(this.#reverse, playing && direction === -1);
    this.#showLoop(loop);
    this.#showSpeed();
    if (info !== null) this.#loop.hidden = info.count === null;
    this.#seek.move();
    if (playing) this.#readout.soon();
    else this.#readout.now();
  }

  /** Writes the frame and its time. */
  #write(): void {
    this.#seek.update();
    const { state, info } = this.player;
    if (info === null) return;
    const { count } = info;
    const { index } = state;
    if (count !== null) this.#frame.style.minWidth = `${2 * String(count - 1).length + 3}ch`;
    setText(this.#frame, count === null ? `frame ${index}` : `${index} / ${count - 1}`);
    setText(this.#time, timeOf(index, count, state.fps === "max" ? null : state.fps));
  }

  #showLoop(loop: Loop): void {
    const button = this.#loop;
    press(button, loop !== false);
    const title = `Loop: ${loop === "bounce" ? "bounce" : loop ? "on" : "off"} (L)`;
    if (button.title === title) return;
    button.title = title;
    button.replaceChildren(drawIcon(loop === "bounce" ? "bounce" : "loop"));
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
      make("option", { value }, value === "max" ? "max" : `${Number(Number(value).toFixed(3))}×`),
    );
    this.#speed.replaceChildren(...options);
    this.#speed.value = "1";
  }

  #chooseSpeed(value: string): void {
    const { player } = this;
    const { fps } = player.state;
    if (value === "max") {
      player.act("fps", "max");
      return;
    }
    // Back from "max": at the animation's own pace.
    if (fps === "max" && player.info !== null) {
      player.act("fps", player.info.fps === "max" ? 1000 / player.info.interval : player.info.fps);
    }
    player.act("speed", Number(value));
  }
}

/** The moment of the frame at normal speed, and the length of it all. */
function timeOf(index: number, count: number | null, fps: number | null): string {
  if (fps === null) return "";
  const now = clock(index / fps);
  return count === null ? now : `${now} / ${clock((count - 1) / fps)}`;
}
