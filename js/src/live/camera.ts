/** The browser's camera. */
import { KcommError } from "../errors.js";
import { cameraError, explainRefusal } from "./faults.js";

export interface CameraRequest {
  /** Pixels wanted; the camera gives the nearest it has. */
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** A `deviceId` or a label; null: the browser's choice. */
  readonly device: string | null;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** How often a video is asked to play that is interrupted each time, as it is when its cell leaves the page. */
const TRIES = 5;

/** An open camera: its newest picture is in `video`. */
export class Camera {
  readonly video: HTMLVideoElement;
  readonly #stream: MediaStream;
  /** Frames a second that are wished for. */
  readonly #fps: number;
  /** Aborted once the video plays that may not have at first, and when the camera is stopped. */
  readonly #waiting = new AbortController();
  #isStopped = false;
  #isFollowed = false;
  readonly #watchers = new Set<(time: number) => void>();

  private constructor(video: HTMLVideoElement, stream: MediaStream, fps: number) {
    this.video = video;
    this.#stream = stream;
    this.#fps = fps;
    video.addEventListener("pause", this.#goOn);
  }

  /**
   * Asks for the camera: the browser may ask the user.
   *
   * @param onLost called when the camera goes away by itself
   * @param signal when it is aborted nobody wants the camera any more: it goes off at once
   * @throws KcommError `kcomm.camera_denied`, `kcomm.camera_forbidden`, `kcomm.camera_missing`, `kcomm.camera_busy`, `kcomm.camera_insecure`,
   * `kcomm.camera_failed`, `kcomm.cancelled`
   */
  static async open(
    video: HTMLVideoElement,
    request: CameraRequest,
    onLost: () => void,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Camera> {
    if (!window.isSecureContext || navigator.mediaDevices === undefined) {
      throw cameraError("insecure");
    }
    if (isForbidden()) throw cameraError("forbidden");
    let stream: MediaStream | null = null;
    const leave = () => letGo(video, stream);
    signal.addEventListener("abort", leave, { once: true });
    try {
      stream = await getStream(request, signal);
      checkWanted(signal);
      for (const track of stream.getTracks()) track.addEventListener("ended", onLost);
      video.srcObject = stream;
      video.muted = true; // Only then may it play by itself; the attribute does nothing for elements that scripts make.
      const isPlaying = await play(video, signal);
      checkWanted(signal);
      const camera = new Camera(video, stream, request.fps);
      if (!isPlaying) camera.#playLater();
      return camera;
    } catch (error) {
      letGo(video, stream);
      checkWanted(signal);
      throw error instanceof KcommError ? error : cameraError("failed", messageOf(error), error);
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  get track(): MediaStreamTrack {
    return this.#stream.getVideoTracks()[0] as MediaStreamTrack;
  }

  get deviceId(): string {
    return this.track.getSettings().deviceId ?? "";
  }

  get label(): string {
    return this.track.label;
  }

  /** Pixels of the pictures; null: not known yet. */
  get size(): Size | null {
    const { videoWidth, videoHeight } = this.video;
    if (videoWidth > 0) return { width: videoWidth, height: videoHeight };
    const { width, height } = this.track.getSettings();
    return width === undefined || height === undefined ? null : { width, height };
  }

  /** The most pixels that it can give; null: not known. */
  get limits(): Size | null {
    const { width, height } = this.track.getCapabilities?.() ?? {};
    if (width?.max === undefined || height?.max === undefined) return null;
    return { width: width.max, height: height.max };
  }

  /** Asks for pictures of another size; the camera gives the nearest it has. */
  async resize({ width, height }: Size): Promise<void> {
    // What it gives now may be all that it could in the size before.
    await this.track.applyConstraints({
      width: { ideal: width },
      height: { ideal: height },
      frameRate: { ideal: this.#fps },
    });
  }

  /** Calls back at each new picture, with its time on `performance.now()`; returns what ends that. */
  watch(onPicture: (time: number) => void): () => void {
    this.#watchers.add(onPicture);
    if (!this.#isFollowed) this.#follow();
    return () => this.#watchers.delete(onPicture);
  }

  /** Gives the camera back; its light goes out. */
  stop(): void {
    this.#isStopped = true;
    this.#watchers.clear();
    this.#waiting.abort();
    this.video.removeEventListener("pause", this.#goOn);
    letGo(this.video, this.#stream);
  }

  /** Browsers pause a video that is taken out of the page, as front ends do with cells that are scrolled away. */
  readonly #goOn = (): void => {
    this.video.play().then(
      () => this.#waiting.abort(),
      () => undefined, // Another pause: that is told as well.
    );
  };

  /**
   * The camera works, and where tracks have processors its pictures come, too; where they are taken of the video, they come once that may play: browsers
   * let it when the user does something, or sees the page.
   */
  #playLater(): void {
    const options = { capture: true, signal: this.#waiting.signal };
    for (const event of ["click", "keydown", "visibilitychange"]) {
      globalThis.addEventListener?.(event, this.#goOn, options);
    }
  }

  #follow(): void {
    const { video } = this;
    const isOver = () => {
      this.#isFollowed = !this.#isStopped && this.#watchers.size > 0;
      return !this.#isFollowed;
    };
    const onPicture = (now: number) => {
      if (isOver()) return;
      for (const tell of this.#watchers) tell(now);
      watch();
    };
    let shown = -1;
    // Firefox before 132 has no requestVideoFrameCallback: look at each repaint instead.
    const look = (now: number) => {
      if (isOver()) return;
      if (video.currentTime === shown) requestAnimationFrame(look);
      else {
        shown = video.currentTime;
        onPicture(now);
      }
    };
    const watch = () => {
      if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(onPicture);
      else requestAnimationFrame(look);
    };
    if (!isOver()) watch();
  }
}

/** The cameras that may be chosen; their names are known only once one was permitted. */
export async function cameras(): Promise<MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId !== "");
}

/**
 * Lets a video play.
 *
 * @returns whether it does; else it may later
 */
async function play(video: HTMLVideoElement, signal: AbortSignal): Promise<boolean> {
  for (let tries = 0; tries < TRIES && !signal.aborted; tries++) {
    try {
      // A page in the background may not play it yet.
      await Promise.race([video.play(), whenAborted(signal)]);
      return true;
    } catch (error) {
      const { name } = error as { name?: string };
      if (name === "NotAllowedError") return false; // What plays by itself is forbidden here.
      if (name !== "AbortError") throw error;
    }
  }
  return false;
}

async function getStream(request: CameraRequest, signal: AbortSignal): Promise<MediaStream> {
  const { device } = request;
  if (device === null) return ask(request, null);
  let id = await find(device);
  if (id === null) {
    // Names are told only once a camera was permitted; any will do for that.
    const first = await ask(request, null);
    let isIt = false;
    try {
      id = await find(device);
      isIt = id !== null && id === first.getVideoTracks()[0]?.getSettings().deviceId;
    } finally {
      if (!isIt) stop(first);
    }
    if (isIt) return first;
    checkWanted(signal);
  }
  if (id === null) throw cameraError("missing", `none is called ${device}`);
  return ask(request, id);
}

async function ask(request: CameraRequest, id: string | null): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: constraints(request, id) });
  } catch (error) {
    throw explainRefusal(error);
  }
}

/** The id of the camera with this id or label; null: there is none, or it can't be known yet. */
async function find(device: string): Promise<string | null> {
  const found = await cameras();
  const isMeant = ({ deviceId, label }: MediaDeviceInfo) => deviceId === device || label === device;
  return found.find(isMeant)?.deviceId ?? null;
}

function constraints(
  { width, height, fps }: CameraRequest,
  id: string | null,
): MediaTrackConstraints {
  return {
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: fps },
    ...(id === null ? {} : { deviceId: { exact: id } }),
  };
}

function stop(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Stops a camera; the video may show another one meanwhile. */
function letGo(video: HTMLVideoElement, stream: MediaStream | null): void {
  stop(stream);
  if (stream !== null && video.srcObject === stream) video.srcObject = null;
}

function whenAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}

/** @throws KcommError `kcomm.cancelled` */
function checkWanted({ aborted }: AbortSignal): void {
  if (aborted) throw new KcommError("kcomm.cancelled", "the camera is not wanted any more");
}

/** Whether the page that this one stands in lets it have no camera. */
function isForbidden(): boolean {
  if (typeof document === "undefined") return false;
  // Chromium alone tells; elsewhere it looks like a refusal by the user.
  const { featurePolicy } = document as Document & {
    featurePolicy?: { allowsFeature(name: string): boolean };
  };
  return featurePolicy?.allowsFeature("camera") === false;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
