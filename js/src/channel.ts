/** What people hold: call, stream, emit, handle, on, close. */

import {
  type Arguments,
  type CallOptions,
  Calls,
  DEFAULT_TIMEOUT,
  DEFAULT_WINDOW,
  type StreamOptions,
} from "./calls.js";
import { KcommError } from "./errors.js";
import { type Handler, Handlers, type Listener, type StreamHandler } from "./handlers.js";
import { Peer } from "./peer.js";
import type { Closed, Opened, SessionEvent } from "./protocol/events.js";
import type { Limits } from "./protocol/limits.js";
import type { Stream } from "./stream.js";
import type { Transport } from "./transport/transport.js";

export type { Arguments, CallOptions, StreamOptions } from "./calls.js";
export type { Handler, HandlerContext, Listener, StreamHandler } from "./handlers.js";
export type { Stream } from "./stream.js";

export interface ChannelOptions {
  /** What the opener asks of the target. */
  params?: Record<string, unknown>;
  /** What this end offers. */
  features?: Record<string, unknown>;
  /** What this end accepts. */
  limits?: Partial<Limits>;
  /** Methods that the other end may call, from the first moment on. */
  handlers?: Record<string, Handler>;
  /** What hears the other end's events, by topic. */
  listeners?: Record<string, Listener>;
  /** Milliseconds until the other end must have answered; default 30 000; 0 or Infinity: no limit. */
  timeout?: number;
  /** Default `window` of this channel's streams. */
  window?: number | "auto" | "fresh";
  /** Aborting it gives up the opening. */
  signal?: AbortSignal;
}

export interface EmitOptions {
  /** Only the newest value counts: one that still waits to be sent is replaced. */
  latest?: boolean;
}

export interface ClosedReason {
  /** `kcomm.closed` for an orderly end. */
  readonly code: string;
  readonly message: string;
}

let lastId = 0;

/**
 * One connection between a page and a kernel; `connect` makes it.
 *
 * Every method may be used until the channel has ended; then calls reject, and the others throw, with `kcomm.closed`.
 */
export class Channel {
  /** This page's own number for the channel. */
  readonly id = ++lastId;
  /** Settles, and never rejects, when the channel has ended. */
  readonly closed: Promise<ClosedReason>;
  readonly #peer: Peer;
  readonly #calls: Calls;
  readonly #handlers: Handlers;
  readonly #window: number | "auto" | "fresh";
  #params: Readonly<Record<string, unknown>>;
  #opened: Opened | null = null;
  #onOpened: (opened: Opened) => void = () => {};
  #onClosed: (reason: ClosedReason) => void = () => {};

  /** Use `connect`, or `openChannel` over a transport of your own. */
  constructor(
    role: "opener" | "acceptor",
    transport: Transport,
    options: ChannelOptions & { epoch?: string },
  ) {
    const {
      limits,
      features,
      params = {},
      epoch,
      window = DEFAULT_WINDOW,
      handlers = {},
      listeners = {},
    } = options;
    const sessionOptions = { limits, features, params, epoch };
    this.#peer = new Peer(role, transport, sessionOptions, (event) => this.#take(event));
    this.#calls = new Calls(this.#peer);
    this.#handlers = new Handlers(this.#peer, this);
    this.#params = params;
    this.#window = window;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
    for (const [method, handler] of Object.entries(handlers)) this.handle(method, handler);
    for (const [topic, listener] of Object.entries(listeners)) this.on(topic, listener);
  }

  /** Opens the transport, and resolves once the other end has answered. */
  async open(timeout = DEFAULT_TIMEOUT, signal?: AbortSignal): Promise<this> {
    const opened = new Promise<void>((resolve, reject) => {
      this.#onOpened = () => resolve();
      void this.closed.then(({ code, message }) => reject(new KcommError(code, message)));
    });
    const late = () =>
      this.close("kcomm.timeout", `the other end did not answer within ${timeout} ms`);
    const abort = () => this.close("kcomm.cancelled", "opening the channel was cancelled");
    const timer = timeout > 0 && timeout <= 2 ** 31 - 1 ? setTimeout(late, timeout) : undefined;
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted) abort();
    else this.#peer.start();
    try {
      await opened;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
    return this;
  }

  /** What the opener asked of the target. */
  get params(): Readonly<Record<string, unknown>> {
    return this.#params;
  }

  /** What the other end offers. */
  get features(): Readonly<Record<string, unknown>> {
    return this.#opened?.features ?? {};
  }

  /** Text that differs each time the kernel starts. */
  get epoch(): string {
    return this.#opened?.epoch ?? "";
  }

