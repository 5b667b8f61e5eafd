/** The way down: results come from the kernel, and are painted. */
import type { Channel } from "../channel.js";
import { type Decoded, discard, FrameDecoder } from "../frames/decoder.js";
import { release } from "../frames/spares.js";
import type { LoopView } from "./loop.js";
import type { Outcome } from "./sending.js";
import { positive } from "./state.js";

/** What becomes of results. */
export interface Hearer {
  /** A frame was painted, or not. */
  came(outcome: Outcome, painted: Painted | null): void;
  /** Frames were lost, or passed over by the kernel. */
  missed(lost: number, skipped: number): void;
  failed(error: { code: string; message: string }): void;
}

/** What was painted. */
export interface Painted {
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  /** Milliseconds. */
  readonly show: number;
  readonly paint: number;
  readonly delay: number | null;
}

/** Paints the results that a kernel sends over one channel. */
export class Receiver {
  readonly #channel: Channel;
  readonly #view: LoopView;
  readonly #hearer: Hearer;
  readonly #decoder: FrameDecoder;
  /** The kernel's own camera's picture, which comes beside the result. */
  readonly #input: FrameDecoder;
  /** The index that came last, and that was painted last. */
  #last: number | null = null;
  #painted = -1;
  #isClosed = false;

  constructor(channel: Channel, view: LoopView, hearer: Hearer) {
    this.#channel = channel;
    this.#view = view;
    this.#hearer = hearer;
    const fetchBase = (id: number) => channel.call("base", [id]);
    const onKeyWanted = () => {
      if (channel.isOpen) channel.emit("key");
    };
    this.#decoder = new FrameDecoder(fetchBase, { onKeyWanted });
    this.#input = new FrameDecoder(fetchBase, { onKeyWanted });
  }

  /**
   * Asks for results, and paints them until the kernel ends, or the signal is aborted.
   *
   * @param isPaced whether the kernel sends as many as this page asks for; else this page's camera frames are what limits them
   */
  async run(isPaced: boolean, signal: AbortSignal): Promise<void> {
    const options = isPaced ? { window: "fresh" as const, signal } : { signal };
    for await (const value of this.#channel.stream("results", [], options)) {
      await this.take(value);
      if (isPaced) await this.#view.visible(signal);
    }
  }

  /** What comes later is neither painted nor told of. */
  close(): void {
    this.#isClosed = true;
    this.#decoder.close();
    this.#input.close();
  }

  /** Paints a result. */
  async take(value: unknown): Promise<void> {
    const began = performance.now();
    const map = (value ?? {}) as Record<string, unknown>;
    const decoding = this.#decoder.decode(value);
    const input =
      map.input === undefined || map.input === null ? null : this.#input.decode(map.input);
    input?.catch(() => undefined); // It rejects again in its turn.
    const frame = await decoding.catch(async (error) => {
      discard((await input?.catch(() => null)) ?? null);
      throw error;
    });
    if (this.#isClosed) {
      discard(frame);
      discard(await input);
      return;
    }
    this.#count(frame.index, positive(map.skipped) ?? 0);
    const pace = positive(map.pace);
    const outcome = this.#paint(frame, began, pace);
    this.#hearer.came(...outcome);
    if ("error" in frame && frame.error.code !== "kcomm.no_frame") {
      const { code, message } = frame.error;
      this.#hearer.failed({ code, message });
    }
    const picture = await input;
    if (this.#isClosed) discard(picture);
    else if (picture !== null && !("error" in picture)) {
      this.#view.paintInput(picture.pixels, picture.index);
    }
  }

  #paint(frame: Decoded, began: number, pace: number | null): [Outcome, Painted | null] {
    const { index } = frame;
    const decoded = performance.now();
    const failed = { index, bytes: 0, ms: {}, pace, shown: 0, delay: null };
    if ("error" in frame) return [failed, null];
    const { bytes, ms, codec, width, height, captured, pixels } = frame;
    if (index < this.#painted) {
      release(pixels); // A newer one overtook it, by another way.
      return [{ ...failed, bytes, ms }, null];
    }
    this.#painted = index;
    this.#view.paint(pixels, index);
    const now = performance.now();
    const [show, paint] = [decoded - began, now - decoded];
    const delay = captured === undefined ? null : now - captured;
    const outcome = { index, bytes, ms, pace, shown: show + paint, delay };
    return [outcome, { codec, width, height, show, paint, delay }];
  }

  #count(index: number, skipped: number): void {
    const gap = this.#last === null ? 0 : index - this.#last - 1;
    this.#last = Math.max(index, this.#last ?? 0);
    this.#hearer.missed(Math.max(0, gap - skipped), skipped);
  }
}
