import { expect, it } from "vitest";
import type { Kind } from "../../src/protocol/messages.js";
import { Outbox, Outgoing } from "../../src/protocol/outbox.js";
import { encode } from "../../src/protocol/values.js";

function make(kind: Kind, id: number, value: unknown = null): Outgoing {
  return new Outgoing(kind, id, encode([kind, id, value], 8));
}

function waiting(box: Outbox): Outgoing[] {
  const sent: Outgoing[] = [];
  for (let batch = box.take(false); batch.length > 0; batch = box.take(false)) sent.push(...batch);
  return sent;
}

it("events are bounded in bytes, and the topic that holds most gives way", () => {
  const box = new Outbox(1 << 20, 16);
  box.maxEventBytes = 5000;
  const rare = [1, 2, 3].map(() => make("EVENT", 0, new Uint8Array(100)));
  const flood = [1, 2, 3, 4, 5, 6].map(() => make("EVENT", 0, new Uint8Array(900)));
  for (const event of rare.slice(0, 2)) box.putEvent("rare", event, false);
  for (const event of flood) box.putEvent("flood", event, false);
  box.putEvent("rare", rare[2] as Outgoing, false);
  expect(box.nbytes).toBeLessThanOrEqual(5000);
  const sent = waiting(box);
  expect(sent.filter(({ topic }) => topic === "rare")).toEqual(rare);
  expect(sent.filter(({ topic }) => topic === "flood")).toEqual(flood.slice(1));
  expect(box.nbytes).toBe(0);
});

it("events that were dropped hold no memory while nobody reads", () => {
  const box = new Outbox(3000, 16);
  const first = make("EVENT", 0, new Uint8Array(2000));
  box.putEvent("t", first, true);
  for (let i = 0; i < 20_000; i++) box.putEvent("t", make("EVENT", 0, i), true);
  expect(first.encoded.body).toHaveLength(0);
  expect(waiting(box)).toHaveLength(1);
});

it("what is left of one message in parts keeps nobody waiting", () => {
  const box = new Outbox(3000, 16);
  box.put(make("CALL", 1, new Uint8Array(60_000)));
  expect(box.nbytes).toBeGreaterThan(60_000);
  expect(box.take(false)).toHaveLength(1);
  expect(box.nbytes).toBe(0);
  box.put(make("NEXT", 2));
  expect(box.take(false, true).map(({ kind }) => kind)).toEqual(["NEXT"]);
  expect(box.take(false, true)).toEqual([]);
  expect(waiting(box).filter(({ kind }) => kind === "PART")).not.toEqual([]);
  expect(box.nbytes).toBe(0);
});

it("calls that are held back leave when they are released", () => {
  const box = new Outbox(3000, 16);
  for (const id of [1, 3, 5]) box.hold(make("CALL", id));
  expect(box.take(false)).toEqual([]);
  expect(box.withdraw(3)).toBe(true);
  expect(box.withdraw(3)).toBe(false);
  expect([box.held, box.isHeld(1), box.isHeld(3)]).toEqual([2, true, false]);
  expect(box.release()).toBe(1);
  expect(waiting(box).map(({ id }) => id)).toEqual([1]);
  expect(box.release()).toBe(5);
  expect(box.nbytes).toBeGreaterThan(0);
  expect(waiting(box).map(({ id }) => id)).toEqual([5]);
});
