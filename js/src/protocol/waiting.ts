/** Events that wait to be sent, and which of them give way to newer ones (section 3.7 of the specification). */

import type { Outgoing } from "./outbox.js";

/** Events of one topic that may wait; beyond, the oldest is dropped. */
export const TOPIC_BOUND = 1000;

interface Topic {
  readonly messages: Outgoing[];
  nbytes: number;
}

/**
 * The events that wait, by topic.
 *
 * The newest of a topic always stays: its index tells the other end of those that were dropped.
 */
export class WaitingEvents {
  readonly #topics = new Map<string | null, Topic>();
  #nbytes = 0;

  /**
   * Takes an event, with its topic; yields those that give way to it.
   *
   * @param isLatest whether it replaces what waits of its topic
   * @param maxBytes bytes that may wait; beyond, the topic that holds most gives way: it is the one that floods
   */
  *add(message: Outgoing, isLatest: boolean, maxBytes: number): Generator<Outgoing, void> {
    const topic = this.#topics.get(message.topic) ?? { messages: [], nbytes: 0 };
    this.#topics.set(message.topic, topic);
    topic.messages.push(message);
    topic.nbytes += message.nbytes;
    this.#nbytes += message.nbytes;
    const bound = isLatest ? 1 : TOPIC_BOUND;
    while (topic.messages.length > bound) yield this.#dropOldest(topic);
    while (this.#nbytes > maxBytes) {
      const heaviest = this.#heaviest();
      if (heaviest === null) return;
      yield this.#dropOldest(heaviest);
    }
  }

  /** Takes note that a message leaves, if it is an event that waits: it can't give way any more. */
  remove(message: Outgoing): void {
    const topic = this.#topics.get(message.topic);
    const at = topic?.messages.indexOf(message) ?? -1;
    if (topic === undefined || at < 0) return;
    topic.messages.splice(at, 1);
    topic.nbytes -= message.nbytes;
    this.#nbytes -= message.nbytes;
    if (topic.messages.length === 0) this.#topics.delete(message.topic);
  }

  /** The topic with most bytes, of those that can do without one event. */
  #heaviest(): Topic | null {
    let heaviest: Topic | null = null;
    for (const topic of this.#topics.values())
      if (topic.messages.length > 1 && topic.nbytes > (heaviest?.nbytes ?? -1)) heaviest = topic;
    return heaviest;
  }

  #dropOldest(topic: Topic): Outgoing {
    const message = topic.messages.shift() as Outgoing;
    topic.nbytes -= message.nbytes;
    this.#nbytes -= message.nbytes;
    return message;
  }
}
