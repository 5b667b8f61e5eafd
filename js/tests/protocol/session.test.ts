import { describe, expect, it } from "vitest";
import type { SessionEvent } from "../../src/protocol/events.js";
import { KIND } from "../../src/protocol/messages.js";
import { write } from "../../src/protocol/packets.js";
import { Session, type SessionOptions } from "../../src/protocol/session.js";
import { encode } from "../../src/protocol/values.js";
import type { Packet } from "../../src/transport/transport.js";
import { plain } from "./helpers.js";
import { Pair } from "./pair.js";

type Header = [seq: number, ack: number, messages: unknown[][]];

function header(packet: Packet | null | undefined): Header {
  return plain(packet?.[0] as Uint8Array) as Header;
}

/** The messages of packets, by name of their kind. */
function sent(packets: readonly Packet[]): unknown[][] {
  const names = Object.keys(KIND);
  return packets.flatMap((packet) =>
    header(packet)[2].map(([kind, ...rest]) => [names[kind as number], ...rest]),
  );
}

/** A packet made by hand. */
function packet(seq: number, ack: number, ...messages: unknown[][]): Packet {
  const encoded = messages.map((message) => encode(message, 500));
  return write(
    seq,
    ack,
    encoded.map(({ body }) => body),
    encoded.flatMap(({ attachments }) => attachments),
  );
}

const CLOSED = (code: string, message: unknown = expect.any(String)) => ({
  type: "Closed",
  code,
  message,
});

describe("opening", () => {
  it("says what each end accepts and offers", () => {
    const pair = new Pair(
      { params: { id: 1 }, features: { a: 1 }, limits: { depth: 10 } },
      { epoch: "e", features: { b: 2 }, staleSubshells: ["s"] },
    );
    pair.page.open();
    const happened = pair.exchange();
    expect(happened.kernel).toEqual([
      {
        type: "Opened",
        version: 1,
        features: { a: 1 },
        params: { id: 1 },
        epoch: "",
        staleSubshells: [],
      },
    ]);
    expect(happened.page).toEqual([
      {
        type: "Opened",
        version: 1,
        features: { b: 2 },
        params: {},
        epoch: "e",
        staleSubshells: ["s"],
      },
    ]);
    expect(pair.kernel.peerLimits.depth).toBe(10);
    expect(pair.page.peerLimits.depth).toBe(64);
  });

  it("sends nothing else before WELCOME", () => {
    const { page } = new Pair();
    page.open();
    expect(() => page.call("m")).toThrow(expect.objectContaining({ code: "kcomm.closed" }));
  });

  it("names both lists where no version is common", () => {
    const kernel = new Session("acceptor");
    const happened = kernel.receive(packet(1, 0, [0, 0, [2, 3], {}]), 0);
    expect(happened).toEqual([
      CLOSED("kcomm.unsupported_version", expect.stringMatching(/\[2, 3\].*\[1\]/)),
    ]);
    expect(sent([kernel.nextPacket(0) as Packet])).toEqual([
      ["BYE", 0, "kcomm.unsupported_version", expect.any(String)],
    ]);
  });

  it("ignores options it does not know, and takes limits that are missing as the defaults", () => {
    const kernel = new Session("acceptor");
    const options = { limits: { depth: 3, news: 1 }, colour: "red" };
    expect(kernel.receive(packet(1, 0, [0, 0, [1], options]), 0)).toMatchObject([
      { type: "Opened" },
    ]);
    expect(kernel.peerLimits).toMatchObject({ depth: 3, calls: 1024 });
  });

  it("refuses params that one packet can't hold", () => {
    const page = new Session("opener", { params: { image: new Uint8Array(9_000_000) } });
    expect(() => page.open()).toThrow(expect.objectContaining({ code: "kcomm.too_large" }));
    expect(page.state).toBe("idle");
  });

  it("knows a target that nobody serves from a connection that broke", () => {
    const [first, second] = [new Session("opener"), new Session("opener")];
    first.open();
    second.open();
    expect(first.cut()).toEqual([CLOSED("kcomm.unknown_target")]);
    expect(second.cut("the kernel died", "kcomm.session_lost")).toEqual([
      CLOSED("kcomm.session_lost", "the kernel died"),
    ]);
  });
});