  /** Subshells that no peer uses any more: the page should delete them. */
  get staleSubshells(): readonly string[] {
    return this.#opened?.staleSubshells ?? [];
  }

  /** Whether calls can be made. */
  get isOpen(): boolean {
    return this.#peer.session.isOpen;
  }

  /**
   * Calls a method of the other end.
   *
   * @param args in an array, or in an object by name
   * @returns what the method returned
   * @throws KcommError with what the handler raised (`kcomm.handler_error`), `kcomm.bad_value`, `kcomm.timeout`, `kcomm.cancelled`,
   * `kcomm.session_lost` (`data.may_have_run`), ... (docs/protocol.md, section 8)
   * @example
   * await channel.call("add", [2, 3], { timeout: 5000 }); // 5
   */
  call<T = unknown>(method: string, args: Arguments = [], options: CallOptions = {}): Promise<T> {
    return this.#calls.call(method, args, options) as Promise<T>;
  }

  /**
   * Calls a stream of the other end.
   *
   * @returns its items, as an async iterator; leaving the loop cancels the stream
   * @example
   * for await (const i of channel.stream("ticks", [5])) console.log(i);
   */
  stream<T = unknown>(
    method: string,
    args: Arguments = [],
    options: StreamOptions = {},
  ): Stream<T> {
    return this.#calls.stream(method, args, { ...options, window: options.window ?? this.#window });
  }

  /**
   * Answers the other end's calls of a method, in place of an earlier handler of that name. A `function` has a `HandlerContext` as `this`.
   *
   * @example
   * channel.handle("confirm", text => window.confirm(text));
   * channel.handle("load", async function (url) { return (await fetch(url, { signal: this.signal })).text(); });
   */
  handle(method: string, handler: Handler): void {
    this.#handlers.handle(method, { kind: "method", run: handler });
  }

  /**
   * Answers the other end's calls of a stream. The iterable is advanced only when the other end has asked for the next item, and left when it
   * gives up.
   *
   * @param options `volatile`: items may be lost on the way, and are never sent again
   * @example
   * channel.handleStream("clock", async function* (n) { for (let i = 0; i < n; i++) yield Date.now(); });
   */
  handleStream(
    method: string,
    handler: StreamHandler,
    { volatile = false }: { volatile?: boolean } = {},
  ): void {
    this.#handlers.handle(method, { kind: "stream", run: handler, volatile });
  }

  /** Listens to events of a topic; returns what ends that. */
  on(topic: string, listener: Listener): () => void {
    return this.#handlers.on(topic, listener);
  }

  /** Sends an event: no answer, no wait. */
  emit(topic: string, value: unknown = null, options: EmitOptions = {}): void {
    this.#peer.session.emit(topic, value, options);
    this.#peer.flushSoon();
  }

  /** Ends the channel in order: what was sent before arrives before. */
  close(code = "kcomm.closed", message = ""): void {
    this.#peer.close(code, message);
  }

  #take(event: SessionEvent): void {
    switch (event.type) {
      case "Opened":
        this.#opened = event;
        if (Object.keys(event.params).length > 0) this.#params = event.params;
        this.#onOpened(event);
        break;
      case "Called":
        this.#handlers.call(event);
        break;
      case "Item":
      case "Ended":
      case "Failed":
        this.#calls.take(event);
        break;
      case "Cancelled":
        this.#handlers.cancelled(event);
        break;
      case "Credited":
        this.#handlers.credited(event);
        break;
      case "Emitted":
        this.#handlers.emitted(event);
        break;
      case "Reported":
        console.warn(`kcomm: the other end reports: ${event.message} [${event.code}]`);
        break;
      case "Writable":
        // The peer asks the session itself.
        break;
      case "Closed":
        this.#end(event);
        break;
    }
  }

  #end({ code, message }: Closed): void {
    this.#handlers.closed();
    if (code === "kcomm.protocol_error")
      console.error(`kcomm: the channel was closed: ${message} [${code}]`);
    this.#onClosed({ code, message });
  }
}

/**
 * Opens a channel over a transport.
 *
 * @returns the channel, once the other end has answered
 * @throws KcommError `kcomm.unknown_target`, `kcomm.timeout`, `kcomm.unsupported_version`, `kcomm.session_lost`, ...
 */
export async function openChannel(
  transport: Transport,
  options: ChannelOptions = {},
): Promise<Channel> {
  return new Channel("opener", transport, options).open(options.timeout, options.signal);
}

/** Accepts the channel that the other end of a transport opens; resolves once it has. */
export async function acceptChannel(
  transport: Transport,
  options: ChannelOptions & { epoch?: string } = {},
): Promise<Channel> {
  return new Channel("acceptor", transport, options).open(options.timeout, options.signal);
}
