/** What a page's loop tells of itself: counts, means, and `state` events, at most four a second but for changes. */
import type { Channel } from "../channel.js";
import { RateMeter, RunningMean } from "../frames/meters.js";
import type { Painted } from "./showing.js";
import { initialState, type State } from "./state.js";

/** Milliseconds between two `state` events while frames go by. */
const INTERVAL = 250;
/** The first frames, for which encoders and functions warm up, say nothing of the delay. */
const WARM_UP = 5;

export class Reporter {
  readonly state: State = initialState();
  channel: Channel | null = null;
  readonly #changed: () => void;
  /** Fills in what others know. */
  readonly #complete: (state: State) => void;
  readonly #rate = new RateMeter();
  #delay = new RunningMean(0.2);
  /** Frames painted since the start. */
  #count = 0;
  readonly #times = new Map<string, RunningMean>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  /** @param changed called when something may look different now */
  constructor(changed: () => void, complete: (state: State) => void) {
    this.#changed = changed;
    this.#complete = complete;
  }

  painted({ codec, width, height, delay }: Painted, ms: Readonly<Record<string, number>>): void {
    const { state } = this;
    state.painted += 1;
    state.error = null;
    [state.result_codec, state.result_width, state.result_height] = [codec, width, height];
    this.#rate.add(performance.now());
    this.#count += 1;
    if (delay !== null) {
      if (this.#count <= WARM_UP) this.#delay = new RunningMean(0.2);
      this.#delay.add(delay);
    }
    // Steps of a function that was replaced.
    for (const stage of this.#times.keys()) if (!(stage in ms)) this.#times.delete(stage);
    for (const [stage, value] of Object.entries(ms)) this.#time(stage, value);
    this.soon();
  }

  missed(lost: number, skipped: number): void {
    this.state.dropped += lost;
    this.state.skipped += skipped;
  }

  failed(error: { code: string; message: string }): void {
    this.state.dropped += 1;
    this.state.error = error;
    this.soon();
  }

  /** Another camera, or function, begins. */
  reset(): void {
    this.#rate.reset();
    this.#delay = new RunningMean(0.2);
    this.#count = 0;
  }

  set(change: Partial<State>): void {
    Object.assign(this.state, change);
    this.now();
  }

  soon(): void {
    this.#timer ??= setTimeout(() => this.now(), INTERVAL);
  }

  /** Tells the kernel, and the view. */
  now(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { state, channel } = this;
    state.rate = state.state === "running" ? this.#rate.rate(performance.now()) : 0;
    state.delay = this.#delay.value;
    state.ms = Object.fromEntries(
      Array.from(this.#times, ([stage, mean]): [string, number] => [stage, mean.value]),
    );
    this.#complete(state);
    if (channel?.isOpen) channel.emit("state", { ...state }, { latest: true });
    this.#changed();
  }

  #time(stage: string, value: number): void {
    let mean = this.#times.get(stage);
    if (mean === undefined) {
      mean = new RunningMean();
      this.#times.set(stage, mean);
    }
    mean.add(value);
  }
}
