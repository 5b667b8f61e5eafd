/** One end of a channel, sans-I/O: calls go in and packets come out; packets go in and events come out. */

import { BadValueError, KcommError, ProtocolError } from "../errors.js";
import type { Packet, ReceivedBuffer } from "../transport/transport.js";
import type { Opened, SessionEvent } from "./events.js";
import { Greeting, readHello, readLimits, readWelcome } from "./greetings.js";
import { Lanes, type ToSession, type Upkeep } from "./lanes.js";
import { type Limits, makeLimits } from "./limits.js";
import { CallsMade } from "./made.js";
import {
  GREETINGS,
  isMap,
  type Kind,
  type Message,
  type Options,
  parse,
  VOLATILE,
} from "./messages.js";
import * as packets from "./packets.js";
import { Assemblies } from "./parts.js";
import { CallsServed } from "./served.js";
import { CONNECTION, type Connection, type ConnectionInput } from "./states.js";
import { Topics } from "./topics.js";
import { check } from "./values.js";
import { forPeople, GREETING_DEPTH, Writer } from "./writer.js";

export interface SessionOptions {
  /** What this end accepts. */
  limits?: Partial<Limits>;
  /** What this end offers. */
  features?: Options;
  /** What the opener asks of the target. */
  params?: Options;
  /** What tells one run of the acceptor's process from the next. */
  epoch?: string;
  /** What the acceptor tells the page to delete. */
  staleSubshells?: readonly string[];
}

const RECEIVED: Readonly<Partial<Record<Kind, ConnectionInput>>> = {
  HELLO: "receiveHello",
  WELCOME: "receiveWelcome",
  BYE: "receiveBye",
};

/**
 * One end of a channel. Times are in milliseconds, on any clock that never goes back.
 *
 * @example
 * const page = new Session("opener");
 * const kernel = new Session("acceptor");
 * page.open();
 * kernel.receive(page.nextPacket(0), 0); // [{ type: "Opened", version: 1, ... }]
 */
export class Session {
  readonly limits: Limits;
  state: Connection = "idle";
  readonly #greeting: Greeting;
  readonly #writer = new Writer();
  readonly #made: CallsMade;
  readonly #served: CallsServed;
  readonly #topics: Topics;
  readonly #assemblies: Assemblies;
  readonly #lanes: Lanes;
  #wasFull = false;
  #owesBye = false;
  /** Whether this end closed the channel, and nothing was heard since that would stop its farewell. */
  #isOrderly = false;

  constructor(role: "opener" | "acceptor", options: SessionOptions = {}) {
    const { limits, features = {}, params = {}, epoch = "", staleSubshells = [] } = options;
    this.limits = makeLimits(limits);
    this.#greeting = new Greeting(this.limits, features, params, epoch, staleSubshells);
    const isOpener = role === "opener";
    this.#made = new CallsMade(this.#writer, isOpener ? 1 : 2);
    this.#served = new CallsServed(this.#writer, isOpener ? 0 : 1, this.limits.calls);
    this.#topics = new Topics(this.limits.topics);
    this.#assemblies = new Assemblies(this.limits.parts, this.limits.message);
    this.#lanes = new Lanes(this.peerLimits.window, this.limits.window);
  }

  // --- what this end does ------------------------------------------------------------------------------

  /** Says HELLO; only the opener does. */
  open(): void {
    const hello = this.#writer.encode("HELLO", 0, ...this.#greeting.hello());
    if (hello.nbytes > this.#writer.maxMessage) {
      throw new BadValueError(
        "the params are too large for one packet: send them with a call",
        "kcomm.too_large",
      );
    }
    this.#advance("sendHello");
    this.#writer.outbox.put(hello);
  }

  /** What the other end accepts; the defaults until it has said so. */
  get peerLimits(): Limits {
    return this.#writer.limits;
  }

  /**
   * Calls a method (`limit` 0) or a stream of the other end; returns the id of the call.
   *
   * @throws BadValueError when an argument can't be sent
   * @throws KcommError `kcomm.buffer_full` when too much waits already; `kcomm.closed` when the channel has ended
   */
  call(
    method: string,
    args: readonly unknown[] | Options = [],
    { limit = 0, options = {} }: { limit?: number; options?: Options } = {},
  ): number {
    this.#checkOpen();
    if (!this.waitForRoom()) {
      const message = `more than ${this.#lanes.window} bytes wait to be sent or acknowledged: send less, or wait`;
      throw new KcommError("kcomm.buffer_full", message);
    }
    return this.#made.call(method, args, limit, options);
  }

  /** Gives a call up; nothing more is told of it. */
  cancel(id: number, reason = ""): void {
    this.#made.cancel(id, reason);
  }

