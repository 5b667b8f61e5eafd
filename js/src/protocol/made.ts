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

/** Keeps the calls that this end made until their terminal message. */
export class CallsMade {
  readonly #writer: Writer;
  #nextId: number;
  readonly #calls = new Map<number, Made>();

  /**
   * @param writer what sends
   * @param firstId 1 for the opener, 2 for the acceptor
   */
  constructor(writer: Writer, firstId: number) {
    this.#writer = writer;
    this.#nextId = firstId;
  }

  /** Queues a CALL; returns its id. */
  call(
    method: string,
    args: readonly unknown[] | Options,
    limit: number,
    options: Options,
  ): number {
    const id = this.#nextId;
    this.#writer.queue("CALL", id, method, args, limit, options);
    this.#nextId += 2;
    this.#calls.set(id, { state: "waiting", limit, window: limit, nextIndex: 0 });
    return id;
  }

  /** Gives a call up; nothing more is told of it. */
  cancel(id: number, reason: string): void {
    const call = this.#calls.get(id);
    if (call?.state !== "waiting") return;
    call.state = step(CALLER, call.state, "cancel");
    this.#writer.queue("CANCEL", id, forPeople(reason));
  }

  /** Grants credit for as many items as the window holds beyond those that were consumed. */
  consume(id: number, done: number): void {
    const call = this.#calls.get(id);
    if (call?.state !== "waiting") return;
    const limit = done + call.window;
    // Half a window at a time, so that most items need no message of their own.
    if (limit - call.limit < Math.max(1, Math.floor(call.window / 2))) return;
    call.limit = limit;
    this.#writer.outbox.putFirst(this.#writer.encode("CREDIT", id, limit, done));
  }

  /** Takes an item. */
  takeNext(id: number, index: number, value: unknown): SessionEvent[] {
    const call = this.#calls.get(id);
    if (call === undefined) {
      this.#checkWasMade(id);
      return [];
    }
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
    const call = this.#calls.get(id);
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
    const call = this.#calls.get(id);
    if (call === undefined) return [];
    const wasWaiting = call.state === "waiting";
    if (kind === "NEXT") this.cancel(id, message);
    else this.#calls.delete(id);
    return wasWaiting ? [{ type: "Failed", id, code, message, data: null }] : [];
  }

  /** Fails what still waits, since the channel ends; says of each call whether it may have run. */
  close(code: string, message: string, { discards }: { discards: boolean }): SessionEvent[] {
    const happened: SessionEvent[] = [];
    const callCode = code === "kcomm.closed" ? code : "kcomm.session_lost";
    for (const [id, call] of this.#calls) {
      if (call.state === "waiting") {
        // A call that is still here when all that waits is thrown away has surely not run.
        const data = { may_have_run: !(discards && this.#writer.outbox.hasCall(id)) };
        const text = `the channel ended under the call: ${message}`;
        happened.push({ type: "Failed", id, code: callCode, message: text, data });
      }
      call.state = step(CALLER, call.state, "close");
    }
    this.#calls.clear();
    return happened;
  }

  /** Takes a terminal message; returns whether its caller still waits. */
  #finish(id: number): boolean {
    const call = this.#calls.get(id);
    if (call === undefined) {
      this.#checkWasMade(id);
      return false;
    }
    const wasWaiting = call.state === "waiting";
    call.state = step(CALLER, call.state, "terminal");
    this.#calls.delete(id);
    return wasWaiting;
  }

  #checkWasMade(id: number): void {
    if (id % 2 !== this.#nextId % 2 || id >= this.#nextId)
      throw new ProtocolError(`an answer came for ${id}, which this end never called`);
  }
}
