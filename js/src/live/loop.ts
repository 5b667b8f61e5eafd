/** The webcam's loop: camera frames go to the kernel as it asks for them, processed ones come back. No DOM but the camera's video. */
import type { Channel } from "../channel.js";
import { KcommError } from "../errors.js";
import type { Pixels } from "../frames/decode.js";
import { type DecodedFrame, FrameDecoder } from "../frames/decoder.js";
import { fitInto, JpegEncoder } from "../frames/encode.js";
import type { Frame } from "../frames/frame.js";
import { RateMeter, RunningMean } from "../frames/meters.js";
import { Camera, cameraError } from "./camera.js";
import { type Info, readInfo, type State } from "./state.js";

/** Milliseconds between two `state` events while frames go by. */
const STATE_INTERVAL = 250;

/** What the loop needs of its view. */
export interface LoopView {
  readonly video: HTMLVideoElement;
  paint(pixels: Pixels, index: number): void;
  /** Something of `loop.state`, `starting` or `error` is different now. */
  changed(): void;
  /** Resolves when somebody can see the view. */
  visible(signal: AbortSignal): Promise<void>;
}

export class WebcamLoop {
  info: Info = readInfo({});
  /** Whether the camera was asked for, and has not come yet. */
  starting = false;
  /** The chosen camera; null: the browser's choice. */
  device: string | null = null;
  readonly state: State = {
    state: "idle",
    error: null,
    painted: 0,
    dropped: 0,
    rate: 0,
    delay: 0,
    ms: {},
    device: "",
  };

  #channel: Channel | null = null;
  #camera: Camera | null = null;
  #run: AbortController | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Aborted whenever the state changes, to wake who waits for another one. */
  #change = new AbortController();
  /** Camera frames sent so far. */
  #index = 0;
  readonly #encoder = new JpegEncoder();
  readonly #rate = new RateMeter();
  readonly #delay = new RunningMean(0.2);
  readonly #times = new Map<string, RunningMean>();

  constructor(readonly view: LoopView) {}