  /** Says that items of a stream below `done` were consumed, which grants credit for as many more, or up to `limit`. */
  consume(id: number, done: number, limit?: number): void {
    this.#made.consume(id, done, limit);
  }

  /** How many items of a stream may still be sent. */
  credit(id: number): number {
    return this.#served.credit(id);
  }

  /** Sends the next item of a stream; returns its index. */
  item(id: number, value: unknown, { volatile = false }: { volatile?: boolean } = {}): number {
    this.#checkOpen();
    return this.#served.item(id, value, { volatile });
  }

  /** Answers a call, or ends a stream. */
  end(id: number, value: unknown = null): void {
    this.#checkOpen();
    this.#served.end(id, value);
  }

  /** Answers a call with an error. */
  fail(id: number, code: string, message: string, data: Options | null = null): void {
    this.#checkOpen();
    this.#served.fail(id, new KcommError(code, message, data));
  }

  /** Sends an event. */
  emit(topic: string, value: unknown, { latest = false }: { latest?: boolean } = {}): void {
    this.#checkOpen();
    this.#topics.checkRoom(topic, this.peerLimits.topics);
    const event = this.#writer.encode("EVENT", 0, topic, this.#topics.nextIndex(topic), value);
    this.#topics.countSent(topic);
    this.#writer.outbox.putEvent(topic, event, latest);
  }

  /** Tells the other end of an error that belongs to no call. */
  report(code: string, message: string): void {
    this.#checkOpen();
    this.#writer.queueError(0, new KcommError(code, message));
  }

  /** Ends the channel in order: what waits is sent, then BYE. */
  close(code = "kcomm.closed", message = ""): SessionEvent[] {
    if (this.state === "closed") return [];
    const happened = this.#end(code, message);
    this.#isOrderly = true;
    return happened;
  }

  // --- what comes in -----------------------------------------------------------------------------------

  /** Takes a packet of the other end. Throws nothing, whatever is in it. */
  receive(packet: readonly ReceivedBuffer[], now: number): SessionEvent[] {
    const happened: SessionEvent[] = [];
    try {
      if (this.state !== "closed") this.#receive(packet, now, happened);
      else if (this.lingers) this.#receiveLate(packet, now);
    } catch (error) {
      // Anything else would be a defect of this code.
      if (!(error instanceof ProtocolError)) throw error;
      if (this.state === "closed") this.#isOrderly = false;
      else happened.push(...this.#end(error.code, error.message, { discards: true }));
    }
    return happened;
  }

  /** Takes note that the connection, which was down, is up again. */
  wake(now: number): void {
    if (this.isOpen || this.lingers) this.#lanes.wake(now);
  }

  /**
   * Takes note that the transport is gone.
   *
   * @param code by default `kcomm.unknown_target` where the peer closed the path instead of answering HELLO, else `kcomm.session_lost`
   */
  cut(message = "the connection was cut", code?: string): SessionEvent[] {
    if (this.state === "closed") {
      this.#isOrderly = false;
      return [];
    }
    const wasOpening = this.state === "opening";
    this.#advance("cut");
    return this.#finish(
      code ?? (wasOpening ? "kcomm.unknown_target" : "kcomm.session_lost"),
      message,
      { discards: true },
    );
  }

  // --- what goes out -----------------------------------------------------------------------------------

  /** Returns the next packet to send, or null. Ask until there is none, after each call of this session and at its `deadline`. */
  nextPacket(now: number): Packet | null {
    const isClosed = this.state === "closed";
    if (this.isOver && !this.lingers) return null;
    const again = isClosed && !this.#isOrderly ? null : this.#lanes.sending.takeAgain(now);
    if (again !== null) return again;
    if (this.#lanes.asks(now, this.#upkeep)) return this.#lanes.upkeep(now, this.#upkeep);
    const { isFull, nbytes, window } = this.#lanes.sending;
    // Parts of large messages leave a quarter of the window to others.
    const isCrowded = nbytes * 4 >= 3 * window && !isClosed;
    const batch = this.#writer.outbox.take(isFull && !isClosed, isCrowded);
    if (batch.length === 0) return this.#lanes.upkeep(now, this.#upkeep);
    const packet = this.#lanes.write(
      batch.map(({ encoded }) => encoded.body),
      batch.flatMap(({ encoded }) => encoded.attachments),
      now,
      { isVolatile: batch.every((message) => message.isVolatile) },
    );
    if (batch.at(-1)?.kind === "BYE") this.#owesBye = false;
    return packet;
  }

  /** When `nextPacket` is to be asked although nothing happened: something is due to be acknowledged, asked for, or sent again. */
  get deadline(): number | null {
    return this.state === "closed" && !this.lingers ? null : this.#lanes.deadline(this.#upkeep);
  }

