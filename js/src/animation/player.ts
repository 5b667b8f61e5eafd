/** Plays an animation that a kernel draws: what the buttons, the keys and Python's commands do. No DOM. */
import { discard } from "../frames/decoder.js";
import { type Action, perform } from "./commands.js";
import {
  type Decoder,
  type Drawn,
  decoderOf,
  type FrameError,
  failedDrawn,
  isBaseless,
  type Picture,
} from "./drawn.js";
import type { PlayerChannel, Seen } from "./line.js";
import { Meter } from "./meter.js";
import { Motion, type Plan } from "./motion.js";
import { Report } from "./report.js";
import {
  clamp,
  type Direction,
  type Info,
  initialState,
  isPositive,
  type Loop,
  readInfo,
  type State,
  startOf,
} from "./state.js";
import { Stills, type Wish } from "./stills.js";
import { Tempo } from "./tempo.js";

/** Milliseconds after which a slider that is held still is taken to rest. */
const REST = 250;

export type { Picture } from "./drawn.js";

/** What a player needs of its view. */
export interface PlayerView extends Seen {
  /** @param scale pixels for each one of the figure's */
  paint(pixels: Picture["pixels"], index: number, scale: number): void;
  /** Something of `player.state`, `info` or `error` is different now. */
  changed(): void;
}

/** What lasts as long as a channel. */
interface Session {
  readonly channel: PlayerChannel;
  readonly decoder: Decoder;
  readonly stills: Stills;
  readonly motion: Motion;
}

export class Player {
  info: Info | null = null;
  /** The latest frame that could not be drawn; null after the user's next step. */
  error: FrameError | null = null;
  /** How many could not be drawn since then. */
  failed = 0;
  readonly state: State = initialState();
  readonly meter = new Meter();

  #session: Session | null = null;
  #run: AbortController | null = null;
  /** Commands that came before the kernel had told what there is to command; null once it has. */
  #early: unknown[] | null = [];
  #isScrubbing = false;
  /** How the stream was asked for. */
  #plan: Plan | null = null;
  #resting: ReturnType<typeof setTimeout> | undefined;
  readonly #report: Report;

  /** @param makeDecoder makes what decodes a channel's frames */
  constructor(
    readonly view: PlayerView,
    readonly tempo = new Tempo(),
    readonly makeDecoder: (channel: PlayerChannel) => Decoder = decoderOf,
  ) {
    this.#report = new Report(this.state, this.meter, () => view.changed());
  }

