/** What waits to be sent: which message goes into the next packet, and which may go before another. */

import { GREETINGS, type Kind } from "./messages.js";
import { MAX_BUFFERS, PART_SIZE, split } from "./parts.js";
import type { Encoded } from "./values.js";
import { WaitingEvents } from "./waiting.js";

/** A page pays about 2 ms for a comm message whatever it holds, so messages share a packet up to this size. */
export const BATCH_SIZE = 256 * 1024;
/** Dropped messages that may still stand in a queue: only then is it gone through. */
const MAX_DROPPED = 256;
/** The most that a size takes in part 0. */
const SIZE_BYTES = 9;

/** An encoded message that waits. */
export class Outgoing {
  topic: string | null = null;
  isVolatile = false;
  isDropped = false;
  /** Bytes of the message and its attachments. */
  readonly nbytes: number;

  constructor(
    readonly kind: Kind,
    readonly id: number,
    public encoded: Encoded,
  ) {
    this.nbytes = encoded.attachments.reduce(
      (total, attachment) => total + attachment.length,
      encoded.body.length,
    );
  }

  /** Lets go of what it holds: it is not sent, wherever it still stands. */
  drop(): void {
    this.isDropped = true;
    this.encoded = { body: new Uint8Array(0), attachments: [] };
  }

  /** Whether it can be taken apart for packets that hold `maxMessage`: part 0 holds the sizes of all attachments. */
  fits(maxMessage: number): boolean {
    const buffers = this.encoded.attachments.length + 1;
    return (
      this.nbytes <= maxMessage ||
      (buffers <= MAX_BUFFERS && buffers * SIZE_BYTES <= maxMessage / 2)
    );
  }

  /** Whether its packet holds nothing else. */
  get goesAlone(): boolean {
    return GREETINGS.has(this.kind);
  }
}

/** A message that leaves in parts, and those of its id behind it. */
class Transfer {
  waiting: Outgoing[] = [];
  /** Bytes that are still to leave of the first message, if it has begun to. */
  left = 0;
  #parts: Generator<Encoded, void> | null = null;

  #partSize = 0;

  constructor(readonly maxMessage: number) {}

