/** Frames that go by: streams of the kernel's `play`, each frame painted when it is due. */
import { discard } from "../frames/decoder.js";
import type { Drawn } from "./drawn.js";
import type { Line, PlayerStream, Seen } from "./line.js";
import { due, type Pace } from "./pace.js";
import type { Loop } from "./state.js";

/** What is to be played. */
export interface Plan {
  /** The first frame. */
  readonly start: number;
  /** From one frame to the next. */
  readonly step: number;
  readonly loop: Loop;
  readonly scale: number;
}

/** What a motion tells its player. */
export interface MotionOwner {
  readonly pace: Pace;
  /** A frame is due, or passed over as it came too late. */
  show(item: Drawn, isLate: boolean): void;
  /** From one frame to the next, from here on: it may have turned round. */
  step(): number;
}

/** A frame that is fetched while the one before it is shown. */
interface Ahead {
  /** Null: the stream has ended. */
  readonly item: Promise<Drawn | null>;
  /** Whether there is one to be shown by now. */
  isReady: boolean;
}

export class Motion {
  #stream: PlayerStream | null = null;

  constructor(
    readonly line: Line,
    readonly seen: Seen,
    readonly owner: MotionOwner,
  ) {}

  /** How many frames are let be under way; null: not known. */
  get window(): number | null {
    return this.#stream?.window ?? null;
  }

  /** Plays until the frames end or the signal is aborted. While nobody can see them it stays where it is, and asks for none. */
  async run(plan: Plan, signal: AbortSignal): Promise<void> {
    let next: Plan | null = plan;
    while (next !== null) {
      await this.seen.visible(signal);
      if (signal.aborted) return;
      const stop = await this.#stretch(next, signal);
      next = stop === null ? null : { ...plan, start: stop, step: this.owner.step() };
    }
  }

  /**
   * Plays one stream.
   *
   * @returns the frame at which nobody could see it any more; null: it has ended
   */
  async #stretch({ start, step, loop, scale }: Plan, signal: AbortSignal): Promise<number | null> {
    const { channel, decoder } = this.line;
    const args = [start, step, loop, scale, decoder.has()];
    const stream = channel.stream("play", args, { window: "auto", signal });
    this.#stream = stream;
    const { pace } = this.owner;
    pace.restart();
    let ahead = this.#ahead(stream);
    try {
      for (;;) {
        const item = await ahead.item;
        if (item === null || signal.aborted) return leave(item, null);
        ahead = this.#ahead(stream);
        const isLate = pace.behind(performance.now()) && ahead.isReady;
        if (!isLate) await due(pace, signal);
        if (signal.aborted) return leave(item, null);
        if (!this.seen.isVisible()) return leave(item, item.index);
        pace.advance(performance.now());
        this.owner.show(item, isLate);
      }
    } finally {
      this.#stream = null;
      ahead.item.then(discard, () => undefined);
      await stream.return();
    }
  }

  #ahead(stream: PlayerStream): Ahead {
    const ahead: Ahead = {
      isReady: false,
      item: stream
        .next()
        .then(({ done, value }) => (done ? null : this.line.decoder.decode(value))),
    };
    const settled = (item: Drawn | null) => {
      ahead.isReady = item !== null;
    };
    ahead.item.then(settled, () => undefined); // Whoever awaits the item hears of its error.
    return ahead;
  }
}

/** Gives back what is not shown any more, and returns where that leaves it. */
function leave<T>(item: Drawn | null, where: T): T {
  discard(item);
  return where;
}
