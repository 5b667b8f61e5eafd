/** How many items of a stream may be under way: as few as keep its consumer busy. */

/** The fewest items, with which it begins; the second, if they must be fresh. Four are granted two by two, which halves the messages that grant them. */
export const INITIAL = 4;
const FRESH_INITIAL = 2;
const MAX = 64;
/** Items that a round has at the least: of fewer, most is chance. */
const ROUND = 8;
/**
 * Where items come fast some are granted at once, by one message in so many milliseconds, for so many items: each message costs the page, the
 * server and the kernel some milliseconds.
 */
const GRANT_INTERVAL = 100;
const FRESH_GRANT_INTERVAL = 50;
const MAX_BATCH = 4;
/** Milliseconds after which the base is looked for anew; the second, if the window is as small as can be. */
const PROBE_INTERVAL = 10_000;
const SMALL_PROBE_INTERVAL = 2000;

/** The time in which a whole window is consumed, and what was seen in it. */
class Round {
  /** How often the consumer found nothing. */
  starved = 0;
  /** The fewest items that it found. */
  fewest = MAX;
  /** The least turnaround. */
  least = Number.POSITIVE_INFINITY;

  constructor(
    readonly begun: number,
    readonly first: number,
    readonly end: number,
  ) {}
}

/**
 * A window that follows the delay and the rate of its stream.
 *
 * An item's *turnaround* is the time from its grant to its arrival; the least of them, the *base*, is that of an item which waited behind no
 * other. By Little's law `rate * base` items are under way when none waits. What the window holds beyond that is queued: before the producer, on
 * the link, or at a consumer that takes its time. Once a round the window grows if too little is queued to bridge the gaps, the faster the longer
 * it has been so, and shrinks if more is queued than that takes: TCP Vegas' rule. Where times vary much, as in a busy page, much is queued in the
 * mean although the producer often has nothing to do; so three parts in four of what counts is what even the luckiest item of the round waited
 * behind: two, if items are to be fresh.
 *
 * A queue that never empties would hide a base that has grown or fallen. So every ten seconds, and sooner when the window has shrunk, everything
 * under way is let come in before more is granted: the next item waits behind no other. This is not done to a consumer that finds its items
 * waiting for it.
 *
 * @example
 * const window = new AdaptiveWindow(0);
 * window.arrived(0, 100);
 * window.consumed(1, 100); // 5
 */
export class AdaptiveWindow {
  size: number;
  /** Items below this index were granted. */
  limit: number;
  /** The least turnaround in milliseconds. */
  base = Number.POSITIVE_INFINITY;
  /** Of what has not arrived: up to which index, and when it was granted. */
  readonly #grants: { limit: number; at: number }[];
  #arrived = 0;
  /** The item that was granted when nothing else was under way. */
  #clean: number | null = 0;
  #cleanAt: number;
  #isDraining = false;
  readonly #min: number;
  #growth: number;
  #highest: number;
  #round: Round | null = null;
  /** Items a millisecond. */
  #rate = 0;

  /**
   * @param now the time of the call in milliseconds, on any clock that never goes back
   * @param isFresh whether a gap is better than an item that waits
   */
  constructor(
    now: number,
    readonly isFresh = false,
  ) {
    const initial = isFresh ? FRESH_INITIAL : INITIAL;
    this.size = this.limit = initial;
    this.#min = this.#growth = this.#highest = initial;
    this.#grants = [{ limit: initial, at: now }];
    this.#cleanAt = now;
  }

  /** Takes note of an item that came; of those before it, none comes any more. */
  arrived(index: number, now: number): void {
    while ((this.#grants[0]?.limit ?? Number.POSITIVE_INFINITY) <= index) this.#grants.shift();
    const turnaround = now - (this.#grants[0]?.at ?? now);
    if (this.#clean !== null && index >= this.#clean) {
      this.base = turnaround;
      this.#clean = null;
      this.#cleanAt = now;
    }
    this.base = Math.min(this.base, turnaround);
    if (this.#round !== null) this.#round.least = Math.min(this.#round.least, turnaround);
    this.#arrived = index + 1;
  }

  /**
   * Returns up to which index to grant, now that the items below `done` are consumed.
   *
   * @returns null: nothing is to be granted
   */
  consumed(done: number, now: number): number | null {
    if (this.#round !== null) {
      const waiting = this.#arrived - done;
      this.#round.fewest = Math.min(this.#round.fewest, waiting);
      if (waiting === 0) this.#round.starved += 1;
      if (done >= this.#round.end) this.#endRound(this.#round, done, now);
    }
    if (this.#isDraining && done < this.limit) return null;
    if (done + this.size - this.limit < this.#batch) return null;
    if (this.#arrived >= this.limit) this.#clean = this.limit;
    this.limit = done + this.size;
    this.#grants.push({ limit: this.limit, at: now });
    if (this.#isDraining) {
      // Until it comes nothing is consumed, which says nothing of the rate.
      this.#isDraining = false;
      this.#round = null;
    } else {
      this.#round ??= new Round(now, done, Math.max(this.limit, done + ROUND));
    }
    return this.limit;
  }

  /** How many items are granted at once. */
  get #batch(): number {
    const interval = this.isFresh ? FRESH_GRANT_INTERVAL : GRANT_INTERVAL;
    const count = Math.min(this.#rate * interval, MAX_BATCH, this.size / 2);
    return Math.max(1, Math.floor(count));
  }

  #endRound(ended: Round, done: number, now: number): void {
    this.#round = null;
    const count = done - ended.first;
    if (now > ended.begun) {
      this.#rate = count / (now - ended.begun);
      this.#resize(ended);
    }
    if (2 * ended.starved > count && this.#isStale(now)) {
      this.#isDraining = true;
      this.#highest = this.size;
    }
  }

  /** Whether the base is to be looked for. */
  #isStale(now: number): boolean {
    // A window shrinks because its link is a shorter one, or a longer one on which all items seem to wait.
    const interval = this.size === this.#min ? SMALL_PROBE_INTERVAL : PROBE_INTERVAL;
    return (
      now - this.#cleanAt > interval || (2 * this.size <= this.#highest && this.size > this.#min)
    );
  }

  #resize(ended: Round): void {
    const excess = Number.isFinite(ended.least) ? ended.least - this.base : 0;
    const always = ended.fewest + this.#rate * excess;
    // Just before more is granted a batch less is under way.
    const inTheMean = this.size - this.#batch + 1 - this.#rate * this.base;
    const share = this.isFresh ? 0.5 : 0.25;
    const queued = (1 - share) * always + share * inTheMean;
    // Draws, frames and links vary: the more items, the more is needed to bridge it.
    const enough = this.isFresh ? 0.75 : Math.max(1, this.size / 6);
    if (queued < enough) {
      this.size += this.#growth;
      this.#growth = Math.min(2 * this.#growth, this.size);
    } else {
      this.#growth = 1;
      // By an eighth: a consumer that paused once looks slow for a round.
      if (queued > enough + 1) this.size -= Math.max(1, Math.floor(this.size / 8));
    }
    this.size = Math.min(Math.max(this.size, this.#min), MAX);
    this.#highest = Math.max(this.#highest, this.size);
  }
}