describe("calls", () => {
  it("have odd ids from the opener and even ones from the acceptor", () => {
    const { page, kernel } = Pair.open();
    expect([page.call("a"), page.call("b"), kernel.call("c"), kernel.call("d")]).toEqual([
      1, 3, 2, 4,
    ]);
  });

  it("are answered once", () => {
    const pair = Pair.open();
    const id = pair.page.call("add", [2, 3], { options: { timeout: 5 } });
    expect(pair.deliver(pair.page)).toEqual([
      { type: "Called", id, method: "add", args: [2, 3], limit: 0, options: { timeout: 5 } },
    ]);
    pair.kernel.end(id, 5);
    expect(() => pair.kernel.end(id, 6)).toThrow("waits for an answer");
    expect(pair.deliver(pair.kernel)).toEqual([{ type: "Ended", id, index: 0, value: 5 }]);
  });

  it("fail with code, message and data", () => {
    const pair = Pair.open();
    const id = pair.page.call("m", { x: 1 });
    expect(pair.deliver(pair.page)).toMatchObject([{ args: { x: 1 } }]);
    pair.kernel.fail(id, "mine", "no \ud800", { type: "E" });
    expect(pair.deliver(pair.kernel)).toEqual([
      { type: "Failed", id, code: "mine", message: "no \ufffd", data: { type: "E" } },
    ]);
  });

  it("share a packet, and their ids stay in order", () => {
    const { page } = Pair.open();
    for (let i = 0; i < 100; i++) page.call("m", [i]);
    const made = page.nextPacket(0);
    expect(header(made)[2].map((message) => message[1])).toEqual(
      Array.from({ length: 100 }, (_, i) => 2 * i + 1),
    );
    expect(page.nextPacket(0)).toBeNull();
  });

  it("leave in packets of about 256 kB", () => {
    const { page } = Pair.open();
    for (let i = 0; i < 10; i++) page.call("m", [new Uint8Array(100_000)]);
    const counts = new Pair().packets(page).map((made) => header(made)[2].length);
    expect(counts).toEqual([3, 3, 3, 1]);
  });

  it("beyond the limit are held back until others have ended", () => {
    const pair = Pair.open({}, { limits: { calls: 2 } });
    const ids = [1, 2, 3, 4].map(() => pair.page.call("m"));
    expect(pair.deliver(pair.page)).toMatchObject([{ id: ids[0] }, { id: ids[1] }]);
    pair.page.cancel(ids[2] as number);
    pair.kernel.end(ids[0] as number);
    pair.deliver(pair.kernel);
    expect(pair.deliver(pair.page)).toMatchObject([{ type: "Called", id: ids[3] }]);
  });

  it("that were cancelled are done with, and still get their answer", () => {
    const pair = Pair.open();
    const id = pair.page.call("m");
    pair.deliver(pair.page);
    pair.page.cancel(id, "enough");
    pair.page.cancel(id, "twice");
    expect(pair.deliver(pair.page)).toEqual([{ type: "Cancelled", id, reason: "enough" }]);
    pair.kernel.end(id, 1);
    expect(pair.deliver(pair.kernel)).toEqual([]);
    expect(pair.page.state).toBe("open");
  });

  it("fail when the channel ends, and say whether they may have run", () => {
    const pair = Pair.open();
    const sentId = pair.page.call("m");
    pair.packets(pair.page);
    const waitingId = pair.page.call("m");
    expect(pair.page.cut("gone")).toEqual([
      {
        type: "Failed",
        id: sentId,
        code: "kcomm.session_lost",
        message: expect.any(String),
        data: { may_have_run: true },
      },
      {
        type: "Failed",
        id: waitingId,
        code: "kcomm.session_lost",
        message: expect.any(String),
        data: { may_have_run: false },
      },
      CLOSED("kcomm.session_lost", "gone"),
    ]);
    expect(() => pair.page.call("m")).toThrow(expect.objectContaining({ code: "kcomm.closed" }));
  });
});