  async attach(channel: Channel): Promise<void> {
    this.#channel = channel;
    const loop = this;
    channel.handleStream(
      "camera",
      function (options?: unknown) {
        return loop.#frames(readInfo(options ?? {}, loop.info), this.signal);
      },
      { volatile: true },
    );
    const info = readInfo(await channel.call("info"));
    if (this.#channel !== channel) return;
    this.info = info;
    this.view.changed();
    // Python's `start()` may have come before this page.
    if (info.state === "running") await this.start();
  }

  /** The channel has ended, or soon will: gives the camera back, and says so if it still can. */
  detach(): void {
    this.#release();
    this.#set({ state: "idle", error: null });
    this.#channel = null;
  }

  /** Asks for the camera, or goes on after a pause. */
  async start(): Promise<void> {
    const channel = this.#channel;
    if (channel === null || this.starting || this.state.state === "running") return;
    if (this.#camera !== null) {
      this.#set({ state: "running" });
      return;
    }
    const run = new AbortController();
    this.#run = run;
    this.starting = true;
    this.#set({ error: null });
    try {
      const request = { ...this.info, device: this.device };
      const camera = await Camera.open(this.view.video, request, () => {
        if (this.#run === run) this.#fail(cameraError("missing"));
      });
      if (run.signal.aborted) {
        camera.stop();
        return;
      }
      this.#camera = camera;
      this.starting = false;
      this.#set({ state: "running", device: camera.label });
      void this.#results(channel, run.signal).catch((error) => {
        if (this.#run === run) this.#fail(error);
      });
    } catch (error) {
      if (this.#run === run) this.#fail(error);
    }
  }

  /** Keeps the camera; sends nothing. */
  pause(): void {
    if (this.state.state === "running") this.#set({ state: "paused" });
  }

  /** Gives the camera back. */
  stop(): void {
    this.#release();
    this.#set({ state: "idle" });
  }

  /** Uses another camera; goes on with it if one was in use. */
  async choose(device: string): Promise<void> {
    this.device = device;
    const paused = this.state.state === "paused";
    if (this.#camera === null || this.#camera.deviceId === device) return;
    this.stop();
    await this.start();
    if (paused) this.pause();
  }

  get deviceId(): string {
    return this.#camera?.deviceId ?? this.device ?? "";
  }

  /** Does what a `control` event says; commands it does not know are ignored. */
  control(command: unknown): void {
    const { action } = (command ?? {}) as { action?: unknown };
    if (action === "start") void this.start();
    else if (action === "pause") this.pause();
    else if (action === "stop") this.stop();
  }

  /** The stream `camera`: advanced only when the kernel has room for another frame, which then is the newest there is. */
  async *#frames(options: Info, signal: AbortSignal): AsyncGenerator<Frame> {
    for (;;) {
      const camera = await this.#running(signal);
      if (camera === null) return;
      const captured = await camera.next(1000 / options.fps, signal);
      if (captured === null || this.state.state !== "running") continue; // Stopped or paused meanwhile.
      yield await this.#capture(camera, options, captured);
    }
  }

  /** Waits until the camera runs; null: the kernel does not want it any more. */
  async #running(signal: AbortSignal): Promise<Camera | null> {
    while (!signal.aborted) {
      if (this.state.state === "running" && this.#camera !== null) return this.#camera;
      await aborted(AbortSignal.any([signal, this.#change.signal]));
    }
    return null;
  }

  async #capture(camera: Camera, options: Info, captured: number): Promise<Frame> {
    const began = performance.now();
    const { width, height } = fitInto(camera.size, options);
    this.#encoder.draw(camera.video, width, height);
    const drawn = performance.now();
    const data = await this.#encoder.encode(options.quality);
    const ms = { capture: drawn - began, encode: performance.now() - drawn };
    return { index: this.#index++, width, height, codec: "jpeg", data, captured, ms };
  }

  /** Paints what comes back. Asking for the next one, after the paint, is what keeps the whole loop going. */
  async #results(channel: Channel, signal: AbortSignal): Promise<void> {
    const decoder = new FrameDecoder((id) => channel.call("base", [id]));
    try {
      await this.#show(channel, decoder, signal);
    } finally {
      decoder.close();
    }
    if (!signal.aborted) this.stop(); // The kernel ended the stream.
  }

  async #show(channel: Channel, decoder: FrameDecoder, signal: AbortSignal): Promise<void> {
    let last: number | null = null;
    for await (const value of channel.stream("results", [], { window: "fresh", signal })) {
      const began = performance.now();
      const frame = await decoder.decode(value);
      if (last !== null) this.state.dropped += Math.max(0, frame.index - last - 1);
      last = frame.index;
      if ("error" in frame) {
        this.state.dropped += 1;
        const { code, message } = frame.error;
        this.#note({ code, message });
      } else {
        this.#paint(frame, began);
      }
      this.#reportSoon();
      await this.view.visible(signal);
    }
  }

  #paint(frame: DecodedFrame, began: number): void {
    const decoded = performance.now();
    this.view.paint(frame.pixels, frame.index);
    const now = performance.now();
    this.#rate.add(now);
    if (frame.captured !== undefined) this.#delay.add(now - frame.captured);
    this.#time({ ...frame.ms, show: decoded - began, paint: now - decoded });
    this.state.painted += 1;
    if (this.state.error !== null) this.#note(null);
  }

  #time(ms: Readonly<Record<string, number>>): void {
    for (const [stage, value] of Object.entries(ms)) {
      let mean = this.#times.get(stage);
      if (mean === undefined) {
        mean = new RunningMean();
        this.#times.set(stage, mean);
      }
      mean.add(value);
    }
  }

  #note(error: { code: string; message: string } | null): void {
    this.state.error = error;
    this.#reportSoon();
  }

  #fail(error: unknown): void {
    const known = error instanceof KcommError ? error : cameraError("failed", String(error), error);
    this.#release();
    const { code, message } = known;
    // The end of the channel is told by the view.
    this.#set({ state: "idle", error: this.#channel?.isOpen ? { code, message } : null });
  }

  #release(): void {
    this.#run?.abort();
    this.#run = null;
    this.#camera?.stop();
    this.#camera = null;
    this.starting = false;
    this.#rate.reset();
  }

  #set(change: Partial<State>): void {
    Object.assign(this.state, change);
    this.#change.abort();
    this.#change = new AbortController();
    this.#report();
  }

  #reportSoon(): void {
    this.#timer ??= setTimeout(() => this.#report(), STATE_INTERVAL);
  }

  /** Tells the kernel, and the view. */
  #report(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { state } = this;
    state.rate = state.state === "running" ? this.#rate.rate(performance.now()) : 0;
    state.delay = this.#delay.value;
    state.ms = Object.fromEntries(
      Array.from(this.#times, ([stage, mean]): [string, number] => [stage, mean.value]),
    );
    if (this.#channel?.isOpen) this.#channel.emit("state", { ...state }, { latest: true });
    this.view.changed();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
