/** The webcam view as it stands in a cell's output: the pictures, and controls below them. */
import type { Channel, Listener } from "../channel.js";
import type { Content, ViewSpec } from "../content.js";
import { iconButton, make, press } from "../elements.js";
import type { Pixels } from "../frames/decode.js";
import { messageOf } from "../frames/failure.js";
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
import { Cover } from "./cover.js";
import { describe, ROWS, type Row } from "./figures.js";
import { actionOf, KEYS, type KeyActions } from "./keys.js";
import { type LoopView, WebcamLoop } from "./loop.js";
import type { WebcamModel } from "./model.js";
import { Pictures } from "./pictures.js";

/** Milliseconds between two looks whether pictures still come. */
const WATCH = 500;

/** Makes the view of a webcam. */
export function webcamView(spec: ViewSpec, poster: string | null): Content {
  return new WebcamView(spec, poster, (view) => new WebcamLoop(view));
}

/** The loop as its view has it. */
export interface Loop extends WebcamModel {
  attach(channel: Channel): Promise<void>;
  detach(): void;
  reach(isReachable: boolean): void;
  control(command: unknown): void;
}

export class WebcamView implements Content {
  readonly node: HTMLElement;
  readonly listeners: Readonly<Record<string, Listener>>;
  readonly #spec: ViewSpec;
  readonly #loop: Loop;
  readonly #pictures: Pictures;
  readonly #cover: Cover;
  readonly #controls: Controls;
  readonly #figures: Figures<Row>;
  readonly #picture: PictureActions;
  readonly #figuresButton: HTMLButtonElement;
  readonly #full: FullScreen;
  readonly #visibility: Visibility;
  readonly #toast = new Toast();
  readonly #help = new Help(KEYS);
  readonly #unlisten: () => void;
  /** Of one picture, in CSS pixels. */
  #width: number;
  /** Whether a result was painted since the start. */
  #hasPicture = false;
  /** When the last one was, or it began to run, on `performance.now()`. */
  #painted = 0;
  /** While it runs: a view whose pictures stay away says so. */
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(spec: ViewSpec, poster: string | null, makeLoop: (view: LoopView) => Loop) {
    this.#spec = spec;
    this.#width = spec.width;
    const label = spec.title || "Camera";
    this.#pictures = new Pictures(label, spec);
    const { result, video } = this.#pictures;
    if (poster !== null) result.poster(poster);
    this.#visibility = new Visibility(result.canvas);
    const visibility = this.#visibility;
    this.#loop = makeLoop({
      video,
      get isVisible() {
        return visibility.visible;
      },
      paint: (pixels, index) => this.#paint(pixels, index),
      paintInput: (pixels, index) => this.#pictures.paintInput(pixels, index),
      changed: () => this.#update(),
      visible: (signal) => visibility.wait(signal),
    });
    const loop = this.#loop;
    this.#cover = new Cover(loop);
    this.#figures = new Figures(ROWS, () => describe(loop.info, loop.state));
    this.#figuresButton = iconButton("Figures", "stats", () => this.#toggleFigures(), "I");
    this.#full = new FullScreen(
      () => this.node,
      (error) => this.#toast.say(`No full screen: ${messageOf(error)}`),
    );
    this.#picture = new PictureActions({
      canvas: result.canvas,
      title: spec.title,
      kind: "webcam",
      noun: "picture",
      toast: this.#toast,
    });
    this.#controls = new Controls(
      loop,
      this.#figuresButton,
      this.#picture.copyButton,
      this.#picture.saveButton,
      this.#full.button,
      iconButton("Keys", "help", () => this.#help.toggle(), "?"),
    );
    const stage = make(
      "div",
      { class: "kcomm-Stage" },
      this.#pictures.node,
      this.#figures.node,
      this.#cover.node,
      this.#toast.node,
    );
    stage.addEventListener("dblclick", ({ target }) => {
      if (target instanceof Element && !target.closest("button")) void this.#full.toggle();
    });
    this.node = make(
      "div",
      { class: "kcomm-Webcam", role: "group", "aria-label": label, tabindex: "0" },
      stage,
      this.#controls.node,
      this.#help.node,
    );
    this.#unlisten = this.#listenToKeys();
    this.listeners = { control: (command: unknown) => loop.control(command) };
    this.#update();
  }

  async attach(channel: Channel): Promise<void> {
    this.#enable(true);
    await this.#loop.attach(channel);
  }

  detach(): void {
    this.#enable(false);
    this.#loop.detach();
  }

  reach(isReachable: boolean): void {
    this.#loop.reach(isReachable);
  }

  dispose(): void {
    this.#loop.detach();
    clearInterval(this.#watch);
    this.#visibility.dispose();
    this.#controls.dispose();
    this.#figures.dispose();
    this.#toast.dispose();
    this.#unlisten();
    this.#full.dispose();
  }

  #enable(isReady: boolean): void {
    enable(this.#controls.node, isReady);
    enable(this.#cover.invitation, isReady);
  }

  #paint(pixels: Pixels, index: number): void {
    this.#pictures.paint(pixels, index);
    this.#painted = performance.now();
    if (this.#hasPicture) return;
    this.#hasPicture = true;
    this.#update();
  }

  #update(): void {
    const { state, starting, info, settings, size } = this.#loop;
    const mode = starting ? "starting" : state.state;
    if (mode === "idle" || mode === "starting") this.#hasPicture = false;
    const { dataset } = this.node;
    dataset.state = mode;
    dataset.show = settings.show;
    dataset.mirror = String(settings.mirror);
    this.node.toggleAttribute("data-waiting", mode === "running" && !this.#hasPicture);
    if (size !== null) this.#pictures.take(size);
    this.#pictures.arrange(settings, info.source === null);
    this.#pictures.hold(mode === "paused");
    this.#cover.update();
    this.#watchOver(mode === "running");
    this.#controls.update(performance.now() - this.#painted);
    press(this.#figuresButton, this.#figures.isShown);
    this.#widen();
  }

  #watchOver(isRunning: boolean): void {
    if (isRunning === (this.#watch !== undefined)) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
    if (!isRunning) return;
    this.#painted = performance.now();
    this.#watch = setInterval(() => {
      // What nobody sees has no pictures because of that.
      if (!this.#visibility.visible) this.#painted = performance.now();
      this.#update();
    }, WATCH);
  }

  /** Two pictures side by side are as large as one alone, where there is room. */
  #widen(): void {
    const { info, settings } = this.#loop;
    // As long as there is no kernel it is what it was.
    if (this.#isReady) this.#width = Math.max(this.#spec.width, info.width);
    const all = settings.show === "both" ? 2 * this.#width : this.#width;
    this.#full.element.style.setProperty("--kcomm-width", `${all}px`);
  }

  // --- buttons and keys ----------------------------------------------------------------------------

  #listenToKeys(): () => void {
    const actions: KeyActions = {
      toggle: () => this.#controls.toggle(),
      stop: () => this.#loop.stop(),
      layout: () => this.#toast.say(`Layout: ${this.#controls.nextLayout()}`),
      mirror: () => this.#controls.toggleMirror(),
      fullScreen: () => void this.#full.toggle(),
      figures: () => this.#toggleFigures(),
      copy: () => void this.#picture.copy(),
      save: () => void this.#picture.save(),
      help: () => this.#help.toggle(),
    };
    return listenToKeys(
      this.node,
      (key) => {
        const action = actionOf(key);
        return action && (() => this.#act(actions, action));
      },
      () => closeOpen(this.#help, this.#controls.menu),
    );
  }

  /** What steers the camera waits, as the buttons do, until there is a kernel. */
  #act(actions: KeyActions, action: keyof KeyActions): void {
    const steers =
      action === "toggle" || action === "stop" || action === "layout" || action === "mirror";
    if (this.#isReady || !steers) actions[action]();
  }

  get #isReady(): boolean {
    return !this.#controls.node.disabled;
  }

  #toggleFigures(): void {
    this.#figures.toggle();
    this.#update();
  }
}
