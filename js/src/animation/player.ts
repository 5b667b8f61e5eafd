/** Plays an animation that a kernel draws: what the buttons, the keys and Python's commands do. No DOM. */
import type { Channel } from "../channel.js";
import type { Pixels } from "../frames/decode.js";
import { RateMeter, RunningMean } from "../frames/meters.js";
import { type Drawn, decodeDrawn, discard, type FrameError, failedDrawn } from "./drawn.js";
import { due, Pace, periodOf } from "./pace.js";
import { clamp, type Info, isPositive, readInfo, type State, startOf } from "./state.js";

/** Milliseconds between two `state` events while frames go by. */
const STATE_INTERVAL = 250;

/** What a player needs of its view. */
export interface PlayerView {
  paint(pixels: Pixels, index: number): void;
  /** Something of `player.state`, `info` or `error` is different now. */
  changed(): void;
  /** Resolves when somebody can see the view. */
  visible(signal: AbortSignal): Promise<void>;
}

export class Player {
  info: Info | null = null;
  /** The latest frame that could not be drawn; null after the user's next step. */
  error: FrameError | null = null;
  /** How many could not be drawn since then. */
  failed = 0;
  readonly state: State = {
    index: 0,
    playing: false,
    direction: 1,
    speed: 1,
    loop: false,
    fps: 10,
    painted: 0,
    dropped: 0,
    rate: 0,
    ms: { decode: 0, paint: 0 },
  };

  #channel: Channel | null = null;
  #run: AbortController | null = null;
  #wanted: number | null = null;
  #drawing = false;
  /** Commands that came before the kernel had told what there is to command; null once it has. */
  #early: unknown[] | null = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  readonly #pace = new Pace(100);
  readonly #rate = new RateMeter();
  readonly #decodeTime = new RunningMean();
  readonly #paintTime = new RunningMean();

  constructor(readonly view: PlayerView) {}

