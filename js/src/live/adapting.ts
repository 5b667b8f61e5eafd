/** How large, how often and how well frames are sent, so that the link carries them. No clock of its own: times are milliseconds on any that does not go back. */
import { Flow, Throughput } from "./traffic.js";

/** What is sent where the link lets it. */
export interface Wish {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly quality: number;
  /** Bytes a second up and down together; null: no limit. */
  readonly byteRate: number | null;
}

/** What is sent. */
export interface Plan {
  /** Of the wished sides. */
  readonly scale: number;
  /** Milliseconds that lie between two frames, at least. */
  readonly interval: number;
  readonly quality: number;
  /** Bits a second, for codecs that keep to a rate. */
  readonly bitrate: number;
  /** Bytes that a result may take; null: any. */
  readonly budget: number | null;
}

/** Bits a pixel: `good` at a quality of 0.85, `least` below which fewer or smaller frames look better than worse ones. */
interface Cost {
  readonly good: number;
  readonly least: number;
}

const COSTS: Readonly<Record<string, Cost>> = {
  h264: { good: 0.2, least: 0.04 },
  vp9: { good: 0.14, least: 0.03 },
  jpeg: { good: 1.2, least: 0.4 },
  webp: { good: 0.8, least: 0.3 },
  grey: { good: 8, least: 8 },
  rgb: { good: 24, least: 24 },
};
const GOOD_QUALITY = 0.85;
const LEAST_QUALITY = 0.3;

/** A queue on the link of more milliseconds means that more is sent than it carries; of less than half, that it may carry more. */
const QUEUE = 50;
/** What is sent then, as a share of what came through; and how much more is tried in a second without a queue: little where there was one last. */
const BACK_OFF = 0.8;
const GROWTH = 1;
const CAREFUL_GROWTH = 0.2;
const CAREFUL = 0.25;
/** Milliseconds until the effect of a change can be seen, at least, and the share of the queue that must be gone by then. */
const PATIENCE = 1000;
const EFFECT = 0.3;
/** A queue of more milliseconds is the link's, whatever helps. */
const LONG = 150;
/** Milliseconds for which nothing is changed after what did not help: the machine is busy, not the link. */
const FORBEARANCE = 10_000;
/** The link is no longer thought to be limited when it seems to carry so many times what is sent. */
const PLENTY = 2;
const LEAST_RATE = 4000;
/** What is sent up has this share at least, and what comes down as well. */
const SHARE = 0.4;
/** Below this rate frames get smaller first. */
const LEAST_FPS = 1;
const SCALES = [1, 0.75, 0.5, 0.375, 0.25];
/** Another size must be better for so many milliseconds: a change costs a key frame. It grows only if there is room for more than that. */
const STAY = 2000;
const ROOM = 1.4;
/** Milliseconds for which the limit may be saved up. */
const BURST = 250;

/**
 * Follows what the link carries, and keeps the limit that was set.
 *
 * The *capacity* is unknown, and taken to be without bound, until frames queue on the link; then it is four fifths of what came through in the last
 * second, which lets the queue run empty. If it does not get shorter, it is not the link that frames wait for, but a busy machine: then nothing is
 * changed. Without a queue the capacity grows again, until it is plenty.
 *
 * The bytes that this allows are shared by both directions. What one frame up may take follows from it; if that is less than looks good, the
 * quality falls first. What looks worse still, at a codec's least bits a pixel, is made up for by fewer and smaller frames: half of what is lacking
 * each.
 *
 * The limit is kept by a token bucket of the bytes that really were sent and came, whatever the model says.
 */
export class Adapting {
  readonly #up = new Flow();
  readonly #down = new Flow();
  readonly #through = new Throughput();
  #capacity = Number.POSITIVE_INFINITY;
  /** The capacity at which frames queued last, and the one before they did. */
  #ceiling = Number.POSITIVE_INFINITY;
  #before: number | null = null;
  /** What queued when less was sent last, milliseconds; and until when it is not tried again. */
  #queue = 0;
  #forbearUntil = Number.NEGATIVE_INFINITY;
  #changedAt = Number.NEGATIVE_INFINITY;
  #grownAt: number | null = null;
  /** How much more, or less, the codec takes than its table says. */
  #excess = 1;
  #codec = "";
  #scale = 1;
  /** Since when another size would be better. */
  #unfitSince: number | null = null;
  /** Whether nothing came since frames were lost. */
  #isSilent = false;
  /** Bytes that may be sent or come, by the limit. */
  #tokens = 0;
  #filledAt: number | null = null;

