/** The player as it stands in a cell's output: a picture, and controls below it. */
import type { Listener } from "../channel.js";
import type { Content, ViewSpec } from "../content.js";
import { iconButton, make, press } from "../elements.js";
import { sizeOf } from "../frames/decode.js";
import { messageOf } from "../frames/failure.js";
import { Screen } from "../frames/screen.js";
import { Visibility } from "../frames/visible.js";
import { Figures } from "../ui/figures.js";
import { enable } from "../ui/focus.js";
import { FullScreen } from "../ui/fullscreen.js";
import { Help } from "../ui/help.js";
import { listenToKeys } from "../ui/keys.js";
import { closeOpen } from "../ui/menu.js";
import { PictureActions } from "../ui/picture.js";
import { Toast } from "../ui/toast.js";
import { Controls } from "./controls.js";
import { actionOf, KEYS, type KeyActions } from "./keys.js";
import type { PlayerChannel } from "./line.js";
import { ErrorNote } from "./notices.js";
import { type Picture, Player } from "./player.js";
import { ScaleWatch, scaleFor } from "./scale.js";
import { describeStats, ROWS } from "./stats.js";

/** Makes the view of an animation. */
export function animationView(spec: ViewSpec, poster: string | null): AnimationView {
  return new AnimationView(spec, poster);
}

export class AnimationView implements Content {
  readonly node: HTMLElement;
  readonly listeners: Readonly<Record<string, Listener>>;
  readonly #screen: Screen;
  readonly #player: Player;
  readonly #controls: Controls;
  readonly #visibility: Visibility;
  readonly #stats: Figures<(typeof ROWS)[number]>;
  readonly #note: ErrorNote;
  readonly #toast = new Toast();
  readonly #help = new Help(KEYS);
  readonly #full: FullScreen;
  readonly #picture: PictureActions;
  readonly #statsButton: HTMLButtonElement;
  readonly #scale: ScaleWatch;
  readonly #unlisten: () => void;
  /** The picture at scale 1, in CSS pixels. */
  #size: { width: number; height: number };
  /** Pixels of a frame at scale 1, once one was painted: the figure may have another size by then. */
  #natural: number | null = null;
  #ratio = "";

