/** Frames that a page holds itself. */
import { deflateSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  following,
  type Message,
  RecordedChannel,
  type RecordedInfo,
  Recording,
} from "../src/animation/recorded.js";
import type { Loop } from "../src/animation/state.js";
import { Packer } from "../src/protocol/msgpack/packer.js";

/** As kcomm/animation/path.py has it. */
const CASES: readonly [number, number, Loop, number, [number, number] | null][] = [
  [0, 1, false, 1, null],
  [0, -2, false, 1, null],
  [0, -1, true, 1, [0, -1]],
  [0, 7, true, 1, [0, 7]],
  [0, 3, "bounce", 1, [0, 3]],
  [0, 1, false, 2, [1, 1]],
  [1, -1, false, 2, [0, -1]],
  [0, -2, false, 2, null],
  [1, 1, true, 2, [0, 1]],
  [0, 3, true, 2, [1, 3]],
  [1, -2, true, 2, [1, -2]],
  [0, -1, "bounce", 2, [1, 1]],
  [1, 3, "bounce", 2, [0, 3]],
  [0, 1, false, 5, [1, 1]],
  [0, -1, false, 5, null],
  [0, 3, false, 5, [3, 3]],
  [0, -2, false, 5, null],
  [0, 7, false, 5, null],
  [0, 1, true, 5, [1, 1]],
  [0, -1, true, 5, [4, -1]],
  [0, 3, true, 5, [3, 3]],
  [0, -2, true, 5, [3, -2]],
  [0, 7, true, 5, [2, 7]],
  [0, 1, "bounce", 5, [1, 1]],
  [0, -1, "bounce", 5, [1, 1]],
  [0, 3, "bounce", 5, [3, 3]],
  [0, -2, "bounce", 5, [2, 2]],
  [0, 7, "bounce", 5, [1, -7]],
];

interface Made {
  index: number;
  id?: number;
  base?: number;
}

/** Frames as they stand in a page: msgpack, deflated, in base64. */
function pack(frames: readonly Made[]): string {
  const packer = new Packer();
  packer.arrayHeader(frames.length);
  for (const frame of frames) {
    const fields = Object.entries(frame);
    packer.mapHeader(fields.length + 1);
    for (const [name, value] of fields) {
      packer.text(name);
      packer.integer(value);
    }
    packer.text("data");
    packer.bin(new Uint8Array([frame.index, 7]));
  }
  return deflateSync(packer.finish()).toString("base64");
}

function add(recording: Recording, ...frames: readonly Made[]): void {
  recording.add(frames[0]?.index ?? 0, frames.length, pack(frames));
}

/** Keys at 0, 3, 6 and so on; the others build on the one before. */
function made(count: number): Made[] {
  return Array.from({ length: count }, (_, index) =>
    index % 3 === 0 ? { index, id: index } : { index, base: index - (index % 3) },
  );
}

function channelOf(count: number, frames = made(count)): RecordedChannel {
  const recording = new Recording();
  for (let i = 0; i < count; i += 4) add(recording, ...frames.slice(i, i + 4));
  recording.end();
  return new RecordedChannel(recording, { count } as RecordedInfo);
}

async function played(channel: RecordedChannel, args: readonly unknown[], most = 100) {
  const messages: Message[] = [];
  for await (const message of channel.stream("play", args)) {
    messages.push(message);
    if (messages.length === most) break;
  }
  return messages;
}

const indices = (messages: readonly Message[]) => messages.map(({ index }) => index);

