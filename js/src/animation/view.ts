/** The player as it stands in a cell's output: a picture, and controls below it. */
import type { Channel, Listener } from "../channel.js";
import type { Content, ViewSpec } from "../content.js";
import { make, setText } from "../elements.js";
import { Screen } from "../frames/screen.js";
import { Visibility } from "../frames/visible.js";
import { Controls } from "./controls.js";
import type { FrameError } from "./drawn.js";
import { Player } from "./player.js";

/** Makes the view of an animation. */
export function animationView(spec: ViewSpec, poster: string | null): Content {
  return new AnimationView(spec, poster);
}

class AnimationView implements Content {
  readonly node: HTMLElement;
  readonly listeners: Readonly<Record<string, Listener>>;
  readonly #screen: Screen;
  readonly #player: Player;
  readonly #controls: Controls;
  readonly #visibility: Visibility;
  readonly #note = make("div", { class: "kcomm-Note", role: "status", hidden: true });

  constructor(spec: ViewSpec, poster: string | null) {
    this.#screen = new Screen(spec.title || "Animation");
    this.#screen.reserve(spec.width, spec.height);
    if (poster !== null) this.#screen.poster(poster);
    this.#visibility = new Visibility(this.#screen.canvas);
    this.#player = new Player({
      paint: (pixels, index) => this.#screen.paint(pixels, index),
      changed: () => this.#update(),
      visible: (signal) => this.#visibility.wait(signal),
    });
    this.#controls = new Controls(this.#player);
    this.node = make(
      "div",
      {
        class: "kcomm-Player",
        role: "group",
        "aria-label": spec.title || "Animation",
        tabindex: "0",
        // JupyterLab's own shortcuts (space, arrows) must not act while the player has the focus.
        "data-lm-suppress-shortcuts": "true",
      },
      make("div", { class: "kcomm-Stage" }, this.#screen.canvas),
      this.#note,
      this.#controls.node,
    );
    this.node.addEventListener("keydown", (event) => this.#key(event));
    this.listeners = { control: (command: unknown) => this.#player.control(command) };
  }

  async attach(channel: Channel): Promise<void> {
    await this.#player.attach(channel);
  }

  detach(): void {
    this.#player.detach();
  }

  dispose(): void {
    this.#player.detach();
    this.#visibility.dispose();
  }

  #update(): void {
    this.#controls.node.disabled = !this.#player.isReady;
    this.#controls.update();
    const { error, failed, state } = this.#player;
    this.node.dataset.playing = String(state.playing);
    this.#note.hidden = error === null;
    if (error === null) return;
    this.#note.dataset.code = error.code;
    setText(this.#note, describe(error, failed));
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    // A select, the slider and the buttons have keys of their own.
    if (target instanceof HTMLSelectElement) return;
    if (target instanceof HTMLInputElement && key !== " ") return;
    if (target instanceof HTMLButtonElement && (key === " " || key === "Enter")) return;
    if (!this.#act(key)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Whether the key means something. */
  #act(key: string): boolean {
    const player = this.#player;
    if (key === " ") player.toggle();
    else if (key === "ArrowLeft") player.step(-1);
    else if (key === "ArrowRight") player.step(1);
    else if (key === "Home") player.seek(0);
    else if (key === "End" && player.info?.count) player.seek(player.info.count - 1);
    else return false;
    return true;
  }
}

function describe({ index, message }: FrameError, failed: number): string {
  const what = message.startsWith("frame ") ? message : `frame ${index}: ${message}`;
  return failed > 1 ? `${what} (${failed} frames failed)` : what;
}
