/** The webcam's loop, from the camera to the screen, as its view steers it. No DOM but the camera's video. */
import type { Channel } from "../channel.js";
import { KcommError } from "../errors.js";
import type { Pixels } from "../frames/decode.js";
import type { Size } from "./camera.js";
import { Capture } from "./capture.js";
import { type Command, changeOf, isTurn, readCommand, standing, type Turn } from "./commands.js";
import { cameraError } from "./faults.js";
import type { Device, WebcamModel } from "./model.js";
import { type MakeCapture, PageCamera } from "./page-camera.js";
import { Reporter } from "./reporting.js";
import { Results } from "./results.js";
import { type CameraFrame, Sender } from "./sending.js";
import {
  type Info,
  isMode,
  type Mode,
  readInfo,
  readSettings,
  rejoin,
  type Settings,
  type State,
} from "./state.js";

/** What the loop needs of its view. */
export interface LoopView {
  readonly video: HTMLVideoElement;
  paint(pixels: Pixels, index: number): void;
  /** Paints the picture of the kernel's own camera. */
  paintInput(pixels: Pixels, index: number): void;
  /** Something of the loop is different now. */
  changed(): void;
  /** Whether somebody can see the view. */
  readonly isVisible: boolean;
  /** Resolves when somebody can. */
  visible(signal: AbortSignal): Promise<void>;
}

const MODES: Readonly<Record<Turn, Mode>> = { start: "running", pause: "paused", stop: "idle" };

/**
 * One loop for each view. While it runs, two tasks are at work: one sends camera frames (`Sender`), one paints results (`Receiver`), and each result
 * tells the sender that another frame may go. If the kernel has a camera of its own, only the second one is.
 */
export class WebcamLoop implements WebcamModel {
  /** What holds at this page: as the kernel told it, but for what was chosen here. */
  info: Info = readInfo({});
  readonly #reporter: Reporter;
  readonly #sender: Sender;
  readonly #camera: PageCamera;
  readonly #results: Results;
  #channel: Channel | null = null;
  #unlisten: (() => void)[] = [];
  /** What the kernel told last. */
  #told: Info = this.info;
  /** Commands that came before the kernel told of its webcam; null: it has. */
  #early: Command[] | null = [];

