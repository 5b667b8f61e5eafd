/** Bytes from outside end a channel in order, or do what they say; they raise nothing, and the peer can be used afterwards. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KcommError } from "../../src/errors.js";
import { KIND } from "../../src/protocol/messages.js";
import { write } from "../../src/protocol/packets.js";
import { Session } from "../../src/protocol/session.js";
import { encode } from "../../src/protocol/values.js";
import type { Packet } from "../../src/transport/transport.js";
import { Pair } from "./pair.js";

/** A message that comes in two parts. */
const SPLIT = encode([KIND.CALL, 6, "in parts", ["argument"], 0, {}], 9).body;

/** A session in the middle of its life: it has called, streams, is called, and has half a message in parts. */
function busy(): { session: Session; seq: number } {
  const pair = Pair.open();
  const { page, kernel } = pair;
  page.call("waiting");
  page.call("stream", [], { limit: 4 });
  kernel.call("served");
  kernel.call("served stream", [], { limit: 4 });
  kernel.emit("t", 1);
  pair.exchange();
  const part = encode([KIND.PART, 6, 0, [SPLIT.length], SPLIT.subarray(0, 9)], 9);
  page.receive(write(3, 2, [part.body], part.attachments), 0);
  return { session: page, seq: 4 };
}

const packet = (seq: number, ...messages: readonly unknown[][]): Packet => {
  const encoded = messages.map((message) => encode(message, 500));
  return write(
    seq,
    2,
    encoded.map(({ body }) => body),
    encoded.flatMap(({ attachments }) => attachments),
  );
};

/** Packets that the busy session takes, one of everything. */
const VALID: readonly Packet[] = [
  packet(4, [KIND.CALL, 8, "m", [1, "two", { three: [3n ** 40n, null] }], 0, { timeout: 5 }]),
  packet(4, [KIND.CALL, 8, "m", { a: 1.5 }, 3, {}], [KIND.CANCEL, 8, "no"]),
  packet(4, [KIND.NEXT, 3, 0, new Float32Array(400)], [KIND.NEXT, 3, 1, new Uint8Array(2000)]),
  packet(0, [KIND.NEXT, 3, 2, Object.assign(new Int16Array(6), { shape: [2, 3] })]),
  packet(4, [KIND.END, 1, 0, [new Uint8Array(5), true]], [KIND.END, 3, 0, null]),
  packet(4, [KIND.ERROR, 1, "code", "message", { type: "E" }], [KIND.ERROR, 0, "c", "m", null]),
  packet(4, [KIND.CANCEL, 2, "enough"], [KIND.CREDIT, 4, 9, 0]),
  packet(4, [KIND.EVENT, 0, "t", 1, new Float64Array(300)], [KIND.EVENT, 0, "u", 3, "text"]),
  packet(0, [KIND.NACK, 0, 1, 1]),
  packet(0, [KIND.PROBE, 0, 3]),
  packet(4, [KIND.PART, 6, 1, null, SPLIT.subarray(9)]),
  packet(4, [KIND.PART, 8, 0, [3, 9000], new Uint8Array(2000)]),
  packet(4, [KIND.BYE, 0, "kcomm.closed", "bye"]),
  packet(4, [70, 5, new Uint8Array(2000)]),
  packet(1, [KIND.HELLO, 0, [1], { limits: { depth: 5 } }]),
  packet(1, [KIND.WELCOME, 0, 1, { epoch: "e" }]),
];

const TYPES = new Set([
  "Opened",
  "Called",
  "Item",
  "Ended",
  "Failed",
  "Cancelled",
  "Credited",
  "Emitted",
  "Reported",
  "Writable",
  "Closed",
]);

function feed(session: Session, packets: readonly Packet[]): void {
  for (const hostile of packets) {
    for (const { type } of session.receive(hostile, 0)) expect(TYPES).toContain(type);
  }
  use(session);
}

/** Whatever came, the session does its work, or says that it is closed. */
function use(session: Session): void {
  const attempts = [
    () => session.call("m", [1]),
    () => session.emit("t", new Uint8Array(2000)),
    () => session.cancel(1),
    () => session.consume(3, 3),
    () => session.end(2, "answer"),
    () => session.item(4, 1),
    () => session.close(),
  ];
  for (const attempt of attempts) {
    try {
      attempt();
    } catch (error) {
      // No credit is left: the packet may have cancelled nothing, and granted nothing.
      if (!(error instanceof RangeError)) expect(error).toBeInstanceOf(KcommError);
    }
  }
  expect(session.state).toBe("closed");
  for (let i = 0; i < 20; i++) session.nextPacket(10_000);
  expect(session.nextPacket(10_000)).toBeNull();
  expect(session.receive(VALID[0] as Packet, 0)).toEqual([]);
  expect(session.cut()).toEqual([]);
}