  /** Returns the next part of the first message. */
  nextPart(): Outgoing {
    const message = this.waiting[0] as Outgoing;
    if (this.#parts === null) {
      const { body, attachments } = message.encoded;
      // Part 0 holds the sizes of all buffers beside its chunk.
      const room = this.maxMessage - SIZE_BYTES * (attachments.length + 1);
      this.#partSize = Math.min(PART_SIZE, room);
      this.left = message.nbytes;
      this.#parts = split(message.id, [body, ...attachments], this.#partSize);
    }
    const part = new Outgoing("PART", message.id, this.#parts.next().value as Encoded);
    this.left = Math.max(0, this.left - this.#partSize);
    if (this.left === 0) this.#parts = null;
    return part;
  }
}

/**
 * The queues of one direction.
 *
 * Messages leave in the order they came, but for three rules: CREDIT and NACK go first; a message larger than `maxMessage` goes in parts,
 * and others may go between; what follows it with the same id waits behind it. Calls that are held back do not leave before they are released.
 */
export class Outbox {
  /** Bytes of the events that may wait. */
  maxEventBytes = 16 << 20;
  #urgent = new Map<string, Outgoing>();
  #nbytes = 0;
  #queue: Outgoing[] = [];
  readonly #held = new Map<number, Outgoing>();
  /** Bytes of the calls that are held back. */
  heldBytes = 0;
  #events = new WaitingEvents();
  #dropped = 0;
  #bulk = new Map<number, Transfer>();
  #isTurnOfBulk = false;
  #bye: Outgoing | null = null;

  /**
   * @param maxMessage bytes of messages that a packet holds
   * @param maxTransfers messages that may be in parts at once
   */
  constructor(
    public maxMessage: number,
    public maxTransfers: number,
  ) {}

  /** Forgets everything that waits. */
  clear(): void {
    this.#nbytes = 0;
    this.#urgent.clear();
    this.#queue = [];
    this.#held.clear();
    this.heldBytes = 0;
    this.#events = new WaitingEvents();
    this.#dropped = 0;
    this.#bulk.clear();
    this.#isTurnOfBulk = false;
    this.#bye = null;
  }

  /**
   * Bytes that wait, as far as they should keep others from being queued.
   *
   * What is left of the largest message that leaves in parts does not count: the rest goes between its parts, and would else stand still
   * for as long as it takes. Nor does what goes first.
   */
  get nbytes(): number {
    let largest = 0;
    for (const { left } of this.#bulk.values()) largest = Math.max(largest, left);
    return this.#nbytes - largest;
  }

  /** Queues a message. */
  put(message: Outgoing): void {
    if (message.kind === "BYE") {
      this.#bye = message;
      return;
    }
    this.#queue.push(message);
    this.#nbytes += message.nbytes;
  }

  /** Queues a message before all others, in place of an earlier one of its kind and id. */
  putFirst(message: Outgoing): void {
    this.#urgent.set(`${message.kind} ${message.id}`, message);
  }

  /** Queues an event; drops older ones of its topic that wait, as it was declared. */
  putEvent(topic: string, message: Outgoing, isLatest: boolean): void {
    message.topic = topic;
    this.put(message);
    for (const dropped of this.#events.add(message, isLatest, this.maxEventBytes)) {
      this.#nbytes -= dropped.nbytes;
      this.#dropped++;
      dropped.drop();
    }
    if (this.#dropped > Math.max(MAX_DROPPED, this.#queue.length / 2)) this.#forgetDropped();
  }

  /** Holds a call back until it is released; it counts as one that waits. */
  hold(message: Outgoing): void {
    this.#held.set(message.id, message);
    this.heldBytes += message.nbytes;
    this.#nbytes += message.nbytes;
  }

  /** Queues the call that was held back for longest; returns its id. */
  release(): number {
    const [id, message] = this.#held.entries().next().value as [number, Outgoing];
    this.#held.delete(id);
    this.heldBytes -= message.nbytes;
    this.#queue.push(message);
    return id;
  }

  /** Forgets a call if it is held back; returns whether it was. */
  withdraw(id: number): boolean {
    const message = this.#held.get(id);
    if (message === undefined) return false;
    this.#nbytes -= message.nbytes;
    this.heldBytes -= message.nbytes;
    return this.#held.delete(id);
  }

  /** Whether a call is held back. */
  isHeld(id: number): boolean {
    return this.#held.has(id);
  }

  /** How many calls are held back. */
  get held(): number {
    return this.#held.size;
  }

  /** Whether the CALL of this id, or a part of it, is still here. */
  hasCall(id: number): boolean {
    const waiting = this.#bulk.get(id)?.waiting ?? this.#queue;
    return waiting.some((message) => message.id === id && message.kind === "CALL");
  }

  /**
   * Takes the messages of the next packet.
   *
   * @param isFull whether the reliable lane is full, so that only volatile messages may go
   * @param isCrowded whether it is so full that parts must leave the rest of it to others
   */
  take(isFull: boolean, isCrowded = false): Outgoing[] {
    if (isFull) return this.#takeBatch([], true);
    if (isCrowded && this.#bulk.size > 0) return this.#takeBatch(this.#takeUrgent(), false);
    if (this.#isTurnOfBulk && this.#bulk.size > 0) {
      this.#isTurnOfBulk = false;
      return this.#takeFromBulk();
    }
    const batch = this.#takeBatch(this.#takeUrgent(), false);
    this.#isTurnOfBulk = true;
    if (batch.length > 0) return batch;
    if (this.#bulk.size > 0) return this.#takeFromBulk();
    const bye = this.#bye;
    this.#bye = null;
    return bye === null ? [] : [bye];
  }

  #takeUrgent(): Outgoing[] {
    if (this.#queue[0]?.goesAlone) return [];
    const urgent: Outgoing[] = [];
    let size = 0;
    for (const [key, message] of this.#urgent) {
      size += message.nbytes;
      if (size > this.maxMessage && urgent.length > 0) break;
      urgent.push(message);
      this.#urgent.delete(key);
    }
    return urgent;
  }

  #takeBatch(batch: Outgoing[], onlyVolatile: boolean): Outgoing[] {
    let size = batch.reduce((total, message) => total + message.nbytes, 0);
    for (
      let message = this.#queue[0];
      message !== undefined && size < BATCH_SIZE;
      message = this.#queue[0]
    ) {
      if (message.isDropped) {
        this.#queue.shift();
        continue;
      }
      if (onlyVolatile && !message.isVolatile) break;
      const transfer = this.#bulk.get(message.id);
      if (transfer !== undefined) {
        transfer.waiting.push(message);
        this.#queue.shift();
        continue;
      }
      if (message.nbytes > this.maxMessage) {
        // Part 0 leaves in its turn, so that ids are taken in order; and no more are begun than the peer takes at once.
        if (batch.length > 0 || this.#bulk.size >= this.maxTransfers) break;
        this.#queue.shift();
        return [this.#startTransfer(message)];
      }
      const isCrowded = size + message.nbytes > this.maxMessage || message.goesAlone;
      if (isCrowded && batch.length > 0) break;
      this.#queue.shift();
      this.#leave(message);
      batch.push(message);
      size += message.nbytes;
      if (message.goesAlone) break;
    }
    return batch;
  }

  #startTransfer(message: Outgoing): Outgoing {
    const transfer = new Transfer(this.maxMessage);
    transfer.waiting.push(message);
    // It has begun to leave: a newer event can't take its place any more.
    this.#events.remove(message);
    this.#bulk.set(message.id, transfer);
    return this.#takePart(message.id, transfer);
  }

  /** Takes one packet's worth of the transfer that waits longest; the others come before its next one. */
  #takeFromBulk(): Outgoing[] {
    const [id, transfer] = this.#bulk.entries().next().value as [number, Transfer];
    while (transfer.waiting[0]?.isDropped) transfer.waiting.shift();
    const message = transfer.waiting[0];
    if (message === undefined) {
      this.#bulk.delete(id);
      return this.take(false);
    }
    if (message.nbytes > this.maxMessage) {
      this.#events.remove(message);
      return [this.#takePart(id, transfer)];
    }
    transfer.waiting.shift();
    this.#leave(message);
    this.#putBack(id, transfer);
    return [message];
  }

  #takePart(id: number, transfer: Transfer): Outgoing {
    const before = transfer.left || (transfer.waiting[0] as Outgoing).nbytes;
    const part = transfer.nextPart();
    this.#nbytes -= before - transfer.left;
    if (transfer.left === 0) transfer.waiting.shift();
    this.#putBack(id, transfer);
    return part;
  }

  #putBack(id: number, transfer: Transfer): void {
    this.#bulk.delete(id);
    if (transfer.waiting.length > 0) this.#bulk.set(id, transfer);
  }

  /** Takes what was dropped out of the queues, which nobody reads while the other end does not. */
  #forgetDropped(): void {
    const isKept = (message: Outgoing) => !message.isDropped;
    this.#queue = this.#queue.filter(isKept);
    for (const transfer of this.#bulk.values()) transfer.waiting = transfer.waiting.filter(isKept);
    this.#dropped = 0;
  }

  #leave(message: Outgoing): void {
    this.#nbytes -= message.nbytes;
    this.#events.remove(message);
  }
}
