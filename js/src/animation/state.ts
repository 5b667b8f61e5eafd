/** What a player knows of its animation, and what it shows. */
import { KcommError } from "../errors.js";

/** What happens at the ends: `false`: it stays there; `true`: it begins anew; `"bounce"`: it turns round. */
export type Loop = boolean | "bounce";

export type Direction = 1 | -1;

/** What the kernel's `info()` answers. */
export interface Info {
  /** Frames in all; null: endless. */
  readonly count: number | null;
  /** Pixels of a frame at scale 1. */
  readonly width: number;
  readonly height: number;
  /** Milliseconds between two frames. */
  readonly interval: number;
  readonly fps: number | "max";
  readonly index: number;
  readonly playing: boolean;
  readonly direction: Direction;
  readonly speed: number;
  readonly loop: Loop;
  readonly title: string;
  /** Whether all pages that show it do what the user of one of them does. */
  readonly linked: boolean;
}

/** What the page tells the kernel in `state` events. */
export interface State {
  index: number;
  playing: boolean;
  direction: Direction;
  speed: number;
  loop: Loop;
  fps: number | "max";
  /** What the figure's dots per inch are multiplied with in the frames that are asked for. */
  scale: number;
  /** Frames painted so far. */
  painted: number;
  /** Frames passed over so far: they came too late, or could not be drawn. */
  dropped: number;
  /** Painted frames a second. */
  rate: number;
  /** Mean milliseconds of each stage. */
  ms: { decode: number; paint: number };
}

/** How a player stands before the kernel has told more. */
export function initialState(): State {
  return {
    index: 0,
    playing: false,
    direction: 1,
    speed: 1,
    loop: false,
    fps: 10,
    scale: 1,
    painted: 0,
    dropped: 0,
    rate: 0,
    ms: { decode: 0, paint: 0 },
  };
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
    loop: readLoop(info.loop) ?? false,
    title: typeof info.title === "string" ? info.title : "",
    linked: info.linked === true,
  };
}

/** Null: it is none. */
export function readLoop(value: unknown): Loop | null {
  return value === "bounce" || typeof value === "boolean" ? value : null;
}

export function isPositive(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}

export function isIndex(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0;
}

/** The index nearest to `index` that exists; of what is no number, the first. */
export function clamp(index: number, count: number | null): number {
  const whole = Math.min(Math.max(0, Math.round(index)) || 0, Number.MAX_SAFE_INTEGER);
  return count === null ? whole : Math.min(whole, Math.max(0, count - 1));
}

/** Where playing begins, and which way: after the frame that is shown; if that is the last one, at the other end, or back. */
export function startOf(
  index: number,
  direction: Direction,
  count: number | null,
  loop: Loop = false,
): { index: number; direction: Direction } {
  const next = index + direction;
  if (next >= 0 && (count === null || next < count)) return { index: next, direction };
  if (loop === "bounce" && count !== null) {
    const back = direction === 1 ? -1 : 1;
    return { index: clamp(index + back, count), direction: back };
  }
  return { index: direction === 1 || count === null ? 0 : count - 1, direction };
}

/** Seconds as `m:ss.t`. */
export function clock(seconds: number): string {
  const tenths = Math.floor(seconds * 10 + 1e-6);
  const minutes = Math.floor(tenths / 600);
  const rest = tenths % 600;
  return `${minutes}:${String(Math.floor(rest / 10)).padStart(2, "0")}.${rest % 10}`;
}