describe("a recording", () => {
  it("has every frame, whatever block it is in", async () => {
    const recording = new Recording();
    add(recording, { index: 0 });
    add(recording, { index: 1 }, { index: 2 }, { index: 3 });
    add(recording, { index: 4 }, { index: 5 });
    expect(recording.length).toBe(6);
    for (const index of [5, 0, 3, 1, 4, 2]) {
      expect(await recording.get(index)).toMatchObject({ index });
    }
  });

  it("gives data away that nobody else holds", async () => {
    const recording = new Recording();
    add(recording, { index: 0 });
    const { data } = await recording.get(0);
    data.fill(99);
    structuredClone(data, { transfer: [data.buffer as ArrayBuffer] });
    expect((await recording.get(0)).data).toEqual(new Uint8Array([0, 7]));
  });

  it("waits for a frame that is still to come", async () => {
    const recording = new Recording();
    add(recording, { index: 0 });
    let came: unknown = null;
    const waiting = recording.get(2).then((message) => {
      came = message;
    });
    add(recording, { index: 1 });
    await Promise.resolve();
    expect(came).toBeNull();
    add(recording, { index: 2 });
    await waiting;
    expect(came).toMatchObject({ index: 2 });
  });

  it("says so when the page ends before a frame", async () => {
    const recording = new Recording();
    add(recording, { index: 0 });
    const waiting = recording.get(1);
    recording.end();
    await expect(waiting).rejects.toMatchObject({ code: "kcomm.no_frame" });
    await expect(recording.get(-1)).rejects.toMatchObject({ code: "kcomm.no_frame" });
  });

  it("takes no block that leaves frames out", () => {
    const recording = new Recording();
    expect(() => add(recording, { index: 1 })).toThrow("frames 0 and on are missing");
    add(recording, { index: 0 });
    expect(() => add(recording, { index: 0 })).toThrow("frames 1 and on are missing");
    expect(() => recording.add(1, Number.NaN, "")).toThrow("are missing");
  });

  it("says so when a block is broken", async () => {
    const recording = new Recording();
    recording.add(0, 2, pack([{ index: 0 }]));
    await expect(recording.get(0)).rejects.toMatchObject({ code: "kcomm.bad_value" });
  });
});

describe("its channel", () => {
  it("answers like a kernel", async () => {
    const channel = channelOf(9);
    expect(channel.isOpen).toBe(true);
    expect(await channel.call("info")).toEqual({ count: 9 });
    expect(await channel.call("base", [3])).toMatchObject({ index: 3, id: 3 });
    await expect(channel.call("nonsense")).rejects.toMatchObject({ code: "kcomm.unknown_method" });
    channel.emit();
  });

  it("brings the key frame of a delta along, unless it is held", async () => {
    const channel = channelOf(9);
    expect(await channel.call("draw", [4, 1, true, []])).toMatchObject({ key: { index: 3 } });
    expect(await channel.call("draw", [4])).toMatchObject({ key: { index: 3 } });
    expect(await channel.call("draw", [4, 1, true, [3]])).not.toHaveProperty("key");
    expect(await channel.call("draw", [3, 1, true, []])).not.toHaveProperty("key");
  });

  it("plays to the end", async () => {
    expect(indices(await played(channelOf(5), [1, 1, false, 1, []]))).toEqual([1, 2, 3, 4]);
    expect(indices(await played(channelOf(5), [3, -2, false, 1, []]))).toEqual([3, 1]);
  });

  it("plays round and round, and to and fro", async () => {
    expect(indices(await played(channelOf(3), [1, 1, true, 1, []], 6))).toEqual([1, 2, 0, 1, 2, 0]);
    expect(indices(await played(channelOf(3), [1, 1, "bounce", 1, []], 7))).toEqual([
      1, 2, 1, 0, 1, 2, 1,
    ]);
  });

  it("brings a key frame once while it plays, and again when it was pushed out", async () => {
    const messages = await played(channelOf(18), [17, -1, true, 1, []], 36);
    const keys = (part: readonly Message[]) => part.flatMap(({ key }) => (key ? [key.index] : []));
    expect(keys(messages.slice(0, 18))).toEqual([15, 12, 9, 6, 3, 0]);
    // Four are held at a time: 0, 3, 6 and 9 are, and 15 is not any more.
    expect(keys(messages.slice(18))).toEqual([15, 12, 9, 6, 3, 0]);
  });

  it("knows what is held from the start", async () => {
    const messages = await played(channelOf(6), [4, 1, false, 1, [3]]);
    expect(messages.every(({ key }) => key === undefined)).toBe(true);
  });

  it("stops when it is left", async () => {
    const life = new AbortController();
    const stream = channelOf(9).stream("play", [0, 1, true, 1, []], { signal: life.signal });
    expect((await stream.next()).value).toMatchObject({ index: 0 });
    life.abort();
    expect((await stream.next()).done).toBe(true);
  });
});

describe("the way of a run", () => {
  it.each(CASES)("leads from %i by %i with loop %s of %i", (index, step, loop, count, next) => {
    const found = following(index, step, loop, count);
    expect(found === null ? null : [found.index, found.step]).toEqual(next);
  });
});
