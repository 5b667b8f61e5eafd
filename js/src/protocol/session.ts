/** One end of a channel, sans-I/O: calls go in and packets come out; packets go in and events come out. */

import { BadValueError, KcommError, ProtocolError } from "../errors.js";
import type { Packet, ReceivedBuffer } from "../transport/transport.js";
import type { Opened, SessionEvent } from "./events.js";
import { ReceiveLane, SendLane } from "./lanes.js";
import { DEFAULT_LIMITS, type Limits, makeLimits, readLimits } from "./limits.js";
import {
  isCount,
  isList,
  isMap,
  isText,
  KIND,
  type Kind,
  type Message,
  parse,
} from "./messages.js";
import { Outbox, Outgoing } from "./outbox.js";
import * as packets from "./packets.js";
import { Assembly, readAssembled } from "./parts.js";
import {
  CALLEE,
  CALLER,
  type Callee,
  type Caller,
  CONNECTION,
  type Connection,
  type ConnectionInput,
} from "./states.js";
import { check, encode } from "./values.js";

export const PROTOCOL_VERSION = 1;
/** Room that a packet keeps for its header beside a message of the largest size. */
const HEADER_ROOM = 1024;
/** Characters of an error's text that are sent: with these BYE fits into the smallest packet a peer may ask for. */
const MAX_TEXT = 900;

type Options = Readonly<Record<string, unknown>>;

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

/** A call this end made. */
interface Made {
  state: Caller;
  limit: number;
  readonly window: number;
  nextIndex: number;
}

/** A call this end answers. */
interface Served {
  state: Callee;
  limit: number;
  readonly isStream: boolean;
  nextIndex: number;
  done: number;
}

