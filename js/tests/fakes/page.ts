/** What views need of a browser, for tests in Node: repaints are turns of the event loop, pictures are their bytes. */
import { vi } from "vitest";

export class FakeImageData {
  constructor(
    readonly data: Uint8ClampedArray,
    readonly width: number,
    readonly height: number,
  ) {}
}

export function fakePage(): void {
  vi.stubGlobal("ImageData", FakeImageData);
  vi.stubGlobal("requestAnimationFrame", (repaint: (now: number) => void) =>
    setTimeout(() => repaint(performance.now()), 1),
  );
  vi.stubGlobal("cancelAnimationFrame", clearTimeout);
}

/** A video element whose pictures come when the test says so. */
export class FakeVideo extends EventTarget {
  srcObject: unknown = null;
  videoWidth = 4;
  videoHeight = 2;
  #onPicture: ((now: number) => void) | null = null;

  async play(): Promise<void> {}

  requestVideoFrameCallback(onPicture: (now: number) => void): void {
    this.#onPicture = onPicture;
  }

  /** A picture comes. */
  present(now: number): void {
    const tell = this.#onPicture;
    this.#onPicture = null;
    tell?.(now);
  }
}

export class FakeTrack extends EventTarget {
  readyState = "live";
  readonly label = "Fake camera";

  stop(): void {
    this.readyState = "ended";
  }

  async applyConstraints(_?: unknown): Promise<void> {}

  getSettings(): MediaTrackSettings {
    return { deviceId: "fake" };
  }
}

/** A page that may have a camera; `getUserMedia` is what the browser would do. */
export function fakeCamera(getUserMedia: (request: unknown) => Promise<unknown>, secure = true) {
  vi.stubGlobal("window", { isSecureContext: secure });
  const enumerateDevices = async () => [];
  vi.stubGlobal("navigator", {
    mediaDevices: secure ? { getUserMedia, enumerateDevices } : undefined,
  });
}

/** What `getUserMedia` resolves to. */
export function fakeStream(tracks: readonly FakeTrack[]) {
  return { getTracks: () => tracks, getVideoTracks: () => tracks };
}
