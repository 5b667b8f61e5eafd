/** Joins a session with a transport and the clock: packets leave once a turn, and what happens is told to the channel. */

import { BULK, Pacer } from "./pacing.js";
import type { SessionEvent } from "./protocol/events.js";
import { Session, type SessionOptions } from "./protocol/session.js";
import type { ReceivedBuffer, Transport, TransportListener } from "./transport/transport.js";

export class Peer implements TransportListener {
  readonly session: Session;
  readonly #role: "opener" | "acceptor";
  readonly #transport: Transport;
  readonly #onEvent: (event: SessionEvent) => void;
  /** Answers and calls that wait for room. */
  readonly #answers: (() => void)[] = [];
  readonly #waiting: (() => void)[] = [];
  readonly #pacer = new Pacer();
  /** Milliseconds until the next packet may leave. */
  #pause = 0;
  #isStarted = false;
  readonly #untold: SessionEvent[] = [];
  #isTelling = false;
  #isFlushDue = false;
  #isCut = false;
  #isDown = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    role: "opener" | "acceptor",
    transport: Transport,
    options: SessionOptions,
    onEvent: (event: SessionEvent) => void,
  ) {
    this.session = new Session(role, options);
    this.#role = role;
    this.#transport = transport;
    this.#onEvent = onEvent;
  }

  /** Opens the transport: an opener's with HELLO. */
  start(): void {
    if (this.#role === "opener") {
      this.session.open();
      this.flush();
    } else {
      this.#isStarted = true;
      this.#transport.open(this, null);
    }
  }

  /** Ends the channel in order. Sends at once: a page that is being left has no later turn. */
  close(code: string, message: string): void {
    this.#tell(this.session.close(code, message));
    this.flush();
  }

  /** Runs something as soon as there is room for an answer, for which calls do not wait in turn. */
  whenAnswerable(run: () => void): void {
    this.#answers.push(run);
    this.#letWrite();
  }

  /**
   * Runs something as soon as there is room to send; in the order of asking. After the end of the channel there always is. Returns what ends the wait.
   */
  whenWritable(run: () => void): () => void {
    this.#waiting.push(run);
    this.#letWrite();
    return () => {
      const at = this.#waiting.indexOf(run);
      if (at >= 0) this.#waiting.splice(at, 1);
    };
  }

  /** Sends what is queued until the end of this turn; it shares packets. */
  flushSoon(): void {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => this.flush());
  }

  flush(): void {
    this.#isFlushDue = false;
    clearTimeout(this.#timer);
    try {
      this.#send();
    } catch (error) {
      // A transport that throws is no longer one.
      this.#end(
        this.session.cut(`a packet could not be sent: ${String(error)}`, "kcomm.session_lost"),
      );
    }
    this.#letWrite();
    this.#setTimer();
  }

  onPacket(buffers: readonly ReceivedBuffer[]): void {
    this.#tell(this.session.receive(buffers, now()));
    this.flush();
  }

  onClose(buffers: readonly ReceivedBuffer[]): void {
    if (buffers.length > 0) this.#tell(this.session.receive(buffers, now()));
    this.#end(this.session.cut("the other end closed the connection"));
  }

  onLost(message: string): void {
    this.#end(this.session.cut(message, "kcomm.session_lost"));
  }

  onDown(): void {
    this.#isDown = true;
    clearTimeout(this.#timer);
  }

  onUp(): void {
    this.#isDown = false;
    this.session.wake(now());
    this.flush();
  }

  #send(): void {
    // The end is said even to a path that is down, which may deliver it later.
    while (!this.#isCut && (!this.#isDown || this.session.state === "closed")) {
      this.#pause = this.#pauseNow();
      if (this.#pause > 0) break;
      const packet = this.session.nextPacket(now());
      if (this.session.isOver) {
        // With BYE; or with no packet, where the other end has said it.
        this.#isCut = true;
        if (this.#isStarted) this.#transport.close(packet);
      } else if (packet === null) break;
      else if (this.#isStarted) {
        this.#pacer.count(now());
        this.#transport.send(packet);
      } else {
        this.#isStarted = true;
        this.#transport.open(this, packet);
      }
    }
  }

  #pauseNow(): number {
    const { underWay, isOpen, waiting } = this.session;
    if (underWay === 0) this.#pacer.forgive();
    return isOpen && waiting < BULK ? this.#pacer.wait(now()) : 0;
  }

  #end(happened: readonly SessionEvent[]): void {
    this.#isCut = true;
    clearTimeout(this.#timer);
    this.#tell(happened);
    this.#letWrite();
  }

  #tell(happened: readonly SessionEvent[]): void {
    // What a listener does may make events, too: those come after the ones that were there before.
    this.#untold.push(...happened);
    if (this.#isTelling) return;
    this.#isTelling = true;
    try {
      for (let event = this.#untold.shift(); event; event = this.#untold.shift())
        this.#onEvent(event);
    } finally {
      this.#isTelling = false;
    }
  }

  #letWrite(): void {
    const isClosed = () => this.session.state === "closed";
    while (this.#answers.length > 0 && (isClosed() || this.session.waitForAnswerRoom())) {
      this.#answers.shift()?.();
    }
    while (
      this.#waiting.length > 0 &&
      (this.session.state === "closed" || this.session.waitForRoom())
    ) {
      this.#waiting.shift()?.();
    }
  }

  #setTimer(): void {
    const deadline = this.#pause > 0 ? now() + this.#pause : this.session.deadline;
    if (deadline === null || this.#isCut || this.#isDown) return;
    this.#timer = setTimeout(() => this.flush(), Math.max(0, deadline - now()));
  }
}

function now(): number {
  return performance.now();
}
