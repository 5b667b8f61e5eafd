/** What a webcam view knows, and tells the kernel. */
import { KcommError } from "../errors.js";

export type Mode = "idle" | "running" | "paused";
export type Show = "result" | "both" | "overlay";

/** How the pictures are shown: what the kernel chose, or somebody at this view. */
export interface Settings {
  readonly show: Show;
  /** Of the result over the camera's picture, from 0 to 1. */
  readonly opacity: number;
  /** Whether pictures are shown as a mirror shows them; they travel as the camera takes them. */
  readonly mirror: boolean;
}

/** What the kernel's `info()` answers. */
export interface Info extends Settings {
  /** Pixels of a frame, at most; its aspect is the camera's. */
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly state: Mode;
  /** Of what loses something, from 0 to 1. */
  readonly quality: number;
  /** Null: the page's camera; else the name of the kernel's own. */
  readonly source: string | null;
  /** What the kernel takes for camera frames, best first. */
  readonly codecs: readonly string[];
  /** The camera that was chosen, by its label or id; null: the browser's choice. */
  readonly device: string | null;
  /** Bytes a second, up and down together; null: no limit. */
  readonly byteRate: number | null;
  readonly title: string;
}

/** What the page tells the kernel in `state` events. */
export interface State {
  state: Mode;
  error: { code: string; message: string } | null;
  /** Processed frames painted so far, and those that never came. */
  painted: number;
  dropped: number;
  /** Frames that the kernel passed over for newer ones. */
  skipped: number;
  /** Painted frames a second. */
  rate: number;
  /** Milliseconds from capture to paint. */
  delay: number;
  ms: Record<string, number>;
  /** The camera's name, and those of all. */
  device: string;
  devices: string[];
  /** Of the camera's frames as they are sent. */
  codec: string;
  width: number;
  height: number;
  /** Of the results as they come. */
  result_codec: string;
  result_width: number;
  result_height: number;
  /** A second. */
  bytes_up: number;
  bytes_down: number;
  show: Show;
}

export function initialState(): State {
  return {
    state: "idle",
    error: null,
    painted: 0,
    dropped: 0,
    skipped: 0,
    rate: 0,
    delay: 0,
    ms: {},
    device: "",
    devices: [],
    codec: "",
    width: 0,
    height: 0,
    result_codec: "",
    result_width: 0,
    result_height: 0,
    bytes_up: 0,
    bytes_down: 0,
    show: "result",
  };
}

const DEFAULTS: Info = {
  width: 640,
  height: 480,
  fps: 30,
  state: "idle",
  mirror: false,
  quality: 0.8,
  source: null,
  show: "result",
  opacity: 0.5,
  codecs: ["jpeg"],
  device: null,
  byteRate: null,
  title: "",
};

/** @throws KcommError `kcomm.bad_value` if the kernel's answer does not describe a webcam */
export function readInfo(value: unknown, base: Info = DEFAULTS): Info {
  if (typeof value !== "object" || value === null) {
    throw new KcommError("kcomm.bad_value", "the kernel's info() does not describe a webcam");
  }
  const info = value as Record<string, unknown>;
  return {
    width: positive(info.width) ?? base.width,
    height: positive(info.height) ?? base.height,
    fps: positive(info.fps) ?? base.fps,
    state: isMode(info.state) ? info.state : base.state,
    quality: Math.min(1, positive(info.quality) ?? base.quality),
    source: textOrNull(info.source, base.source),
    codecs: texts(info.codecs) ?? base.codecs,
    device: textOrNull(info.device, base.device),
    byteRate: info.byte_rate === null ? null : (positive(info.byte_rate) ?? base.byteRate),
    title: typeof info.title === "string" ? info.title : base.title,
    ...readSettings(info, base),
  };
}

/** Reads what is there and makes sense; the rest stays as it was. */
export function readSettings(value: Readonly<Record<string, unknown>>, base: Settings): Settings {
  const { show, opacity, mirror } = value;
  return {
    show: show === "result" || show === "both" || show === "overlay" ? show : base.show,
    opacity: isShare(opacity) ? opacity : base.opacity,
    mirror: typeof mirror === "boolean" ? mirror : base.mirror,
  };
}

/** What can be chosen at a page as well as in Python. */
const CHOICES = [["show"], ["opacity"], ["mirror"], ["device"], ["width", "height"]] as const;

/**
 * What holds at a page that comes back: what was chosen there stays, but for what was changed in Python meanwhile.
 *
 * @param page what held there
 * @param told what the kernel had told it last
 * @param now what the kernel tells
 */
export function rejoin(page: Info, told: Info, now: Info): Info {
  const kept = CHOICES.filter((keys) => keys.every((key) => now[key] === told[key])).flat();
  return { ...now, ...Object.fromEntries(kept.map((key) => [key, page[key]])) };
}

export function isMode(value: unknown): value is Mode {
  return value === "idle" || value === "running" || value === "paused";
}

/** A finite number above 0, or null. */
export function positive(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : null;
}

function isShare(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 1;
}

function textOrNull(value: unknown, base: string | null): string | null {
  return typeof value === "string" || value === null ? value : base;
}

function texts(value: unknown): readonly string[] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  return value.every((item) => typeof item === "string") ? value : null;
}
