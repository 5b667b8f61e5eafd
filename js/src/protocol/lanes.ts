/** The reliable lane: numbers, acknowledgements and the ring of what is not yet acknowledged (section 5). */

import { KcommError, ProtocolError } from "../errors.js";
import type { Packet } from "../transport/transport.js";

/** Nothing else having gone back, an acknowledgement goes out this long after a packet came (milliseconds). */
export const ACK_DELAY = 250;

/** A sender whose last packet is not acknowledged asks after this long, then at twice the interval each time (milliseconds). */
export const PROBE_DELAY = 1_000;
export const MAX_PROBE_DELAY = 60_000;

interface Kept {
  readonly seq: number;
  readonly nbytes: number;
  readonly packet: Packet;
}

/** Numbers reliable packets, and keeps each until it is acknowledged. */
export class SendLane {
  last = 0;
  nbytes = 0;
  readonly #ring: Kept[] = [];
  #probeDelay = PROBE_DELAY;
  #probeDue: number | null = null;

  /** @param window bytes that may be unacknowledged */
  constructor(public window: number) {}

  /** Whether the next reliable packet has to wait for an acknowledgement. */
  get isFull(): boolean {
    return this.nbytes >= this.window;
  }

  /** Keeps the packet that was numbered `last + 1`. */
  keep(packet: Packet, nbytes: number, now: number): void {
    this.last += 1;
    this.#probeDue ??= now + this.#probeDelay;
    this.nbytes += nbytes;
    this.#ring.push({ seq: this.last, nbytes, packet });
  }

  /** Lets go of all packets up to `ack`; returns whether there were any. */
  acknowledge(ack: number, now: number): boolean {
    if (ack > this.last)
      throw new ProtocolError(
        `packet ${ack} was acknowledged, but ${this.last} is the last one sent`,
      );
    const kept = this.#ring.findIndex(({ seq }) => seq > ack);
    const gone = this.#ring.splice(0, kept < 0 ? this.#ring.length : kept);
    if (gone.length === 0) return false;
    for (const { nbytes } of gone) this.nbytes -= nbytes;
    this.#probeDelay = PROBE_DELAY;
    this.#probeDue = this.#ring.length > 0 ? now + PROBE_DELAY : null;
    return true;
  }

  /** When a tail probe is due: whether the last packet was lost shows nowhere else. */
  get probeDeadline(): number | null {
    return this.#probeDue;
  }

  /** Returns the number that a probe names; the next one is due after twice the time. */
  takeProbe(now: number): number {
    this.#probeDelay = Math.min(2 * this.#probeDelay, MAX_PROBE_DELAY);
    this.#probeDue = now + this.#probeDelay;
    return this.last;
  }

  /** Answers a NACK. The ring holds what is asked for; sending it again is not part of this version, and its place is here. */
  resend(first: number, last: number): never {
    if (first < 1 || first > last || last > this.last) {
      throw new ProtocolError(`a NACK for packets ${first} to ${last}, which were never sent`);
    }
    throw sessionLost(`packets ${first} to ${last} were lost on the way to the other end`);
  }
}

/** Takes reliable packets in order, and says when to acknowledge. */
export class ReceiveLane {
  last = 0;
  #unacknowledged = 0;
  #due: number | null = null;

  /** @param window bytes the sender may have unacknowledged */
  constructor(public window: number) {}

  /** Returns whether the packet is the next one; false for one that came before. */
  accept(seq: number, nbytes: number, now: number): boolean {
    this.#due ??= now + ACK_DELAY;
    if (seq <= this.last) return false;
    // Where resending comes in, the packet is kept here and NACK asks for what is missing.
    if (seq > this.last + 1)
      throw sessionLost(`packets ${this.last + 1} to ${seq - 1} were lost on the way here`);
    this.last = seq;
    this.#unacknowledged += nbytes;
    if (this.#unacknowledged * 4 >= this.window) this.#due = now;
    return true;
  }

  /** Takes the sender's word for the number of its last packet. */
  probe(seq: number, now: number): void {
    if (seq > this.last)
      throw sessionLost(`packets ${this.last + 1} to ${seq} were lost on the way here`);
    if (seq === this.last) this.#due ??= now;
  }

  /** Returns the number to acknowledge with what is being sent. */
  takeAck(): number {
    this.#unacknowledged = 0;
    this.#due = null;
    return this.last;
  }

  /** When an acknowledgement of its own is due, on the clock of `accept`. */
  get deadline(): number | null {
    return this.#due;
  }
}

function sessionLost(message: string): KcommError {
  return new KcommError("kcomm.session_lost", message);
}
