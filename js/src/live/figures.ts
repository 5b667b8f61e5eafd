/** What the figures on the picture say: where the time goes, and what travels. */
import { bytes } from "../ui/figures.js";
import type { Info, State } from "./state.js";
import { sizeName } from "./wording.js";

/** Mean milliseconds by stage. */
type Times = Readonly<State["ms"]>;

export const ROWS = [
  "painted",
  "delay",
  "camera",
  "kernel",
  "page",
  "sent",
  "result",
  "traffic",
  "lost",
  "slowest",
] as const;
export type Row = (typeof ROWS)[number];

/** Stages of the loop that are not steps of the user's function. */
const CAMERA = ["capture", "camera_encode"];
const BEFORE = ["wait", "decode"];
const PAGE = ["show", "paint"];
const WHOLE = "process";
const KNOWN: ReadonlySet<string> = new Set([...CAMERA, ...BEFORE, ...PAGE, WHOLE, "encode"]);
/** What a stage is called where its row says whose it is. */
const NAMES: Readonly<Record<string, string>> = { camera_encode: "encode", show: "decode" };

/** The named steps of the function; the function itself, if it is a single one. */
export function stepsOf(ms: Times): string[] {
  const steps = Object.keys(ms).filter((name) => !KNOWN.has(name));
  return steps.length > 0 || !(WHOLE in ms) ? steps : [WHOLE];
}

/** The stage that takes longest; null: nothing was measured. */
export function slowest(ms: Times): readonly [name: string, ms: number] | null {
  // Waiting is not work, and the function as a whole is its steps.
  const steps = stepsOf(ms);
  const work = Object.entries(ms).filter(
    ([name]) => name !== "wait" && (name !== WHOLE || steps.includes(WHOLE)),
  );
  const [first, ...rest] = work;
  if (first === undefined) return null;
  return rest.reduce((worst, one) => (one[1] > worst[1] ? one : worst), first);
}

export function describe(
  info: Pick<Info, "fps" | "source">,
  state: Readonly<State>,
): Record<Row, string> {
  const { ms } = state;
  const worst = slowest(ms);
  const isCamera = info.source === null;
  return {
    painted: `${state.rate.toFixed(1)} fps of ${Number(info.fps.toFixed(1))}`,
    delay: state.delay > 0 ? `${state.delay.toFixed(0)} ms` : "",
    camera: times(ms, CAMERA),
    kernel: times(ms, [...BEFORE, ...stepsOf(ms), "encode"]),
    page: times(ms, PAGE),
    sent: isCamera ? picture(state.width, state.height, state.codec) : "",
    result: picture(state.result_width, state.result_height, state.result_codec),
    traffic:
      state.bytes_up + state.bytes_down > 0
        ? `↑ ${bytes(state.bytes_up)}/s · ↓ ${bytes(state.bytes_down)}/s`
        : "",
    lost: `${state.dropped} dropped · ${state.skipped} skipped`,
    slowest: worst === null ? "" : describeSlowest(worst, info.fps),
  };
}

/** A stage that takes longer than from frame to frame may set the pace of all. */
function describeSlowest([name, took]: readonly [string, number], fps: number): string {
  const text = `${LONG_NAMES.get(name) ?? name} ${took.toFixed(1)} ms`;
  return took * fps > 1000 ? `${text}: too slow for ${Number(fps.toFixed(1))} fps` : text;
}

/** Stages' names where no row says whose they are. */
const LONG_NAMES: ReadonlyMap<string, string> = new Map([
  ["camera_encode", "the camera's encode"],
  ["decode", "the kernel's decode"],
  ["encode", "the kernel's encode"],
  ["show", "the page's decode"],
]);

function times(ms: Times, stages: readonly string[]): string {
  const known = stages.filter((name) => ms[name] !== undefined);
  if (known.length === 0) return "";
  const parts = known.map((name) => `${NAMES[name] ?? name} ${(ms[name] as number).toFixed(1)}`);
  return `${parts.join(" · ")} ms`;
}

function picture(width: number, height: number, codec: string): string {
  if (width === 0) return "";
  return codec === "" ? sizeName({ width, height }) : `${sizeName({ width, height })} · ${codec}`;
}
