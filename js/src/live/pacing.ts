/** When the next camera frame may go, so that frames do not queue anywhere. No clock of its own: times are milliseconds on any that does not go back. */

/** A frame that came back, painted or not. Milliseconds. */
export interface Returned {
  /** From capture to now. */
  readonly delay: number;
  /** What the stages took that were at work on it: not the link, and not waiting. */
  readonly stages: number;
  /** How long it waited in the kernel. */
  readonly waited: number;
  /** Between two results that the kernel can keep up; null: it did not say. */
  readonly pace: number | null;
  /** What decoding and painting took here. */
  readonly shown: number;
}

/** The most frames under way: the stream they go by grants no more. */
export const MOST = 12;
/** What is measured anew counts with this weight. */
const WEIGHT = 0.25;
/** A queue is to be gone after so many frames. */
const DRAIN = 8;
/** Of so many frames the quickest tells whether there is a queue: what slows single ones down is none. */
const RECENT = 8;
/** Without a queue the link is thought to be quicker with each frame: by this share, twice, three times, ... up to the most. */
const HOPE = 0.002;
const MOST_HOPE = 0.05;
/** A transit that is longer than the base by so many milliseconds, so many times what they differ by, or half an interval, was a queue. */
const NOISE = 20;
const JITTER = 2;
/** Milliseconds between two looks for the base, and how many delays: one costs a delay's frames. The first of them while frames queue. */
const QUICK_PROBE_INTERVAL = 1000;
const PROBE_INTERVAL = 5000;
const PROBE_DELAYS = 25;
/** Bounds of the time after which a frame counts as lost, and what it is before one came back. */
const LEAST_TIMEOUT = 1000;
const FIRST_TIMEOUT = 2000;
const MOST_TIMEOUT = 20_000;

interface UnderWay {
  readonly index: number;
  readonly at: number;
  readonly isClean: boolean;
}

/**
 * The camera's pipeline is a row of serial stages: encoding here, the link, the kernel, the link, decoding and painting here. Frames that set out at
 * the *interval* of the slowest stage wait nowhere, but for jitter.
 *
 * Interval: the stages here and the kernel say what they take. The link can't; but what a frame's delay has beyond all stages is its *transit*, and
 * the least transit seen, the *base*, is that of a frame which waited behind no other. While even the quickest of the last frames took longer, there
 * is a queue, and the link is as slow as frames come back. To empty queues, an eighth of the time that frames waited is added to the interval.
 *
 * Under way: by Little's law `delay / interval` frames are if none waits; one more is about to go, and one bridges the jitter. This bounds what
 * queues while the model is wrong. In the beginning nothing is known of the link: one is under way, and one more with each that met no queue.
 *
 * Base: where frames queued, or had to wait for others to come back, everything is let come in after a while; the next frame waits behind no other. (A base that only ever fell would hide that the path has become a longer one.)
 *
 * A frame whose successor came back is gone. Others count as lost after the time-out of RFC 6298; if they come all the same, something stood still, and what they took
 * says nothing of how often frames may go. The time-out is not doubled as there: a frame too many costs little, since the kernel
 * keeps only the newest, and several that were lost in a row must not keep the picture still for long.
 */
export class Pacer {
  /** Milliseconds between two pictures of the camera. */
  period = 0;
  /** No more frames are wanted than one in so many milliseconds. */
  wish = 0;
  #underWay: UnderWay[] = [];
  /** When the last one was to leave. */
  #left = Number.NEGATIVE_INFINITY;
  #kernel = 0;
  #encoding = 0;
  #showing = 0;
  #link = 0;
  /** Frames in a row that met no queue, or that met one. */
  #calm = 0;
  #queued = 0;
  /** Under way at the most so far; one more is tried with each frame that met no queue. */
  #tried = 1;
  #waited = 0;
  #stages = 0;
  #base = Number.POSITIVE_INFINITY;
  #transits: number[] = [];
  /** By which a transit differs from the one before, in the mean (RFC 3550, 6.4.1). */
  #jitter = 0;
  /** When the last one came back, and the mean time between two. */
  #cameAt: number | null = null;
  #spacing = 0;
  /** Whether frames queued, or waited to be let go, since the base was measured. */
  #isHeld = false;
  #isProbing = false;
  #probedAt = Number.NEGATIVE_INFINITY;
  #delay: number | null = null;
  #variance = 0;
  /** Frames that counted as lost. */
  lost = 0;

  /** Frames under way. */
  get underWay(): number {
    return this.#underWay.length;
  }

