/** The browser's camera. */
import { KcommError } from "../errors.js";

export interface CameraRequest {
  /** Pixels wanted; the camera gives the nearest it has. */
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  /** A `deviceId`; null: the browser's choice. */
  readonly device: string | null;
}

/** Frames shorter apart than this share of the period are still in time: cameras jitter. */
const JITTER = 0.8;

/** An open camera: its newest picture is in `video`. */
export class Camera {
  readonly video: HTMLVideoElement;
  readonly #stream: MediaStream;
  /** Pictures that came so far, and the one that was taken last. */
  #presented = 0;
  #taken = 0;
  /** When the newest picture came, and when the last was taken, on `performance.now()`. */
  #time = 0;
  #takenTime = Number.NEGATIVE_INFINITY;
  #stopped = false;
  readonly #waiting = new Set<() => void>();

  private constructor(video: HTMLVideoElement, stream: MediaStream) {
    this.video = video;
    this.#stream = stream;
    this.#follow();
  }

  /**
   * Asks for the camera: the browser may ask the user.
   *
   * @param onEnded called when the camera goes away by itself
   * @throws KcommError `kcomm.camera_denied`, `kcomm.camera_missing`, `kcomm.camera_busy`, `kcomm.camera_insecure`, `kcomm.camera_failed`
   */
  static async open(
    video: HTMLVideoElement,
    request: CameraRequest,
    onEnded: () => void,
  ): Promise<Camera> {
    if (!window.isSecureContext || navigator.mediaDevices === undefined) {
      throw cameraError("insecure");
    }
    let stream: MediaStream | null = null;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: constraints(request) });
      for (const track of stream.getTracks()) track.addEventListener("ended", onEnded);
      video.srcObject = stream;
      await video.play();
      return new Camera(video, stream);
    } catch (error) {
      for (const track of stream?.getTracks() ?? []) track.stop();
      video.srcObject = null;
      throw explain(error);
    }
  }

  get deviceId(): string {
    return this.#stream.getVideoTracks()[0]?.getSettings().deviceId ?? "";
  }

  get label(): string {
    return this.#stream.getVideoTracks()[0]?.label ?? "";
  }

  /** Pixels of the pictures. */
  get size(): { width: number; height: number } {
    return { width: this.video.videoWidth, height: this.video.videoHeight };
  }

  /**
   * Waits until there is a picture that was not taken yet, and is due.
   *
   * @param period milliseconds that should lie between two
   * @returns when it came, on `performance.now()`; null: the camera was stopped, or the signal aborted
   */
  async next(period: number, signal: AbortSignal): Promise<number | null> {
    while (!this.#stopped && !signal.aborted) {
      const early = this.#time - this.#takenTime < period * JITTER;
      if (this.#presented > this.#taken && !early && this.size.width > 0) {
        this.#taken = this.#presented;
        this.#takenTime = this.#time;
        return this.#time;
      }
      await this.#picture(signal);
    }
    return null;
  }

  /** Gives the camera back; its light goes out. */
  stop(): void {
    this.#stopped = true;
    for (const track of this.#stream.getTracks()) track.stop();
    this.video.srcObject = null;
    for (const wake of this.#waiting) wake();
  }

  /** Resolves at the next picture, on `stop`, or on abort. */
  #picture(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake);
    });
  }

  #follow(): void {
    const { video } = this;
    const onPicture = (now: number) => {
      if (this.#stopped) return;
      this.#presented += 1;
      this.#time = now;
      for (const wake of this.#waiting) wake();
      watch();
    };
    let shown = -1;
    // Firefox before 132 has no requestVideoFrameCallback: look at each repaint instead.
    const look = (now: number) => {
      if (this.#stopped) return;
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
    watch();
  }
}

/** The cameras that may be chosen; their names are known only once one was permitted. */
export async function cameras(): Promise<MediaDeviceInfo[]> {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind, deviceId }) => kind === "videoinput" && deviceId !== "");
}

function constraints({ width, height, fps, device }: CameraRequest): MediaTrackConstraints {
  return {
    width: { ideal: width },
    height: { ideal: height },
    frameRate: { ideal: fps },
    ...(device === null ? {} : { deviceId: { exact: device } }),
  };
}

export type CameraFault = "denied" | "missing" | "busy" | "insecure" | "failed";

const MESSAGES: Record<CameraFault, string> = {
  denied:
    "The camera was not permitted: allow it for this page in the browser's address bar, then start again.",
  missing: "There is no camera, or the chosen one was unplugged.",
  busy: "The camera is in use: close the other program or page, then start again.",
  insecure:
    "Browsers give a camera only to pages from https or localhost: open Jupyter at such an address.",
  failed: "The camera could not be started.",
};

/** What `getUserMedia` rejects with, by name. */
const FAULTS: Record<string, CameraFault> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

export function cameraError(fault: CameraFault, detail = "", cause?: unknown): KcommError {
  const message = detail === "" ? MESSAGES[fault] : `${MESSAGES[fault]} (${detail})`;
  return new KcommError(`kcomm.camera_${fault}`, message, null, { cause });
}

function explain(error: unknown): KcommError {
  const { name, message } = error as { name?: string; message?: string };
  const fault = FAULTS[name ?? ""] ?? "failed";
  return cameraError(fault, fault === "failed" ? (message ?? String(error)) : "", error);
}
