/** The webcam view as it stands in a cell's output: the pictures, and controls below them. */
import type { Channel, Listener } from "../channel.js";
import type { Content, ViewSpec } from "../content.js";
import { iconButton, make, press } from "../elements.js";
import type { Pixels } from "../frames/decode.js";
import { Visibility } from "../frames/visible.js";
import { copyPicture, savePicture, whyNoCopy } from "../ui/capture.js";
import { Figures } from "../ui/figures.js";
import { FullScreen } from "../ui/fullscreen.js";
import { Help } from "../ui/help.js";
import { listenToKeys } from "../ui/keys.js";
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
  readonly #figuresButton: HTMLButtonElement;
  readonly #full: FullScreen;
  readonly #visibility: Visibility;
  readonly #toast = new Toast();
  readonly #help = new Help(KEYS);
  readonly #unlisten: () => void;
  /** Whether a result was painted since the start. */
  #hasPicture = false;
  /** When the last one was, or it began to run, on `performance.now()`. */
  #painted = 0;
  /** While it runs: a view whose pictures stay away says so. */
  #watch: ReturnType<typeof setInterval> | undefined;

  constructor(spec: ViewSpec, poster: string | null, makeLoop: (view: LoopView) => Loop) {
    this.#spec = spec;
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
    this.#controls = new Controls(
      loop,
      this.#figuresButton,
      this.#copyButton(),
      iconButton("Save picture", "save", () => void this.#save(), "D"),
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
    this.#controls.node.disabled = !isReady;
    this.#cover.invitation.disabled = !isReady;
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
    const width = Math.max(this.#spec.width, this.#isReady ? info.width : 0);
    const all = settings.show === "both" ? 2 * width : width;
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
      copy: () => void this.#copy(),
      save: () => void this.#save(),
      help: () => this.#help.toggle(),
    };
    return listenToKeys(
      this.node,
      (key) => {
        const action = actionOf(key);
        return action && (() => this.#act(actions, action));
      },
      () => this.#escape(),
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

  #copyButton(): HTMLButtonElement {
    const button = iconButton("Copy picture", "copy", () => void this.#copy(), "C");
    const why = whyNoCopy();
    if (why !== null) {
      button.title = why;
      button.setAttribute("aria-disabled", "true");
    }
    return button;
  }

  /** The canvas of the result; null: nothing is painted on it. */
  get #canvas(): HTMLCanvasElement | null {
    const { canvas } = this.#pictures.result;
    return canvas.dataset.index === undefined && canvas.dataset.poster === undefined
      ? null
      : canvas;
  }

  async #copy(): Promise<void> {
    const canvas = this.#canvas;
    const why = canvas === null ? "There is no picture yet" : whyNoCopy();
    try {
      if (why === null && canvas !== null) await copyPicture(canvas);
      this.#toast.say(why ?? "Picture copied");
    } catch (error) {
      this.#toast.say(`Not copied: ${messageOf(error)}`);
    }
  }

  async #save(): Promise<void> {
    const canvas = this.#canvas;
    if (canvas === null) {
      this.#toast.say("There is no picture yet");
      return;
    }
    try {
      const index = Number(canvas.dataset.index ?? 0);
      const name = await savePicture(canvas, this.#spec.title, "webcam", index);
      this.#toast.say(`Saved as ${name}`);
    } catch (error) {
      this.#toast.say(`Not saved: ${messageOf(error)}`);
    }
  }

  #escape(): boolean {
    if (this.#help.isShown) this.#help.toggle();
    else if (this.#controls.menu.isOpen) this.#controls.menu.toggle(false);
    else return false;
    return true;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