const bytes = fc.uint8Array({ maxLength: 60 });

describe("hostile packets", () => {
  it("are made from valid ones", () => {
    const taken = VALID.slice(0, 12).filter((valid) => {
      const { session } = busy();
      return session.receive(valid, 0).every(({ type }) => type !== "Closed");
    });
    expect(taken).toEqual(VALID.slice(0, 12));
  });

  it("of random bytes", () => {
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 4 }), fc.boolean(), (buffers, isFresh) => {
        feed(isFresh ? new Session("acceptor") : busy().session, [buffers]);
      }),
      { numRuns: 500 },
    );
  });

  it("of random messages in a valid header", () => {
    const count = fc.oneof(fc.nat(12), fc.constantFrom(2 ** 53 - 1, 2n ** 53n, -1, 0.5));
    const field = fc.oneof(
      count,
      fc.jsonValue({ maxDepth: 2 }),
      fc.constant(new Uint8Array(1100)),
      bytes,
    );
    const sendable = field.filter(
      (value) =>
        !/__proto__|constructor/.test(
          String(JSON.stringify(value, (_, v) => (typeof v === "bigint" ? 0 : v))),
        ),
    );
    const message = fc.tuple(
      fc.oneof(fc.nat(13), count),
      count,
      fc.array(sendable, { maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), fc.boolean(), (messages, isReliable) => {
        const { session, seq } = busy();
        const made = messages.map(([kind, id, fields]) => [kind, id, ...fields]);
        feed(session, [packet(isReliable ? seq : 0, ...made)]);
      }),
      { numRuns: 500 },
    );
  });

  it("that were valid, with bytes changed, cut off, repeated or mixed", () => {
    const change = fc.oneof(
      fc.record({ at: fc.nat(), to: fc.nat(255) }),
      fc.record({ at: fc.nat(), cut: fc.constant(true) }),
      fc.record({ at: fc.nat(), insert: bytes }),
      fc.record({ drop: fc.nat(3) }),
      fc.record({ add: bytes }),
    );
    fc.assert(
      fc.property(
        fc.nat(VALID.length - 1),
        fc.array(change, { minLength: 1, maxLength: 4 }),
        (which, changes) => {
          const buffers = (VALID[which] as Packet).map((buffer) => buffer.slice());
          for (const one of changes) {
            const header = buffers[0] ?? new Uint8Array();
            if ("to" in one && header.length > 0) header[one.at % header.length] = one.to;
            else if ("cut" in one) buffers[0] = header.slice(0, one.at % (header.length + 1));
            else if ("insert" in one) {
              const at = one.at % (header.length + 1);
              buffers[0] = Uint8Array.from([
                ...header.slice(0, at),
                ...one.insert,
                ...header.slice(at),
              ]);
            } else if ("drop" in one) buffers.splice(one.drop, 1);
            else if ("add" in one) buffers.push(one.add as Uint8Array<ArrayBuffer>);
          }
          feed(busy().session, [buffers]);
          feed(new Session("acceptor"), [buffers]);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it("of every byte of every valid packet set to the edges of msgpack", () => {
    for (const valid of VALID) {
      const [header, ...rest] = valid as [Uint8Array, ...Uint8Array[]];
      for (let at = 0; at < Math.min(header.length, 60); at++) {
        for (const byte of [0x00, 0x80, 0x90, 0xc1, 0xc4, 0xc7, 0xd4, 0xdd, 0xdf, 0xff]) {
          const changed = header.slice();
          changed[at] = byte;
          const { session } = busy();
          session.receive([changed, ...rest], 0);
          session.close();
        }
      }
    }
  });
});

describe("hostile limits and numbers", () => {
  it.each([
    { depth: 1, message: 4096, packet: 4096, window: 1, calls: 1, parts: 1, topics: 1 },
    { packet: 2 ** 53 - 1, message: 2 ** 53 - 1, depth: 2 ** 53 - 1, window: 2 ** 53 - 1 },
  ])("%s are kept to", (limits) => {
    const kernel = new Session("acceptor", { features: { codecs: ["png"] } });
    const hello = encode([KIND.HELLO, 0, [1], { limits }], 9);
    expect(kernel.receive(write(1, 0, [hello.body], []), 0)).toMatchObject([{ type: "Opened" }]);
    const call = encode([KIND.CALL, 1, "m", [], 1, {}], 9);
    kernel.receive(write(2, 0, [call.body], []), 0);
    const deep: unknown[] = [];
    deep.push(deep);
    expect(() => kernel.item(1, deep)).toThrow(expect.objectContaining({ code: "kcomm.too_deep" }));
    kernel.fail(1, "kcomm.handler_error", "x".repeat(50_000));
    use(kernel);
  });
});
