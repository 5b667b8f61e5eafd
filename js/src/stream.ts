/** The receiving end of a stream: an async iterator. */

import type { KcommError } from "./errors.js";
import type { AdaptiveWindow } from "./window.js";

interface Waiter {
  resolve(result: IteratorResult<unknown>): void;
  reject(error: KcommError): void;
}

/** Keeps the items that came until they are asked for. */
export class Consumer {
  /** What END bore. */
  value: unknown = null;
  /** Items below this index were taken by the loop. */
  taken = 0;
  #items: { index: number; value: unknown }[] = [];
  readonly #waiters: Waiter[] = [];
  #isFinished = false;
  #error: KcommError | null = null;
  #count = 0;
  #length = 0;

  /** @param window null: the port's own, of a fixed size */
  constructor(readonly window: AdaptiveWindow | null = null) {}

  /** Items that were sent, as far as this end knows, but did not come. */
  get lost(): number {
    return this.#length - this.#count;
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  take(index: number, value: unknown): void {
    if (this.#isFinished) return;
    this.window?.arrived(index, performance.now());
    this.#count += 1;
    this.#length = index + 1;
    this.#items.push({ index, value });
    this.#serve();
  }

  /** Takes the end: `length` is the number of items that were sent. */
  finish(value: unknown, length: number): void {
    if (this.#isFinished) return;
    this.value = value;
    this.#length = Math.max(length, this.#length);
    this.#isFinished = true;
    this.#serve();
  }

  /** Takes the end by an error, which is told once, after the items that came before it. */
  fail(error: KcommError): void {
    if (this.#isFinished) return;
    this.#error = error;
    this.#isFinished = true;
    this.#serve();
  }

  /** Ends at once, without what still waits here. */
  leave(error: KcommError | null): void {
    this.#items = [];
    this.#error = error;
    this.#isFinished = true;
    this.#serve();
  }

  next(): Promise<IteratorResult<unknown>> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
      this.#serve();
    });
  }

  #serve(): void {
    while (this.#waiters.length > 0 && (this.#items.length > 0 || this.#isFinished)) {
      const waiter = this.#waiters.shift() as Waiter;
      const item = this.#items.shift();
      if (item !== undefined) {
        this.taken = item.index + 1;
        waiter.resolve({ done: false, value: item.value });
      } else if (this.#error !== null) {
        waiter.reject(this.#error);
        this.#error = null;
      } else waiter.resolve({ done: true, value: this.value });
    }
  }
}

/** What a stream needs of its channel. */
export interface StreamPort {
  /** Items below `done` were consumed; `limit`: up to which to grant. */
  consume(done: number, limit?: number): void;
  cancel(reason: string): void;
}

/**
 * The items of a stream, in order. The credit of an item goes back to the other end when the next one is asked for, so a slow loop slows the
 * stream; leaving the loop cancels it.
 *
 * @example
 * for await (const i of channel.stream("ticks", [5])) console.log(i);
 */
export class Stream<T = unknown> implements AsyncIterableIterator<T> {
  readonly #consumer: Consumer;
  readonly #port: StreamPort;

  constructor(consumer: Consumer, port: StreamPort) {
    this.#consumer = consumer;
    this.#port = port;
  }

  /** What the end of the stream bore: null, or a JavaScript generator's return value. */
  get value(): unknown {
    return this.#consumer.value;
  }

  /** Items that did not come: those of a volatile stream may be lost. */
  get lost(): number {
    return this.#consumer.lost;
  }

  /** How many items are let be under way; undefined: the channel's own number, which stays as it is. */
  get window(): number | undefined {
    return this.#consumer.window?.size;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#consumer.taken > 0 && !this.#consumer.isFinished) this.#consume(this.#consumer);
    return this.#consumer.next() as Promise<IteratorResult<T>>;
  }

  #consume({ taken, window }: Consumer): void {
    if (window === null) this.#port.consume(taken);
    else {
      const limit = window.consumed(taken, performance.now());
      if (limit !== null) this.#port.consume(taken, limit);
    }
  }

  /** Leaves the stream: its handler is cancelled at the other end. */
  async return(): Promise<IteratorResult<T>> {
    this.#port.cancel("the stream was left");
    this.#consumer.leave(null);
    return { done: true, value: null };
  }
}
