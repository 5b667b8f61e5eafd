/** What hears the other end's events, as fast as it takes them. */

import { Backlog, sizeOf } from "./backlog.js";
import { KcommError } from "./errors.js";
import { Grace } from "./grace.js";
import type { Peer } from "./peer.js";
import type { Emitted } from "./protocol/events.js";
import { TOPIC_BOUND } from "./protocol/waiting.js";

/** Hears events of a topic; `dropped` older ones were dropped by the sender just before it. */
// biome-ignore lint/suspicious/noExplicitAny: the peer chooses the value, and a listener names the type it expects
export type Listener = (value: any, dropped: number) => unknown;

/** Milliseconds that a call or event waits for a handler of its name. */
export const HANDLER_GRACE = 2000;

/** The listeners of one end of a channel. */
export class Listening {
  readonly #peer: Peer;
  readonly #listeners = new Map<string, Map<Listener, Backlog<Emitted>>>();
  /** A peer is told once of a topic that nobody listens to. */
  readonly #unheard = new Set<string>();
  readonly #early = new Grace<Emitted>(HANDLER_GRACE, TOPIC_BOUND, ({ topic }) =>
    this.#reportUnheard(topic),
  );

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /** Adds a listener; returns what removes it. */
  on(topic: string, listener: Listener): () => void {
    checkFunction(topic, listener);
    const listeners = this.#listeners.get(topic) ?? new Map<Listener, Backlog<Emitted>>();
    this.#listeners.set(topic, listeners);
    if (!listeners.has(listener)) listeners.set(listener, this.#backlog(topic, listener));
    this.#unheard.delete(topic);
    const early = this.#early.take(topic);
    for (const event of early) queueMicrotask(() => this.emitted(event));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners)
        this.#listeners.delete(topic);
    };
  }

  /** Takes an event. */
  emitted(event: Emitted): void {
    const listeners = this.#listeners.get(event.topic);
    if (listeners === undefined) {
      if (!this.#unheard.has(event.topic)) this.#early.add(event.topic, event);
      return;
    }
    for (const backlog of [...listeners.values()]) backlog.put(event);
  }

  closed(): void {
    this.#early.clear();
  }

  #backlog(topic: string, listener: Listener): Backlog<Emitted> {
    return new Backlog<Emitted>(
      (event) => this.#hear(listener, event),
      ({ value }) => sizeOf(value),
      (message) => console.warn(`kcomm: events of the topic '${topic}' ${message}`),
    );
  }

  /** Returns a promise if the listener is not done yet. */
  #hear(listener: Listener, { topic, value, dropped }: Emitted): Promise<void> | undefined {
    const fail = (error: unknown) => {
      console.error(`kcomm: a listener of '${topic}' raised`, error);
      this.#report("kcomm.handler_error", asKcommError(topic, error).message);
    };
    try {
      const result = listener(value, dropped);
      if (isThenable(result)) return Promise.resolve(result).then(() => {}, fail);
    } catch (error) {
      fail(error);
    }
    return undefined;
  }

  #reportUnheard(topic: string): void {
    if (this.#unheard.has(topic)) return;
    this.#unheard.add(topic);
    this.#report("kcomm.unknown_topic", `nobody handles the topic '${topic}' here`);
  }

  #report(code: string, message: string): void {
    if (!this.#peer.session.isOpen) return;
    this.#peer.session.report(code, message);
    this.#peer.flushSoon();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}

export function checkFunction(name: string, run: unknown): void {
  if (typeof run === "function") return;
  throw new KcommError(
    "kcomm.bad_arguments",
    `the handler of '${name}' must be a function, not ${typeof run}`,
  );
}

/** The peer is told the class and the message of an error, never its stack. */
export function asKcommError(name: string, error: unknown): KcommError {
  if (error instanceof KcommError) return error;
  const type = error instanceof Error ? errorType(error) : typeof error;
  return new KcommError("kcomm.handler_error", `'${name}' raised ${type}: ${textOf(error)}`, {
    type,
  });
}

/** What was thrown in words; its own code may fail. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? String(error.message) : String(error);
  } catch {
    return "(it can't be told in words)";
  }
}

/** All DOM errors have one class; their name tells them apart. */
function errorType(error: Error): string {
  return error.constructor.name === "DOMException" ? error.name : error.constructor.name;
}