  /** Begins: shows the frame that the kernel names, and plays if it says so. */
  async attach(channel: Channel): Promise<void> {
    this.#channel = channel;
    const info = readInfo(await channel.call("info"));
    if (this.#channel !== channel) return;
    this.info = info;
    const { index, direction, speed, loop, fps } = info;
    Object.assign(this.state, { index: clamp(index, info.count), direction, speed, loop, fps });
    this.#setPace();
    const early = this.#early ?? [];
    this.#early = null;
    const first = info.playing ? null : this.#draw(this.state.index);
    if (info.playing) this.#playFrom(this.state.index, direction);
    for (const command of early) this.control(command);
    this.view.changed();
    await first;
  }

  /** Whether commands have an effect. */
  get isReady(): boolean {
    return this.#channel !== null && this.#early === null;
  }

  /** The channel has ended. What is painted stays. */
  detach(): void {
    this.#channel = null;
    this.#early = [];
    this.#stop();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.view.changed();
  }

  /** Plays on from the frame that is shown; from the other end if that is the last one. */
  play(direction: 1 | -1 = 1): void {
    if (this.info === null || !this.isReady) return;
    this.#clearError();
    this.#playFrom(startOf(this.state.index, direction, this.info.count), direction);
  }

  pause(): void {
    this.#stop();
    this.#report();
  }

  toggle(): void {
    if (this.state.playing) this.pause();
    else this.play(this.state.direction);
  }

  /** Pauses, and goes `n` frames on (or back); stays at the ends. */
  step(n: number): void {
    this.pause();
    this.seek(this.state.index + n);
  }

  /** Goes to a frame; playing goes on from there. */
  seek(index: number): void {
    if (this.info === null || !this.isReady) return;
    const target = clamp(index, this.info.count);
    this.#clearError();
    if (this.state.playing) {
      this.state.index = target;
      this.#playFrom(target, this.state.direction);
    } else if (target !== this.state.index || this.#wanted !== null) {
      this.state.index = target;
      this.#report();
      void this.#draw(target);
    }
  }

  setSpeed(speed: number): void {
    if (!isPositive(speed)) return;
    this.state.speed = speed;
    this.#setPace();
    this.#report();
  }

  setFps(fps: number | "max"): void {
    if (fps !== "max" && !isPositive(fps)) return;
    this.state.fps = fps;
    this.#setPace();
    this.#report();
  }

  setLoop(loop: boolean): void {
    if (loop === this.state.loop || this.info === null) return;
    this.state.loop = loop;
    const { playing, index, direction } = this.state;
    // The stream was asked to end, or not to, at the ends: ask anew.
    if (playing) this.#playFrom(startOf(index, direction, this.info.count), direction);
    this.#report();
  }

  /** Does what a `control` event says; commands it does not know are ignored. */
  control(command: unknown): void {
    if (this.#early !== null) {
      this.#early.push(command);
      return;
    }
    const { action, value } = (command ?? {}) as { action?: unknown; value?: unknown };
    const number = typeof value === "number" ? value : null;
    if (action === "play") this.play(1);
    else if (action === "pause") this.pause();
    else if (action === "reverse") this.play(-1);
    else if (action === "step") this.step(number ?? 1);
    else if (action === "seek" && number !== null) this.seek(number);
    else if (action === "speed" && number !== null) this.setSpeed(number);
    else if (action === "fps" && (number !== null || value === "max")) this.setFps(number ?? "max");
    else if (action === "loop") this.setLoop(value !== false);
  }

  #playFrom(start: number, direction: 1 | -1): void {
    const channel = this.#channel;
    if (channel === null) return;
    this.#run?.abort();
    this.#wanted = null;
    const run = new AbortController();
    this.#run = run;
    if (!this.state.playing) this.#rate.reset();
    Object.assign(this.state, { playing: true, direction });
    this.#pace.restart();
    this.#report();
    this.#frames(channel, start, direction, run.signal)
      .catch((error) => this.#fail(error))
      .finally(() => {
        if (this.#run !== run) return;
        this.#stop();
        this.#report();
      });
  }

  /** Paints the frames of one `play` stream, each when it is due, until it ends or is left. */
  async #frames(channel: Channel, start: number, step: 1 | -1, signal: AbortSignal): Promise<void> {
    const args = [start, step, this.state.loop];
    const stream = channel.stream("play", args, { window: "auto", signal });
    try {
      let ahead = this.#ahead(stream);
      while (!signal.aborted) {
        const item = await ahead.item;
        if (signal.aborted) return;
        if (item === null) return await this.#learnCount(channel);
        ahead = this.#ahead(stream); // The next one is decoded while this one waits.
        await this.view.visible(signal);
        const late = this.#pace.behind(performance.now()) && ahead.ready;
        if (!late) await due(this.#pace, signal);
        if (signal.aborted) return;
        this.#pace.advance(performance.now());
        this.#show(item, late);
      }
    } finally {
      await stream.return();
    }
  }

  /** Fetches and decodes the next item; null: the stream has ended. `ready` when there is one to be shown. */
  #ahead(stream: AsyncIterator<unknown>): { item: Promise<Drawn | null>; ready: boolean } {
    const ahead = {
      ready: false,
      item: stream.next().then(({ done, value }) => (done ? null : this.#decode(value))),
    };
    const settled = (item: Drawn | null) => {
      ahead.ready = item !== null;
    };
    ahead.item.then(settled, () => undefined); // Whoever awaits the item hears of its error.
    return ahead;
  }

  async #decode(value: unknown): Promise<Drawn> {
    const began = performance.now();
    const drawn = await decodeDrawn(value);
    this.#decodeTime.add(performance.now() - began);
    return drawn;
  }

  #show(item: Drawn, late = false): void {
    if (!late) this.state.index = item.index;
    if ("error" in item) {
      this.error = item.error;
      this.failed += 1;
      this.state.dropped += 1;
    } else if (late) {
      discard(item);
      this.state.dropped += 1;
    } else {
      const began = performance.now();
      this.view.paint(item.pixels, item.index);
      this.#paintTime.add(performance.now() - began);
      this.#rate.add(began);
      this.state.painted += 1;
    }
    this.#reportSoon();
    this.view.changed();
  }

  /** Draws one frame; of several asked for meanwhile only the newest. */
  async #draw(index: number): Promise<void> {
    this.#wanted = index;
    if (this.#drawing) return;
    this.#drawing = true;
    try {
      while (this.#wanted !== null && this.#channel !== null) {
        const wanted: number = this.#wanted;
        const channel = this.#channel;
        this.#wanted = null;
        const item = await this.#fetch(channel, wanted);
        // The first of several would take the slider back while it is dragged; a stream has moved on.
        if (this.#wanted === null && !this.state.playing) this.#show(item);
        if ("error" in item) await this.#learnCount(channel);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#drawing = false;
      this.#wanted = null;
    }
  }

  async #fetch(channel: Channel, index: number): Promise<Drawn> {
    try {
      return await this.#decode(await channel.call("draw", [index]));
    } catch (error) {
      if (!channel.isOpen) throw error;
      return failedDrawn(index, error);
    }
  }

  /** How many frames there are may show only when the last was drawn. */
  async #learnCount(channel: Channel): Promise<void> {
    if (this.info?.count !== null || !channel.isOpen) return;
    const { count } = readInfo(await channel.call("info"));
    if (this.info?.count !== null || count === null) return;
    this.info = { ...this.info, count };
    this.state.index = clamp(this.state.index, count);
    this.#report();
  }

  #stop(): void {
    this.#run?.abort();
    this.#run = null;
    this.state.playing = false;
  }

  #setPace(): void {
    this.#pace.period = periodOf(this.state.fps, this.state.speed);
    this.#pace.restart();
  }

  #clearError(): void {
    this.error = null;
    this.failed = 0;
  }

  /** A failure that is no frame's: the end of the channel is its view's matter, the rest is shown. */
  #fail(error: unknown): void {
    if (this.#channel === null || !this.#channel.isOpen) return;
    const failure = failedDrawn(this.state.index, error).error;
    if (failure.code === "kcomm.cancelled") return;
    this.error = failure;
    this.failed += 1;
    this.view.changed();
  }

  #reportSoon(): void {
    this.#timer ??= setTimeout(() => this.#report(), STATE_INTERVAL);
  }

  /** Tells the kernel, and the view. */
  #report(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.state.rate = this.state.playing ? this.#rate.rate(performance.now()) : 0;
    this.state.ms = { decode: this.#decodeTime.value, paint: this.#paintTime.value };
    if (this.#channel?.isOpen) this.#channel.emit("state", { ...this.state }, { latest: true });
    this.view.changed();
  }
}