describe("streams", () => {
  function stream(limit: number): { pair: Pair; id: number } {
    const pair = Pair.open();
    const id = pair.page.call("s", [], { limit });
    pair.deliver(pair.page);
    return { pair, id };
  }

  it("send no more than there is credit", () => {
    const { pair, id } = stream(2);
    expect(pair.kernel.credit(id)).toBe(2);
    expect([pair.kernel.item(id, "a"), pair.kernel.item(id, "b")]).toEqual([0, 1]);
    expect(() => pair.kernel.item(id, "c")).toThrow("no credit");
    expect(pair.deliver(pair.kernel)).toEqual([
      { type: "Item", id, index: 0, value: "a" },
      { type: "Item", id, index: 1, value: "b" },
    ]);
  });

  it("grant credit in halves of the window", () => {
    const { pair, id } = stream(8);
    for (let done = 1; done <= 3; done++) pair.page.consume(id, done);
    expect(pair.packets(pair.page)).toEqual([]);
    pair.page.consume(id, 4);
    pair.page.consume(id, 8);
    const packets = pair.packets(pair.page);
    // Of two that wait the later one is enough.
    expect(sent(packets)).toEqual([["CREDIT", id, 16, 8]]);
  });

  it("tell of credit, and end with the number of items", () => {
    const { pair, id } = stream(2);
    pair.kernel.item(id, 1);
    pair.kernel.item(id, 2);
    pair.deliver(pair.kernel);
    pair.page.consume(id, 1);
    expect(pair.deliver(pair.page)).toEqual([{ type: "Credited", id, limit: 3, done: 1 }]);
    pair.kernel.end(id);
    expect(pair.deliver(pair.kernel)).toEqual([{ type: "Ended", id, index: 2, value: null }]);
  });

  it("send volatile items in volatile packets, but for the one that uses up the credit", () => {
    const { pair, id } = stream(3);
    const seqs = [0, 1, 2].map((i) => {
      pair.kernel.item(id, i, { volatile: true });
      return header(pair.kernel.nextPacket(0))[0];
    });
    expect(seqs).toEqual([0, 0, 2]);
  });

  it("drop items that were overtaken, and bear those that were lost", () => {
    const { pair, id } = stream(10);
    const packets = [0, 1, 2, 3].map((i) => {
      pair.kernel.item(id, i, { volatile: true });
      return pair.kernel.nextPacket(0) as Packet;
    });
    const [, second, third, fourth] = packets as [Packet, Packet, Packet, Packet];
    const happened = [third, second, third, fourth].flatMap((p) => pair.page.receive(p, 0));
    expect(happened).toMatchObject([{ index: 2 }, { index: 3 }]);
  });

  it("send nothing after CANCEL but the end", () => {
    const { pair, id } = stream(10);
    pair.page.cancel(id);
    pair.deliver(pair.page);
    pair.kernel.item(id, 1);
    pair.kernel.fail(id, "kcomm.cancelled", "");
    expect(sent(pair.packets(pair.kernel))).toMatchObject([
      ["ERROR", id, "kcomm.cancelled", "", null],
    ]);
  });
});

describe("events", () => {
  it("come in order, with what was dropped counted", () => {
    const pair = Pair.open();
    for (let i = 0; i < 5; i++) pair.page.emit("slider", i, { latest: true });
    pair.page.emit("other", null);
    expect(pair.deliver(pair.page)).toEqual([
      { type: "Emitted", topic: "slider", value: 4, dropped: 4 },
      { type: "Emitted", topic: "other", value: null, dropped: 0 },
    ]);
    pair.page.emit("slider", 5);
    expect(pair.deliver(pair.page)).toMatchObject([{ value: 5, dropped: 0 }]);
  });

  it("of one topic are bounded: the oldest goes", () => {
    const pair = Pair.open();
    for (let i = 0; i < 1003; i++) pair.page.emit("t", i);
    const happened = pair.deliver(pair.page);
    expect(happened).toHaveLength(1000);
    expect(happened[0]).toEqual({ type: "Emitted", topic: "t", value: 3, dropped: 3 });
  });

  it("on more topics than the other end takes are refused", () => {
    const pair = Pair.open({}, { limits: { topics: 2 } });
    for (const topic of ["a", "b", "a"]) pair.page.emit(topic, 1);
    expect(() => pair.page.emit("c", 1)).toThrow("takes events of 2 topics");
    expect(pair.deliver(pair.page)).toHaveLength(3);
    expect(pair.kernel.isOpen).toBe(true);
  });

  it("can be reported as not handled", () => {
    const pair = Pair.open();
    pair.page.report("kcomm.unknown_topic", "nobody");
    expect(pair.deliver(pair.page)).toEqual([
      { type: "Reported", code: "kcomm.unknown_topic", message: "nobody" },
    ]);
  });
});

