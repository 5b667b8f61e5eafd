/** The vectors of the specification, which the Python implementation reads too. */
import { describe, expect, it } from "vitest";
import type { SessionEvent } from "../src/protocol/events.js";
import { KIND } from "../src/protocol/messages.js";
import { read, write } from "../src/protocol/packets.js";
import { readAssembled } from "../src/protocol/parts.js";
import { Session, type SessionOptions } from "../src/protocol/session.js";
import { check, decode, encode } from "../src/protocol/values.js";
import type { Packet } from "../src/transport/transport.js";
import { fromHex, hex } from "./protocol/helpers.js";
import { cases, comparable, expectValue, type Json, toArray, toValue } from "./vectors.js";

interface PacketCase {
  readonly buffers: readonly string[];
  readonly seq: number;
  readonly ack: number;
  readonly messages: readonly (readonly Json[])[];
  readonly encode: boolean | "python";
}

describe("packets.json", () => {
  for (const { name, buffers, seq, ack, messages, encode: isWritten } of cases<PacketCase>(
    "packets.json",
  )) {
    it(`reads ${name}`, () => {
      const packet = read(buffers.map(fromHex), 2 ** 30);
      expect([packet.seq, packet.ack]).toEqual([seq, ack]);
      for (const message of packet.messages) check(message as unknown[], 64);
      expectValue(packet.messages, messages, name);
    });
    if (isWritten !== true) continue;
    it(`writes ${name}`, () => {
      const encoded = messages.map((message) => encode(toValue(message) as unknown[], 64));
      const bodies = encoded.map(({ body }) => body);
      const attachments = encoded.flatMap((message) => message.attachments);
      expect(write(seq, ack, bodies, attachments).map(hex)).toEqual(buffers);
    });
  }
});

interface ArrayCase {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: string;
  readonly values: readonly Json[];
  readonly body: string;
  readonly attachments: readonly string[];
  readonly encode: boolean;
}

describe("arrays.json", () => {
  for (const entry of cases<ArrayCase>("arrays.json")) {
    const { name, dtype, shape, values, body, attachments } = entry;
    it(`reads ${name}`, () => {
      const list = decode(fromHex(body), attachments.map(fromHex)) as unknown[];
      check(list, 64);
      const [array] = list as [Iterable<unknown> & { dtype: string; shape: readonly number[] }];
      expect({ dtype: array.dtype, shape: array.shape }).toEqual({ dtype, shape });
      const is64 = dtype === "int64" || dtype === "uint64";
      const expected = values.map((value) =>
        is64 ? BigInt(toValue(value) as number) : Number(toValue(value)),
      );
      expect([...array]).toEqual(expected);
    });
    if (!entry.encode) continue;
    it(`writes ${name}`, () => {
      const written = encode([toArray(entry)], 64);
      expect(hex(written.body)).toBe(body);
      expect(written.attachments.map(hex)).toEqual(attachments);
    });
  }
});

type SentPacket = {
  readonly buffers?: readonly string[];
  readonly seq?: number;
  readonly ack?: number;
  readonly messages?: readonly (readonly Json[])[];
  readonly parts?: readonly Json[];
  readonly id?: number;
  readonly max_packet?: number;
  readonly between?: readonly Json[];
  readonly then?: readonly Json[];
};

interface Step {
  readonly at?: number;
  readonly do: string;
  readonly repeat?: number;
  readonly returns?: number;
  readonly raises?: string;
  readonly events?: readonly Record<string, Json>[];
  readonly send?: readonly SentPacket[];
  readonly hold?: boolean;
  readonly credit?: Readonly<Record<string, number>>;
  readonly buffers?: readonly string[];
  readonly [key: string]: unknown;
}

/** One session that is led through the steps of a case. */
class Story {
  readonly session: Session;
  now = 0;

  constructor(role: "opener" | "acceptor", options: Readonly<Record<string, Json>>) {
    const { stale_subshells: staleSubshells, ...rest } = toValue(options) as Record<
      string,
      unknown
    >;
    this.session = new Session(role, { ...rest, staleSubshells } as SessionOptions);
  }

