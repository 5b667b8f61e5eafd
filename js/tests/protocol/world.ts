/** Two sessions with an application on each, a link that fails in any way it is told to, and a clock. */
import { KcommError } from "../../src/errors.js";
import type { SessionEvent } from "../../src/protocol/events.js";
import type { Limits } from "../../src/protocol/limits.js";
import { KIND } from "../../src/protocol/messages.js";
import { Session } from "../../src/protocol/session.js";
import type { Packet } from "../../src/transport/transport.js";
import { plain } from "./helpers.js";

/** How often things happen to a packet, from 0 to 1. */
export interface Faults {
  readonly lose: number;
  readonly repeat: number;
  readonly reorder: number;
}

export type Action =
  | { readonly do: "call"; readonly size: number; readonly fails: boolean }
  | {
      readonly do: "stream";
      readonly count: number;
      readonly window: number;
      readonly size: number;
      readonly volatile: boolean;
    }
  | {
      readonly do: "emit";
      readonly topic: "a" | "b";
      readonly size: number;
      readonly latest: boolean;
    }
  | { readonly do: "cancel" }
  | { readonly do: "close" }
  | { readonly do: "wait"; readonly ms: number };

export interface WorldOptions {
  readonly seed: number;
  readonly limits: Partial<Limits>;
  /** What may happen to volatile packets. */
  readonly volatile: Faults;
  /** What may happen to reliable packets; HELLO alone is never lost. */
  readonly reliable: Faults;
  /** A time in which nothing arrives; it does at its end, all in one go. */
  readonly silence?: Silence;
}

export interface Silence {
  readonly from: number;
  readonly to: number;
}

/** A packet that one end sent. */
export interface Sent {
  readonly from: App;
  readonly at: number;
  readonly seq: number;
  /** The kinds of its messages, as numbers. */
  readonly kinds: readonly number[];
}

interface Flight {
  readonly due: number;
  readonly to: App;
  readonly arrive: (app: App) => void;
}

const TICK = 50;
/** Hundreds of probes for each packet: of those one gets through whatever the link loses. */
const MAX_TURNS = 100_000;

export class World {
  now = 0;
  readonly page: App;
  readonly kernel: App;
  /** All that was sent, whatever became of it. */
  readonly sent: Sent[] = [];
  readonly #random: () => number;
  #flights: Flight[] = [];
  readonly #lastDue = new Map<App, number>();

  constructor(readonly options: WorldOptions) {
    this.#random = generator(options.seed);
    this.page = new App(this, new Session("opener", { limits: options.limits }));
    this.kernel = new App(this, new Session("acceptor", { limits: options.limits }));
    this.page.peer = this.kernel;
    this.kernel.peer = this.page;
  }

  /** Opens the channel, lets both ends act, and runs until nothing is left to happen. */
  run(pageActs: readonly Action[], kernelActs: readonly Action[]): void {
    this.page.session.open();
    this.page.todo = [...pageActs];
    this.kernel.todo = [...kernelActs];
    let turns = 0;
    for (; !this.#isQuiet(); this.now += this.#pause()) {
      this.#turn();
      turns += 1;
      if (turns > MAX_TURNS) throw new Error("it does not come to an end");
    }
  }