/** A volatile packet may be lost; these bear that. */
const VOLATILE: ReadonlySet<Kind> = new Set<Kind>(["NEXT", "NACK", "PROBE"]);

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
  peerLimits: Limits = DEFAULT_LIMITS;
  state: Connection = "idle";
  /** Whether the packet with BYE was taken from `nextPacket`: the path can be closed with it. */
  saidBye = false;
  readonly #isOpener: boolean;
  readonly #options: Required<Omit<SessionOptions, "limits">>;
  #nextId: number;
  #lastPeerId = 0;
  readonly #announced = new Set<number>();
  readonly #made = new Map<number, Made>();
  readonly #served = new Map<number, Served>();
  readonly #assemblies = new Map<number, Assembly>();
  readonly #topicsOut = new Map<string, number>();
  readonly #topicsIn = new Map<string, number>();
  readonly #outbox = new Outbox(DEFAULT_LIMITS.packet - HEADER_ROOM, DEFAULT_LIMITS.parts);
  readonly #sending = new SendLane(DEFAULT_LIMITS.window);
  readonly #receiving: ReceiveLane;
  #wasFull = false;

  constructor(role: "opener" | "acceptor", options: SessionOptions = {}) {
    const { limits, features = {}, params = {}, epoch = "", staleSubshells = [] } = options;
    this.limits = makeLimits(limits);
    this.#isOpener = role === "opener";
    this.#options = { features, params, epoch, staleSubshells };
    this.#nextId = this.#isOpener ? 1 : 2;
    this.#receiving = new ReceiveLane(this.limits.window);
  }

  // --- what this end does ------------------------------------------------------------------------------

  /** Says HELLO; only the opener does. */
  open(): void {
    const { features, params } = this.#options;
    const hello = this.#encode("HELLO", 0, [PROTOCOL_VERSION], {
      limits: this.limits,
      features,
      params,
    });
    if (hello.nbytes > this.#outbox.maxMessage) {
      throw new BadValueError(
        "the params are too large for one packet: send them with a call",
        "kcomm.too_large",
      );
    }
    this.#advance("sendHello");
    this.#outbox.put(hello);
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
    this.#checkRoom();
    const id = this.#nextId;
    this.#queue("CALL", id, method, args, limit, options);
    this.#nextId += 2;
    this.#made.set(id, { state: "waiting", limit, window: limit, nextIndex: 0 });
    return id;
  }

  /** Gives a call up; nothing more is told of it. */
  cancel(id: number, reason = ""): void {
    const call = this.#made.get(id);
    if (call === undefined || call.state !== "waiting") return;
    call.state = step(CALLER, call.state, "cancel");
    this.#queue("CANCEL", id, forPeople(reason));
  }

  /** Says that items of a stream below `done` were consumed, which grants credit for as many more. */
  consume(id: number, done: number): void {
    const call = this.#made.get(id);
    if (call === undefined || call.state !== "waiting") return;
    const limit = done + call.window;
    // In halves of the window, so that most items need no message of their own.
    if (limit - call.limit < Math.max(1, Math.floor(call.window / 2))) return;
    call.limit = limit;
    this.#outbox.putFirst(this.#encode("CREDIT", id, limit, done));
  }

  /** How many items of a stream may still be sent. */
  credit(id: number): number {
    const call = this.#served.get(id);
    return call === undefined ? 0 : call.limit - call.nextIndex;
  }

  /** Sends the next item of a stream; returns its index. */
  item(id: number, value: unknown, { volatile = false }: { volatile?: boolean } = {}): number {
    const call = this.#getServed(id);
    if (call.nextIndex >= call.limit) throw new RangeError(`no credit is left for call ${id}`);
    const index = call.nextIndex;
    const state = step(CALLEE, call.state, "item");
    if (state === "running") {
      const message = this.#encode("NEXT", id, index, value);
      // The item that uses up the credit must arrive: else both ends could wait for ever.
      const usesUpCredit = index === call.limit - 1;
      message.isVolatile = volatile && !usesUpCredit && message.nbytes <= this.#outbox.maxMessage;
      this.#outbox.put(message);
    }
    call.state = state;
    call.nextIndex += 1;
    return index;
  }

  /** Answers a call, or ends a stream. */
  end(id: number, value: unknown = null): void {
    const call = this.#getServed(id);
    this.#queue("END", id, call.nextIndex, value);
    this.#finishServed(id, call);
  }

  /** Answers a call with an error. */
  fail(id: number, code: string, message: string, data: Options | null = null): void {
    const call = this.#getServed(id);
    this.#queue("ERROR", id, forPeople(code), forPeople(message), data);
    this.#finishServed(id, call);
  }

  /** Sends an event. */
  emit(topic: string, value: unknown, { latest = false }: { latest?: boolean } = {}): void {
    this.#checkOpen();
    const index = this.#topicsOut.get(topic) ?? 0;
    const message = this.#encode("EVENT", 0, topic, index, value);
    this.#topicsOut.set(topic, index + 1);
    this.#outbox.putEvent(topic, message, latest);
  }

  /** Tells the other end of an error that belongs to no call. */
  report(code: string, message: string): void {
    this.#checkOpen();
    this.#queue("ERROR", 0, forPeople(code), forPeople(message), null);
  }

  /** Ends the channel in order: what waits is sent, then BYE. */
  close(code = "kcomm.closed", message = ""): SessionEvent[] {
    return this.state === "closed" ? [] : this.#end(code, message);
  }

  // --- what comes in -----------------------------------------------------------------------------------

  /** Takes a packet of the other end. Throws nothing, whatever is in it. */
  receive(packet: readonly ReceivedBuffer[], now: number): SessionEvent[] {
    if (this.state === "closed") return [];
    const happened: SessionEvent[] = [];
    try {
      this.#receive(packet, now, happened);
    } catch (error) {
      // A protocol error, or a gap. Anything else would be a defect of this code.
      if (!(error instanceof KcommError)) throw error;
      happened.push(...this.#end(error.code, error.message, { discards: true }));
    }
    return happened;
  }

  /**
   * Takes note that the transport is gone.
   *
   * @param code by default `kcomm.unknown_target` where the peer closed the path instead of answering HELLO, else `kcomm.session_lost`
   */
  cut(message = "the connection was cut", code?: string): SessionEvent[] {
    if (this.state === "closed") return [];
    const wasOpening = this.state === "opening";
    this.#advance("cut");
    return this.#finish(
      code ?? (wasOpening ? "kcomm.unknown_target" : "kcomm.session_lost"),
      message,
      true,
    );
  }

  // --- what goes out -----------------------------------------------------------------------------------

  /** Returns the next packet to send, or null. Ask until there is none, after each call of this session and at its `deadline`. */
  nextPacket(now: number): Packet | null {
    const isClosed = this.state === "closed";
    if (isClosed && this.saidBye) return null;
    const batch = this.#outbox.take(this.#sending.isFull && !isClosed);
    if (batch.length === 0) return this.#acknowledgement(now) ?? this.#probe(now);
    const isReliable = batch.some((message) => !message.isVolatile);
    const packet = packets.write(
      isReliable ? this.#sending.last + 1 : 0,
      this.#receiving.takeAck(),
      batch.map(({ encoded }) => encoded.body),
      batch.flatMap(({ encoded }) => encoded.attachments),
    );
    if (isReliable) this.#sending.keep(packet, packets.size(packet), now);
    this.saidBye = batch.some(({ kind }) => kind === "BYE");
    return packet;
  }

  /** When `nextPacket` is to be asked although nothing happened: an acknowledgement or a probe is due. */
  get deadline(): number | null {
    if (this.state === "closed") return null;
    const ack = this.#receiving.deadline;
    const probe = this.isOpen ? this.#sending.probeDeadline : null;
    return ack === null || probe === null ? (ack ?? probe) : Math.min(ack, probe);
  }

  /** Whether the handshake is done and the channel has not ended. */
  get isOpen(): boolean {
    return this.state === "open";
  }

  /** Whether there is room; where there is none, wait for the event `Writable`. */
  get isWritable(): boolean {
    return this.#outbox.nbytes + this.#sending.nbytes < this.#sending.window;
  }

  /** Returns whether there is room; if not, the event `Writable` will tell. */
  waitForRoom(): boolean {
    this.#wasFull ||= !this.isWritable;
    return this.isWritable;
  }

  #acknowledgement(now: number): Packet | null {
    const due = this.#receiving.deadline;
    if (this.state === "closed" || due === null || now < due) return null;
    return packets.write(0, this.#receiving.takeAck(), [], []);
  }

  #probe(now: number): Packet | null {
    const due = this.#sending.probeDeadline;
    // Before WELCOME nothing but HELLO is sent; whoever waits for the answer has a time-out of its own.
    if (this.state !== "open" || due === null || now < due) return null;
    const { encoded } = this.#encode("PROBE", 0, this.#sending.takeProbe(now));
    return packets.write(0, this.#receiving.takeAck(), [encoded.body], []);
  }

  // --- receiving ---------------------------------------------------------------------------------------

  #receive(buffers: readonly ReceivedBuffer[], now: number, happened: SessionEvent[]): void {
    const packet = packets.read(buffers, this.limits.packet);
    this.#sending.acknowledge(packet.ack, now);
    if (this.#wasFull && this.isWritable) {
      this.#wasFull = false;
      happened.push({ type: "Writable" });
    }
    if (packet.seq > 0 && !this.#receiving.accept(packet.seq, packet.nbytes, now)) return;
    for (const message of packet.messages) {
      const isAlone = packet.messages.length === 1;
      this.#take(message, now, happened, { isNumbered: packet.seq > 0, isAlone });
      if (this.state === "closed") return;
    }
  }

  #take(
    message: unknown,
    now: number,
    happened: SessionEvent[],
    { isNumbered, isAlone }: { isNumbered: boolean; isAlone: boolean },
  ): void {
    const parsed = parse(message);
    if (parsed === null) return;
    const { kind, id, fields } = parsed;
    if (!isNumbered && !VOLATILE.has(kind))
      throw new ProtocolError(`${kind} came in a volatile packet`);
    if (!isAlone && isGreeting(kind)) {
      throw new ProtocolError(`${kind} came with other messages`);
    }
    this.#advance(RECEIVED[kind] ?? "receive");
    try {
      check(fields, isGreeting(kind) ? DEFAULT_LIMITS.depth : this.limits.depth);
    } catch (error) {
      if (!(error instanceof BadValueError)) throw error;
      this.#takeBadValue(parsed, error, happened);
      return;
    }
    this.#dispatch(kind, id, fields, now, happened);
  }

  /** `parse` has checked what the fields are: the assertions of types here only repeat it. */
  #dispatch(
    kind: Kind,
    id: number,
    fields: readonly unknown[],
    now: number,
    happened: SessionEvent[],
  ): void {
    const [first, second, third, fourth] = fields;
    switch (kind) {
      case "HELLO":
        this.#takeHello(first as unknown[], second as Options, happened);
        break;
      case "WELCOME":
        this.#takeWelcome(first as number, second as Options, happened);
        break;
      case "CALL":
        this.#takeCall(id, first as string, second, third as number, fourth, happened);
        break;
      case "NEXT":
        this.#takeNext(id, first as number, second, happened);
        break;
      case "END":
        this.#takeEnd(id, first as number, second, happened);
        break;
      case "ERROR":
        this.#takeError(id, first as string, second as string, third, happened);
        break;
      case "CANCEL":
        this.#takeCancel(id, first as string, happened);
        break;
      case "CREDIT":
        this.#takeCredit(id, first as number, second as number, happened);
        break;
      case "EVENT":
        this.#takeEvent(first as string, second as number, third, happened);
        break;
      case "NACK":
        this.#sending.resend(first as number, second as number);
        break;
      case "PART":
        this.#takePart(id, first as number, second, third, now, happened);
        break;
      case "BYE":
        this.#takeBye(first as string, second as string, happened);
        break;
      case "PROBE":
        this.#receiving.probe(first as number, now);
        break;
    }
  }

  /** Lets a value that can't be read harm only what it belongs to. */
  #takeBadValue(message: Message, error: BadValueError, happened: SessionEvent[]): void {
    const { kind, id, fields } = message;
    switch (kind) {
      case "CALL":
        this.#claim(id);
        this.#refuse(id, error.code, error.message);
        break;
      case "EVENT":
        this.#countEvent(fields[0] as string, fields[1] as number);
        this.#refuse(0, error.code, error.message);
        break;
      case "NEXT":
      case "END":
      case "ERROR":
        this.#failMade(kind, id, error, happened);
        break;
      default:
        throw new ProtocolError(`a value of ${kind} can't be read: ${error.message}`);
    }
  }

  #failMade(kind: Kind, id: number, error: BadValueError, happened: SessionEvent[]): void {
    const call = this.#made.get(id);
    if (call === undefined) return;
    if (call.state === "waiting") {
      happened.push({ type: "Failed", id, code: error.code, message: error.message, data: null });
    }
    if (kind === "NEXT") this.cancel(id, error.message);
    else this.#made.delete(id);
  }

  #takeHello(versions: readonly unknown[], options: Options, happened: SessionEvent[]): void {
    this.#readOptions(options);
    const features = getMap(options, "features");
    const params = getMap(options, "params");
    if (!versions.includes(PROTOCOL_VERSION)) {
      // Integers only: text could not be made of everything that may be here.
      const theirs = versions.filter(isCount).slice(0, 20).join(", ");
      const message = `the other end speaks versions [${theirs}], this one [${PROTOCOL_VERSION}]`;
      happened.push(...this.#end("kcomm.unsupported_version", message));
      return;
    }
    this.#advance("sendWelcome");
    const { epoch, staleSubshells } = this.#options;
    const welcome = this.#encode("WELCOME", 0, PROTOCOL_VERSION, {
      limits: this.limits,
      features: this.#options.features,
      epoch,
      ...(staleSubshells.length > 0 ? { stale_subshells: staleSubshells } : {}),
    });
    if (welcome.nbytes > this.#outbox.maxMessage) {
      const message = "what this end offers does not fit into a packet of the other end";
      happened.push(...this.#end("kcomm.too_large", message));
      return;
    }
    this.#outbox.put(welcome);
    happened.push({
      type: "Opened",
      version: PROTOCOL_VERSION,
      features,
      params,
      epoch: "",
      staleSubshells: [],
    });
  }

  #takeWelcome(version: number, options: Options, happened: SessionEvent[]): void {
    this.#readOptions(options);
    if (version !== PROTOCOL_VERSION) {
      throw new ProtocolError(
        `version ${version} was chosen, but only ${PROTOCOL_VERSION} offered`,
      );
    }
    const { epoch = "", stale_subshells: stale = [] } = options;
    if (!isText(epoch) || !isList(stale) || !stale.every(isText)) {
      throw new ProtocolError("'epoch' must be text and 'stale_subshells' a list of texts");
    }
    const opened: Opened = {
      type: "Opened",
      version,
      features: getMap(options, "features"),
      params: {},
      epoch,
      staleSubshells: stale,
    };
    happened.push(opened);
  }

  #takeCall(
    id: number,
    method: string,
    args: unknown,
    limit: number,
    options: unknown,
    happened: SessionEvent[],
  ): void {
    if (!(isList(args) || isMap(args)) || !isMap(options)) {
      throw new ProtocolError("the args of CALL must be an array or a map, its options a map");
    }
    this.#claim(id);
    if (this.#served.size >= this.limits.calls) {
      this.#refuse(
        id,
        "kcomm.too_many_calls",
        `more than ${this.limits.calls} calls are open at once`,
      );
      return;
    }
    this.#served.set(id, { state: "running", limit, isStream: limit > 0, nextIndex: 0, done: 0 });
    happened.push({ type: "Called", id, method, args, limit, options });
  }

  #takeNext(id: number, index: number, value: unknown, happened: SessionEvent[]): void {
    const call = this.#made.get(id);
    if (call === undefined) {
      this.#checkWasMade(id);
      return;
    }
    if (index >= call.limit)
      throw new ProtocolError(`item ${index} of call ${id} is beyond its credit of ${call.limit}`);
    call.state = step(CALLER, call.state, "next");
    // It was overtaken by a later one.
    if (index < call.nextIndex) return;
    call.nextIndex = index + 1;
    if (call.state === "waiting") happened.push({ type: "Item", id, index, value });
  }

  #takeEnd(id: number, index: number, value: unknown, happened: SessionEvent[]): void {
    const call = this.#made.get(id);
    if (call !== undefined && (index < call.nextIndex || index > call.limit)) {
      throw new ProtocolError(`call ${id} ended with ${index} items, which can't be`);
    }
    if (this.#finishMade(id)) happened.push({ type: "Ended", id, index, value });
  }

  #takeError(
    id: number,
    code: string,
    message: string,
    data: unknown,
    happened: SessionEvent[],
  ): void {
    if (data !== null && !isMap(data))
      throw new ProtocolError("the data of ERROR must be a map or nil");
    if (id === 0) happened.push({ type: "Reported", code, message });
    else if (this.#finishMade(id)) happened.push({ type: "Failed", id, code, message, data });
  }

  #takeCancel(id: number, reason: string, happened: SessionEvent[]): void {
    const call = this.#served.get(id);
    if (call === undefined || call.state === "cancelling") return;
    call.state = step(CALLEE, call.state, "cancel");
    happened.push({ type: "Cancelled", id, reason });
  }

  #takeCredit(id: number, limit: number, done: number, happened: SessionEvent[]): void {
    const call = this.#served.get(id);
    if (call === undefined) return;
    if (!call.isStream || limit < call.limit || done < call.done || done > call.nextIndex) {
      throw new ProtocolError(`a CREDIT of ${limit}, ${done} for call ${id} can't be`);
    }
    call.state = step(CALLEE, call.state, "credit");
    call.limit = limit;
    call.done = done;
    happened.push({ type: "Credited", id, limit, done });
  }

  #takeEvent(topic: string, index: number, value: unknown, happened: SessionEvent[]): void {
    happened.push({ type: "Emitted", topic, value, dropped: this.#countEvent(topic, index) });
  }

  /** Takes the index of an event; returns how many were dropped before it. */
  #countEvent(topic: string, index: number): number {
    const expected = this.#topicsIn.get(topic);
    if (expected === undefined && this.#topicsIn.size >= this.limits.topics) {
      throw new ProtocolError(`events came on more than ${this.limits.topics} topics`);
    }
    if (index < (expected ?? 0)) {
      throw new ProtocolError(
        `event ${index} of topic '${topic}' came after event ${(expected ?? 0) - 1}`,
      );
    }
    this.#topicsIn.set(topic, index + 1);
    return index - (expected ?? 0);
  }

  #takePart(
    id: number,
    index: number,
    sizes: unknown,
    chunk: unknown,
    now: number,
    happened: SessionEvent[],
  ): void {
    if (index === 0) this.#startAssembly(id, sizes);
    const assembly = this.#assemblies.get(id);
    if (assembly === undefined)
      throw new ProtocolError(`PART ${index} of ${id} came without a PART 0`);
    const buffers = assembly.add(index, chunk);
    if (buffers === null) return;
    this.#assemblies.delete(id);
    const message = readAssembled(buffers);
    const parsed = parse(message);
    if (parsed !== null && parsed.id !== id)
      throw new ProtocolError("a message has another id than its PARTs");
    this.#take(message, now, happened, { isNumbered: true, isAlone: false });
  }

  #startAssembly(id: number, sizes: unknown): void {
    if (this.#assemblies.has(id) || this.#assemblies.size >= this.limits.parts) {
      throw new ProtocolError(`too many messages are in parts, or two with the id ${id}`);
    }
    if (this.#isPeers(id) && id > this.#lastPeerId) {
      this.#claim(id);
      this.#announced.add(id);
    }
    this.#assemblies.set(id, new Assembly(sizes, this.limits.message));
  }

  #takeBye(code: string, message: string, happened: SessionEvent[]): void {
    happened.push(...this.#finish(code, message, true));
  }

  // --- helpers -----------------------------------------------------------------------------------------

  #advance(input: ConnectionInput): void {
    const state = CONNECTION[this.state][input];
    if (state === undefined)
      throw new ProtocolError(`${input} can't be in the state '${this.state}'`);
    this.state = state;
  }

  #checkOpen(): void {
    if (this.state === "open") return;
    const message =
      this.state === "closed"
        ? "the channel is closed: connect again"
        : "the channel is not open yet";
    throw new KcommError("kcomm.closed", message);
  }

  #checkRoom(): void {
    if (this.waitForRoom()) return;
    const message = `more than ${this.#sending.window} bytes wait to be sent or acknowledged: send less, or wait`;
    throw new KcommError("kcomm.buffer_full", message);
  }

  #encode(kind: Kind, id: number, ...fields: readonly unknown[]): Outgoing {
    // What the peers say of themselves is not a value of the peer's choice.
    const depth = isGreeting(kind) ? DEFAULT_LIMITS.depth : this.peerLimits.depth;
    const message = new Outgoing(kind, id, encode([KIND[kind], id, ...fields], depth));
    if (message.nbytes > this.peerLimits.message || !message.fits(this.#outbox.maxMessage)) {
      throw new BadValueError(
        `a message of ${message.nbytes} bytes and ${message.encoded.attachments.length} arrays is above the ` +
          `${this.peerLimits.message} bytes that the other end accepts`,
        "kcomm.too_large",
      );
    }
    return message;
  }

  #queue(kind: Kind, id: number, ...fields: readonly unknown[]): void {
    this.#outbox.put(this.#encode(kind, id, ...fields));
  }

  #readOptions(options: Options): void {
    this.peerLimits = readLimits(Object.hasOwn(options, "limits") ? options.limits : {});
    this.#outbox.maxMessage = this.peerLimits.packet - HEADER_ROOM;
    this.#outbox.maxTransfers = this.peerLimits.parts;
    this.#sending.window = Math.min(this.peerLimits.window, this.limits.window);
  }

  #isPeers(id: number): boolean {
    return id > 0 && id % 2 === (this.#isOpener ? 0 : 1);
  }

  /** Takes an id of the other end, for the first and only time. */
  #claim(id: number): void {
    if (this.#announced.delete(id)) return;
    if (!this.#isPeers(id)) throw new ProtocolError(`the id ${id} is not one of the other end's`);
    if (id <= this.#lastPeerId) throw new ProtocolError(`the id ${id} was used before`);
    this.#lastPeerId = id;
  }

  #checkWasMade(id: number): void {
    if (this.#isPeers(id) || id >= this.#nextId) {
      throw new ProtocolError(`an answer came for ${id}, which this end never called`);
    }
  }

  #getServed(id: number): Served {
    this.#checkOpen();
    const call = this.#served.get(id);
    if (call === undefined)
      throw new KcommError("kcomm.bad_arguments", `no call ${id} waits for an answer`);
    return call;
  }

  #refuse(id: number, code: string, message: string): void {
    this.#queue("ERROR", id, code, forPeople(message), null);
  }

  #finishServed(id: number, call: Served): void {
    call.state = step(CALLEE, call.state, "terminal");
    this.#served.delete(id);
  }

  /** Takes a terminal message; returns whether its caller still waits. */
  #finishMade(id: number): boolean {
    const call = this.#made.get(id);
    if (call === undefined) {
      this.#checkWasMade(id);
      return false;
    }
    const wasWaiting = call.state === "waiting";
    call.state = step(CALLER, call.state, "terminal");
    this.#made.delete(id);
    return wasWaiting;
  }

  /** Ends the channel from this side. What waits is sent before BYE, unless the peers no longer agree. */
  #end(code: string, message: string, { discards = false } = {}): SessionEvent[] {
    this.#advance("sendBye");
    const happened = this.#finish(code, message, discards);
    this.#queue("BYE", 0, forPeople(code), forPeople(message));
    return happened;
  }

  /** Fails what is open, and tells the end. */
  #finish(code: string, message: string, discards: boolean): SessionEvent[] {
    const happened: SessionEvent[] = [];
    const callCode = code === "kcomm.closed" ? code : "kcomm.session_lost";
    for (const [id, made] of this.#made) {
      if (made.state === "waiting") {
        // A call that is still here when all that waits is thrown away has surely not run.
        const data = { may_have_run: !(discards && this.#outbox.hasCall(id)) };
        const text = `the channel ended under the call: ${message || code}`;
        happened.push({ type: "Failed", id, code: callCode, message: text, data });
      }
      made.state = step(CALLER, made.state, "close");
    }
    for (const [id, served] of this.#served) {
      if (served.state === "running")
        happened.push({ type: "Cancelled", id, reason: "the channel ended" });
      served.state = step(CALLEE, served.state, "close");
    }
    this.#made.clear();
    this.#served.clear();
    this.#assemblies.clear();
    if (discards) this.#outbox.clear();
    happened.push({ type: "Closed", code, message });
    return happened;
  }
}

function isGreeting(kind: Kind): boolean {
  return kind === "HELLO" || kind === "WELCOME";
}

function step<State extends string, Input extends string>(
  table: Readonly<Record<State, Readonly<Partial<Record<Input, State>>>>>,
  state: State,
  input: Input,
): State {
  const next = table[state][input];
  if (next === undefined) throw new Error(`${input} can't be in the state '${state}'`);
  return next;
}

function getMap(options: Options, key: string): Options {
  const value = Object.hasOwn(options, key) ? options[key] : {};
  if (!isMap(value)) throw new ProtocolError(`'${key}' must be a map`);
  return value;
}

/** Makes the text of an error one that can be sent, whatever is in it and whatever the peer's limits. */
function forPeople(text: string): string {
  return text.slice(0, MAX_TEXT).replace(/\p{Surrogate}/gu, "\ufffd");
}