  run(step: Step, what: string): void {
    this.now = step.at ?? this.now;
    const happened: SessionEvent[] = [];
    for (let i = 0; i < (step.repeat ?? 1); i++) this.#act(step, happened, what);
    if (step.events) expectEvents(happened, step.events, what);
    const packets = step.hold ? [] : this.packets();
    if (step.send && !step.hold) expectPackets(packets, step.send, what);
    for (const [id, credit] of Object.entries(step.credit ?? {})) {
      expect(this.session.credit(Number(id)), `${what}: credit of ${id}`).toBe(credit);
    }
  }

  packets(): Packet[] {
    const packets: Packet[] = [];
    for (
      let packet = this.session.nextPacket(this.now);
      packet;
      packet = this.session.nextPacket(this.now)
    )
      packets.push(packet);
    return packets;
  }

  #act(step: Step, happened: SessionEvent[], what: string): void {
    if (step.raises !== undefined) {
      expect(() => this.#do(step, happened), what).toThrow(
        expect.objectContaining({ code: step.raises }),
      );
      return;
    }
    const returned = this.#do(step, happened);
    if (step.returns !== undefined) expect(returned, what).toBe(step.returns);
  }

  #do(step: Step, happened: SessionEvent[]): number | undefined {
    const { session } = this;
    const id = step.id as number;
    const text = (key: string) => step[key] as string | undefined;
    const value = (key: string) => toValue(step[key] as Json | undefined);
    switch (step.do) {
      case "open":
        session.open();
        return;
      case "call":
        return session.call(text("method") as string, (value("args") as unknown[]) ?? [], {
          limit: (step.limit as number | undefined) ?? 0,
          options: (value("options") as Record<string, unknown> | undefined) ?? {},
        });
      case "cancel":
        session.cancel(id, text("reason"));
        return;
      case "item":
        return session.item(id, value("value"), { volatile: step.volatile === true });
      case "end":
        session.end(id, value("value"));
        return;
      case "fail":
        session.fail(
          id,
          text("code") as string,
          text("message") as string,
          value("data") as Record<string, unknown> | null,
        );
        return;
      case "consume":
        session.consume(id, step.done as number);
        return;
      case "emit":
        session.emit(text("topic") as string, value("value"), { latest: step.latest === true });
        return;
      case "report":
        session.report(text("code") as string, text("message") as string);
        return;
      case "close":
        happened.push(...session.close(text("code"), text("message")));
        return;
      case "cut":
        happened.push(...session.cut());
        return;
      case "receive":
        happened.push(...session.receive((step.buffers ?? []).map(fromHex), this.now));
        return;
      case "wait":
        return;
      case "wake":
        session.wake(this.now);
        return;
      default:
        throw new Error(`no action is called ${step.do}`);
    }
  }
}

function expectEvents(
  happened: readonly SessionEvent[],
  expected: readonly Record<string, Json>[],
  what: string,
): void {
  const seen = happened.map(({ type, ...fields }, i) => {
    const all: Record<string, unknown> = { ...fields };
    if ("staleSubshells" in all) all.stale_subshells = all.staleSubshells;
    const named = Object.keys(expected[i] ?? {}).filter((key) => key !== "event");
    return { event: type, ...Object.fromEntries(named.map((key) => [key, comparable(all[key])])) };
  });
  expect(seen, `${what}: events`).toEqual(comparable(toValue(expected as unknown as Json)));
}

function expectPackets(
  packets: readonly Packet[],
  expected: readonly SentPacket[],
  what: string,
): void {
  const left = [...packets];
  for (const [i, one] of expected.entries()) {
    const name = `${what}: packet ${i}`;
    if (one.parts !== undefined) {
      expectParts(left, one, name);
      continue;
    }
    const packet = left.shift();
    expect(packet, `${name} is missing`).toBeDefined();
    if (one.buffers !== undefined) expect(packet?.map(hex), name).toEqual(one.buffers);
    else expectMessages(packet as Packet, one, name);
  }
  expect(
    left.map((packet) => packet.map(hex)),
    `${what}: packets too many`,
  ).toEqual([]);
}

function expectMessages(
  packet: Packet,
  { seq, ack, messages = [] }: SentPacket,
  what: string,
): void {
  const sent = read(packet, 2 ** 30);
  expect([sent.seq, sent.ack], what).toEqual([seq, ack]);
  const seen = sent.messages.map((message, i) => namedOptions(message as unknown[], messages[i]));
  expectValue(seen, messages as Json, what);
}