  /** Begins: shows the frame that the kernel names, and plays if it says so. */
  async attach(channel: PlayerChannel): Promise<void> {
    const decoder = this.meter.timing(this.makeDecoder(channel));
    const line = { channel, decoder };
    const session: Session = {
      ...line,
      stills: new Stills(line, this.view, {
        take: (item, wish, isNewest) => this.#takeStill(item, wish, isNewest),
        fail: (error) => this.#fail(error),
      }),
      motion: new Motion(line, this.view, {
        pace: this.tempo.pace,
        show: (item, isLate) => this.#takeMoving(item, isLate),
        step: () => this.state.direction * this.tempo.stride,
      }),
    };
    this.#session = session;
    this.#report.channel = channel;
    const info = readInfo(await channel.call("info"));
    if (this.#session !== session) return;
    this.info = info;
    this.#report.isLinked = info.linked;
    const { index, direction, speed, loop, fps } = info;
    Object.assign(this.state, { index: clamp(index, info.count), direction, speed, loop, fps });
    const early = this.#early ?? [];
    this.#early = null;
    if (info.playing) this.#playFrom(this.state.index, direction);
    else this.#settle();
    for (const command of early) this.control(command);
    this.view.changed();
  }

  /** Whether commands have an effect. */
  get isReady(): boolean {
    return this.#session !== null && this.#early === null;
  }

  /** The channel has ended. What is painted stays. */
  detach(): void {
    this.#stop();
    this.#session?.stills.close();
    this.#session?.decoder.close();
    this.#session = null;
    this.#early = [];
    this.#isScrubbing = false;
    clearTimeout(this.#resting);
    this.#report.stop();
    this.view.changed();
  }

  /** Does what the user of this page wants, here and, if they are linked, in the other pages. */
  act(action: Action, value?: unknown): void {
    if (!this.isReady) return;
    this.control({ action, value });
    if (action === "step") this.#report.command("pause");
    else this.#report.command(action, value);
    // Each page may be some frames off: they stop at the same one.
    if (action === "step" || action === "pause") this.#report.command("seek", this.state.index);
  }

  /** Does what a `control` event says; commands it does not know are ignored. */
  control(command: unknown): void {
    if (this.#early !== null) this.#early.push(command);
    else perform(this, command);
  }

  // --- commands ----------------------------------------------------------------------------------

  /** Plays on from the frame that is shown; from the other end, or back, if that is the last one. */
  play(direction: Direction = 1): void {
    if (this.info === null || !this.isReady) return;
    this.#clearError();
    const { index, loop } = this.state;
    const start = startOf(index, direction, this.info.count, loop);
    this.#playFrom(start.index, start.direction);
  }

  pause(): void {
    this.#stop();
    this.#report.now();
    this.#settle();
  }

  /** Pauses, and goes `n` frames on (or back); stays at the ends. */
  step(n: number): void {
    this.#stop();
    this.seek(this.state.index + n);
    this.#report.now();
  }

  /** Goes to a frame; playing goes on from there. */
  seek(index: number): void {
    if (this.info === null || !this.isReady) return;
    const target = clamp(index, this.info.count);
    this.#session?.stills.retry();
    this.#clearError();
    this.state.index = target;
    if (this.state.playing) this.#playFrom(target, this.state.direction);
    else this.#settle();
    this.#report.now();
  }

  /** The slider is dragged over a frame: it is shown as soon as that can be, exactly or not; what plays waits. */
  scrub(index: number): void {
    if (this.info === null || !this.isReady) return;
    const target = clamp(index, this.info.count);
    this.#isScrubbing = true;
    this.#run?.abort();
    this.#run = null;
    this.#clearError();
    this.state.index = target;
    this.#want(false);
    this.#report.soon();
    this.#report.command("seek", target, true);
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      this.#settle();
    }, REST);
    this.view.changed();
  }

  /** The slider was let go: what played goes on from there. */
  release(): void {
    if (!this.#isScrubbing) return;
    this.#isScrubbing = false;
    clearTimeout(this.#resting);
    this.#resting = undefined;
    const { playing, index, direction } = this.state;
    if (playing) this.#playFrom(index, direction);
    else this.#settle();
    this.#report.now();
    this.#report.command("seek", index);
  }

  setSpeed(speed: number): void {
    if (!isPositive(speed) || speed === this.state.speed) return;
    this.state.speed = speed;
    this.#repace();
  }

  setFps(fps: number | "max"): void {
    if ((fps !== "max" && !isPositive(fps)) || fps === this.state.fps) return;
    this.state.fps = fps;
    this.#repace();
  }

  setLoop(loop: Loop): void {
    if (loop === this.state.loop) return;
    this.state.loop = loop;
    this.#replay(); // The stream was asked to end, or not to, at the ends.
    this.#report.now();
  }

  /** The picture is shown at another size: frames are asked for at its device pixels from here on. */
  setScale(scale: number): void {
    if (!isPositive(scale) || scale === this.state.scale) return;
    this.state.scale = scale;
    if (!this.isReady || this.#session?.stills.isFixed) return;
    if (this.state.playing) this.#replay();
    else this.#settle();
    this.#report.now();
  }

  /** Shows the frame anew: it looks different now. */
  redraw(): void {
    if (!this.isReady) return;
    if (this.state.playing) this.#replay();
    else this.#want(true);
  }

  /** Another page leads, and is at this frame: goes there. */
  follow(index: number, direction: Direction): void {
    if (!this.isReady || this.#isScrubbing) return;
    this.state.direction = direction;
    this.seek(index);
  }

  /** How many frames are let be under way while it plays; null: not known. */
  get window(): number | null {
    return this.#session?.motion.window ?? null;
  }

  /** What failed was read. */
  dismiss(): void {
    this.#clearError();
    this.view.changed();
  }

  // --- motion ------------------------------------------------------------------------------------

  #playFrom(start: number, direction: Direction): void {
    const session = this.#session;
    if (session === null) return;
    this.#run?.abort();
    this.#isScrubbing = false;
    session.stills.forget();
    const run = new AbortController();
    this.#run = run;
    if (!this.state.playing) this.meter.restart();
    Object.assign(this.state, { playing: true, direction });
    this.tempo.set(this.state);
    this.tempo.watch(run.signal, () => this.#repace());
    this.#report.now();
    const { loop, scale } = this.state;
    const plan = { start, step: direction * this.tempo.stride, loop, scale };
    this.#plan = plan;
    session.motion
      .run(plan, run.signal)
      .then(() => this.#ended(session, run))
      .catch((error) => {
        if (this.#run === run) {
          this.#stop();
          this.#report.now(); // Else the kernel would believe that it plays.
        }
        this.#fail(error);
      });
  }

  /** The stream has run out of frames. */
  async #ended(session: Session, run: AbortController): Promise<void> {
    if (this.#run !== run) return;
    this.#stop();
    this.#report.now(); // At once: what follows may take a while, or fail.
    try {
      await this.#learnCount(session);
    } finally {
      if (this.#session === session) this.#goToEnd();
    }
  }

  /** A stream of every n-th frame may have left the last one out. */
  #goToEnd(): void {
    const { count } = this.info ?? { count: null };
    const last = this.state.direction === 1 ? (count ?? 0) - 1 : 0;
    if (this.tempo.stride > 1 && count !== null && this.#run === null) this.state.index = last;
    this.#report.now();
    this.#settle();
  }

  #takeMoving(item: Drawn, isLate: boolean): void {
    if (!isLate) this.#moveTo(item.index);
    const asked = { index: item.index, exact: false, scale: this.#plan?.scale ?? 1 };
    if ("error" in item) {
      this.state.dropped += 1;
      if (!isBaseless(item)) this.#takeFailure(item.error, { ...asked, exact: true });
    } else if (isLate) {
      discard(item);
      this.state.dropped += 1;
    } else this.#paint(item, asked);
    if (this.#run !== null) this.tempo.watch(this.#run.signal, () => this.#repace());
    this.#report.soon();
    this.view.changed();
  }

  /** Takes note of the frame that playing has come to. */
  #moveTo(index: number): void {
    const { state } = this;
    // Only a bounce turns round by itself; the way shows in the numbers.
    if (state.loop === "bounce" && index !== state.index) {
      state.direction = index > state.index ? 1 : -1;
    }
    state.index = index;
  }

  /** What plays is asked for anew, from where it is. */
  #replay(): void {
    if (!this.state.playing || this.info === null || this.#isScrubbing) return;
    const { index, direction, loop } = this.state;
    const start = startOf(index, direction, this.info.count, loop);
    this.#playFrom(start.index, start.direction);
  }

  #repace(): void {
    const isOther = this.tempo.set(this.state);
    if (isOther) this.#replay(); // Other frames are another stream.
    this.#report.now();
  }

  #stop(): void {
    this.#run?.abort();
    this.#run = null;
    this.state.playing = false;
  }

  // --- stills ------------------------------------------------------------------------------------

  #want(exact: boolean): void {
    const { index, scale } = this.state;
    this.#session?.stills.want({ index, exact, scale });
  }

  /** Draws what is to be shown at rest, unless it is shown already. */
  #settle(): void {
    const { playing, index, scale } = this.state;
    const isMoving = this.#isScrubbing ? this.#resting !== undefined : playing;
    if (!isMoving) this.#session?.stills.settle(index, scale);
  }

  #takeStill(item: Drawn, wish: Wish, isNewest: boolean): void {
    // A stream has taken over.
    if (this.state.playing && !this.#isScrubbing) {
      discard(item);
      return;
    }
    if ("error" in item) {
      if (isNewest) this.#takeFailure(item.error, { ...wish, exact: true });
      if (this.#session !== null) void this.#learnCount(this.#session).catch(() => undefined);
    } else this.#paint(item, wish);
    if (isNewest) this.#settle();
    this.view.changed();
  }

  /** @param asked what it was asked for as: what was to be exact is as exact as can be had */
  #paint(picture: Picture, asked: Wish): void {
    const { index, pixels } = picture;
    const stills = this.#session?.stills;
    stills?.note({ ...asked, exact: asked.exact || picture.lossless });
    if (this.info !== null) stills?.learn(picture, asked.scale, this.info);
    const began = performance.now();
    this.view.paint(pixels, index, stills?.isFixed ? 1 : asked.scale);
    this.meter.painted(picture, began, performance.now());
    this.state.painted += 1;
  }

  /** How many frames there are may show only when the last was drawn. */
  async #learnCount({ channel }: Session): Promise<void> {
    if (this.info?.count !== null || !channel.isOpen) return;
    const { count } = readInfo(await channel.call("info"));
    if (this.info?.count !== null || count === null) return;
    this.info = { ...this.info, count };
    this.state.index = clamp(this.state.index, count);
    this.#settle();
    this.#report.now();
  }

  // --- telling -----------------------------------------------------------------------------------

  /** @param asked no better one is to be had */
  #takeFailure(error: FrameError, asked: Wish): void {
    this.#session?.stills.note(asked, true);
    this.#showError(error);
  }

  #showError(error: FrameError): void {
    this.error = error;
    this.failed += 1;
  }

  #clearError(): void {
    this.error = null;
    this.failed = 0;
  }

  /** A failure that is no frame's: the end of the channel is its view's matter, the rest is shown. */
  #fail(error: unknown): void {
    if (!this.#session?.channel.isOpen) return;
    const failure = failedDrawn(this.state.index, error).error;
    if (failure.code === "kcomm.cancelled") return;
    this.#showError(failure);
    this.view.changed();
  }
}
