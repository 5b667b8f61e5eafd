/** The receiving end of the reliable lane: order, what is missing, and acknowledgements (section 5). */

import { ProtocolError } from "../errors.js";
import type { Packet } from "./packets.js";

/** Nothing else having gone back, an acknowledgement goes out this long after a packet came (milliseconds). */
export const ACK_DELAY = 250;
/** What is missing may only be late: nobody asks for it before this time has passed (milliseconds). */
export const NACK_DELAY = 20;
/** Asked for and not come, it is asked for again after this long, then at twice the interval each time (milliseconds). */
export const NACK_RETRY = 250;
export const MAX_NACK_RETRY = 8_000;
/** Stretches that one packet asks for. */
export const MAX_STRETCHES = 16;
/** Packets kept behind a gap; those of a sender that goes on for longer come again. */
export const MAX_EARLY = 65_536;

/** What is missing: its first and its last number. */
export type Stretch = readonly [first: number, last: number];

/** Puts reliable packets in order, asks for those that are missing, and says when to acknowledge. */
export class ReceiveLane {
  last = 0;
  #unacknowledged = 0;
  #ackDue: number | null = null;
  readonly #early = new Map<number, Packet>();
  #earlyBytes = 0;
  /** The highest number that is known to have been sent. */
  #known = 0;
  #nackRetry = NACK_RETRY;
  #nackDue: number | null = null;

  /** @param window bytes the sender may have unacknowledged, as this end announced it */
  constructor(public window: number) {}

  /** Takes a packet; returns those whose turn it is now, none if it came before or too early. */
  accept(packet: Packet, now: number): Packet[] {
    this.#ackDue ??= now + ACK_DELAY;
    if (packet.seq <= this.last) return [];
    this.#know(packet.seq);
    if (packet.seq > this.last + 1) {
      this.#keep(packet);
      this.#expect(now);
      return [];
    }
    const turn = [packet, ...this.#following(packet.seq)];
    this.last += turn.length;
    for (const { nbytes } of turn) this.#unacknowledged += nbytes;
    if (this.#unacknowledged * 4 >= this.window) this.#ackDue = now;
    this.#nackDue = null;
    this.#expect(now);
    return turn;
  }

  /** Takes the sender's word for the number of its last packet. */
  probe(seq: number, now: number): void {
    this.#know(seq);
    if (this.#known <= this.last) {
      this.#ackDue = now;
      return;
    }
    // The path works: no need to be patient. The acknowledgement goes with what asks for the rest.
    this.#nackRetry = NACK_RETRY;
    const soon = now + NACK_DELAY;
    this.#nackDue = Math.min(this.#nackDue ?? soon, soon);
  }

  // --- what is missing ---------------------------------------------------------------------------------

  /** When to ask for what is missing. */
  get nackDeadline(): number | null {
    return this.#nackDue;
  }

  /** Returns the first stretches that are missing. */
  takeNacks(now: number): Stretch[] {
    this.#nackDue = now + this.#nackRetry;
    this.#nackRetry = Math.min(2 * this.#nackRetry, MAX_NACK_RETRY);
    const stretches: Stretch[] = [];
    const here = [...this.#early.keys()].sort((a, b) => a - b);
    let first = this.last + 1;
    for (const seq of [...here, this.#known + 1]) {
      if (first < seq) stretches.push([first, seq - 1]);
      first = seq + 1;
      if (stretches.length === MAX_STRETCHES) break;
    }
    return stretches;
  }

  /** Takes note that the connection is up: what is missing is asked for at once. */
  askAtOnce(now: number): void {
    this.#nackRetry = NACK_RETRY;
    if (this.#known > this.last) this.#nackDue = now;
  }

  #know(seq: number): void {
    // A packet has several bytes, and no more than a window of them can be under way.
    if (seq > this.last + Math.max(this.window, MAX_EARLY))
      throw new ProtocolError(`packet ${seq} can't be: ${this.last} was the last one that came`);
    this.#known = Math.max(this.#known, seq);
  }

  #keep(packet: Packet): void {
    const hasRoom = this.#earlyBytes + packet.nbytes <= this.window && this.#early.size < MAX_EARLY;
    if (this.#early.has(packet.seq) || !hasRoom) return;
    this.#early.set(packet.seq, packet);
    this.#earlyBytes += packet.nbytes;
  }

  /** Takes out what came early and follows without a gap. */
  *#following(seq: number): Generator<Packet> {
    for (let next = seq + 1; ; next++) {
      const packet = this.#early.get(next);
      if (packet === undefined) return;
      this.#early.delete(next);
      this.#earlyBytes -= packet.nbytes;
      yield packet;
    }
  }

  /** Asks in a moment for what is missing, unless that is due already. */
  #expect(now: number): void {
    if (this.#known <= this.last || this.#nackDue !== null) return;
    this.#nackRetry = NACK_RETRY;
    this.#nackDue = now + NACK_DELAY;
  }

  // --- acknowledgements --------------------------------------------------------------------------------

  /** Returns the number to acknowledge with what is being sent. */
  takeAck(): number {
    this.#unacknowledged = 0;
    this.#ackDue = null;
    return this.last;
  }

  /** When an acknowledgement of its own is due, on the clock of `accept`. */
  get deadline(): number | null {
    return this.#ackDue;
  }
}
