/** What a player tells: the kernel how it stands, and the pages that are linked what its user did. */
import type { Action } from "./commands.js";
import type { PlayerChannel } from "./line.js";
import type { Meter } from "./meter.js";
import type { State } from "./state.js";

/** Milliseconds between two `state` events while frames go by. */
const INTERVAL = 250;

export class Report {
  channel: PlayerChannel | null = null;
  isLinked = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param onTold called when the figures in the state are new */
  constructor(
    readonly state: State,
    readonly meter: Meter,
    readonly onTold: () => void,
  ) {}

  /** Tells how it stands. */
  now(): void {
    this.#cancel();
    const { state, meter } = this;
    const { decode, paint } = meter.stages;
    state.rate = state.playing ? meter.rate(performance.now()) : 0;
    state.ms = { decode, paint };
    if (this.channel?.isOpen) this.channel.emit("state", { ...state }, { latest: true });
    this.onTold();
  }

  /** Tells it within a while. */
  soon(): void {
    this.#timer ??= setTimeout(() => this.now(), INTERVAL);
  }

  /**
   * Tells the other pages what the user of this one did, if they are linked.
   *
   * @param latest another one follows, and then this one does not count
   */
  command(action: Action, value?: unknown, latest = false): void {
    if (!this.isLinked || !this.channel?.isOpen) return;
    this.channel.emit("command", { action, value: value ?? null }, { latest });
    this.soon(); // The kernel listens to the page that leads, which this one does once that has come.
  }

  /** The channel has ended. */
  stop(): void {
    this.channel = null;
    this.#cancel();
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
