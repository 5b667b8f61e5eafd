/** The sending end of the reliable lane: numbers, probes, and what is sent again (section 5). */

import { ProtocolError } from "../errors.js";
import type { Packet } from "../transport/transport.js";

/** A sender whose last packet is not acknowledged asks after this long, then at twice the interval each time (milliseconds). */
export const PROBE_DELAY = 1_000;
export const MAX_PROBE_DELAY = 60_000;
/** A kernel publishes `idle` after the NACK: that opens the server's rate gate, so the answer comes after it (milliseconds). */
export const RESEND_DELAY = 20;
/** NACKs that were held up come in one go: they are answered once. Less than a receiver waits to ask again (milliseconds). */
export const RESEND_INTERVAL = 200;
/** Bytes a millisecond of a slow path: what was sent again may take this long, and is not lost meanwhile. */
export const SLOW_PATH = 1000;
/** Packets that are sent again for one NACK. A server lets about 3 000 pass before its gate closes again. */
export const MAX_RESENT = 256;

interface Kept {
  readonly nbytes: number;
  readonly packet: Packet;
  resentAt: number | null;
  /** How often it was sent again. */
  resent: number;
  isDue: boolean;
}

/** Numbers reliable packets, keeps each until it is acknowledged, and sends again what is asked for. */
export class SendLane {
  last = 0;
  /** Bytes that are on their way, or may be: of volatile packets, too. */
  nbytes = 0;
  #loose = 0;
  /** What is not acknowledged: all numbers from `#acknowledged + 1` to `last`. */
  readonly #ring = new Map<number, Kept>();
  #acknowledged = 0;
  #waitsSince: number | null = null;
  #probeDelay = PROBE_DELAY;
  #probeDue: number | null = null;
  #probedAt: number | null = null;
  #again: Kept[] = [];
  #againDue: number | null = null;
  #progressedAt = Number.NEGATIVE_INFINITY;

  /** @param window bytes that may be unacknowledged */
  constructor(public window: number) {}

  /** Whether the next reliable packet has to wait for an acknowledgement. */
  get isFull(): boolean {
    return this.nbytes >= this.window;
  }

  /** Since when nothing was acknowledged of what is still to be; null if all is. */
  get waitsSince(): number | null {
    return this.#waitsSince;
  }

  /** Keeps the packet that was numbered `last + 1`. */
  keep(packet: Packet, nbytes: number, now: number): void {
    this.last += 1;
    if (this.#ring.size === 0) {
      this.#waitsSince = now;
      this.#probeDue = now + this.#probeDelay;
    }
    this.nbytes += nbytes;
    // What was sent before it has passed, or was lost, when this one is acknowledged.
    const kept = { nbytes: nbytes + this.#loose, packet, resentAt: null, resent: 0, isDue: false };
    this.#ring.set(this.last, kept);
    this.#loose = 0;
  }

  /**
   * Whether a packet must be reliable although its messages are volatile.
   *
   * Nobody acknowledges volatile packets: without a reliable one between them, those that wait on the path for an end which does not read
   * would have no bound.
   */
  needsNumber(nbytes: number): boolean {
    return (this.#loose + nbytes) * 4 >= this.window;
  }

  /** Counts a volatile packet, until the next reliable one after it is acknowledged. */
  countVolatile(nbytes: number): void {
    this.#loose += nbytes;
    this.nbytes += nbytes;
  }

  /** Lets go of all packets up to `ack`; returns whether there were any. */
  acknowledge(ack: number, now: number): boolean {
    if (ack > this.last) {
      const message = `packet ${ack} was acknowledged, but ${this.last} is the last one sent`;
      throw new ProtocolError(message);
    }
    if (ack <= this.#acknowledged) return false;
    for (const [seq, kept] of this.#stretch(this.#acknowledged + 1, ack)) {
      this.#ring.delete(seq);
      kept.isDue = false;
      this.nbytes -= kept.nbytes;
    }
    this.#acknowledged = ack;
    this.#progressedAt = now;
    const isWaiting = this.#ring.size > 0;
    this.#waitsSince = isWaiting ? now : null;
    this.#probeDelay = PROBE_DELAY;
    this.#probeDue = isWaiting ? now + PROBE_DELAY : null;
    return true;
  }

  // --- tail probes -------------------------------------------------------------------------------------

  /** When a tail probe is due: whether the last packet was lost shows nowhere else. */
  get probeDeadline(): number | null {
    return this.#probeDue;
  }

  /** Returns the number that a probe names; the next one is due after twice the time. */
  takeProbe(now: number): number {
    this.#probedAt = now;
    this.#probeDue = null;
    if (this.#ring.size > 0) {
      this.#probeDelay = Math.min(2 * this.#probeDelay, MAX_PROBE_DELAY);
      this.#probeDue = now + this.#probeDelay;
    }
    return this.last;
  }

  /** Takes note that the path works again: what is still unacknowledged is probed for soon. */
  hastenProbe(now: number): void {
    if (this.#ring.size === 0) return;
    this.#probeDelay = PROBE_DELAY;
    // Never sooner than that after the last one: else two ends could go on probing each other.
    const earliest = this.#probedAt === null ? now : Math.max(now, this.#probedAt + PROBE_DELAY);
    this.#probeDue = Math.min(this.#probeDue ?? earliest, earliest);
  }

  /** Takes note that the connection is up: the other end learns at once what was sent. */
  probeAtOnce(now: number): void {
    this.#probeDelay = PROBE_DELAY;
    this.#probeDue = now;
  }

  // --- what was lost -----------------------------------------------------------------------------------

  /** Takes a NACK: what it names is sent again in a moment. */
  askAgain(first: number, last: number, now: number): void {
    if (first < 1 || first > last || last > this.last)
      throw new ProtocolError(`a NACK for packets ${first} to ${last}, which were never sent`);
    for (const [, kept] of this.#stretch(Math.max(first, this.#acknowledged + 1), last)) {
      if (kept.isDue || this.#isOnItsWay(kept, now)) continue;
      if (this.#again.length >= MAX_RESENT) break;
      kept.isDue = true;
      this.#again.push(kept);
    }
    if (this.#again.length > 0) this.#againDue ??= now + RESEND_DELAY;
  }

  /** Whether a packet was sent again and may still come: others do, or it was sent just now, or is large. */
  #isOnItsWay({ resentAt, resent, nbytes }: Kept, now: number): boolean {
    if (resentAt === null) return false;
    const patience = (RESEND_INTERVAL + nbytes / SLOW_PATH) * 2 ** Math.min(resent - 1, 3);
    return now - Math.max(resentAt, this.#progressedAt) < patience;
  }

  *#stretch(first: number, last: number): Generator<[seq: number, kept: Kept]> {
    for (let seq = first; seq <= last; seq++) {
      const kept = this.#ring.get(seq);
      if (kept !== undefined) yield [seq, kept];
    }
  }

  /** When what was asked for is sent again. */
  get resendDeadline(): number | null {
    return this.#againDue;
  }

  /** Returns a packet that is to be sent again, or null. */
  takeAgain(now: number): Packet | null {
    if (this.#againDue === null || now < this.#againDue) return null;
    for (let kept = this.#again.shift(); kept !== undefined; kept = this.#again.shift()) {
      if (!kept.isDue) continue; // It was acknowledged meanwhile.
      kept.isDue = false;
      kept.resentAt = now;
      kept.resent += 1;
      return kept.packet;
    }
    this.#againDue = null;
    return null;
  }
}
