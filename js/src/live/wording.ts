/** What a webcam view says, in words. */
import type { Size, WebcamModel } from "./model.js";
import type { Show, State } from "./state.js";

type Failure = NonNullable<State["error"]>;

export const SHOWS: readonly Show[] = ["result", "both", "overlay"];

export const SHOW_NAMES: Readonly<Record<Show, string>> = {
  result: "result only",
  both: "side by side",
  overlay: "overlay",
};

export interface Explanation {
  /** What failed. */
  readonly title: string;
  /** More of it, or what to do. */
  readonly text: string;
}

/** What failed and what to do, by code; without a text the message is one. */
const FAILURES: Readonly<Record<string, readonly [title: string, text?: string]>> = {
  "kcomm.camera_denied": [
    "The camera is not permitted",
    "Allow it for this page in the browser's address bar, then start again.",
  ],
  "kcomm.camera_missing": ["No camera was found", "Connect one, then start again."],
  "kcomm.camera_busy": [
    "The camera is in use",
    "Close the other program or page that uses it, then start again.",
  ],
  "kcomm.camera_insecure": [
    "No camera at this address",
    "Browsers give a camera only to pages from https or localhost: open Jupyter at such an address.",
  ],
  "kcomm.camera_forbidden": [
    "Cameras are forbidden here",
    "Open the notebook in a browser tab of its own, or let who runs this site allow the camera in its permissions policy.",
  ],
  "kcomm.camera_lost": ["The camera is gone", "Plug it in again, then start again."],
  "kcomm.camera_failed": ["The camera could not be started"],
  "kcomm.handler_error": ["The function raised an error"],
  "kcomm.process_timeout": ["The function takes too long"],
  "kcomm.bad_value": ["A picture can't be shown"],
  "kcomm.too_large": ["A picture is too large"],
  "kcomm.missing_extra": ["Something is not installed"],
  "kcomm.source_failed": ["The source failed"],
  "kcomm.pool_broken": ["The executor broke"],
  "kcomm.pool_closed": ["The executor is closed"],
};

export function explain({ code, message }: Failure): Explanation {
  const known = Object.hasOwn(FAILURES, code) ? FAILURES[code] : undefined;
  const [title, text] = known ?? ["Something failed"];
  // The number of the frame is another one each time.
  return { title, text: text ?? message.replace(/^frame \d+: /, "") };
}

/** Milliseconds without a picture after which that is said. */
const SILENT = 2000;

/**
 * What stands beside the buttons.
 *
 * @param silent milliseconds since the last picture
 */
export function readout(
  { state, rate, delay }: Pick<State, "state" | "rate" | "delay">,
  silent: number,
): string {
  if (state === "paused") return "paused";
  if (state === "running" && silent >= SILENT)
    return `no picture for ${Math.floor(silent / 1000)} s`;
  if (state === "idle" || rate === 0) return "";
  const pace = `${rate.toFixed(rate < 9.5 ? 1 : 0)} fps`;
  return delay > 0 ? `${pace} · ${delay.toFixed(0)} ms` : pace; // A source in the kernel has another clock.
}

/** Characters of a camera's name that are shown. */
const LONGEST = 32;

/** A camera's name without its USB numbers, and not too long. */
export function deviceName(label: string, index: number): string {
  const name = label.replace(/\s*\([0-9a-f]{4}:[0-9a-f]{4}\)\s*$/i, "").trim();
  if (name === "") return `Camera ${index + 1}`;
  return name.length > LONGEST ? `${name.slice(0, LONGEST - 1).trimEnd()}…` : name;
}

const SIZES: readonly Size[] = [
  { width: 320, height: 240 },
  { width: 640, height: 480 },
  { width: 1280, height: 720 },
  { width: 1920, height: 1080 },
];

/** The sizes that may be chosen: the usual ones that the camera can do, and what is in use. */
export function sizesOf(camera: { info: Size } & Pick<WebcamModel, "size" | "limits">): Size[] {
  const { info, size, limits } = camera;
  const usual = SIZES.filter(
    ({ width, height }) => limits === null || (width <= limits.width && height <= limits.height),
  );
  const all = new Map([...usual, size ?? info].map((one) => [sizeName(one), one]));
  return [...all.values()].sort((a, b) => a.width * a.height - b.width * b.height);
}

export function sizeName({ width, height }: Size): string {
  return `${width} × ${height}`;
}