describe("values that can't be read", () => {
  const bad = new Uint8Array([0x81, 0x01, 0x02]);

  function withBad(seq: number, prefix: readonly number[]): Packet {
    return [
      new Uint8Array([
        0x93,
        seq,
        1,
        0x92,
        ...prefix,
        ...bad,
        ...encode([KIND.EVENT, 0, "t", 0, 1], 9).body,
      ]),
    ];
  }

  it("of a CALL are answered with an error, and the rest of the packet is taken", () => {
    const pair = Pair.open();
    const call = [0x96, KIND.CALL, 1, 0xa1, 0x6d];
    const made = [
      new Uint8Array([
        0x93,
        2,
        1,
        0x92,
        ...call,
        ...bad,
        0,
        0x80,
        ...encode([KIND.EVENT, 0, "t", 0, 1], 9).body,
      ]),
    ];
    expect(pair.kernel.receive(made, 0)).toMatchObject([{ type: "Emitted" }]);
    expect(sent(pair.packets(pair.kernel))).toEqual([
      ["ERROR", 1, "kcomm.bad_value", expect.any(String), null],
    ]);
  });

  it("of a NEXT fail the call here and cancel it there", () => {
    const pair = Pair.open();
    const id = pair.page.call("s", [], { limit: 4 });
    pair.deliver(pair.page);
    const happened = pair.page.receive(withBad(2, [0x94, KIND.NEXT, id, 0]), 0);
    expect(happened).toMatchObject([
      { type: "Failed", id, code: "kcomm.bad_value" },
      { type: "Emitted" },
    ]);
    expect(sent(pair.packets(pair.page))).toEqual([["CANCEL", id, expect.any(String)]]);
  });

  it("of an END fail the call", () => {
    const pair = Pair.open();
    const id = pair.page.call("m");
    pair.deliver(pair.page);
    expect(pair.page.receive(withBad(2, [0x94, KIND.END, id, 0]), 0)).toMatchObject([
      { type: "Failed", id },
      { type: "Emitted" },
    ]);
  });

  it("of an EVENT are reported", () => {
    const pair = Pair.open();
    pair.page.receive(withBad(2, [0x95, KIND.EVENT, 0, 0xa1, 0x78, 0]), 0);
    expect(sent(pair.packets(pair.page))).toEqual([
      ["ERROR", 0, "kcomm.bad_value", expect.any(String), null],
    ]);
  });

  it("of HELLO end the channel", () => {
    const kernel = new Session("acceptor");
    const hello = [
      new Uint8Array([0x93, 1, 0, 0x91, 0x94, 0, 0, 0x91, 1, 0x81, 0xa1, 0x78, ...bad]),
    ];
    expect(kernel.receive(hello, 0)).toEqual([CLOSED("kcomm.protocol_error")]);
  });
});

describe("protocol errors", () => {
  const afterOpening = (...messages: unknown[][]) => packet(2, 1, ...messages);
  it.each<[string, Packet]>([
    ["no buffers", []],
    ["a header of two", [new Uint8Array([0x92, 0, 0])]],
    ["a header that is a map", [new Uint8Array([0x80])]],
    ["bytes after the header", [new Uint8Array([0x93, 0, 0, 0x90, 0xc0])]],
    ["an attachment nobody refers to", [new Uint8Array([0x93, 0, 0, 0x90]), new Uint8Array(3)]],
    ["a negative seq", packet(-1, 0)],
    ["an ack of what was never sent", packet(0, 99)],
    ["a message that is no array", [new Uint8Array([0x93, 2, 1, 0x91, 0xc0])]],
    ["an unknown low kind", afterOpening([13, 0])],
    ["a kind that is text", afterOpening(["CALL", 1])],
    ["too few fields", afterOpening([KIND.CALL, 1, "m", [], 0])],
    ["a field of the wrong type", afterOpening([KIND.CALL, 1, 7, [], 0, {}])],
    ["args that are text", afterOpening([KIND.CALL, 1, "m", "x", 0, {}])],
    ["options that are a list", afterOpening([KIND.CALL, 1, "m", [], 0, []])],
    ["an id of the wrong parity", afterOpening([KIND.CALL, 2, "m", [], 0, {}])],
    ["an id of 0", afterOpening([KIND.CALL, 0, "m", [], 0, {}])],
    [
      "an id used twice",
      afterOpening([KIND.CALL, 3, "m", [], 0, {}], [KIND.CALL, 1, "m", [], 0, {}]),
    ],
    ["an id with EVENT", afterOpening([KIND.EVENT, 1, "t", 0, 1])],
    ["an answer to what was never asked", afterOpening([KIND.END, 2, 0, 1])],
    ["a second HELLO", afterOpening([KIND.HELLO, 0, [1], {}])],
    ["a CALL in a volatile packet", packet(0, 1, [KIND.CALL, 1, "m", [], 0, {}])],
    [
      "an event index that goes back",
      afterOpening([KIND.EVENT, 0, "t", 1, 1], [KIND.EVENT, 0, "t", 1, 1]),
    ],
    ["a PART 1 without a PART 0", afterOpening([KIND.PART, 1, 1, null, new Uint8Array(1)])],
    ["sizes that are no sizes", afterOpening([KIND.PART, 1, 0, [-1], new Uint8Array(1)])],
    ["more in PARTs than the limit", afterOpening([KIND.PART, 1, 0, [2 ** 40], new Uint8Array(1)])],
    ["a PART of no bytes", afterOpening([KIND.PART, 1, 0, [5], new Uint8Array(0)])],
    [
      "a PART whose chunk is an array",
      afterOpening([KIND.PART, 1, 0, [5], Object.assign(new Uint8Array(1), { shape: [1] })]),
    ],
    ["more bytes than announced", afterOpening([KIND.PART, 1, 0, [1], new Uint8Array(2)])],
    ["a NACK for what was never sent", afterOpening([KIND.NACK, 0, 5, 6])],
    ["a packet above the limit", [packet(2, 1)[0] as Uint8Array, new Uint8Array(9_000_000)]],
  ])("%s", (_, hostile) => {
    const pair = Pair.open();
    const happened = pair.kernel.receive(hostile, 0);
    expect(happened.at(-1)).toEqual(CLOSED("kcomm.protocol_error"));
    expect(sent(pair.packets(pair.kernel))).toEqual([
      ["BYE", 0, "kcomm.protocol_error", expect.any(String)],
    ]);
    expect(pair.kernel.receive(hostile, 0)).toEqual([]);
  });

  it("are not: unknown high kinds, fields that are new, ids that are gone", () => {
    const pair = Pair.open();
    const id = pair.kernel.call("m");
    pair.deliver(pair.kernel);
    const happened = pair.kernel.receive(
      packet(
        2,
        2,
        [64, 0, "x"],
        [KIND.END, id, 0, 1, "new"],
        [KIND.END, id, 0, 1],
        [KIND.CANCEL, 9, ""],
        [KIND.CREDIT, 9, 5, 0],
      ),
      0,
    );
    expect(happened).toEqual([{ type: "Ended", id, index: 0, value: 1 }]);
  });

  it("of an item beyond its credit", () => {
    const pair = Pair.open();
    const id = pair.page.call("s", [], { limit: 2 });
    pair.deliver(pair.page);
    expect(pair.page.receive(packet(2, 2, [KIND.NEXT, id, 2, 0]), 0).at(-1)).toEqual(
      CLOSED("kcomm.protocol_error"),
    );
  });
});