  constructor(
    readonly view: LoopView,
    makeCapture: MakeCapture = (source) => new Capture(source),
  ) {
    this.#reporter = new Reporter(
      () => view.changed(),
      (state) => this.#complete(state),
    );
    this.#sender = new Sender(this.info, view);
    this.#camera = this.#makeCamera(makeCapture);
    this.#results = new Results({
      view,
      sender: this.#sender,
      reporter: this.#reporter,
      ended: () => this.#end(),
      failed: (error) => this.#fail(error),
    });
  }

  get state(): State {
    return this.#reporter.state;
  }

  get settings(): Settings {
    const { show, opacity, mirror } = this.info;
    return { show, opacity, mirror };
  }

  /** Whether the camera was asked for, and has not come yet. */
  get starting(): boolean {
    return this.#camera.isStarting;
  }

  get devices(): readonly Device[] {
    return this.#camera.devices;
  }

  get deviceId(): string {
    return this.#camera.deviceId ?? this.info.device ?? "";
  }

  /** Pixels that the camera gives; null: it is off. */
  get size(): Size | null {
    return this.#camera.size;
  }

  /** The most that the camera can give; null: not known. */
  get limits(): Size | null {
    return this.#camera.limits;
  }

  // --- the channel -----------------------------------------------------------------------------------------

  async attach(channel: Channel): Promise<void> {
    this.#channel = channel;
    this.#reporter.channel = channel;
    const sender = this.#sender;
    channel.handleStream(
      "camera",
      function () {
        return sender.stream(this.signal);
      },
      { volatile: true },
    );
    this.#unlisten = [
      channel.on("key", () => sender.renew()),
      // For scripts of the page, over channels of their own.
      channel.on("data", () => {}),
    ];
    const told = readInfo(await channel.call("info"));
    if (this.#channel !== channel) return;
    this.#setInfo(rejoin(this.info, this.#told, told));
    this.#told = told;
    this.view.changed();
    if (told.source !== null) this.#follow(told.state);
    // Python's `start()` may have come before this page.
    const isAsked = told.source === null && told.state === "running";
    const early = [...(isAsked ? [{ action: "start" }] : []), ...(this.#early ?? [])];
    this.#early = null;
    // Not waited for: the user may take any time to permit the camera.
    for (const command of standing(early)) void this.#perform(command);
  }

  /** The channel has ended, or soon will: gives the camera back, and says so if it still can. */
  detach(): void {
    // A kernel's own camera goes on without this page.
    if (this.info.source !== null) this.#reporter.channel = null;
    this.#release();
    this.#reporter.set({ state: "idle", error: null });
    for (const unlisten of this.#unlisten) unlisten();
    this.#unlisten = [];
    this.#channel = null;
    this.#early = [];
    this.#reporter.channel = null;
  }

  /** Whether what is sent reaches the server. */
  reach(isReachable: boolean): void {
    this.#sender.reach(isReachable);
  }

  // --- commands --------------------------------------------------------------------------------------------

  /** Asks for the camera, or goes on after a pause. */
  async start(): Promise<void> {
    if (this.state.state !== "running") await this.#ask("start");
  }

  /** Keeps the camera; sends nothing but one exact frame. */
  pause(): void {
    void this.#ask("pause");
  }

  /** Gives the camera back. */
  stop(): void {
    void this.#ask("stop");
  }

  /** Uses another camera, by id or label; goes on with it if one was in use. */
  async choose(device: string | null): Promise<void> {
    this.#setInfo({ ...this.info, device });
    await this.#camera.choose();
  }

  /** Asks the camera for another size, of which the kernel gets frames from then on. */
  async resize({ width, height }: Size): Promise<void> {
    this.#setInfo({ ...this.info, width, height });
    await this.#camera.resize();
    this.#reporter.now();
  }

  /** Changes how the pictures are shown. */
  set(change: Partial<Settings>): void {
    this.#setInfo({ ...this.info, ...readSettings(change, this.info) });
    this.#reporter.now();
  }

  /** Does what a `control` event says; commands it does not know are ignored. */
  control(event: unknown): void {
    void this.#perform(readCommand(event));
  }

  /** What the user of this page wants. */
  async #ask(action: Turn): Promise<void> {
    if (this.#channel !== null) await this.#perform({ action, isOwn: true });
  }

  async #perform(command: Command): Promise<void> {
    const { action } = command;
    const change = changeOf(command);
    // Whether it is for the camera of this page is not known yet.
    if (this.#early !== null) this.#early.push(command);
    else if (isTurn(action)) await this.#turn(action, command.isOwn === true);
    else if (change !== null) {
      this.#told = readInfo(change, this.#told);
      const info = readInfo(change, this.info);
      if (action === "device") await this.choose(info.device);
      else if (action === "size") await this.resize(info);
      else {
        this.#setInfo(info);
        this.#reporter.now();
      }
    }
  }

  async #turn(action: Turn, isOwn: boolean): Promise<void> {
    if (this.info.source !== null) {
      if (isOwn) this.#channel?.emit("command", { action });
      else this.#follow(MODES[action]);
    } else if (action === "stop") this.#end();
    else if (action === "pause") this.#camera.pause();
    else if (this.#channel !== null) await this.#camera.start();
  }

  // --- the page's camera -----------------------------------------------------------------------------------

  #makeCamera(makeCapture: MakeCapture): PageCamera {
    const info = () => this.info;
    const host = {
      get info() {
        return info();
      },
      video: this.view.video,
      sender: this.#sender,
      asked: () => this.#reporter.set({ error: null }),
      listen: () => this.#listen(false),
      tell: (state: Mode) => this.#reporter.set({ state }),
      changed: () => this.#reporter.now(),
      still: (frame: CameraFrame, signal: AbortSignal) => this.#results.still(frame, signal),
      fail: (error: unknown) => this.#fail(error),
      stop: () => this.#end(),
    };
    return new PageCamera(host, makeCapture);
  }

  // --- the kernel's camera ---------------------------------------------------------------------------------

  /** Takes the state that the kernel tells. */
  #follow(mode: Mode): void {
    if (!isMode(mode) || this.#channel === null) return;
    if (mode !== "idle" && !this.#results.isOpen) this.#listen(true);
    if (mode === "running") this.state.error = null;
    this.#reporter.set({ state: mode });
  }

  // --- both ------------------------------------------------------------------------------------------------

  #listen(isPaced: boolean): void {
    if (this.#channel !== null) this.#results.open(this.#channel, isPaced);
  }

  /** The camera is not wanted any more, or the kernel gives no results. */
  #end(): void {
    this.#release();
    this.#reporter.set({ state: "idle" });
  }

  #fail(error: unknown): void {
    const known = error instanceof KcommError ? error : cameraError("failed", String(error), error);
    this.#release();
    const { code, message } = known;
    // The end of the channel is told by the view.
    this.#reporter.set({ state: "idle", error: this.#channel?.isOpen ? { code, message } : null });
  }

  #release(): void {
    this.#results.close();
    this.#camera.close();
    this.#reporter.reset();
  }

  #setInfo(info: Info): void {
    this.info = info;
    this.#sender.update(info);
  }

  #complete(state: State): void {
    const now = performance.now();
    const { adapting, last } = this.#sender;
    state.device = this.#camera.label ?? state.device;
    state.devices = this.devices.map(({ label }) => label);
    if (last !== null) {
      [state.codec, state.width, state.height] = [last.codec, last.width, last.height];
    }
    state.bytes_up = adapting.bytesUp(now);
    state.bytes_down = adapting.bytesDown(now);
    state.show = this.settings.show;
  }
}
