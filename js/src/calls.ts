/** The calls and streams that this end asked for. */

import { KcommError } from "./errors.js";
import type { Peer } from "./peer.js";
import type { Ended, Failed, Item } from "./protocol/events.js";
import { isList, isMap } from "./protocol/messages.js";
import { Consumer, Stream } from "./stream.js";
import { AdaptiveWindow } from "./window.js";

/** Arguments of a call: by position, or by name. */
export type Arguments = readonly unknown[] | Readonly<Record<string, unknown>>;

export interface CallOptions {
  /** Milliseconds until the caller gives up with `kcomm.timeout`; default 30 000; 0 or Infinity: never. */
  timeout?: number;
  /** Aborting it cancels the call, which rejects with `kcomm.cancelled`. */
  signal?: AbortSignal;
}

export interface StreamOptions {
  /**
   * Items that may be under way; default 16. The other end makes none that nobody asked for. "auto" follows the delay and the rate of the link: as
   * few as keep the loop busy. "fresh" does, too, but rather lets the loop wait than an item, as for a camera.
   */
  window?: number | "auto" | "fresh";
  /** Aborting it cancels the stream, whose loop then throws `kcomm.cancelled`. */
  signal?: AbortSignal;
}

/** Milliseconds a call waits for its answer unless it says otherwise. */
export const DEFAULT_TIMEOUT = 30_000;
export const DEFAULT_WINDOW = 16;
/** What a timer can count; the same as no limit. */
const MAX_TIMEOUT = 2 ** 31 - 1;

/** Who waits for what comes for an id. */
interface Pending {
  item(index: number, value: unknown): void;
  end(value: unknown, index: number): void;
  fail(error: KcommError): void;
}

export class Calls {
  readonly #peer: Peer;
  readonly #pending = new Map<number, Pending>();

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  call(
    method: string,
    args: Arguments,
    { timeout = DEFAULT_TIMEOUT, signal }: CallOptions,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const hint = timeout > 0 && Number.isFinite(timeout) ? { timeout: Math.ceil(timeout) } : {};
      const finish =
        <T>(settle: (outcome: T) => void) =>
        (outcome: T) => {
          unwatch();
          settle(outcome);
        };
      const fail = finish(reject);
      const pending = { item: () => {}, end: finish(resolve), fail };
      const request = new Request(this.#peer, this.#pending, pending);
      const unwatch = watch(method, timeout, signal, (error) => {
        request.cancel(error.code === "kcomm.timeout" ? "timeout" : "cancelled");
        fail(error);
      });
      if (!signal?.aborted) request.start(method, args, 0, hint);
    });
  }

  stream<T>(
    method: string,
    args: Arguments,
    { window = DEFAULT_WINDOW, signal }: StreamOptions,
  ): Stream<T> {
    const adaptive =
      window === "auto" || window === "fresh"
        ? new AdaptiveWindow(performance.now(), window === "fresh")
        : null;
    const limit = adaptive?.limit ?? Number(window);
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new KcommError(
        "kcomm.bad_arguments",
        `the window of a stream must be a positive integer, "auto" or "fresh", not ${window}`,
      );
    }
    const consumer = new Consumer(adaptive);
    const request = new Request(this.#peer, this.#pending, {
      item: (index, value) => consumer.take(index, value),
      end: (value, index) => {
        unwatch();
        consumer.finish(value, index);
      },
      fail: (error) => {
        unwatch();
        consumer.fail(error);
      },
    });
    const unwatch = watch(method, 0, signal, (error) => {
      request.cancel("cancelled");
      consumer.leave(error);
    });
    if (!signal?.aborted) request.start(method, args, limit, {});
    return new Stream<T>(consumer, {
      consume: (done, limit) => request.consume(done, limit),
      cancel: (reason) => {
        unwatch();
        request.cancel(reason);
      },
    });
  }

  take(event: Item | Ended | Failed): void {
    const pending = this.#pending.get(event.id);
    if (pending === undefined) return;
    if (event.type === "Item") {
      pending.item(event.index, event.value);
      return;
    }
    this.#pending.delete(event.id);
    if (event.type === "Ended") pending.end(event.value, event.index);
    else pending.fail(new KcommError(event.code, event.message, event.data));
  }
}

/** One CALL, from when it was asked for: it may have to wait for room before it has an id. */
class Request {
  #id: number | null = null;
  #isCancelled = false;
  #stopWaiting = () => {};

  constructor(
    readonly peer: Peer,
    readonly table: Map<number, Pending>,
    readonly pending: Pending,
  ) {}

  start(method: string, args: Arguments, limit: number, options: Record<string, unknown>): void {
    this.#stopWaiting = this.peer.whenWritable(() => {
      if (this.#isCancelled) return;
      try {
        checkArguments(method, args);
        this.#id = this.peer.session.call(method, args, { limit, options });
      } catch (error) {
        this.pending.fail(error as KcommError);
        return;
      }
      this.table.set(this.#id, this.pending);
      this.peer.flushSoon();
    });
  }

  consume(done: number, limit?: number): void {
    if (this.#id === null || !this.peer.session.isOpen) return;
    this.peer.session.consume(this.#id, done, limit);
    this.peer.flushSoon();
  }

  cancel(reason: string): void {
    this.#isCancelled = true;
    this.#stopWaiting(); // Its arguments may be large.
    if (this.#id === null || !this.table.delete(this.#id) || !this.peer.session.isOpen) return;
    this.peer.session.cancel(this.#id, reason);
    this.peer.flushSoon();
  }
}

function checkArguments(method: unknown, args: unknown): void {
  if (typeof method !== "string") {
    throw new KcommError(
      "kcomm.bad_arguments",
      `the name of a method is text, not ${typeof method}`,
    );
  }
  if (isList(args) || isMap(args)) return;
  throw new KcommError(
    "kcomm.bad_arguments",
    `the arguments of '${method}' go into one array, or an object by name: call("add", [2, 3])`,
  );
}

/** Calls back when the time is up or the signal aborted; returns what ends the watch. */
function watch(
  method: string,
  timeout: number,
  signal: AbortSignal | undefined,
  giveUp: (error: KcommError) => void,
): () => void {
  const late = () => {
    giveUp(
      new KcommError(
        "kcomm.timeout",
        `'${method}' gave no answer within ${timeout} ms (is its handler slow, or the kernel busy with a cell?): allow it more with { timeout }`,
      ),
    );
  };
  const abort = () => {
    giveUp(
      new KcommError("kcomm.cancelled", `'${method}' was cancelled`, null, {
        cause: signal?.reason,
      }),
    );
  };
  const isLimited = timeout > 0 && timeout <= MAX_TIMEOUT;
  const timer = isLimited ? setTimeout(late, timeout) : undefined;
  if (signal?.aborted) queueMicrotask(abort);
  else signal?.addEventListener("abort", abort, { once: true });
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  };
}
