/** What a player's read-out says: where the time goes. */
import { bytes } from "../ui/figures.js";
import type { Player } from "./player.js";

export const ROWS = ["painted", "times", "frame", "bytes", "dropped", "window"] as const;
type Row = (typeof ROWS)[number];

/** What the read-out says. */
export function describeStats(player: Player, now: number): Record<Row, string> {
  const { state, meter, window } = player;
  const { draw, encode, decode, paint } = meter.stages;
  const times = Object.entries({ draw, encode, decode, paint });
  const rate = state.playing ? meter.rate(now) : 0;
  return {
    painted: `${rate.toFixed(1)} fps of ${asked(player)}`,
    times: times
      .map(([name, ms]) => `${name} ${ms.toFixed(1)}`)
      .join(" · ")
      .concat(" ms"),
    frame: `${meter.width} × ${meter.height} · ${meter.codec || "none"}`,
    bytes: bytes(meter.bytes),
    dropped: String(state.dropped),
    window: window === null ? "" : `${window} frames`,
  };
}

function asked({ state, tempo }: Player): string {
  const { stride, display } = tempo;
  if (state.fps === "max") return `max, at most ${display.rate.toFixed(0)}`;
  const wanted = Number((state.fps * state.speed).toFixed(1));
  return stride === 1 ? String(wanted) : `${wanted}, every ${ordinal(stride)}`;
}

function ordinal(n: number): string {
  return n === 2 ? "2nd" : n === 3 ? "3rd" : `${n}th`;
}