  get #upkeep(): Upkeep {
    // Before WELCOME nothing but HELLO is sent: whoever waits for the answer has a time-out of its own.
    return { receives: this.state !== "closed", probes: this.isOpen || this.lingers };
  }

  /**
   * Whether the channel was ended here in order, and the other end may not know it yet.
   *
   * Its packets are still to be taken then, and `nextPacket` to be asked.
   */
  get lingers(): boolean {
    return this.#isOrderly && this.waitsSince !== null;
  }

  /** Whether the channel has ended, and nothing is left to be said: the path can be closed, with the packet that was taken last if it has BYE. */
  get isOver(): boolean {
    return this.state === "closed" && !this.#owesBye;
  }

  /** Since when the other end has acknowledged nothing of what was sent; null if nothing waits. */
  get waitsSince(): number | null {
    return this.#lanes.sending.waitsSince;
  }

  /** Whether the handshake is done and the channel has not ended. */
  get isOpen(): boolean {
    return this.state === "open";
  }

  /** Bytes of packets, volatile ones too, that may be under way. */
  get underWay(): number {
    return this.#lanes.sending.nbytes;
  }

  /** Bytes of messages that wait to be sent. */
  get waiting(): number {
    return this.#writer.outbox.nbytes;
  }

  /** Whether there is room; where there is none, wait for the event `Writable`. */
  get isWritable(): boolean {
    return this.#writer.outbox.nbytes + this.#lanes.sending.nbytes < this.#lanes.window;
  }

  /** Whether there is room for answers: calls that are held back wait for those of the other end. */
  get mayAnswer(): boolean {
    const { nbytes, heldBytes } = this.#writer.outbox;
    return nbytes - heldBytes + this.#lanes.sending.nbytes < this.#lanes.window;
  }

  /** Returns whether there is room for answers; if not, the event `Writable` will tell. */
  waitForAnswerRoom(): boolean {
    this.#wasFull ||= !this.mayAnswer;
    return this.mayAnswer;
  }

  /** Returns whether there is room; if not, the event `Writable` will tell. */
  waitForRoom(): boolean {
    this.#wasFull ||= !this.isWritable;
    return this.isWritable;
  }

  // --- receiving ---------------------------------------------------------------------------------------

  #receive(buffers: readonly ReceivedBuffer[], now: number, happened: SessionEvent[]): void {
    const packet = packets.read(buffers, this.limits.packet);
    const turn = this.#lanes.take(packet, now);
    if (this.#wasFull && this.mayAnswer) {
      this.#wasFull = !this.isWritable;
      happened.push({ type: "Writable" });
    }
    for (const each of turn) {
      for (const received of each.messages) {
        const message = parse(received);
        if (message === null) continue;
        checkPlace(message.kind, each);
        happened.push(...this.#take(message, now));
        if (this.state === "closed") return;
      }
    }
  }

  /** Takes what still comes after this end has said BYE: whether that arrived. */
  #receiveLate(buffers: readonly ReceivedBuffer[], now: number): void {
    const packet = packets.read(buffers, this.limits.packet);
    this.#lanes.sending.acknowledge(packet.ack, now);
    for (const received of packet.messages) {
      const message = parse(received);
      if (message !== null && this.#lanes.takeMessage(message, now)?.kind === "BYE")
        this.#isOrderly = false;
    }
  }

  #take(received: Message, now: number): SessionEvent[] {
    const message = this.#lanes.takeMessage(received, now);
    if (message === null) return [];
    const { kind, fields } = message;
    this.#advance(RECEIVED[kind] ?? "receive");
    try {
      check(fields, GREETINGS.has(kind) ? GREETING_DEPTH : this.limits.depth);
    } catch (error) {
      if (!(error instanceof BadValueError)) throw error;
      return this.#takeBadValue(message, error);
    }
    return this.#takeFields(message, now);
  }

  #takeFields(message: ToSession, now: number): SessionEvent[] {
    const { id } = message;
    switch (message.kind) {
      case "HELLO":
        return this.#takeHello(...message.fields);
      case "WELCOME":
        return this.#takeWelcome(...message.fields);
      case "CALL":
        return this.#served.takeCall(id, ...message.fields);
      case "NEXT":
        return this.#made.takeNext(id, ...message.fields);
      case "END":
        return this.#made.takeEnd(id, ...message.fields);
      case "ERROR":
        return this.#takeError(id, ...message.fields);
      case "CANCEL":
        return this.#served.takeCancel(id, ...message.fields);
      case "CREDIT":
        return this.#served.takeCredit(id, ...message.fields);
      case "EVENT":
        return this.#takeEvent(...message.fields);
      case "PART":
        return this.#takePart(id, ...message.fields, now);
      case "BYE":
        return this.#takeBye(...message.fields);
    }
  }

  /** Lets a value that can't be read harm only what it belongs to. */
  #takeBadValue(message: ToSession, error: BadValueError): SessionEvent[] {
    const { kind, id } = message;
    switch (message.kind) {
      case "NEXT":
      case "END":
      case "ERROR":
        return this.#made.takeBadValue(kind, id, error);
      case "CALL":
        this.#served.takeBadValue(id, error);
        return [];
      case "EVENT": {
        const [topic, index] = message.fields;
        this.#topics.countReceived(topic, index);
        this.#writer.queueError(0, error);
        return [];
      }
      default:
        throw new ProtocolError(`a value of ${kind} can't be read: ${error.message}`);
    }
  }

  #takeHello(versions: readonly unknown[], options: Options): SessionEvent[] {
    this.#useLimits(options);
    let opened: Opened;
    try {
      opened = readHello(versions, options);
    } catch (error) {
      if (error instanceof ProtocolError || !(error instanceof KcommError)) throw error;
      return this.#end(error.code, error.message);
    }
    this.#advance("sendWelcome");
    const welcome = this.#writer.encode("WELCOME", 0, ...this.#greeting.welcome());
    if (welcome.nbytes > this.#writer.maxMessage) {
      const message = "what this end offers does not fit into a packet of the other end";
      return this.#end("kcomm.too_large", message);
    }
    this.#writer.outbox.put(welcome);
    return [opened];
  }

  #takeWelcome(version: number, options: Options): SessionEvent[] {
    this.#useLimits(options);
    return [readWelcome(version, options)];
  }

  #takeError(id: number, code: string, message: string, data: unknown): SessionEvent[] {
    if (data !== null && !isMap(data))
      throw new ProtocolError("the data of ERROR must be a map or nil");
    if (id === 0) return [{ type: "Reported", code, message }];
    return this.#made.takeError(id, code, message, data);
  }

  #takeEvent(topic: string, index: number, value: unknown): SessionEvent[] {
    const dropped = this.#topics.countReceived(topic, index);
    return [{ type: "Emitted", topic, value, dropped }];
  }

  #takePart(
    id: number,
    index: number,
    sizes: unknown,
    chunk: unknown,
    now: number,
  ): SessionEvent[] {
    if (index === 0) this.#served.announce(id);
    const whole = this.#assemblies.add(id, index, sizes, chunk);
    if (whole === null) return [];
    const message = parse(whole);
    if (message === null) return [];
    if (message.id !== id) throw new ProtocolError("a message has another id than its PARTs");
    if (GREETINGS.has(message.kind)) throw new ProtocolError(`${message.kind} came in parts`);
    return this.#take(message, now);
  }

  #takeBye(code: string, message: string): SessionEvent[] {
    return this.#finish(code, message, { discards: true });
  }

  // --- helpers -----------------------------------------------------------------------------------------

  #advance(input: ConnectionInput): void {
    const state = CONNECTION[this.state][input];
    if (state === undefined)
      throw new ProtocolError(`${input} can't be in the state '${this.state}'`);
    this.state = state;
  }

  #useLimits(options: Options): void {
    this.#writer.use(readLimits(options));
    // Neither end keeps more than it would take: the smaller window holds for both directions.
    this.#lanes.window = Math.min(this.peerLimits.window, this.limits.window);
    this.#writer.outbox.maxEventBytes = Math.floor(this.#lanes.window / 2);
  }

  #checkOpen(): void {
    if (this.isOpen) return;
    const message =
      this.state === "closed"
        ? "the channel is closed: connect again"
        : "the channel is not open yet";
    throw new KcommError("kcomm.closed", message);
  }

  /** Ends the channel from this side. What waits is sent before BYE, unless the peers no longer agree. */
  #end(code: string, message: string, { discards = false } = {}): SessionEvent[] {
    this.#advance("sendBye");
    const happened = this.#finish(code, message, { discards });
    this.#owesBye = true;
    this.#writer.queue("BYE", 0, forPeople(code), forPeople(message));
    return happened;
  }

  /** Fails what is open, and tells the end. */
  #finish(code: string, message: string, { discards }: { discards: boolean }): SessionEvent[] {
    const happened = this.#made.close(code, message || code, { discards });
    happened.push(...this.#served.close());
    this.#assemblies.clear();
    if (discards) this.#writer.outbox.clear();
    return [...happened, { type: "Closed", code, message }];
  }
}

/** Checks that the message may be in this packet. */
function checkPlace(kind: Kind, { seq, messages }: packets.Packet): void {
  if (seq === 0 && !VOLATILE.has(kind))
    throw new ProtocolError(`${kind} came in a volatile packet`);
  if (messages.length > 1 && GREETINGS.has(kind))
    throw new ProtocolError(`${kind} came with other messages`);
}
