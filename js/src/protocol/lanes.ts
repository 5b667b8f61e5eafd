/** The two lanes of one end, and the packets that keep them going: acknowledgements, NACKs, probes. */

import type { Packet as Buffers } from "../transport/transport.js";
import { KIND, type Kind, type Message } from "./messages.js";
import * as packets from "./packets.js";
import { ReceiveLane } from "./receiving.js";
import { SendLane } from "./sending.js";
import { encode } from "./values.js";

/** All but what the lanes take. */
export type ToSession = Exclude<Message, { readonly kind: "NACK" | "PROBE" }>;

/** What an end still does for its lanes. */
export interface Upkeep {
  /** Whether it still takes packets: what is missing is asked for, what came is acknowledged. */
  readonly receives: boolean;
  /** Whether the other end may be asked what came there. */
  readonly probes: boolean;
}

/** Numbers what is sent, puts in order what comes, and keeps both going. */
export class Lanes {
  readonly sending: SendLane;
  readonly receiving: ReceiveLane;

  /** The windows are the bytes that may be unacknowledged in each direction. */
  constructor(sentWindow: number, receivedWindow: number) {
    this.sending = new SendLane(sentWindow);
    this.receiving = new ReceiveLane(receivedWindow);
  }

  /** Bytes that may be unacknowledged. */
  get window(): number {
    return this.sending.window;
  }

  set window(window: number) {
    this.sending.window = this.receiving.window = window;
  }

  // --- what comes in -----------------------------------------------------------------------------------

  /** Takes a packet; returns those that are to be read now. */
  take(packet: packets.Packet, now: number): packets.Packet[] {
    this.sending.acknowledge(packet.ack, now);
    return packet.seq > 0 ? this.receiving.accept(packet, now) : [packet];
  }

  /** Takes a NACK or PROBE, which may come in any state of the connection; returns a message that is neither. */
  takeMessage(message: Message, now: number): ToSession | null {
    switch (message.kind) {
      case "NACK":
        this.sending.askAgain(...message.fields, now);
        return null;
      case "PROBE":
        this.receiving.probe(...message.fields, now);
        this.sending.hastenProbe(now);
        return null;
      default:
        return message;
    }
  }

  // --- what goes out -----------------------------------------------------------------------------------

  /** Writes a packet, and keeps it if it is reliable; a volatile one has to be now and then. */
  write(
    bodies: readonly Uint8Array[],
    attachments: readonly Uint8Array[],
    now: number,
    { isVolatile }: { isVolatile: boolean },
  ): Buffers {
    const size = [...bodies, ...attachments].reduce((total, { length }) => total + length, 0);
    const isReliable = !isVolatile || this.sending.needsNumber(size);
    const seq = isReliable ? this.sending.last + 1 : 0;
    const packet = packets.write(seq, this.receiving.takeAck(), bodies, attachments);
    if (isReliable) this.sending.keep(packet, packets.size(packet), now);
    else this.sending.countVolatile(packets.size(packet));
    return packet;
  }

  /** Whether a NACK or PROBE is due, which goes before what else waits; a mere acknowledgement rides on that. */
  asks(now: number, { receives, probes }: Upkeep): boolean {
    return (
      (receives && isDue(this.receiving.nackDeadline, now)) ||
      (probes && isDue(this.sending.probeDeadline, now))
    );
  }

  /** Returns a packet that keeps the lanes going, or null if none is due. */
  upkeep(now: number, { receives, probes }: Upkeep): Buffers | null {
    const bodies: Uint8Array[] = [];
    if (receives && isDue(this.receiving.nackDeadline, now)) {
      for (const stretch of this.receiving.takeNacks(now)) bodies.push(body("NACK", ...stretch));
    }
    if (probes && isDue(this.sending.probeDeadline, now))
      bodies.push(body("PROBE", this.sending.takeProbe(now)));
    if (bodies.length > 0 || (receives && isDue(this.receiving.deadline, now)))
      return packets.write(0, this.receiving.takeAck(), bodies, []);
    return null;
  }

  /** When `upkeep` is to be asked, or something sent again. */
  deadline({ receives, probes }: Upkeep): number | null {
    const due = [
      receives ? this.receiving.deadline : null,
      receives ? this.receiving.nackDeadline : null,
      this.sending.resendDeadline,
      probes ? this.sending.probeDeadline : null,
    ].filter((time) => time !== null);
    return due.length > 0 ? Math.min(...due) : null;
  }

  /** Takes note that the connection is up again. */
  wake(now: number): void {
    this.sending.probeAtOnce(now);
    this.receiving.askAtOnce(now);
  }
}

function isDue(deadline: number | null, now: number): boolean {
  return deadline !== null && now >= deadline;
}

function body(kind: Kind, ...fields: number[]): Uint8Array {
  return encode([KIND[kind], 0, ...fields], 1).body;
}
