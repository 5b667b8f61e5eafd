/** Two sessions joined by nothing but lists of packets, and a clock that is told what time it is. */
import type { SessionEvent } from "../../src/protocol/events.js";
import { Session, type SessionOptions } from "../../src/protocol/session.js";
import type { Packet } from "../../src/transport/transport.js";

export class Pair {
  readonly page: Session;
  readonly kernel: Session;
  now = 0;

  constructor(page: SessionOptions = {}, kernel: SessionOptions = {}) {
    this.page = new Session("opener", page);
    this.kernel = new Session("acceptor", kernel);
  }

  /** A pair whose handshake is done. */
  static open(page: SessionOptions = {}, kernel: SessionOptions = {}): Pair {
    const pair = new Pair(page, kernel);
    pair.page.open();
    pair.exchange();
    return pair;
  }

  packets(session: Session): Packet[] {
    const packets: Packet[] = [];
    for (let packet = session.nextPacket(this.now); packet; packet = session.nextPacket(this.now))
      packets.push(packet);
    return packets;
  }

  /** Takes all packets of one end to the other; returns what happened there. */
  deliver(from: Session): SessionEvent[] {
    const to = from === this.page ? this.kernel : this.page;
    return this.packets(from).flatMap((packet) => to.receive(packet, this.now));
  }

  /** Takes packets to and fro until there are none. */
  exchange(): { page: SessionEvent[]; kernel: SessionEvent[] } {
    const happened = { page: [] as SessionEvent[], kernel: [] as SessionEvent[] };
    for (;;) {
      const toKernel = this.packets(this.page);
      for (const packet of toKernel) happened.kernel.push(...this.kernel.receive(packet, this.now));
      const toPage = this.packets(this.kernel);
      for (const packet of toPage) happened.page.push(...this.page.receive(packet, this.now));
      if (toKernel.length + toPage.length === 0) return happened;
    }
  }
}
