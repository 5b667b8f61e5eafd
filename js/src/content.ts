/** What the kinds of views have in common. */
import type { Channel, Listener } from "./channel.js";
import { KcommError } from "./errors.js";

/** What a cell's output says of its view: `application/vnd.kcomm.view+json`. */
export interface ViewSpec {
  readonly version: 1;
  readonly kind: Kind;
  /** The comm target of the object that is shown. */
  readonly target: string;
  readonly title: string;
  /** CSS pixels. */
  readonly width: number;
  readonly height: number;
}

export type Kind = "animation" | "webcam";

/** The part of a view that belongs to its kind. It outlives channels: after a break it is attached to a new one. */
export interface Content {
  readonly node: HTMLElement;
  /** For events of the kernel; they may come as soon as the channel is open. */
  readonly listeners: Readonly<Record<string, Listener>>;
  /** Goes live; resolves when the first state is shown. */
  attach(channel: Channel): Promise<void>;
  /** The channel has ended: stops all, gives the camera back; what is painted stays. */
  detach(): void;
  /** The page lost its connection to the server, or has it again; the channel stays. */
  reach?(isReachable: boolean): void;
  dispose(): void;
}

/** A saved notebook may be anybody's: it can name the objects that kcomm itself makes for its views, and no other target. */
const TARGET: Readonly<Record<Kind, RegExp>> = {
  animation: /^kcomm\.animation\.[0-9a-f]+$/,
  webcam: /^kcomm\.webcam\.[0-9a-f]+$/,
};
const MAX_SIDE = 16_384;

/**
 * Checks the view data of an output, which may come from a file.
 *
 * @throws KcommError `kcomm.bad_value` with what is wrong
 */
export function readSpec(data: unknown): ViewSpec {
  const spec = (data ?? {}) as Partial<Record<keyof ViewSpec, unknown>>;
  if (spec.version !== 1) {
    throw bad(
      `view data of version ${show(spec.version)} need a newer kcomm where JupyterLab runs`,
    );
  }
  if (spec.kind !== "animation" && spec.kind !== "webcam") {
    throw bad(`unknown kind of view: ${show(spec.kind)}`);
  }
  if (typeof spec.target !== "string" || !TARGET[spec.kind].test(spec.target)) {
    throw bad(`not the target of a view: ${show(spec.target)}`);
  }
  return {
    version: 1,
    kind: spec.kind,
    target: spec.target,
    title: typeof spec.title === "string" ? spec.title : "",
    width: side(spec.width, "width"),
    height: side(spec.height, "height"),
  };
}

function side(value: unknown, name: string): number {
  if (typeof value !== "number" || !(value >= 1 && value <= MAX_SIDE)) {
    throw bad(`the view's ${name} is ${show(value)}, not a number from 1 to ${MAX_SIDE}`);
  }
  return Math.round(value);
}

function show(value: unknown): string {
  return value === undefined ? "none" : (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

function bad(message: string): KcommError {
  return new KcommError("kcomm.bad_value", message);
}
