/** Encodes messages within the other end's limits, and queues them. */

import { BadValueError, type KcommError } from "../errors.js";
import { DEFAULT_LIMITS, type Limits } from "./limits.js";
import { GREETINGS, KIND, type Kind } from "./messages.js";
import { Outbox, Outgoing } from "./outbox.js";
import { encode } from "./values.js";

/** Room that a packet keeps for its header beside a message of the largest size. */
const HEADER_ROOM = 1024;
/** Characters of an error's text that are sent: with these BYE fits into the smallest packet a peer may ask for. */
const MAX_TEXT = 900;
/** What the peers say of themselves is not subject to limits that are still to be said. */
export const GREETING_DEPTH = DEFAULT_LIMITS.depth;

/** What one end has to send. */
export class Writer {
  /** What the other end accepts; the defaults until it has said so. */
  limits: Limits = DEFAULT_LIMITS;
  /** What waits. */
  readonly outbox = new Outbox(this.maxMessage, this.limits.parts);

  /** Bytes of the largest message that goes in one packet. */
  get maxMessage(): number {
    return this.limits.packet - HEADER_ROOM;
  }

  /** Takes note of what the other end accepts. */
  use(limits: Limits): void {
    this.limits = limits;
    this.outbox.maxMessage = this.maxMessage;
    this.outbox.maxTransfers = limits.parts;
    this.outbox.maxEventBytes = Math.floor(limits.window / 2);
  }

  /**
   * Encodes a message.
   *
   * @throws BadValueError when a field can't be sent
   */
  encode(kind: Kind, id: number, ...fields: readonly unknown[]): Outgoing {
    const depth = GREETINGS.has(kind) ? GREETING_DEPTH : this.limits.depth;
    const message = new Outgoing(kind, id, encode([KIND[kind], id, ...fields], depth));
    if (message.nbytes > this.limits.message || !message.fits(this.maxMessage)) {
      throw new BadValueError(
        `a message of ${message.nbytes} bytes and ${message.encoded.attachments.length} arrays is above the ` +
          `${this.limits.message} bytes that the other end accepts`,
        "kcomm.too_large",
      );
    }
    return message;
  }

  /** Encodes a message and queues it. */
  queue(kind: Kind, id: number, ...fields: readonly unknown[]): void {
    this.outbox.put(this.encode(kind, id, ...fields));
  }

  /** Queues the terminal message of a call that failed, or, with id 0, a report. */
  queueError(id: number, { code, message, data }: KcommError): void {
    this.queue("ERROR", id, forPeople(code), forPeople(message), data);
  }
}

/** Makes the text of an error one that can be sent, whatever is in it and whatever the peer's limits. */
export function forPeople(text: string): string {
  return text.slice(0, MAX_TEXT).replace(/\p{Surrogate}/gu, "\ufffd");
}