  #turn(): void {
    const due = this.#flights
      .filter((flight) => flight.due <= this.now)
      .sort((a, b) => a.due - b.due);
    this.#flights = this.#flights.filter((flight) => flight.due > this.now);
    for (const { to, arrive } of due) {
      arrive(to);
      to.flush();
    }
    for (const app of [this.page, this.kernel]) {
      app.act();
      app.flush();
    }
  }

  /** Until the next thing happens. */
  #pause(): number {
    const next = Math.min(...this.#flights.map(({ due }) => due), ...this.#deadlines());
    const pause = Math.max(1, next - this.now);
    return this.#isBusy() || !Number.isFinite(pause) ? Math.min(TICK, pause) : pause;
  }

  /** Whether nothing can happen any more. */
  #isQuiet(): boolean {
    return (
      this.now > 0 &&
      this.#flights.length === 0 &&
      !this.#isBusy() &&
      this.#deadlines().length === 0
    );
  }

  #isBusy(): boolean {
    return [this.page, this.kernel].some(
      (app) => app.session.isOpen && app.todo.length > 0 && !app.isBlocked,
    );
  }

  #deadlines(): number[] {
    return [this.page, this.kernel].flatMap((app) => app.session.deadline ?? []);
  }

  send(from: App, packet: Packet): void {
    const [seq, , messages] = plain(packet[0] as Uint8Array) as [number, number, [number][]];
    const kinds = messages.map(([kind]) => kind);
    this.sent.push({ from, at: this.now, seq, kinds });
    const faults = seq > 0 ? this.options.reliable : this.options.volatile;
    const to = from.peer as App;
    const arrive = (app: App) => app.take(app.session.receive(packet, this.now));
    if (this.#random() >= faults.lose || kinds[0] === KIND.HELLO)
      this.#fly(this.#arrival(to, faults), to, arrive);
    if (this.#random() < faults.repeat)
      this.#fly(this.now + TICK + this.#random() * 3000, to, arrive);
  }

  #fly(due: number, to: App, arrive: (app: App) => void): void {
    const { from: start, to: end } = this.options.silence ?? { from: 0, to: 0 };
    this.#flights.push({ due: due >= start && due < end ? end : due, to, arrive });
  }

  /** Closing arrives, and after all that was sent before. */
  close(from: App, packet: Packet | null): void {
    const due = Math.max(this.now, ...this.#flights.map((flight) => flight.due)) + 1;
    const arrive = (app: App) => {
      if (packet !== null) app.take(app.session.receive(packet, this.now));
      app.take(app.session.cut("closed by the other end", "kcomm.session_lost"));
    };
    this.#flights.push({ due, to: from.peer as App, arrive });
  }

  #arrival(to: App, faults: Faults): number {
    if (this.#random() < faults.reorder) return this.now + TICK + this.#random() * 1000;
    const due = Math.max(this.now + 1 + this.#random() * TICK, this.#lastDue.get(to) ?? 0) + 0.001;
    this.#lastDue.set(to, due);
    return due;
  }
}

interface Outstanding {
  readonly action: Extract<Action, { do: "call" | "stream" }>;
  isCancelled: boolean;
  received: number[];
  outcome: string | null;
}

/** Answers calls, streams and events, and notes what was wrong. */
export class App {
  peer: App | null = null;
  todo: Action[] = [];
  /** What should not have been. */
  readonly wrongs: string[] = [];
  readonly calls = new Map<number, Outstanding>();
  readonly emitted = { a: 0, b: 0 };
  readonly heard = { a: 0, b: 0 };
  /** Whether the next action waits for room. */
  isBlocked = false;
  closed: string | null = null;
  #isCut = false;
  readonly #streams = new Map<
    number,
    { count: number; size: number; volatile: boolean; next: number }
  >();
  #wakes = 0;

  constructor(
    readonly world: World,
    readonly session: Session,
  ) {}

  act(): void {
    if (this.session.state === "closed") this.todo = [];
    if (!this.session.isOpen || this.world.now < this.#wakes) return;
    for (let action = this.todo[0]; action !== undefined; action = this.todo[0]) {
      try {
        this.#do(action);
      } catch (error) {
        // It waits until there is room.
        this.isBlocked = error instanceof KcommError && error.code === "kcomm.buffer_full";
        if (this.isBlocked) return;
        throw error;
      }
      this.isBlocked = false;
      this.todo.shift();
      if (action.do === "wait") return;
    }
  }

  /** Sends as a page does, which must go at once, or as a kernel, which stays until its BYE has come. */
  flush(): void {
    const { session, world } = this;
    while (!this.#isCut) {
      const packet = session.nextPacket(world.now);
      if (session.isOver && !(session.lingers && this === world.kernel)) {
        this.#isCut = true;
        world.close(this, packet);
      } else if (packet === null) break;
      else world.send(this, packet);
    }
  }

  take(happened: readonly SessionEvent[]): void {
    for (const event of happened) this.#take(event);
  }

  #do(action: Action): void {
    switch (action.do) {
      case "call":
        this.calls.set(
          this.session.call("m", [action.fails, pattern(action.size)]),
          outstanding(action),
        );
        break;
      case "stream": {
        const args = [action.count, action.size, action.volatile];
        this.calls.set(this.session.call("s", args, { limit: action.window }), outstanding(action));
        break;
      }
      case "emit":
        this.session.emit(
          action.topic,
          { n: this.emitted[action.topic]++, data: pattern(action.size) },
          { latest: action.latest },
        );
        break;
      case "cancel": {
        const [id, call] =
          [...this.calls].find(
            ([, { outcome, isCancelled }]) => outcome === null && !isCancelled,
          ) ?? [];
        if (id === undefined || call === undefined) break;
        this.session.cancel(id, "enough");
        call.isCancelled = true;
        break;
      }
      case "close":
        this.take(this.session.close());
        break;
      case "wait":
        this.#wakes = this.world.now + action.ms;
    }
  }

  #take(event: SessionEvent): void {
    switch (event.type) {
      case "Called":
        if (event.method === "m") this.#answer(event.id, event.args as [boolean, Uint8Array]);
        else {
          const [count, size, volatile] = event.args as [number, number, boolean];
          this.#streams.set(event.id, { count, size, volatile, next: 0 });
          this.#pump(event.id);
        }
        break;
      case "Credited":
        this.#pump(event.id);
        break;
      case "Cancelled":
        // A call and its end may come in one packet: it may be answered already.
        if (this.#streams.delete(event.id) && this.session.isOpen)
          this.session.fail(event.id, "kcomm.cancelled", "");
        break;
      case "Item":
        this.#item(event.id, event.index, event.value as { i: number; data: Uint8Array });
        break;
      case "Ended":
        this.#end(event.id, event.index, event.value);
        break;
      case "Failed":
        this.#settle(event.id, event.code);
        break;
      case "Emitted":
        this.#hear(
          event.topic as "a" | "b",
          event.value as { n: number; data: Uint8Array },
          event.dropped,
        );
        break;
      case "Closed":
        if (this.closed !== null) this.wrongs.push("closed twice");
        this.closed = event.code;
    }
  }

  #answer(id: number, [fails, data]: [boolean, Uint8Array]): void {
    this.#look(data, "an argument");
    // A call may come together with BYE.
    if (!this.session.isOpen) return;
    if (fails) this.session.fail(id, "mine", "as asked", { type: "E" });
    else this.session.end(id, data.length);
  }

  #pump(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined || !this.session.isOpen) return;
    while (this.session.credit(id) > 0 && stream.next < stream.count) {
      const value = { i: stream.next, data: pattern(stream.size) };
      if (this.session.item(id, value, { volatile: stream.volatile }) !== stream.next)
        this.wrongs.push("an index that is not next");
      stream.next += 1;
    }
    if (stream.next < stream.count) return;
    this.session.end(id, "done");
    this.#streams.delete(id);
  }

  #item(id: number, index: number, { i, data }: { i: number; data: Uint8Array }): void {
    const call = this.calls.get(id);
    if (call === undefined || call.isCancelled) {
      this.wrongs.push(`an item of ${id}, which does not wait`);
      return;
    }
    if (i !== index || index <= (call.received.at(-1) ?? -1))
      this.wrongs.push(`item ${index} with ${i} after ${call.received.at(-1)}`);
    this.#look(data, "an item");
    call.received.push(index);
    this.session.consume(id, index + 1);
  }

  #end(id: number, index: number, value: unknown): void {
    const call = this.calls.get(id);
    if (call?.action.do === "call" && value !== call.action.size)
      this.wrongs.push(`${value} was answered`);
    if (call?.action.do === "stream") {
      const { count, volatile } = call.action;
      if (index !== count || value !== "done") this.wrongs.push(`the end is ${index}, ${value}`);
      if (!volatile && call.received.length !== count)
        this.wrongs.push(`${call.received.length} items of ${count}`);
    }
    this.#settle(id, "ended");
  }

  #settle(id: number, outcome: string): void {
    const call = this.calls.get(id);
    if (call === undefined) this.wrongs.push(`an answer for ${id}`);
    else if (call.isCancelled) this.wrongs.push(`an answer for ${id}, which was cancelled`);
    else if (call.outcome !== null) this.wrongs.push(`two answers for ${id}`);
    else call.outcome = outcome;
  }

  #hear(topic: "a" | "b", { n, data }: { n: number; data: Uint8Array }, dropped: number): void {
    if (n !== this.heard[topic] + dropped)
      this.wrongs.push(`event ${n} of ${topic} where ${this.heard[topic]} + ${dropped} was due`);
    this.#look(data, "an event");
    this.heard[topic] = n + 1;
  }

  #look(data: Uint8Array, what: string): void {
    if (data.some((byte, i) => byte !== i % 251)) this.wrongs.push(`${what} has wrong bytes`);
  }
}

function outstanding(action: Outstanding["action"]): Outstanding {
  return { action, isCancelled: false, received: [], outcome: null };
}

function pattern(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, i) => i % 251);
}

/** A generator of numbers from 0 to 1 (mulberry32), which a seed repeats. */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
