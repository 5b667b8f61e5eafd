/** Single frames, for a player that does not play. */
import { KcommError } from "../errors.js";
import { discard } from "../frames/decoder.js";
import { type Drawn, failedDrawn, isBaseless } from "./drawn.js";
import type { Line, Seen } from "./line.js";

/** A frame to be shown. */
export interface Wish {
  readonly index: number;
  /** Whether it must be pixel for pixel what was drawn. */
  readonly exact: boolean;
  readonly scale: number;
}

/** What stills tell their player. */
export interface StillsOwner {
  /** @param isNewest no other frame was wished for meanwhile */
  take(item: Drawn, wish: Wish, isNewest: boolean): void;
  /** Something other than the frame failed. */
  fail(error: unknown): void;
}

/** In pixels. */
type Size = Readonly<Record<"width" | "height", number>>;

/** Draws the frames that are wished for, one at a time: of several wishes meanwhile only the newest counts. */
export class Stills {
  /** What is painted, or failed, and whether it is as exact as can be had. */
  #shown: Wish | null = null;
  #hasFailed = false;
  /** Whether frames come in one size, whatever scale is asked for. */
  isFixed = false;
  #wish: Wish | null = null;
  #isDrawing = false;
  /** What is being drawn. */
  #current: Wish | null = null;
  readonly #life = new AbortController();

  constructor(
    readonly line: Line,
    readonly seen: Seen,
    readonly owner: StillsOwner,
  ) {}

  /** Draws a frame as soon as somebody can see it. */
  want(wish: Wish): void {
    this.#wish = wish;
    if (!this.#isDrawing) void this.#draw();
  }

  /** Draws what is to be shown at rest, unless it is there or on its way. */
  settle(index: number, scale: number): void {
    const shown = this.#shown;
    const isThere = shown?.index === index && (shown.scale === scale || this.isFixed);
    const isComing = this.#current?.index === index && this.#current.scale === scale;
    if ((isThere && shown.exact) || isComing) this.#wish = null;
    else this.want({ index, exact: true, scale });
  }

  /** Whatever was wished for is not any more. */
  forget(): void {
    this.#wish = null;
  }

  /** Takes note of what is painted, or has failed in its place. */
  note(shown: Wish, hasFailed = false): void {
    this.#shown = shown;
    this.#hasFailed = hasFailed;
  }

  /**
   * Learns from a frame whether frames come in one size; one of a size that nobody asked for tells nothing.
   *
   * @param scale what it was asked for at
   * @param usual a frame at scale 1
   */
  learn({ width, height }: Size, scale: number, usual: Size): void {
    const scaled = Math.round(usual.width * scale);
    if (scaled === usual.width) return;
    if (width === usual.width && height === usual.height) this.isFixed = true;
    else if (Math.abs(width - scaled) <= 1) this.isFixed = false;
  }

  /** What has failed is to be tried again when it is wanted. */
  retry(): void {
    if (this.#hasFailed) this.#shown = null;
  }

  close(): void {
    this.#life.abort();
  }

  async #draw(): Promise<void> {
    const { signal } = this.#life;
    this.#isDrawing = true;
    try {
      for (;;) {
        await this.seen.visible(signal);
        const wish = this.#wish; // The newest, after however long that took.
        if (wish === null || signal.aborted) return;
        this.#wish = null;
        this.#current = wish;
        const item = await this.#fetch(wish);
        this.#current = null;
        if (signal.aborted) return discard(item);
        this.owner.take(item, wish, this.#wish === null);
      }
    } catch (error) {
      if (!signal.aborted) this.owner.fail(error);
    } finally {
      this.#isDrawing = false;
      this.#current = null;
      if (this.#wish !== null && !signal.aborted) void this.#draw();
    }
  }

  async #fetch(wish: Wish): Promise<Drawn> {
    const { decoder } = this.line;
    const item = await this.#ask(wish, decoder.has());
    // It was made for bases that are gone meanwhile: as for a page that holds none.
    return isBaseless(item) ? this.#ask(wish, []) : item;
  }

  async #ask({ index, exact, scale }: Wish, has: number[]): Promise<Drawn> {
    const { channel, decoder } = this.line;
    try {
      const value = await channel.call("draw", [index, scale, exact, has]);
      return await decoder.decode(value);
    } catch (error) {
      if (!channel.isOpen) throw error;
      return failedDrawn(index, isTimeout(error) ? tooLong(error) : error);
    }
  }
}

function isTimeout(error: unknown): error is KcommError {
  return error instanceof KcommError && error.code === "kcomm.timeout";
}

/** What a call's time-out means to who looks at a player. */
function tooLong(cause: KcommError): KcommError {
  const text = "the kernel has not drawn it yet: go to it again";
  return new KcommError("kcomm.timeout", text, null, { cause });
}
