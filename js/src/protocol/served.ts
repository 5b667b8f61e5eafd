/** The calls that one end answers. */

import { type BadValueError, KcommError, ProtocolError } from "../errors.js";
import type { SessionEvent } from "./events.js";
import { isList, isMap } from "./messages.js";
import { CALLEE, type Callee, step } from "./states.js";
import type { Writer } from "./writer.js";

interface Served {
  state: Callee;
  limit: number;
  readonly isStream: boolean;
  nextIndex: number;
  done: number;
}

/** Keeps the calls of the other end until they are answered. */
export class CallsServed {
  readonly #writer: Writer;
  readonly #parity: number;
  readonly #maxCalls: number;
  #lastId = 0;
  readonly #announced = new Set<number>();
  readonly #calls = new Map<number, Served>();

  /**
   * @param writer what sends
   * @param parity what the other end's ids leave when divided by 2
   * @param maxCalls calls that may be open at once
   */
  constructor(writer: Writer, parity: number, maxCalls: number) {
    this.#writer = writer;
    this.#parity = parity;
    this.#maxCalls = maxCalls;
  }

  // --- what this end answers ---------------------------------------------------------------------------

  /** Returns how many items of a stream may still be sent. */
  credit(id: number): number {
    const call = this.#calls.get(id);
    return call === undefined ? 0 : call.limit - call.nextIndex;
  }

  /** Queues the next item of a stream; returns its index. */
  item(id: number, value: unknown, { volatile }: { volatile: boolean }): number {
    const call = this.#get(id);
    if (call.nextIndex >= call.limit) throw new RangeError(`no credit is left for call ${id}`);
    const index = call.nextIndex;
    const state = step(CALLEE, call.state, "item");
    if (state === "running") {
      const message = this.#writer.encode("NEXT", id, index, value);
      // The item that uses up the credit must arrive: else both ends could wait for ever.
      const usesUpCredit = index === call.limit - 1;
      const fits = message.nbytes <= this.#writer.maxMessage;
      message.isVolatile = volatile && fits && !usesUpCredit;
      this.#writer.outbox.put(message);
    }
    call.state = state;
    call.nextIndex += 1;
    return index;
  }

  /** Queues the good end of a call. */
  end(id: number, value: unknown): void {
    const call = this.#get(id);
    this.#writer.queue("END", id, call.nextIndex, value);
    this.#finish(id, call);
  }

  /** Queues the failure of a call. */
  fail(id: number, error: KcommError): void {
    const call = this.#get(id);
    this.#writer.queueError(id, error);
    this.#finish(id, call);
  }

  // --- what comes in -----------------------------------------------------------------------------------

  /** Takes the id of a message whose first part came, if it is a call's. */
  announce(id: number): void {
    if (id <= this.#lastId || id % 2 !== this.#parity) return;
    this.#claim(id);
    this.#announced.add(id);
  }

  /** Takes a call. */
  takeCall(
    id: number,
    method: string,
    args: unknown,
    limit: number,
    options: unknown,
  ): SessionEvent[] {
    if (!(isList(args) || isMap(args)) || !isMap(options))
      throw new ProtocolError("the args of CALL must be an array or a map, its options a map");
    this.#claim(id);
    if (this.#calls.size >= this.#maxCalls) {
      const text = `more than ${this.#maxCalls} calls are open at once`;
      this.#writer.queueError(id, new KcommError("kcomm.too_many_calls", text));
      return [];
    }
    this.#calls.set(id, { state: "running", limit, isStream: limit > 0, nextIndex: 0, done: 0 });
    return [{ type: "Called", id, method, args, limit, options }];
  }

  /** Refuses a call whose arguments can't be read. */
  takeBadValue(id: number, error: BadValueError): void {
    this.#claim(id);
    this.#writer.queueError(id, error);
  }

  /** Takes note that the caller has given up. */
  takeCancel(id: number, reason: string): SessionEvent[] {
    const call = this.#calls.get(id);
    if (call === undefined || call.state === "cancelling") return [];
    call.state = step(CALLEE, call.state, "cancel");
    return [{ type: "Cancelled", id, reason }];
  }

  /** Takes credit for a stream. */
  takeCredit(id: number, limit: number, done: number): SessionEvent[] {
    const call = this.#calls.get(id);
    if (call === undefined) return [];
    if (!call.isStream || limit < call.limit || done < call.done || done > call.nextIndex)
      throw new ProtocolError(`a CREDIT of ${limit}, ${done} for call ${id} can't be`);
    call.state = step(CALLEE, call.state, "credit");
    call.limit = limit;
    call.done = done;
    return [{ type: "Credited", id, limit, done }];
  }

  /** Cancels what still runs, since the channel ends. */
  close(): SessionEvent[] {
    const happened: SessionEvent[] = [];
    for (const [id, call] of this.#calls) {
      if (call.state === "running")
        happened.push({ type: "Cancelled", id, reason: "the channel ended" });
      call.state = step(CALLEE, call.state, "close");
    }
    this.#calls.clear();
    return happened;
  }

  /** Takes an id of the other end, for the first and only time. */
  #claim(id: number): void {
    if (this.#announced.delete(id)) return;
    if (id % 2 !== this.#parity)
      throw new ProtocolError(`the id ${id} is not one of the other end's`);
    if (id <= this.#lastId) throw new ProtocolError(`the id ${id} was used before`);
    this.#lastId = id;
  }

  #get(id: number): Served {
    const call = this.#calls.get(id);
    if (call === undefined)
      throw new KcommError("kcomm.bad_arguments", `no call ${id} waits for an answer`);
    return call;
  }

  #finish(id: number, call: Served): void {
    call.state = step(CALLEE, call.state, "terminal");
    this.#calls.delete(id);
  }
}
