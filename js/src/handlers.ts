/** What answers the other end's calls, and hears its events. */

import type { Channel } from "./channel.js";
import { BadValueError, KcommError } from "./errors.js";
import { Grace } from "./grace.js";
import {
  asKcommError,
  checkFunction,
  HANDLER_GRACE,
  type Listener,
  Listening,
} from "./listening.js";
import type { Peer } from "./peer.js";
import type { Called, Cancelled, Credited, Emitted } from "./protocol/events.js";

export type { Listener } from "./listening.js";

/** `this` of a handler that is a `function`; an arrow function does without. */
export interface HandlerContext {
  /** Aborted when the caller cancels the call, or the channel ends. */
  readonly signal: AbortSignal;
  readonly channel: Channel;
  readonly method: string;
}

/** Answers a call. Arguments by position are its arguments; arguments by name come as one object. */
// biome-ignore lint/suspicious/noExplicitAny: the peer chooses the arguments, and a handler names the types it expects
export type Handler = (this: HandlerContext, ...args: any[]) => unknown;

/** Answers with the items of a stream, e.g. a generator; it is advanced only when the other end has asked for the next item. */
export type StreamHandler = (
  this: HandlerContext,
  // biome-ignore lint/suspicious/noExplicitAny: as above
  ...args: any[]
) =>
  | AsyncIterable<unknown>
  | Iterable<unknown>
  | Promise<AsyncIterable<unknown> | Iterable<unknown>>;

type Registered =
  | { readonly kind: "method"; readonly run: Handler }
  | { readonly kind: "stream"; readonly run: StreamHandler; readonly volatile: boolean };

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>;

/** One call of the other end at work. */
class Running {
  readonly controller = new AbortController();
  iterator: AnyIterator | null = null;
  #wake: () => void = () => {};

  get isCancelled(): boolean {
    return this.controller.signal.aborted;
  }

  wake(): void {
    this.#wake();
  }

  woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

export class Handlers {
  readonly #peer: Peer;
  readonly #channel: Channel;
  readonly #methods = new Map<string, Registered>();
  readonly #running = new Map<number, Running>();
  readonly #earlyCalls = new Grace<Called>(HANDLER_GRACE, Infinity, (called) =>
    this.#refuseUnknown(called),
  );
  readonly #listening: Listening;

  constructor(peer: Peer, channel: Channel) {
    this.#peer = peer;
    this.#listening = new Listening(peer);
    this.#channel = channel;
  }

  handle(method: string, registered: Registered): void {
    checkFunction(method, registered.run);
    this.#methods.set(method, registered);
    const early = this.#earlyCalls.take(method);
    // Not within the call that registers: its caller may have more to set up.
    for (const called of early) queueMicrotask(() => this.call(called));
  }

  on(topic: string, listener: Listener): () => void {
    return this.#listening.on(topic, listener);
  }

  // --- what the session tells ----------------------------------------------------------------------------

