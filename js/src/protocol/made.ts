/** The calls that one end made. */

import { type BadValueError, ProtocolError } from "../errors.js";
import type { SessionEvent } from "./events.js";
import type { Kind, Options } from "./messages.js";
import { CALLER, type Caller, step } from "./states.js";
import { forPeople, type Writer } from "./writer.js";

interface Made {
  state: Caller;
  limit: number;
  readonly window: number;
  nextIndex: number;
}

/**
 * Keeps the calls that this end made until their terminal message.
 *
 * No more are open at once than the other end takes: those beyond are held back, and sent as others end.
 */
export class CallsMade {
  readonly #writer: Writer;
  #nextId: number;
  #lastSent = 0;
  readonly #calls = new Map<number, Made>();

  /**
   * @param writer what sends
   * @param firstId 1 for the opener, 2 for the acceptor
   */
  constructor(writer: Writer, firstId: number) {
    this.#writer = writer;
    this.#nextId = firstId;
  }

  /** Queues a CALL, or holds it back; returns its id. */
  call(
    method: string,
    args: readonly unknown[] | Options,
    limit: number,
    options: Options,
  ): number {
    const id = this.#nextId;
    const message = this.#writer.encode("CALL", id, method, args, limit, options);
    this.#nextId += 2;
    this.#calls.set(id, { state: "waiting", limit, window: limit, nextIndex: 0 });
    this.#writer.outbox.hold(message);
    this.#release();
    return id;
  }

  /** Gives a call up; nothing more is told of it. */
  cancel(id: number, reason: string): void {
    const call = this.#calls.get(id);
    if (call?.state !== "waiting") return;
    call.state = step(CALLER, call.state, "cancel");
    // Nobody has heard of a call that was held back.
    if (this.#writer.outbox.withdraw(id)) this.#calls.delete(id);
    else this.#writer.queue("CANCEL", id, forPeople(reason));
  }

  /** Grants credit up to `limit`; without it for as many items as the CALL did, beyond the consumed ones. */
  consume(id: number, done: number, limit?: number): void {
    const call = this.#calls.get(id);
    if (call?.state !== "waiting") return;
    // Half a window at a time, so that most items need no message of their own.
    const step = limit === undefined ? Math.max(1, Math.floor(call.window / 2)) : 1;
    const next = limit ?? done + call.window;
    if (next - call.limit < step) return;
    call.limit = next;
    this.#writer.outbox.putFirst(this.#writer.encode("CREDIT", id, next, done));
  }

  /** Takes an item. */
  takeNext(id: number, index: number, value: unknown): SessionEvent[] {
    const call = this.#find(id);
    if (call === undefined) return [];
    if (index >= call.limit)
      throw new ProtocolError(`item ${index} of call ${id} is beyond its credit of ${call.limit}`);
    call.state = step(CALLER, call.state, "next");
    // It was overtaken by a later one.
    if (index < call.nextIndex) return [];
    call.nextIndex = index + 1;
    return call.state === "waiting" ? [{ type: "Item", id, index, value }] : [];
  }

  /** Takes the good end of a call. */
  takeEnd(id: number, index: number, value: unknown): SessionEvent[] {
    const call = this.#find(id);
    if (call !== undefined && (index < call.nextIndex || index > call.limit))
      throw new ProtocolError(`call ${id} ended with ${index} items, which can't be`);
    return this.#finish(id) ? [{ type: "Ended", id, index, value }] : [];
  }

  /** Takes the failure of a call. */
  takeError(id: number, code: string, message: string, data: Options | null): SessionEvent[] {
    return this.#finish(id) ? [{ type: "Failed", id, code, message, data }] : [];
  }

  /** Fails a call with what came for it and can't be read. */
  takeBadValue(kind: Kind, id: number, { code, message }: BadValueError): SessionEvent[] {
    const call = this.#find(id);
    if (call === undefined) return [];
    const wasWaiting = call.state === "waiting";
    if (kind === "NEXT") this.cancel(id, message);
    else {
      this.#calls.delete(id);
      this.#release();
    }
    return wasWaiting ? [{ type: "Failed", id, code, message, data: null }] : [];
  }

  /** Fails what still waits, since the channel ends; says of each call whether it may have run. */
  close(code: string, message: string, { discards }: { discards: boolean }): SessionEvent[] {
    const happened: SessionEvent[] = [];
    const { outbox } = this.#writer;
    const callCode = code === "kcomm.closed" ? code : "kcomm.session_lost";
    for (const [id, call] of this.#calls) {
      if (call.state === "waiting") {
        // A call that is still here when what waits is thrown away has surely not run.
        const isHere = outbox.isHeld(id) || (discards && outbox.hasCall(id));
        const when = isHere ? "before the call was sent" : "under the call, which may have run";
        const text = `the channel ended ${when}: ${message}`;
        const data = { may_have_run: !isHere };
        happened.push({ type: "Failed", id, code: callCode, message: text, data });
      }
      outbox.withdraw(id);
      call.state = step(CALLER, call.state, "close");
    }
    this.#calls.clear();
    return happened;
  }

  /** Takes a terminal message; returns whether its caller still waits. */
  #finish(id: number): boolean {
    const call = this.#find(id);
    if (call === undefined) return false;
    const wasWaiting = call.state === "waiting";
    call.state = step(CALLER, call.state, "terminal");
    this.#calls.delete(id);
    this.#release();
    return wasWaiting;
  }

  /**
   * Queues calls that were held back, as long as the other end takes more.
   *
   * One that was cancelled counts until its terminal message: the other end may not know of it yet.
   */
  #release(): void {
    const { outbox, limits } = this.#writer;
    while (outbox.held > 0 && this.#calls.size - outbox.held < limits.calls)
      this.#lastSent = outbox.release();
  }

  /** Returns the call that something came for; undefined if it is over. */
  #find(id: number): Made | undefined {
    if (id % 2 !== this.#nextId % 2 || id > this.#lastSent)
      throw new ProtocolError(`an answer came for ${id}, which this end never called`);
    return this.#calls.get(id);
  }
}