/** Leaves those keys of a handshake's options that the case names. */
function namedOptions(
  message: readonly unknown[],
  expected: readonly Json[] | undefined,
): readonly unknown[] {
  const [kind, id, version, options] = message;
  if (kind !== KIND.HELLO && kind !== KIND.WELCOME) return message;
  const named = Object.keys((expected?.[3] as object | undefined) ?? {});
  const kept = named.map((key) => [key, (options as Record<string, unknown>)[key]]);
  return [kind, id, version, Object.fromEntries(kept)];
}

/** Takes packets from the list until they have brought the message, and what stands between its parts and behind it. */
function expectParts(packets: Packet[], expected: SentPacket, what: string): void {
  const chunks: Uint8Array[] = [];
  const between: unknown[] = [];
  let sizes: readonly number[] = [Number.POSITIVE_INFINITY];
  const missing = () => sum(sizes) - sum(chunks.map((chunk) => chunk.length));
  while (missing() > 0) {
    const packet = packets.shift() ?? [];
    const size = sum(packet.map((buffer) => buffer.length));
    expect(size, `${what}: size`).toBeLessThanOrEqual(expected.max_packet ?? 0);
    for (const message of read(packet, 2 ** 30).messages as unknown[][]) {
      const [kind, id, index, announced, chunk] = message;
      if (kind !== KIND.PART) {
        between.push(message);
        continue;
      }
      expect([id, index], `${what}: a part`).toEqual([expected.id, chunks.length]);
      if (index === 0) sizes = announced as number[];
      else expect(announced, `${what}: sizes`).toBeNull();
      chunks.push(chunk as Uint8Array);
    }
  }
  expect(chunks.length, `${what}: number of parts`).toBeGreaterThan(1);
  expectValue(readAssembled(cut(chunks, sizes)), expected.parts as Json, what);
  expectValue(between, expected.between ?? [], `${what}: between`);
  for (const message of expected.then ?? []) {
    expectValue(read(packets.shift() ?? [], 2 ** 30).messages, [message], `${what}: then`);
  }
}

function sum(sizes: readonly number[]): number {
  return sizes.reduce((total, size) => total + size, 0);
}

/** Joins chunks, and cuts them at the sizes. */
function cut(chunks: readonly Uint8Array[], sizes: readonly number[]): Uint8Array[] {
  const whole = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
  expect(sum(sizes)).toBe(whole.length);
  return sizes.map((size, i) => {
    const start = sum(sizes.slice(0, i));
    return whole.subarray(start, start + size);
  });
}

interface SessionCase {
  readonly role: "opener" | "acceptor";
  readonly options?: Readonly<Record<string, Json>>;
  readonly steps: readonly Step[];
}

describe("sessions.json", () => {
  for (const { name, role, options = {}, steps } of cases<SessionCase>("sessions.json")) {
    it(name, () => {
      const story = new Story(role, options);
      for (const [i, step] of steps.entries()) story.run(step, `step ${i} (${step.do})`);
    });
  }
});

interface InvalidCase {
  readonly role: "opener" | "acceptor";
  readonly limits?: Readonly<Record<string, number>>;
  readonly before?: readonly Step[];
  readonly buffers: readonly string[];
  readonly outcome: "protocol_error" | "session_lost" | "bad_value";
  readonly events?: readonly Record<string, Json>[];
  readonly send?: readonly SentPacket[];
}

describe("invalid_packets.json", () => {
  for (const {
    name,
    role,
    limits = {},
    before = [],
    buffers,
    outcome,
    events,
    send,
  } of cases<InvalidCase>("invalid_packets.json")) {
    it(name, () => {
      const story = new Story(role, { limits });
      for (const [i, step] of before.entries()) story.run(step, `before, step ${i}`);
      const happened = story.session.receive(buffers.map(fromHex), story.now);
      const packets = story.packets();
      if (outcome === "bad_value") {
        expect(story.session.isOpen).toBe(true);
        if (events) expectEvents(happened, events, name);
        if (send) expectPackets(packets, send, name);
        return;
      }
      const code = `kcomm.${outcome}`;
      expect(happened.at(-1)).toEqual({ type: "Closed", code, message: expect.any(String) });
      expect(packets.map((packet) => read(packet, 2 ** 30).messages)).toEqual([
        [[KIND.BYE, 0, code, expect.any(String)]],
      ]);
      expect(story.session.receive(buffers.map(fromHex), story.now)).toEqual([]);
      expect(story.packets()).toEqual([]);
    });
  }
});