  call(called: Called): void {
    const { id, method, limit } = called;
    const registered = this.#methods.get(method);
    if (registered === undefined) this.#earlyCalls.add(method, called);
    else if (registered.kind === "stream" && limit === 0) {
      this.#fail(
        id,
        new KcommError("kcomm.bad_arguments", `'${method}' is a stream: ask for it with stream()`),
      );
    } else if (registered.kind === "method" && limit > 0) {
      this.#fail(
        id,
        new KcommError("kcomm.bad_arguments", `'${method}' is no stream: ask for it with call()`),
      );
    } else void this.#serve(called, registered);
  }

  cancelled({ id, reason }: Cancelled): void {
    const early = this.#earlyCalls.remove((called) => called.id === id);
    const running = this.#running.get(id);
    if (early === undefined && running === undefined) return;
    const error = new KcommError(
      "kcomm.cancelled",
      `the call was cancelled${reason === "" ? "" : `: ${reason}`}`,
    );
    // The answer is due whatever the handler does; what it still returns nobody waits for.
    this.#fail(id, error);
    this.#running.delete(id);
    running?.controller.abort(error);
    running?.wake();
    if (running?.iterator) leave(running.iterator);
  }

  credited({ id }: Credited): void {
    this.#running.get(id)?.wake();
  }

  emitted(event: Emitted): void {
    this.#listening.emitted(event);
  }

  closed(): void {
    this.#earlyCalls.clear();
    this.#listening.closed();
  }

  // --- calls ---------------------------------------------------------------------------------------------

  async #serve({ id, method, args }: Called, registered: Registered): Promise<void> {
    const running = new Running();
    this.#running.set(id, running);
    const context: HandlerContext = {
      signal: running.controller.signal,
      channel: this.#channel,
      method,
    };
    const positional = Array.isArray(args) ? args : [args];
    try {
      // What nobody reads the answers of would else be computed, and kept, without bound.
      const room = this.#room();
      if (room !== undefined) await room;
      if (running.isCancelled) return;
      const result = await Reflect.apply(registered.run, context, positional);
      const value =
        registered.kind === "stream"
          ? await this.#pump(id, running, method, result, registered.volatile)
          : result;
      if (!running.isCancelled) this.#end(id, method, value);
    } catch (error) {
      if (!running.isCancelled) this.#failHandler(id, method, error);
      else if (error !== running.controller.signal.reason && !isAbort(error))
        console.error(`kcomm: '${method}' raised after it was cancelled`, error);
    } finally {
      this.#running.delete(id);
    }
  }

  /** Sends the items of an iterable, each when there is credit and room for it; returns its return value. */
  async #pump(
    id: number,
    running: Running,
    method: string,
    iterable: unknown,
    volatile: boolean,
  ): Promise<unknown> {
    const iterator = iterate(iterable, method);
    running.iterator = iterator;
    if (running.isCancelled) leave(iterator);
    while (!running.isCancelled) {
      while (this.#peer.session.credit(id) <= 0 && !running.isCancelled) await running.woken();
      await this.#room();
      if (running.isCancelled) break;
      const result = await iterator.next();
      if (running.isCancelled) break;
      if (result.done) return result.value;
      try {
        this.#peer.session.item(id, await result.value, { volatile });
      } catch (error) {
        leave(iterator);
        throw error;
      }
      this.#peer.flushSoon();
    }
    return null;
  }

  #room(): Promise<void> | undefined {
    if (this.#peer.session.waitForAnswerRoom()) return undefined;
    return new Promise((resolve) => this.#peer.whenAnswerable(resolve));
  }

  #end(id: number, method: string, value: unknown): void {
    try {
      this.#peer.session.end(id, value);
      this.#peer.flushSoon();
    } catch (error) {
      if (!(error instanceof BadValueError)) throw error;
      throw new BadValueError(
        `the result of '${method}' can't be sent: ${error.message}`,
        error.code as "kcomm.bad_value",
      );
    }
  }

  #failHandler(id: number, method: string, error: unknown): void {
    console.error(`kcomm: '${method}' raised`, error);
    this.#fail(id, asKcommError(method, error));
  }

  #refuseUnknown({ id, method }: Called): void {
    this.#fail(
      id,
      new KcommError(
        "kcomm.unknown_method",
        `there is no method '${method}' here: register it, or look for a typing error`,
      ),
    );
  }

  #fail(id: number, { code, message, data }: KcommError): void {
    const { session } = this.#peer;
    if (!session.isOpen) return;
    try {
      session.fail(id, code, message, data as Record<string, unknown> | null);
    } catch (error) {
      if (!(error instanceof BadValueError)) throw error;
      session.fail(id, code, message);
    }
    this.#peer.flushSoon();
  }
}

function iterate(iterable: unknown, method: string): AnyIterator {
  const { [Symbol.asyncIterator]: async, [Symbol.iterator]: sync } = Object(iterable) as Partial<
    AsyncIterable<unknown> & Iterable<unknown>
  >;
  const make = async ?? sync;
  if (make === undefined)
    throw new TypeError(`the stream '${method}' must give an iterable, not ${typeof iterable}`);
  return Reflect.apply(make, iterable, []) as AnyIterator;
}

/** Lets a generator run its `finally`; whoever waits for its items has gone. */
function leave(iterator: AnyIterator): void {
  Promise.resolve(iterator.return?.()).catch((error: unknown) =>
    console.error("kcomm: a stream raised as it was left", error),
  );
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