describe("BYE", () => {
  it("goes after what was queued", () => {
    const pair = Pair.open();
    pair.page.emit("t", 1);
    expect(pair.page.close()).toEqual([CLOSED("kcomm.closed")]);
    expect(pair.deliver(pair.page)).toEqual([
      { type: "Emitted", topic: "t", value: 1, dropped: 0 },
      CLOSED("kcomm.closed"),
    ]);
    expect(pair.page.isOver).toBe(true);
    expect(pair.page.close()).toEqual([]);
    expect(pair.exchange()).toEqual({ page: [], kernel: [] });
  });

  it("lingers until it was acknowledged, and is sent again", () => {
    const pair = settled();
    pair.kernel.close();
    pair.packets(pair.kernel);
    expect(pair.kernel.lingers).toBe(true);
    expect([pair.kernel.waitsSince, pair.kernel.deadline]).toEqual([300, 1300]);
    pair.now = 1300;
    pair.deliver(pair.kernel);
    pair.now = 1320;
    pair.deliver(pair.page);
    pair.now = 1340;
    expect(pair.deliver(pair.kernel)).toEqual([CLOSED("kcomm.closed")]);
    pair.kernel.receive(packet(0, 2), 1350);
    expect([pair.kernel.lingers, pair.kernel.deadline]).toEqual([false, null]);
  });

  it.each<[string, (kernel: Session) => unknown]>([
    ["the other end's BYE", (kernel) => kernel.receive(packet(2, 1, [KIND.BYE, 0, "c", ""]), 400)],
    ["a cut", (kernel) => kernel.cut()],
    ["what can't be read", (kernel) => kernel.receive(packet(-1, 0), 400)],
  ])("does not linger after %s", (_, end) => {
    const pair = settled();
    pair.kernel.close();
    pair.packets(pair.kernel);
    expect(end(pair.kernel)).toEqual([]);
    expect([pair.kernel.lingers, pair.kernel.deadline]).toEqual([false, null]);
    expect(pair.kernel.nextPacket(90_000)).toBeNull();
  });

  it("of the other end is the last word: nothing is probed for after it", () => {
    const pair = settled();
    pair.kernel.emit("t", 1);
    pair.packets(pair.kernel);
    expect(pair.kernel.receive(packet(2, 1, [KIND.BYE, 0, "c", ""]), 400)).toHaveLength(1);
    expect([pair.kernel.lingers, pair.kernel.deadline]).toEqual([false, null]);
    expect(pair.kernel.nextPacket(90_000)).toBeNull();
  });

  it("ends calls and tells handlers", () => {
    const pair = Pair.open();
    const mine = pair.page.call("m");
    const theirs = pair.kernel.call("m");
    pair.exchange();
    expect(pair.page.close()).toMatchObject([
      { type: "Failed", id: mine, code: "kcomm.closed" },
      { type: "Cancelled", id: theirs },
      { type: "Closed" },
    ]);
    expect(pair.deliver(pair.page)).toMatchObject([
      { type: "Failed", id: theirs },
      { type: "Cancelled", id: mine },
      { type: "Closed" },
    ]);
  });

  it("fits whatever the peer accepts", () => {
    const kernel = new Session("acceptor");
    kernel.receive(
      packet(1, 0, [
        0,
        0,
        [1],
        {
          limits: {
            packet: 4096,
            message: 4096,
            depth: 1,
            calls: 1,
            parts: 1,
            topics: 1,
            window: 1,
          },
        },
      ]),
      0,
    );
    kernel.close("kcomm.closed", "x".repeat(100_000));
    const sizes = new Pair()
      .packets(kernel)
      .map((made) => made.reduce((total, buffer) => total + buffer.length, 0));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(4096);
    expect(kernel.isOver).toBe(true);
  });
});

