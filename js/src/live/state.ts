/** What a webcam view knows, and tells the kernel. */
import { KcommError } from "../errors.js";

/** What the kernel's `info()` answers. */
export interface Info {
  /** Pixels of a frame, at most; its aspect is the camera's. */
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly state: Mode;
  /** Whether pictures are shown as a mirror shows them; they travel as the camera takes them. */
  readonly mirror: boolean;
  /** Of the JPEG frames, from 0 to 1. */
  readonly quality: number;
}

export type Mode = "idle" | "running" | "paused";

/** What the page tells the kernel in `state` events. */
export interface State {
  state: Mode;
  error: { code: string; message: string } | null;
  /** Processed frames painted so far, and those that never came. */
  painted: number;
  dropped: number;
  /** Painted frames a second. */
  rate: number;
  /** Milliseconds from capture to paint. */
  delay: number;
  ms: Record<string, number>;
  /** The camera's name. */
  device: string;
}

const DEFAULTS: Info = {
  width: 640,
  height: 480,
  fps: 30,
  state: "idle",
  mirror: false,
  quality: 0.8,
};

/** @throws KcommError `kcomm.bad_value` if the kernel's answer does not describe a webcam */
export function readInfo(value: unknown, base: Info = DEFAULTS): Info {
  if (typeof value !== "object" || value === null) {
    throw new KcommError("kcomm.bad_value", "the kernel's info() does not describe a webcam");
  }
  const info = value as Partial<Info>;
  return {
    width: positive(info.width) ?? base.width,
    height: positive(info.height) ?? base.height,
    fps: positive(info.fps) ?? base.fps,
    state: info.state === "running" || info.state === "paused" ? info.state : base.state,
    mirror: info.mirror ?? base.mirror,
    quality: Math.min(1, positive(info.quality) ?? base.quality),
  };
}

function positive(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}
