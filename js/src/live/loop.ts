/** The webcam's loop, from the camera to the screen, as its view steers it. No DOM but the camera's video. */
import type { Channel } from "../channel.js";
import { KcommError } from "../errors.js";
import type { Pixels } from "../frames/decode.js";
import { Camera, cameraError, cameras, type Size } from "./camera.js";
import { Capture, type CaptureSource } from "./capture.js";
import type { WebcamModel } from "./model.js";
import { Reporter } from "./reporting.js";
import { type Outcome, Sender, STILL_TIMEOUT } from "./sending.js";
import { type Painted, Receiver } from "./showing.js";
import {
  type Info,
  isMode,
  type Mode,
  readInfo,
  readSettings,
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

type MakeCapture = (source: CaptureSource) => Capture;

/**
 * One loop for each view. While it runs, two tasks are at work: one sends camera frames (`Sender`), one paints results (`Receiver`), and each result
 * tells the sender that another frame may go. If the kernel has a camera of its own, only the second one is.
 */
export class WebcamLoop implements WebcamModel {
  info: Info = readInfo({});
  settings: Settings = readSettings({}, this.info);
  /** Whether the camera was asked for, and has not come yet. */
  starting = false;
  /** The chosen camera, by id or label; null: the browser's choice. */
  device: string | null = null;
  /** The cameras that there are, once one was permitted. */
  devices: readonly { readonly id: string; readonly label: string }[] = [];
  readonly #makeCapture: MakeCapture;
  readonly #reporter: Reporter;
  readonly #sender: Sender;
  #channel: Channel | null = null;
  #receiver: Receiver | null = null;
  #camera: Camera | null = null;
  #capture: Capture | null = null;
  /** Aborted at the end of what runs: with the camera, and when it pauses or goes on. */
  #session: AbortController | null = null;
  #stretch: AbortController | null = null;
  #unlisten: (() => void)[] = [];
  /** Commands that came before the kernel told of its webcam; null: it has. */
  #early: unknown[] | null = null;

  constructor(
    readonly view: LoopView,
    makeCapture: MakeCapture = (source) => new Capture(source),
  ) {
    this.#makeCapture = makeCapture;
    this.#reporter = new Reporter(
      () => view.changed(),
      (state) => this.#complete(state),
    );
    this.#sender = new Sender(this.info, view);
  }

  get state(): State {
    return this.#reporter.state;
  }

  get deviceId(): string {
    return this.#camera?.deviceId ?? this.device ?? "";
  }

  /** Pixels that the camera gives; null: it is off. */
  get size(): Size | null {
    return this.#camera?.size ?? null;
  }

  /** The most that the camera can give; null: not known. */
  get limits(): Size | null {
    return this.#camera?.limits ?? null;
  }

  // --- the channel -----------------------------------------------------------------------------------------

  async attach(channel: Channel): Promise<void> {
    this.#channel = channel;
    this.#reporter.channel = channel;
    const early: unknown[] = [];
    this.#early = early;
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
    const info = readInfo(await channel.call("info"));
    if (this.#channel !== channel) return;
    this.#early = null;
    this.#setInfo(info);
    this.settings = readSettings({ ...info }, info);
    this.device ??= info.device;
    this.view.changed();
    if (info.source !== null) this.#follow(info.state);
    // Python's `start()` may have come before this page.
    const isAsked = info.source === null && info.state === "running";
    const starting = isAsked ? this.start() : undefined;
    for (const command of early) this.control(command);
    await starting;
  }

  /** The channel has ended, or soon will: gives the camera back, and says so if it still can. */
  detach(): void {
    const isKnown = this.info.source !== null;
    this.#release();
    // A kernel's own camera goes on without this page.
    if (isKnown) this.#reporter.channel = null;
    this.#reporter.set({ state: "idle", error: null });
    for (const unlisten of this.#unlisten) unlisten();
    this.#unlisten = [];
    this.#channel = null;
    this.#early = null;
    this.#reporter.channel = null;
  }

  /** Whether what is sent reaches the server. */
  reach(isReachable: boolean): void {
    this.#sender.reach(isReachable);
  }

  // --- commands --------------------------------------------------------------------------------------------

  /** Asks for the camera, or goes on after a pause. */
  async start(): Promise<void> {
    const channel = this.#channel;
    if (channel === null || this.starting || this.state.state === "running") return;
    // Whether it is for the camera of this page is not known yet.
    if (this.#early !== null) this.#early.push({ action: "start" });
    else if (this.info.source !== null) channel.emit("command", { action: "start" });
    else if (this.#camera === null) await this.#open(channel);
    else this.#go();
  }

  /** Keeps the camera; sends nothing but one exact frame. */
  pause(): void {
    if (this.info.source !== null) this.#channel?.emit("command", { action: "pause" });
    else if (this.state.state === "running") {
      this.#stretch?.abort();
      this.#reporter.set({ state: "paused" });
      void this.#still();
    }
  }

  /** Gives the camera back. */
  stop(): void {
    if (this.info.source !== null) {
      this.#channel?.emit("command", { action: "stop" });
      return;
    }
    this.#release();
    this.#reporter.set({ state: "idle" });
  }

  /** Uses another camera, by id or label; goes on with it if one was in use. */
  async choose(device: string | null): Promise<void> {
    this.device = device;
    const camera = this.#camera;
    if (camera !== null && !this.#isChosen(camera)) await this.#restart();
  }

  #isChosen({ deviceId, label }: Camera): boolean {
    return this.device === null || this.device === deviceId || this.device === label;
  }

  /** Asks the camera for another size, of which the kernel gets frames from then on. */
  async resize({ width, height }: Size): Promise<void> {
    this.#setInfo({ ...this.info, width, height });
    const camera = this.#camera;
    if (camera !== null) {
      try {
        await camera.resize({ width, height });
      } catch {
        if (this.#camera === camera) await this.#restart(); // It can't while it runs.
      }
    }
    this.#reporter.now();
  }

  /** Changes how the pictures are shown. */
  set(change: Partial<Settings>): void {
    this.settings = readSettings(change, this.settings);
    this.#reporter.now();
  }

  /** Does what a `control` event says; commands it does not know are ignored. */
  control(command: unknown): void {
    if (this.#early !== null) {
      this.#early.push(command);
      return;
    }
    const { action, value } = (command ?? {}) as { action?: unknown; value?: unknown };
    if (action === "start" || action === "pause" || action === "stop") this.#obey(action);
    else if (action === "device") void this.choose(typeof value === "string" ? value : null);
    else if (action === "size" && Array.isArray(value)) {
      const { width, height } = readInfo({ width: value[0], height: value[1] }, this.info);
      void this.resize({ width, height });
    } else if (action === "byte_rate") {
      this.#setInfo(readInfo({ byte_rate: value }, this.info));
    } else if (action === "show" || action === "opacity" || action === "mirror") {
      this.set({ [action]: value });
    }
  }

  #obey(action: "start" | "pause" | "stop"): void {
    if (this.info.source !== null) {
      const modes = { start: "running", pause: "paused", stop: "idle" } as const;
      this.#follow(modes[action]);
    } else if (action === "start") void this.start();
    else if (action === "pause") this.pause();
    else this.stop();
  }

  // --- the page's camera -----------------------------------------------------------------------------------

  async #open(channel: Channel): Promise<void> {
    const session = new AbortController();
    this.#session = session;
    this.starting = true;
    this.#reporter.set({ error: null });
    try {
      const request = { ...this.info, device: this.device };
      const onLost = () => {
        if (this.#session === session) this.#fail(cameraError("lost"));
      };
      const camera = await Camera.open(this.view.video, request, onLost, session.signal);
      this.#camera = camera;
      if (this.device !== request.device && !this.#isChosen(camera)) {
        await this.#restart(); // Another one was chosen meanwhile.
        return;
      }
      this.#capture = this.#makeCapture(camera);
      this.starting = false;
      const leave = () => this.stop();
      globalThis.addEventListener?.("pagehide", leave, { signal: session.signal });
      void this.#list();
      this.#listen(channel, session, false);
      this.#go();
      const { width, height } = this.info;
      if (width !== request.width || height !== request.height) await this.resize(this.info);
    } catch (error) {
      if (this.#session === session) this.#fail(error);
    }
  }

  /** Sends frames from now on. */
  #go(): void {
    const capture = this.#capture;
    if (capture === null) return;
    this.#stretch?.abort();
    const stretch = new AbortController();
    this.#stretch = stretch;
    this.#reporter.set({ state: "running" });
    this.#sender.run(capture, stretch.signal).catch((error) => {
      if (this.#stretch === stretch) this.#fail(error);
    });
  }

  /** The last picture before a pause is exact in both directions; without it, it is as it was. */
  async #still(): Promise<void> {
    const [capture, channel, receiver] = [this.#capture, this.#channel, this.#receiver];
    if (capture === null || channel === null || receiver === null) return;
    if (!this.view.isVisible) return;
    const stretch = new AbortController();
    this.#stretch = stretch;
    const { signal } = stretch;
    try {
      const frame = await this.#sender.still(capture, signal);
      if (frame === null) return;
      const answer = await channel.call("still", [frame], { timeout: STILL_TIMEOUT, signal });
      if (!signal.aborted) await receiver.take(answer);
    } catch (error) {
      // Too late, or the kernel knows no stills: then it is just paused.
      if (!(error instanceof KcommError)) throw error;
    }
  }

  async #restart(): Promise<void> {
    const isPaused = this.state.state === "paused";
    this.stop();
    await this.start();
    if (isPaused) this.pause();
  }

  async #list(): Promise<void> {
    const found = await cameras().catch(() => []); // The names are for people to choose by; it works without.
    this.devices = found.map(({ deviceId, label }, i) => ({
      id: deviceId,
      label: label || `Camera ${i + 1}`,
    }));
    if (this.#camera !== null) this.#reporter.now();
  }

  // --- the kernel's camera ---------------------------------------------------------------------------------

  /** Takes the state that the kernel tells. */
  #follow(mode: Mode): void {
    if (!isMode(mode) || this.#channel === null) return;
    if (mode !== "idle" && this.#session === null) {
      const session = new AbortController();
      this.#session = session;
      this.#listen(this.#channel, session, true);
    }
    if (mode === "running") this.state.error = null;
    this.#reporter.set({ state: mode });
  }

  // --- both ------------------------------------------------------------------------------------------------

  /** Paints results until the session ends. */
  #listen(channel: Channel, session: AbortController, isPaced: boolean): void {
    const receiver = new Receiver(channel, this.view, {
      came: (outcome, painted) => this.#came(outcome, painted),
      missed: (lost, skipped) => this.#reporter.missed(lost, skipped),
      failed: (error) => this.#reporter.failed(error),
    });
    this.#receiver = receiver;
    const { signal } = session;
    signal.addEventListener("abort", () => receiver.close(), { once: true });
    receiver.run(isPaced, signal).then(
      () => {
        if (this.#session === session) this.#end();
      },
      (error) => {
        if (this.#session === session) this.#fail(error);
      },
    );
  }

  #came(outcome: Outcome, painted: Painted | null): void {
    this.#sender.came(outcome);
    if (painted === null) return;
    const { show, paint } = painted;
    const ms = { ...this.#sender.msOf(outcome.index), ...outcome.ms, show, paint };
    this.#reporter.painted(painted, ms);
  }

  /** The kernel gives no results any more. */
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
    this.#session?.abort();
    this.#session = null;
    this.#stretch?.abort();
    this.#stretch = null;
    this.#receiver = null;
    this.#capture?.close();
    this.#capture = null;
    this.#camera?.stop();
    this.#camera = null;
    this.starting = false;
    this.#reporter.reset();
  }

  #setInfo(info: Info): void {
    this.info = info;
    this.#sender.update(info);
  }

  #complete(state: State): void {
    const now = performance.now();
    const { adapting, last } = this.#sender;
    state.device = this.#camera?.label ?? state.device;
    state.devices = this.devices.map(({ label }) => label);
    if (last !== null) {
      [state.codec, state.width, state.height] = [last.codec, last.width, last.height];
    }
    state.bytes_up = adapting.bytesUp(now);
    state.bytes_down = adapting.bytesDown(now);
    state.show = this.settings.show;
  }
}
