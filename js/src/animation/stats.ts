/** A small read-out on the picture: where the time goes. */
import { make, setText } from "../elements.js";
import type { Player } from "./player.js";

/** Milliseconds between two looks. */
const INTERVAL = 250;
const ROWS = ["painted", "times", "frame", "bytes", "dropped", "window"] as const;
type Row = (typeof ROWS)[number];

export class Stats {
  readonly node: HTMLElement;
  readonly #values: Record<Row, HTMLElement>;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(readonly player: Player) {
    const cells = ROWS.map((name) => [name, make("span")] as const);
    this.#values = Object.fromEntries(cells) as Record<Row, HTMLElement>;
    const rows = cells.map(([name, cell]) =>
      make("div", { "data-row": name }, make("span", { class: "kcomm-Stats-name" }, name), cell),
    );
    this.node = make(
      "div",
      { class: "kcomm-Stats", role: "group", "aria-label": "Figures", hidden: true },
      ...rows,
    );
  }

  get isShown(): boolean {
    return !this.node.hidden;
  }

  toggle(): void {
    this.node.hidden = !this.node.hidden;
    clearInterval(this.#timer);
    if (!this.isShown) return;
    this.#update();
    this.#timer = setInterval(() => this.#update(), INTERVAL);
  }

  dispose(): void {
    clearInterval(this.#timer);
  }

  #update(): void {
    for (const [name, text] of Object.entries(describeStats(this.player, performance.now()))) {
      const cell = this.#values[name as Row];
      setText(cell, text);
      if (cell.parentElement !== null) cell.parentElement.hidden = text === "";
    }
  }
}

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

/** A number of bytes as people read it. */
export function bytes(count: number): string {
  if (count < 1000) return `${count.toFixed(0)} B`;
  if (count < 1e6) return `${(count / 1e3).toFixed(1)} kB`;
  return `${(count / 1e6).toFixed(2)} MB`;
}