  /** Milliseconds that the slowest stage takes. */
  get slowest(): number {
    return Math.max(this.#kernel, this.#encoding, this.#showing, this.#link);
  }

  /** Milliseconds between two frames. */
  get interval(): number {
    return Math.max(this.wish, this.slowest + this.#waited / DRAIN);
  }

  /** Frames that may be under way. */
  get limit(): number {
    if (this.#delay === null || this.#isProbing) return 1;
    const spacing = Math.max(this.interval, this.period, 1);
    const needed = Math.floor((this.#base + this.#stages) / spacing) + 2;
    return Math.min(MOST, this.#tried, needed);
  }

  /** Milliseconds that even the quickest of the last frames queued on the link. */
  get queue(): number {
    if (this.#transits.length < RECENT) return 0;
    return Math.max(0, Math.min(...this.#transits) - this.#base);
  }

  /** Whether frames must come back before the next one goes. */
  isFull(now: number): boolean {
    this.#expire(now);
    return this.#underWay.length >= this.limit;
  }

  /** When the first of those under way counts as lost. */
  get expiry(): number {
    return (this.#underWay[0]?.at ?? Number.POSITIVE_INFINITY) + this.#timeout;
  }

  /** Pictures that come from this time on may go: as near to when one is due as the camera lets it. */
  get notBefore(): number {
    return this.#left + this.interval - this.period / 2;
  }

  /**
   * A frame leaves.
   *
   * @param taken when it was taken from the camera, to be encoded
   * @param encoding milliseconds that this took
   */
  sent(index: number, taken: number, now: number, encoding: number): void {
    if (!this.#isProbing && this.#isHeld && now - this.#probedAt > this.#probeInterval) {
      this.#isProbing = this.limit > 1;
      this.#probedAt = now;
    }
    const isClean = this.#underWay.length === 0;
    this.#underWay.push({ index, at: now, isClean });
    this.#encoding = mix(this.#encoding, encoding);
    // What went late is made up for, but for no more than this.
    const credit = Math.max(this.interval, this.period) / 2;
    this.#left = Math.max(this.#left + this.interval, taken - credit);
  }

  /**
   * Takes note of a frame that came back; those before it never will.
   *
   * @returns whether what looked like a queue was none: the path has become a longer one
   */
  came(index: number, now: number, returned: Returned): boolean {
    const wasFull = this.#underWay.length >= this.limit && now > this.#left + this.interval;
    const frame = this.#underWay.find((one) => one.index === index);
    this.#gone(index);
    if (frame === undefined) {
      // What held it up was no queue of frames. That the path has become a long one is learned step by step.
      this.#measure(Math.min(returned.delay, 2 * this.#timeout));
      return false;
    }
    this.#measure(returned.delay);
    this.#kernel = returned.pace === null ? this.#kernel : mix(this.#kernel, returned.pace);
    this.#showing = mix(this.#showing, returned.shown);
    this.#waited = mix(this.#waited, returned.waited);
    this.#stages = mix(this.#stages, returned.stages);
    const transit = Math.max(0, returned.delay - returned.stages - returned.waited);
    let isLonger = false;
    if (frame.isClean && (this.#isProbing || this.#base === Number.POSITIVE_INFINITY)) {
      isLonger = transit > this.#base + this.#noise;
      this.#isProbing = this.#isHeld = false;
      this.#base = transit;
      this.#probedAt = now;
      this.#transits = [];
    }
    this.#base = Math.min(this.#base, transit);
    if (transit <= this.#base + this.#noise) this.#tried = Math.min(MOST, this.#tried + 1);
    const difference = Math.abs(transit - (this.#transits.at(-1) ?? transit));
    this.#jitter += (difference - this.#jitter) / 16;
    this.#transits = [...this.#transits, transit].slice(-RECENT);
    this.#followLink(now);
    this.#link = Math.min(this.#link, transit); // A stage takes no longer than all of them.
    this.#isHeld ||= wasFull;
    return isLonger;
  }

  /** Takes note that a frame failed: what it took says nothing. */
  failed(index: number): void {
    this.#gone(index);
  }

  /** Nothing is under way any more; what was learned stays. */
  clear(): void {
    this.#underWay = [];
    this.#cameAt = null;
    this.#transits = [];
    this.#isProbing = false;
  }

  get #probeInterval(): number {
    // A queue that does not go away, whatever is done, may be none. It is looked at once; then it takes longer to be sure.
    const isQueue = this.#queued > 2 * RECENT && this.#queued < 4 * RECENT;
    if (isQueue) return QUICK_PROBE_INTERVAL;
    return Math.max(PROBE_INTERVAL, PROBE_DELAYS * (this.#delay ?? 0));
  }

  /** How much longer than the base a transit may be without a queue. */
  get #noise(): number {
    return Math.max(NOISE, this.interval / 2, JITTER * this.#jitter);
  }

  #gone(index: number): void {
    this.#underWay = this.#underWay.filter((one) => one.index > index);
  }

  #expire(now: number): void {
    while (this.expiry <= now) {
      this.#underWay.shift();
      this.lost += 1;
      this.#isProbing = false;
      this.#cameAt = null;
    }
  }

  get #timeout(): number {
    if (this.#delay === null) return FIRST_TIMEOUT;
    const estimate = this.#delay + 4 * this.#variance;
    return Math.min(MOST_TIMEOUT, Math.max(LEAST_TIMEOUT, estimate));
  }

  #measure(delay: number): void {
    if (this.#delay === null) {
      this.#delay = delay;
      this.#variance = delay / 2;
    } else {
      this.#variance += (Math.abs(delay - this.#delay) - this.#variance) / 4;
      this.#delay += (delay - this.#delay) / 8;
    }
  }

  #followLink(now: number): void {
    if (this.#cameAt !== null) this.#spacing = mix(this.#spacing, now - this.#cameAt);
    this.#cameAt = now;
    const excess = this.queue;
    if (excess > this.#noise) {
      this.#isHeld = true;
      this.#calm = 0;
      this.#queued += 1;
      this.#link = Math.max(this.#link, this.#spacing) + excess / DRAIN / RECENT;
      // No slower than frames come back, and what empties the queue.
      this.#link = Math.min(this.#link, this.#spacing + excess / DRAIN);
    } else {
      this.#calm += 1;
      this.#queued = 0;
      this.#link *= 1 - Math.min(MOST_HOPE, this.#calm * HOPE);
    }
  }
}

function mix(mean: number, value: number): number {
  return mean === 0 ? value : mean + WEIGHT * (value - mean);
}
