/** A link between two channels of one process: for tests, and for trying things out without a kernel. */

import type { Packet, ReceivedBuffer, Transport, TransportListener } from "./transport.js";

/** What a link does to packets on their way. */
export interface LinkFaults {
  /** How often a packet arrives, and after how many turns each time: `[]` loses it, `[0, 3]` repeats it. */
  fate?: (packet: Packet) => readonly number[];
}

/** One end of a link. */
class MemoryTransport implements Transport {
  peer: MemoryTransport | null = null;
  #listener: TransportListener | null = null;
  #isClosed = false;
  /** What came before this end was opened. */
  readonly #early: (() => void)[] = [];

  constructor(
    readonly link: MemoryLink,
    readonly faults: LinkFaults,
  ) {}

  open(listener: TransportListener, packet: Packet | null): void {
    this.#listener = listener;
    for (const arrive of this.#early.splice(0)) arrive();
    if (packet !== null) this.send(packet);
  }

  send(packet: Packet): void {
    if (this.#isClosed) return;
    const copy = packet.map((buffer) => new DataView(buffer.slice().buffer));
    for (const delay of this.faults.fate?.(packet) ?? [0]) {
      this.link.deliver(delay, () => this.peer?.arrive((listener) => listener.onPacket(copy)));
    }
  }

  close(packet: Packet | null): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const copy: readonly ReceivedBuffer[] = packet?.map((buffer) => buffer.slice()) ?? [];
    // Behind all that is still on its way: closing is the kernel's own message, and the last one.
    this.link.deliver(0, () => this.peer?.arrive((listener) => listener.onClose(copy)), {
      last: true,
    });
  }

  /** Breaks the link, as a restart of the kernel does. */
  lose(message: string): void {
    this.#isClosed = true;
    this.arrive((listener) => listener.onLost(message));
  }

  arrive(tell: (listener: TransportListener) => void): void {
    if (this.#listener === null) this.#early.push(() => this.arrive(tell));
    else tell(this.#listener);
  }
}

interface Delivery {
  readonly due: number;
  readonly run: () => void;
}

/** A link whose packets move on only when it is told to, turn by turn; or by themselves, as a microtask, where it is `automatic`. */
export class MemoryLink {
  readonly a: MemoryTransport;
  readonly b: MemoryTransport;
  #turn = 0;
  #waiting: Delivery[] = [];
  #isScheduled = false;
  readonly #automatic: boolean;

  constructor({ automatic = true, ...faults }: LinkFaults & { automatic?: boolean } = {}) {
    this.#automatic = automatic;
    this.a = new MemoryTransport(this, faults);
    this.b = new MemoryTransport(this, faults);
    this.a.peer = this.b;
    this.b.peer = this.a;
  }

  deliver(delay: number, run: () => void, { last = false } = {}): void {
    const latest = this.#waiting.reduce((due, delivery) => Math.max(due, delivery.due), this.#turn);
    this.#waiting.push({ due: last ? latest : this.#turn + delay, run });
    if (this.#automatic && !this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        this.run();
      });
    }
  }

  /** Lets everything arrive that is on its way, and what that sets off. */
  run(): void {
    while (this.#waiting.length > 0) this.turn();
  }

  /** Lets arrive what is due in this turn. */
  turn(): void {
    const due = this.#waiting.filter((delivery) => delivery.due <= this.#turn);
    this.#waiting = this.#waiting.filter((delivery) => delivery.due > this.#turn);
    this.#turn += 1;
    for (const delivery of due) delivery.run();
  }
}