  constructor(public wish: Wish) {}

  /** Bytes a second. */
  bytesUp(now: number): number {
    return this.#up.rate(now);
  }

  bytesDown(now: number): number {
    return this.#down.rate(now);
  }

  /** Bytes a second, up and down, that the link is thought to carry. */
  get capacity(): number {
    return this.#capacity;
  }

  /**
   * Takes note of a frame that was sent.
   *
   * @param planned its bits, had the codec taken what its table says; null: that is not known
   */
  sent(bytes: number, codec: string, planned: number | null, now: number): void {
    this.#up.add(bytes, now);
    this.#fill(now);
    this.#tokens -= bytes;
    if (codec !== this.#codec) this.#excess = 1;
    this.#codec = codec;
    if (planned !== null && planned > 0) {
      const excess = Math.min(8, Math.max(1 / 8, (bytes * 8) / planned));
      this.#excess += 0.1 * (excess - this.#excess);
    }
  }

  /**
   * Takes note of a result that came.
   *
   * @param bytes of the result
   * @param up bytes of the camera frame that it was made of
   * @param queue milliseconds that frames queued on the link
   * @param delay milliseconds from capture to paint
   */
  came(bytes: number, up: number, queue: number, delay: number, now: number): void {
    this.#isSilent = false;
    this.#through.add(bytes + up, now);
    this.#down.add(bytes, now);
    this.#fill(now);
    this.#tokens -= bytes;
    const used = this.#through.rate;
    const isEarly = now - this.#changedAt < Math.max(PATIENCE, 3 * delay);
    if (queue > QUEUE) {
      this.#grownAt = null;
      if (!isEarly) this.#reduce(queue, used, now);
    } else if (queue < QUEUE / 2 && this.#capacity < Number.POSITIVE_INFINITY) {
      this.#before = null;
      this.#queue = 0;
      this.#grow(used, isEarly, now);
    }
  }

  /** Takes note that nothing came for so long that frames count as lost. More of that tells nothing new. */
  lost(now: number): void {
    if (this.#through.rate === 0 || now - this.#changedAt < PATIENCE || this.#isSilent) return;
    this.#isSilent = true;
    this.#ceiling = Math.min(this.#capacity, this.#through.rate);
    this.#capacity = Math.max(LEAST_RATE, this.#ceiling / 2);
    this.#changedAt = now;
  }

  /** What looked like a queue was none: all is as it was before. */
  forgive(): void {
    if (this.#before !== null) this.#capacity = this.#before;
    this.#before = null;
    this.#queue = 0;
  }

  /** Milliseconds until the limit lets another frame go, of `underWay` others. */
  wait(underWay: number, now: number): number {
    const { byteRate } = this.wish;
    if (byteRate === null) return 0;
    this.#fill(now);
    const lacking = underWay * this.#down.mean - this.#tokens;
    return lacking <= 0 ? 0 : (lacking / byteRate) * 1000;
  }

  /** What is sent next. */
  plan(codec: string, now: number): Plan {
    const { wish } = this;
    const { width, height, fps, quality } = wish;
    const cost = COSTS[codec] ?? { good: 1, least: 0.5 };
    const good = Math.max(cost.least, cost.good * 2 ** (4 * (quality - GOOD_QUALITY)));
    const nominal = { scale: 1, interval: 1000 / fps, quality, budget: null };
    const allowed = Math.min(this.#capacity, wish.byteRate ?? Number.POSITIVE_INFINITY);
    const pixels = width * height;
    if (allowed === Number.POSITIVE_INFINITY) {
      this.#scale = 1;
      return { ...nominal, bitrate: good * pixels * fps };
    }
    const [up, down] = this.#share(allowed, now);
    const given = (up * 8) / (fps * pixels * this.#excess);
    const lacking = Math.min(1, given / cost.least);
    const rate = Math.max(LEAST_FPS, fps * Math.sqrt(lacking));
    this.#choose((lacking * fps) / rate, now);
    const bits = Math.min(good, (up * 8) / (rate * pixels * this.#scale ** 2 * this.#excess));
    return {
      scale: this.#scale,
      interval: 1000 / rate,
      quality: qualityOf(bits, good, cost.least, quality),
      bitrate: Math.round(bits * rate * pixels * this.#scale ** 2),
      budget: Math.max(500, Math.floor(down / rate)),
    };
  }

  /** The bits that a frame should take, by the table. */
  planned(codec: string, width: number, height: number, plan: Plan): number | null {
    const cost = COSTS[codec];
    if (cost === undefined) return null;
    // A rate that is kept says nothing of what a picture needs.
    if (codec === "h264" || codec === "vp9") return (plan.bitrate * plan.interval) / 1000;
    return width * height * bitsOf(plan.quality, cost);
  }

  #reduce(queue: number, used: number, now: number): void {
    if (used === 0 || (now < this.#forbearUntil && queue < LONG)) return;
    if (this.#queue > 0 && queue > (1 - EFFECT) * this.#queue && queue < LONG) {
      this.forgive();
      this.#forbearUntil = now + FORBEARANCE;
      return;
    }
    this.#queue = queue;
    this.#before ??= this.#capacity;
    this.#ceiling = Math.min(this.#capacity, used);
    this.#capacity = Math.max(LEAST_RATE, BACK_OFF * this.#ceiling);
    this.#changedAt = now;
  }

  #grow(used: number, isEarly: boolean, now: number): void {
    const since = Math.min(500, now - (this.#grownAt ?? now));
    this.#grownAt = now;
    // What is not used up says nothing of what could be.
    if (isEarly || used < this.#capacity / (1.5 * PLENTY)) return;
    const isNear = Math.abs(this.#capacity / this.#ceiling - 1) < CAREFUL;
    this.#capacity *= 1 + ((isNear ? CAREFUL_GROWTH : GROWTH) * since) / 1000;
    const { wish } = this;
    const cost = COSTS[this.#codec] ?? { good: 1 };
    const full = (cost.good * wish.width * wish.height * wish.fps) / 8;
    if (this.#capacity > PLENTY * (full + this.#down.rate(now))) {
      this.#capacity = Number.POSITIVE_INFINITY;
    }
  }

  /** Bytes a second up and down: what one does not need the other may have. */
  #share(allowed: number, now: number): [number, number] {
    const least = SHARE * allowed;
    const up = Math.max(least, allowed - Math.max(least, this.#down.rate(now)));
    const down = Math.max(least, allowed - Math.max(least, this.#up.rate(now)));
    return [up, down];
  }

  /** Takes the largest size of no more than this share of the pixels. */
  #choose(share: number, now: number): void {
    const fitting = (room: number) =>
      SCALES.find((scale) => scale ** 2 * room <= share * 1.0001) ?? (SCALES.at(-1) as number);
    const smaller = Math.min(this.#scale, fitting(1));
    const scale = Math.max(smaller, fitting(ROOM), share >= 1 ? 1 : 0);
    if (scale === this.#scale) {
      this.#unfitSince = null;
      return;
    }
    this.#unfitSince ??= now;
    if (now - this.#unfitSince < STAY) return;
    this.#scale = scale;
    this.#unfitSince = null;
  }

  #fill(now: number): void {
    const { byteRate } = this.wish;
    if (byteRate === null) {
      this.#filledAt = null;
      return;
    }
    if (this.#filledAt === null) this.#tokens = (byteRate * BURST) / 1000;
    else this.#tokens += (byteRate * (now - this.#filledAt)) / 1000;
    this.#tokens = Math.min(this.#tokens, (byteRate * BURST) / 1000);
    this.#filledAt = now;
  }
}

/** The bits a pixel that a quality takes. */
function bitsOf(quality: number, { good, least }: Cost): number {
  if (good === least) return good;
  return least * (good / least) ** ((quality - LEAST_QUALITY) / (GOOD_QUALITY - LEAST_QUALITY));
}

/** The quality that takes so many bits a pixel, where `best` takes `good`. */
function qualityOf(bits: number, good: number, least: number, best: number): number {
  if (bits >= good || good <= least) return best;
  const share = Math.log(Math.max(1, bits / least)) / Math.log(good / least);
  const lowest = Math.min(LEAST_QUALITY, best);
  return lowest + share * (best - lowest);
}
