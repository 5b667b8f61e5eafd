/** What a player knows of its animation, and what it shows. */
import { KcommError } from "../errors.js";

/** What the kernel's `info()` answers. */
export interface Info {
  /** Frames in all; null: endless. */
  readonly count: number | null;
  /** Pixels of a frame. */
  readonly width: number;
  readonly height: number;
  /** Milliseconds between two frames. */
  readonly interval: number;
  readonly fps: number | "max";
  readonly index: number;
  readonly playing: boolean;
  readonly direction: 1 | -1;
  readonly speed: number;
  readonly loop: boolean;
  readonly title: string;
}

/** What the page tells the kernel in `state` events. */
export interface State {
  index: number;
  playing: boolean;
  direction: 1 | -1;
  speed: number;
  loop: boolean;
  fps: number | "max";
  /** Frames painted so far. */
  painted: number;
  /** Frames passed over so far: they came too late, or could not be drawn. */
  dropped: number;
  /** Painted frames a second. */
  rate: number;
  /** Mean milliseconds of each stage. */
  ms: { decode: number; paint: number };
}

/** @throws KcommError `kcomm.bad_value` if the kernel's answer lacks something */
export function readInfo(value: unknown): Info {
  const info = value as Partial<Info> | null;
  const sound =
    typeof info === "object" &&
    info !== null &&
    (info.count === null || isIndex(info.count)) &&
    isIndex(info.index) &&
    isPositive(info.width) &&
    isPositive(info.height) &&
    (info.fps === "max" || isPositive(info.fps));
  if (!sound) {
    throw new KcommError("kcomm.bad_value", "the kernel's info() does not describe an animation");
  }
  return {
    count: info.count as number | null,
    width: info.width as number,
    height: info.height as number,
    interval: isPositive(info.interval) ? info.interval : 100,
    fps: info.fps as number | "max",
    index: info.index as number,
    playing: info.playing === true,
    direction: info.direction === -1 ? -1 : 1,
    speed: isPositive(info.speed) ? info.speed : 1,
    loop: info.loop === true,
    title: typeof info.title === "string" ? info.title : "",
  };
}

export function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** The index nearest to `index` that exists. */
export function clamp(index: number, count: number | null): number {
  const whole = Math.max(0, Math.round(index));
  return count === null ? whole : Math.min(whole, Math.max(0, count - 1));
}

/** Where playing begins: after the frame that is shown, or at the other end if that was the last one. */
export function startOf(index: number, direction: 1 | -1, count: number | null): number {
  const next = index + direction;
  if (next < 0) return count === null ? 0 : count - 1;
  return count !== null && next >= count ? 0 : next;
}

/** Seconds as `m:ss.t`. */
export function clock(seconds: number): string {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const minutes = Math.floor(tenths / 600);
  const rest = tenths % 600;
  return `${minutes}:${String(Math.floor(rest / 10)).padStart(2, "0")}.${rest % 10}`;
}