/** A pair that has acknowledged everything, at 300 ms. */
function settled(page: SessionOptions = {}, kernel: SessionOptions = page): Pair {
  const pair = Pair.open(page, kernel);
  pair.now = 300;
  pair.exchange();
  return pair;
}

describe("the reliable lane", () => {
  it("acknowledges with what goes back", () => {
    const pair = Pair.open();
    pair.page.emit("t", 1);
    pair.deliver(pair.page);
    pair.kernel.emit("t", 1);
    expect(header(pair.kernel.nextPacket(0)).slice(0, 2)).toEqual([2, 2]);
  });

  it("acknowledges alone after 250 ms, or a quarter of the window", () => {
    const pair = Pair.open({}, { limits: { window: 4_000_000 } });
    pair.now = 100;
    pair.page.emit("t", 1);
    pair.deliver(pair.page);
    expect(pair.kernel.deadline).toBe(350);
    expect(pair.kernel.nextPacket(349)).toBeNull();
    expect(header(pair.kernel.nextPacket(350))).toEqual([0, 2, []]);
    pair.page.emit("t", new Uint8Array(1_000_001));
    pair.deliver(pair.page);
    expect(header(pair.kernel.nextPacket(351))).toEqual([0, 3, []]);
  });

  it("drops duplicates, and acknowledges them again", () => {
    const pair = Pair.open();
    pair.page.emit("t", 1);
    const [made] = pair.packets(pair.page) as [Packet];
    expect(pair.kernel.receive(made, 0)).toHaveLength(1);
    pair.kernel.nextPacket(250);
    expect(pair.kernel.receive(made, 300)).toEqual([]);
    expect(header(pair.kernel.nextPacket(550))).toEqual([0, 2, []]);
  });

  it("asks for what is missing, gets it again, and keeps the order", () => {
    const pair = settled();
    pair.page.emit("t", 1);
    pair.packets(pair.page);
    pair.page.emit("t", 2);
    expect(pair.deliver(pair.page)).toEqual([]);
    expect(pair.kernel.deadline).toBe(320);
    pair.now = 320;
    expect(pair.deliver(pair.kernel)).toEqual([]);
    expect(pair.page.deadline).toBe(340);
    pair.now = 340;
    expect(pair.deliver(pair.page)).toMatchObject([{ value: 1 }, { value: 2 }]);
    expect(pair.kernel.deadline).toBe(590);
  });

  it("asks for the packets that can still be missing when more is lost", () => {
    const pair = settled();
    for (let n = 0; n < 9; n++) {
      pair.page.emit("t", n);
      const packets = pair.packets(pair.page);
      if (n % 2 === 1) for (const made of packets) pair.kernel.receive(made, pair.now);
    }
    pair.now = 320;
    expect(header(pair.kernel.nextPacket(320))).toEqual([
      0,
      1,
      [2, 4, 6, 8].map((seq) => [KIND.NACK, 0, seq, seq]),
    ]);
  });

  it("keeps no more than a window of what came too early: the rest comes again", () => {
    const pair = settled({ limits: { window: 5000 } });
    pair.page.emit("t", 0);
    pair.packets(pair.page);
    for (let n = 1; n < 5; n++) pair.page.emit("t", new Uint8Array(3000));
    const early = packet(3, 1, [KIND.EVENT, 0, "t", 1, new Uint8Array(3000)]);
    const beyond = packet(4, 1, [KIND.EVENT, 0, "t", 2, new Uint8Array(3000)]);
    for (const made of [early, beyond, early]) expect(pair.kernel.receive(made, 300)).toEqual([]);
    const missing = packet(2, 1, [KIND.EVENT, 0, "t", 0, null]);
    expect(pair.kernel.receive(missing, 310)).toHaveLength(2);
    expect(header(pair.kernel.nextPacket(330))).toEqual([0, 3, [[KIND.NACK, 0, 4, 4]]]);
    expect(pair.kernel.receive(beyond, 340)).toHaveLength(1);
  });

  it("sends no more again for one NACK than a server lets pass", () => {
    const pair = settled();
    for (let n = 0; n < 300; n++) {
      pair.page.emit("t", n);
      pair.packets(pair.page);
    }
    pair.page.receive(packet(0, 1, [KIND.NACK, 0, 2, 301]), 300);
    pair.now = 320;
    const seqs = pair.packets(pair.page).map((made) => header(made)[0]);
    expect(seqs).toEqual(Array.from({ length: 256 }, (_, i) => i + 2));
    pair.page.receive(packet(0, 257, [KIND.NACK, 0, 258, 301]), 330);
    pair.now = 350;
    expect(pair.packets(pair.page)).toHaveLength(44);
  });

  it("asks after a while whether the last packet came", () => {
    const pair = Pair.open();
    pair.now = 300;
    pair.exchange();
    expect(pair.page.deadline).toBeNull();
    pair.page.emit("t", 1);
    pair.packets(pair.page);
    const asked: number[] = [];
    for (pair.now = 301; pair.now < 200_000; pair.now += 100) {
      for (const made of pair.packets(pair.page)) {
        expect(header(made)).toEqual([0, 1, [[KIND.PROBE, 0, 2]]]);
        asked.push(pair.now);
      }
    }
    const waits = asked.slice(1).map((time, i) => Math.round((time - (asked[i] as number)) / 1000));
    expect(waits).toEqual([2, 4, 8, 16, 32, 60, 60]);
  });

  it("knows of a gap by a probe", () => {
    const pair = settled();
    pair.page.emit("t", 1);
    pair.packets(pair.page);
    pair.now = 2000;
    expect(pair.deliver(pair.page)).toEqual([]);
    pair.now = 2020;
    pair.deliver(pair.kernel);
    pair.now = 2040;
    expect(pair.deliver(pair.page)).toMatchObject([{ type: "Emitted", value: 1 }]);
  });

  it("brings a WELCOME that was lost", () => {
    const pair = new Pair();
    pair.page.open();
    pair.deliver(pair.page);
    pair.packets(pair.kernel);
    pair.now = 2000;
    expect(pair.deliver(pair.kernel)).toEqual([]);
    pair.now = 2020;
    pair.deliver(pair.page);
    pair.now = 2040;
    expect(pair.deliver(pair.kernel)).toMatchObject([{ type: "Opened" }]);
    expect(pair.page.isOpen).toBe(true);
  });

  it("takes a NACK before the channel is open, too", () => {
    const page = new Session("opener");
    page.open();
    const hello = page.nextPacket(0);
    expect(page.receive(packet(0, 0, [KIND.NACK, 0, 1, 1]), 0)).toEqual([]);
    expect(page.nextPacket(20)).toEqual(hello);
  });

  it("tells at once what was sent and what is missing when the connection is up again", () => {
    const pair = settled();
    for (const end of [pair.page, pair.kernel]) {
      end.emit("t", 1);
      pair.packets(end);
    }
    pair.page.emit("t", 2);
    pair.deliver(pair.page);
    pair.kernel.wake(301);
    expect(header(pair.kernel.nextPacket(301))).toEqual([
      0,
      1,
      [
        [KIND.NACK, 0, 2, 2],
        [KIND.PROBE, 0, 2],
      ],
    ]);
    const opening = new Session("opener");
    opening.open();
    opening.nextPacket(0);
    opening.wake(1);
    expect(opening.nextPacket(1)).toBeNull();
  });

  it("answers a probe at once if nothing is missing", () => {
    const pair = Pair.open();
    pair.now = 500;
    pair.exchange();
    pair.page.emit("t", 1);
    const [made] = pair.packets(pair.page) as [Packet];
    pair.kernel.receive(made, 500);
    pair.kernel.nextPacket(750); // this acknowledgement is lost
    pair.now = 2000;
    expect(pair.deliver(pair.page)).toEqual([]);
    expect(header(pair.kernel.nextPacket(2000))).toEqual([0, 2, []]);
  });

  it("is bounded in bytes: then calls are refused until there is room", () => {
    const pair = Pair.open({}, { limits: { window: 100_000 } });
    pair.now = 300;
    pair.exchange();
    pair.page.call("m", [new Uint8Array(60_000)]);
    pair.page.call("m", [new Uint8Array(60_000)]);
    expect(pair.page.isWritable).toBe(false);
    expect(() => pair.page.call("m")).toThrow(
      expect.objectContaining({ code: "kcomm.buffer_full" }),
    );
    pair.deliver(pair.page);
    const happened: SessionEvent[] = pair.deliver(pair.kernel);
    expect(happened).toEqual([{ type: "Writable" }]);
    expect(pair.page.call("m")).toBe(5);
  });

  it("holds packets back while the window is full, but not volatile ones", () => {
    const pair = Pair.open({ limits: { window: 1000 } });
    const id = pair.page.call("s", [], { limit: 100 });
    pair.now = 300;
    pair.exchange();
    pair.kernel.emit("big", new Uint8Array(2000));
    pair.packets(pair.kernel);
    pair.kernel.item(id, 1, { volatile: true });
    expect(header(pair.kernel.nextPacket(pair.now))[0]).toBe(0);
    pair.kernel.emit("more", 1);
    expect(pair.kernel.nextPacket(pair.now)).toBeNull();
  });
});

