/** The indexes of events, by which the receiver knows how many were dropped (section 3.7 of the specification). */

import { KcommError, ProtocolError } from "../errors.js";

/** Counts the events of both directions. */
export class Topics {
  readonly #sent = new Map<string, number>();
  readonly #received = new Map<string, number>();

  /** @param maxTopics topics on which events may come */
  constructor(readonly maxTopics: number) {}

  /** Returns the index of the next event of a topic; `countSent` makes it used. */
  nextIndex(topic: string): number {
    return this.#sent.get(topic) ?? 0;
  }

  /** Throws if the other end does not take events of one more topic. */
  checkRoom(topic: string, maxTopics: number): void {
    if (this.#sent.has(topic) || this.#sent.size < maxTopics) return;
    const message = `the other end takes events of ${maxTopics} topics: put what differs into the value, not into the name '${topic}'`;
    throw new KcommError("kcomm.bad_arguments", message);
  }

  /** Takes note that the event with the next index was queued. */
  countSent(topic: string): void {
    this.#sent.set(topic, this.nextIndex(topic) + 1);
  }

  /** Takes the index of an event that came; returns how many were dropped before it. */
  countReceived(topic: string, index: number): number {
    const expected = this.#received.get(topic) ?? 0;
    if (index < expected)
      throw new ProtocolError(
        `event ${index} of topic '${topic}' came after event ${expected - 1}`,
      );
    if (!this.#received.has(topic) && this.#received.size >= this.maxTopics)
      throw new ProtocolError(`events came on more than ${this.maxTopics} topics`);
    this.#received.set(topic, index + 1);
    return index - expected;
  }
}