  constructor(spec: ViewSpec, poster: string | null) {
    this.#size = spec;
    const label = spec.title || "Animation";
    this.#screen = new Screen(label);
    this.#screen.reserve(spec.width, spec.height);
    if (poster !== null) this.#screen.poster(poster);
    const { canvas } = this.#screen;
    this.#visibility = new Visibility(canvas);
    this.#player = new Player({
      paint: (pixels, index, scale) => this.#paint(pixels, index, scale),
      changed: () => this.#update(),
      visible: (signal) => this.#visibility.wait(signal),
      isVisible: () => this.#visibility.visible,
    });
    this.#stats = new Figures(ROWS, () => describeStats(this.#player, performance.now()));
    this.#note = new ErrorNote(this.#player);
    this.#statsButton = iconButton("Figures", "stats", () => this.#toggleStats(), "S");
    this.#picture = new PictureActions({
      canvas,
      title: spec.title,
      kind: "animation",
      noun: "frame",
      toast: this.#toast,
    });
    this.#full = new FullScreen(
      () => this.node,
      (error) => this.#toast.say(`No full screen: ${messageOf(error)}`),
    );
    this.#controls = new Controls(
      this.#player,
      this.#statsButton,
      this.#picture.copyButton,
      this.#picture.saveButton,
      this.#full.button,
      iconButton("Keys", "help", () => this.#help.toggle(), "?"),
    );
    const stage = make(
      "div",
      { class: "kcomm-Stage" },
      canvas,
      this.#stats.node,
      this.#note.node,
      this.#toast.node,
    );
    stage.addEventListener("dblclick", (event) => {
      if (event.target === canvas || event.target === stage) void this.#full.toggle();
    });
    this.node = make(
      "div",
      { class: "kcomm-Player", role: "group", "aria-label": label, tabindex: "0" },
      stage,
      this.#controls.node,
      this.#help.node,
    );
    this.#fitTo(spec.width, spec.height);
    this.#unlisten = this.#listenToKeys();
    this.#scale = new ScaleWatch(canvas, () => this.#measure());
    this.listeners = { control: (command: unknown) => this.#player.control(command) };
    this.#update();
  }

  async attach(channel: PlayerChannel): Promise<void> {
    this.#measure();
    await this.#player.attach(channel);
  }

  detach(): void {
    this.#player.detach();
  }

  dispose(): void {
    this.#player.detach();
    this.#visibility.dispose();
    this.#scale.dispose();
    this.#controls.dispose();
    this.#stats.dispose();
    this.#toast.dispose();
    this.#unlisten();
    this.#full.dispose();
  }

  #listenToKeys(): () => void {
    const player = this.#player;
    const controls = this.#controls;
    const last = () => (player.info?.count ?? player.state.index + 1) - 1;
    const actions: KeyActions = {
      toggle: () => controls.toggle(),
      step: (n) => player.act("step", n),
      first: () => player.act("seek", 0),
      last: () => player.act("seek", last()),
      faster: () => controls.shiftSpeed(1),
      slower: () => controls.shiftSpeed(-1),
      loop: () => controls.nextLoop(),
      fullScreen: () => void this.#full.toggle(),
      stats: () => this.#toggleStats(),
      copy: () => void this.#picture.copy(),
      save: () => void this.#picture.save(),
      help: () => this.#help.toggle(),
    };
    return listenToKeys(
      this.node,
      (key) => {
        const act = actionOf(key);
        return act && (() => act(actions));
      },
      () => closeOpen(this.#help, controls.menu),
    );
  }

  // --- the picture -------------------------------------------------------------------------------

  #paint(pixels: Picture["pixels"], index: number, scale: number): void {
    const { width, height } = sizeOf(pixels); // Painting may close it.
    this.#screen.paint(pixels, index);
    const { width: w, height: h } = this.#size;
    const isOther = Math.abs(width * h - height * w) > Math.max(width, height) + Math.max(w, h);
    if (!isOther) {
      this.#screen.showAt(w);
    } else {
      // The figure has another form now, beyond what rounding explains.
      this.#fitTo(Math.round(width / scale), Math.round(height / scale));
      this.#widen();
    }
    this.#shape(width, height);
    if (this.#natural === null || Math.abs(width - this.#natural * scale) > 1) {
      this.#natural = Math.round(width / scale);
      this.#scale.look();
    }
  }

  /** Makes room for a wider picture; for a narrower one the controls stay where they are. */
  #widen(): void {
    const { style } = this.#full.element;
    const { width } = this.#size;
    if (width > Number.parseFloat(style.getPropertyValue("--kcomm-width"))) {
      style.setProperty("--kcomm-width", `${width}px`);
    }
  }

  /** Gives the picture its place: a frame of other device pixels stands in the same. */
  #fitTo(width: number, height: number): void {
    this.#size = { width, height };
    this.#screen.showAt(width);
    this.#shape(width, height);
  }

  /** Each of the frame's pixels is one of the screen's: half a pixel more would blur all rows. */
  #shape(width: number, height: number): void {
    const ratio = `${width} / ${height}`;
    if (ratio === this.#ratio) return;
    this.#ratio = ratio;
    this.#screen.canvas.style.aspectRatio = ratio;
  }

  /** Asks for frames of as many pixels as the picture is shown at. */
  #measure(): void {
    const box = this.#screen.canvas.getBoundingClientRect();
    const { width, height } = this.#size;
    if (box.width === 0 || box.height === 0) return; // Not shown anywhere: as before.
    const fits = this.#full.isFull ? (box.height * width) / height : box.width;
    const shown = Math.min(box.width, fits);
    const natural = this.#natural ?? this.#player.info?.width ?? width;
    this.#player.setScale(scaleFor(shown, devicePixelRatio, natural));
  }

  // --- what stands around it -----------------------------------------------------------------------

  #update(): void {
    const { isReady, state } = this.#player;
    enable(this.#controls.node, isReady);
    this.#controls.update();
    this.#note.update();
    this.node.dataset.playing = String(state.playing);
    press(this.#statsButton, this.#stats.isShown);
  }

  #toggleStats(): void {
    this.#stats.toggle();
    this.#update();
  }
}