describe("parts", () => {
  const limits = { packet: 4096 };

  it("take a message apart that is too large for a packet", () => {
    const pair = Pair.open({}, { limits });
    const data = new Float64Array(4000).map((_, i) => i);
    pair.page.call("m", [data, { more: new Uint8Array(2000).fill(9) }]);
    const packets = pair.packets(pair.page);
    expect(packets.length).toBeGreaterThan(8);
    for (const made of packets)
      expect(made.reduce((total, buffer) => total + buffer.length, 0)).toBeLessThanOrEqual(4096);
    const happened = packets.flatMap((made) => pair.kernel.receive(made, 0));
    expect(happened).toMatchObject([
      { type: "Called", args: [expect.anything(), { more: new Uint8Array(2000).fill(9) }] },
    ]);
    const [{ args }] = happened as unknown as [{ args: [Float64Array] }];
    expect([...args[0]]).toEqual([...data]);
  });

  it("let other messages go between, and keep the order of one id", () => {
    const pair = Pair.open({ limits });
    const big = pair.page.call("big");
    const small = pair.page.call("small", [], { limit: 5 });
    pair.deliver(pair.page);
    pair.kernel.item(small, 1);
    pair.kernel.end(big, new Uint8Array(20_000));
    pair.kernel.item(small, 2);
    pair.kernel.end(small, "end");
    const happened = pair.deliver(pair.kernel);
    expect(happened.map((event) => event.type)).toEqual(["Item", "Item", "Ended", "Ended"]);
    expect(happened.at(-1)).toMatchObject({ id: big });
  });

  it("keep what follows of the same id behind them", () => {
    const pair = Pair.open({ limits });
    const id = pair.page.call("s", [], { limit: 5 });
    pair.deliver(pair.page);
    pair.kernel.item(id, new Uint8Array(20_000));
    pair.kernel.item(id, "small");
    pair.kernel.item(id, new Uint8Array(20_000));
    pair.kernel.end(id);
    expect(pair.deliver(pair.kernel)).toMatchObject([
      { index: 0 },
      { index: 1 },
      { index: 2 },
      { type: "Ended" },
    ]);
  });

  it("are of no more messages at once than the peer takes", () => {
    const pair = Pair.open({}, { limits: { packet: 4096, parts: 2 } });
    for (let i = 0; i < 6; i++) pair.page.call("m", [i, new Uint8Array(10_000)]);
    const happened = pair.deliver(pair.page);
    expect(
      happened.map((event) => event.type === "Called" && (event.args as unknown[])[0]),
    ).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it("of an event that has begun to leave are not dropped for a newer one", () => {
    const pair = Pair.open({}, { limits });
    pair.page.emit("t", new Uint8Array(10_000).fill(1), { latest: true });
    const first = pair.page.nextPacket(0) as Packet;
    for (const n of [2, 3]) pair.page.emit("t", new Uint8Array(10_000).fill(n), { latest: true });
    const happened = [...pair.kernel.receive(first, 0), ...pair.deliver(pair.page)];
    expect(happened).toMatchObject([
      { value: { 0: 1 }, dropped: 0 },
      { value: { 0: 3 }, dropped: 1 },
    ]);
    expect(pair.page.isWritable).toBe(true);
  });

  it("have a limit, which the sender keeps", () => {
    const pair = Pair.open({}, { limits: { packet: 4096, message: 50_000 } });
    expect(() => pair.page.call("m", [new Uint8Array(50_000)])).toThrow(
      expect.objectContaining({ code: "kcomm.too_large" }),
    );
    expect(pair.page.call("m", [new Uint8Array(40_000)])).toBe(1);
  });

  it("may not hold parts", () => {
    const pair = Pair.open();
    const inner = encode([KIND.PART, 1, 0, [1], new Uint8Array(1)], 9).body;
    expect(pair.kernel.receive(packet(2, 1, [KIND.PART, 1, 0, [inner.length], inner]), 0)).toEqual([
      CLOSED("kcomm.protocol_error", "a PART within PARTs"),
    ]);
  });

  it("belong to the message they are of", () => {
    const pair = Pair.open();
    const inner = encode([KIND.CALL, 3, "m", [], 0, {}], 9).body;
    expect(pair.kernel.receive(packet(2, 1, [KIND.PART, 1, 0, [inner.length], inner]), 0)).toEqual([
      CLOSED("kcomm.protocol_error", expect.stringContaining("another id")),
    ]);
  });
});
