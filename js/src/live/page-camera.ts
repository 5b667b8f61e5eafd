/** The page's camera as a loop has it: asked for, held in a pause, changed for another one or another size, and given back. */
import { KcommError } from "../errors.js";
import { Camera, cameras, type Size } from "./camera.js";
import type { Capture, CaptureSource } from "./capture.js";
import { cameraError } from "./faults.js";
import type { Device } from "./model.js";
import type { CameraFrame, Sender } from "./sending.js";
import type { Info, Mode } from "./state.js";

/** What the page's camera needs of its loop. */
export interface CameraHost {
  /** What is wished for. */
  readonly info: Info;
  readonly video: HTMLVideoElement;
  readonly sender: Sender;
  /** The camera is open: what is made of its frames will be wanted. */
  listen(): void;
  /** It is asked for: what failed before counts no more. */
  asked(): void;
  /** It is open, and runs or is paused. */
  tell(mode: Mode): void;
  /** Something of it is different now. */
  changed(): void;
  /** Shows what the kernel makes of the last frame before a pause. */
  still(frame: CameraFrame, signal: AbortSignal): Promise<void>;
  /** It can't go on: the loop closes it. */
  fail(error: unknown): void;
  /** It is not wanted any more: the loop closes it. */
  stop(): void;
}

export type MakeCapture = (source: CaptureSource) => Capture;

export class PageCamera {
  /** Whether the camera was asked for, and has not come yet. */
  isStarting = false;
  /** The cameras that there are, once one was permitted. */
  devices: readonly Device[] = [];
  readonly #host: CameraHost;
  readonly #makeCapture: MakeCapture;
  #camera: Camera | null = null;
  #capture: Capture | null = null;
  /** Whether it is paused, or will be once it is open. */
  #isHeld = false;
  /** Aborted when nobody wants the camera any more; and when it pauses or goes on. */
  #life: AbortController | null = null;
  #stretch: AbortController | null = null;
  /** How often the cameras were asked for: an answer may be overtaken. */
  #lists = 0;

  constructor(host: CameraHost, makeCapture: MakeCapture) {
    this.#host = host;
    this.#makeCapture = makeCapture;
  }

  /** The name of the camera that is in use; null: it is off. */
  get label(): string | null {
    return this.#camera?.label ?? null;
  }

  get deviceId(): string | null {
    return this.#camera?.deviceId ?? null;
  }

  get size(): Size | null {
    return this.#camera?.size ?? null;
  }

  get limits(): Size | null {
    return this.#camera?.limits ?? null;
  }

  /** Asks for the camera, or goes on after a pause. */
  async start(): Promise<void> {
    const wasHeld = this.#isHeld;
    this.#isHeld = false;
    if (this.isStarting) return;
    if (this.#camera === null) await this.#open();
    else if (wasHeld) this.#run();
  }

  /** Keeps the camera, and sends nothing but one exact frame; as soon as it comes, if it has not yet. */
  pause(): void {
    if (this.#isHeld || (this.#camera === null && !this.isStarting)) return;
    this.#isHeld = true;
    if (this.#camera !== null) this.#run();
  }

  close(): void {
    this.#life?.abort();
    this.#life = null;
    this.#stretch?.abort();
    this.#stretch = null;
    this.#capture?.close();
    this.#capture = null;
    this.#camera?.stop();
    this.#camera = null;
    this.#isHeld = false;
    this.isStarting = false;
  }

  /** Takes the camera that is wished for, if it is open with another one. */
  async choose(): Promise<void> {
    const camera = this.#camera;
    if (camera !== null && !this.#isChosen(camera)) await this.#restart();
  }

  /** Takes pictures of the size that is wished for. */
  async resize(): Promise<void> {
    const camera = this.#camera;
    if (camera === null) return;
    try {
      await camera.resize(this.#host.info);
      if (this.#camera === camera) this.#capture?.resized();
    } catch {
      if (this.#camera === camera) await this.#restart(); // It can't while it runs.
    }
  }

  #isChosen({ deviceId, label }: Camera): boolean {
    const { device } = this.#host.info;
    return device === null || device === deviceId || device === label;
  }

  async #open(): Promise<void> {
    const life = new AbortController();
    this.#life = life;
    this.isStarting = true;
    const { info: wished, video } = this.#host;
    this.#host.asked();
    const fail = (error: unknown) => {
      if (this.#life === life) this.#host.fail(error);
    };
    try {
      const onLost = () => fail(cameraError("lost"));
      const camera = await Camera.open(video, wished, onLost, life.signal);
      if (life.signal.aborted) camera.stop();
      else await this.#take(camera, wished, life.signal);
    } catch (error) {
      fail(error);
    }
  }

  /** It is open. Other things may have been wished for meanwhile. */
  async #take(camera: Camera, wished: Info, signal: AbortSignal): Promise<void> {
    this.#camera = camera;
    const { info } = this.#host;
    if (info.device !== wished.device && !this.#isChosen(camera)) {
      await this.#restart();
      return;
    }
    this.#capture = this.#makeCapture(camera);
    this.isStarting = false;
    globalThis.addEventListener?.("pagehide", () => this.#host.stop(), { signal });
    void this.#list();
    // Some browsers have the cameras alone, and no news of them.
    navigator.mediaDevices.addEventListener?.("devicechange", () => void this.#list(), { signal });
    this.#host.listen();
    this.#run();
    if (info.width === wished.width && info.height === wished.height) return;
    await this.resize();
    this.#host.changed();
  }

  /** Sends frames from now on, or one more. */
  #run(): void {
    const capture = this.#capture;
    if (capture === null) return;
    this.#stretch?.abort();
    const stretch = new AbortController();
    this.#stretch = stretch;
    const { signal } = stretch;
    this.#host.tell(this.#isHeld ? "paused" : "running");
    if (this.#isHeld) void this.#still(capture, signal);
    else {
      this.#host.sender.run(capture, signal).catch((error) => {
        if (this.#stretch === stretch) this.#host.fail(error);
      });
    }
  }

  /** The last picture before a pause is exact in both directions; without it, it is as it was. */
  async #still(capture: Capture, signal: AbortSignal): Promise<void> {
    try {
      const frame = await this.#host.sender.still(capture, signal);
      if (frame !== null) await this.#host.still(frame, signal);
    } catch (error) {
      // Too late, or the kernel knows no stills: then it is just paused.
      if (!(error instanceof KcommError)) throw error;
    }
  }

  async #restart(): Promise<void> {
    const wasHeld = this.#isHeld;
    this.#host.stop();
    const starting = this.start();
    if (wasHeld) this.pause();
    await starting;
  }

  async #list(): Promise<void> {
    const number = ++this.#lists;
    const found = await cameras().catch(() => []); // The names are for people to choose by; it works without.
    if (number !== this.#lists) return;
    this.devices = found.map(({ deviceId, label }, i) => ({
      id: deviceId,
      label: label || `Camera ${i + 1}`,
    }));
    if (this.#camera !== null) this.#host.changed();
  }
}
