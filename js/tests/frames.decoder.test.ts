/** Decoding apart from the page's thread: order, bases, workers that fail. */
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { KcommError } from "../src/errors.js";
import { type Decoded, type DecodedFrame, FrameDecoder } from "../src/frames/decoder.js";
import { Desk, type DeskCodec } from "../src/frames/desk.js";
import { Engine, type WorkerLike } from "../src/frames/engine.js";
import { type Order, type Reply, serve } from "../src/frames/serving.js";
import { lend, release, Spares } from "../src/frames/spares.js";
import { fakePage } from "./fakes/page.js";

beforeAll(fakePage);

/** A worker within this thread; it may be slow, die, or never answer. */
class FakeWorker implements WorkerLike {
  onmessage: Worker["onmessage"] = null;
  onerror: Worker["onerror"] = null;
  terminated = false;
  orders = 0;
  /** Whether it takes orders, and does not answer. */
  mute = false;
  readonly #scope = {
    onmessage: null as ((event: MessageEvent<Order>) => void) | null,
    postMessage: (reply: Reply, transfer: Transferable[]) => {
      const data = structuredClone(reply, { transfer });
      if (!this.mute) this.onmessage?.call(this as never, { data } as MessageEvent);
    },
  };

  constructor() {
    serve(this.#scope);
  }

  postMessage(order: Order, transfer?: unknown): void {
    this.orders += 1;
    const data = structuredClone(order, { transfer: transfer as ArrayBuffer[] });
    setTimeout(() => this.#scope.onmessage?.({ data } as MessageEvent<Order>));
  }

  terminate(): void {
    this.terminated = true;
    this.mute = true;
  }

  die(): void {
    this.mute = true;
    this.onerror?.call(this as never, new Event("error") as ErrorEvent);
  }
}

function setUp(fetchBase: (id: number) => Promise<unknown> = gone, patience?: number) {
  const worker = new FakeWorker();
  const engine = new Engine(() => worker, patience);
  return { worker, engine, decoder: new FrameDecoder(fetchBase, { engine }) };
}

async function gone(id: number): Promise<never> {
  throw new KcommError("kcomm.no_frame", `frame ${id} is gone`);
}

const ONE = { width: 1, height: 1, ms: {} };

function key(id: number, index = 0) {
  return { ...ONE, index, id, codec: "raw", data: new Uint8Array(4).fill(id) };
}

/** A delta that changes nothing. */
function same(base: number, index = 0) {
  return { ...ONE, index, base, codec: "delta", data: new Uint8Array(8) };
}

function value(decoded: Decoded): number | string | undefined {
  return "error" in decoded ? decoded.error.code : (decoded.pixels as ImageData).data[0];
}

describe("with a worker", () => {
  it("decodes there, and leaves the packet as it is", async () => {
    const { worker, engine, decoder } = setUp();
    const packet = new Uint8Array([9, 9, 1, 2, 3, 4, 9]);
    const frame = { ...ONE, index: 7, codec: "raw", data: packet.subarray(2, 6), ms: { draw: 2 } };
    expect(await decoder.decode({ ...frame, captured: 5 })).toMatchObject({
      index: 7,
      width: 1,
      height: 1,
      codec: "raw",
      lossless: true,
      bytes: 4,
      ms: { draw: 2 },
      captured: 5,
      pixels: { width: 1, height: 1, data: new Uint8ClampedArray([1, 2, 3, 4]) },
    });
    expect([...packet]).toEqual([9, 9, 1, 2, 3, 4, 9]);
    expect([worker.orders, engine.waiting, engine.isOffThread]).toEqual([1, 0, true]);
  });

  it("tells of errors as those of their frames", async () => {
    const { decoder } = setUp();
    const failed = { index: 1, error: { code: "x.y", message: "no" } };
    expect(await decoder.decode(failed)).toEqual({
      index: 1,
      error: { index: 1, code: "x.y", message: "no" },
    });
    const broken = { ...key(1, 2), data: new Uint8Array(3) };
    expect(value(await decoder.decode(broken))).toBe("kcomm.bad_value");
    expect(decoder.has()).toEqual([]);
    await expect(decoder.decode("text")).rejects.toMatchObject({ code: "kcomm.bad_value" });
    expect(value(await decoder.decode(key(2)))).toBe(2);
  });

  it("keeps the order of the calls, though a base must be fetched meanwhile", async () => {
    let answer: (key: unknown) => void = () => undefined;
    let asked = 0;
    const { decoder } = setUp(() => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const order: number[] = [];
    const all = [same(5, 0), key(1, 1), same(5, 2), same(1, 3)].map((frame) =>
      decoder.decode(frame).then((decoded) => {
        order.push(decoded.index);
        return value(decoded);
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(order).toEqual([]);
    answer(key(5));
    expect(await Promise.all(all)).toEqual([5, 1, 5, 1]);
    expect([order, asked]).toEqual([[0, 1, 2, 3], 1]);
    expect(decoder.has()).toEqual([1, 5]);
  });

  it("takes keys of frames that nobody waits for", async () => {
    const { decoder } = setUp();
    void decoder.decode(key(3));
    expect(decoder.has()).toEqual([3]);
    expect(value(await decoder.decode(same(3)))).toBe(3);
  });

  it("keeps bases apart for each view", async () => {
    const { engine, decoder } = setUp();
    const other = new FrameDecoder(gone, { engine });
    await decoder.decode(key(1));
    expect(value(await other.decode(same(1)))).toBe("kcomm.no_frame");
    expect(other.has()).toEqual([]);
    decoder.close();
    expect(decoder.has()).toEqual([]);
    expect(value(await decoder.decode(same(1)))).toBe("kcomm.cancelled");
  });

  it("finishes a delta whose base is pushed out meanwhile", async () => {
    const { decoder } = setUp();
    const all = [key(1), same(1), key(2), key(3), key(4), key(5)].map((f) => decoder.decode(f));
    expect((await Promise.all(all)).map(value)).toEqual([1, 1, 2, 3, 4, 5]);
    expect(decoder.has()).toEqual([2, 3, 4, 5]);
  });
});

describe("without a worker", () => {
  it("decodes on the page's thread where workers are forbidden", async () => {
    const engine = new Engine(() => {
      throw new DOMException("forbidden", "SecurityError");
    });
    const decoder = new FrameDecoder(gone, { engine });
    expect(value(await decoder.decode(key(4)))).toBe(4);
    expect(value(await decoder.decode(same(4)))).toBe(4);
    expect(engine.isOffThread).toBe(false);
  });

  it("goes on there when the worker dies: nothing is lost, bases are fetched again", async () => {
    const fetched: number[] = [];
    const { worker, engine, decoder } = setUp(async (id) => {
      fetched.push(id);
      return key(id);
    });
    await decoder.decode(key(1));
    const pending = [key(2), same(2), same(1)].map((frame) => decoder.decode(frame));
    worker.die();
    expect(decoder.has()).toEqual([]);
    expect((await Promise.all(pending)).map(value)).toEqual([2, 2, 1]);
    expect(value(await decoder.decode(same(1)))).toBe(1);
    expect([worker.terminated, engine.isOffThread, engine.waiting]).toEqual([true, false, 0]);
    expect(fetched).toEqual([1]);
  });

  it("does nothing for views that are closed", async () => {
    const { worker, engine, decoder } = setUp();
    const run = vi.spyOn(Desk.prototype, "run");
    onTestFinished(() => run.mockRestore());
    await decoder.decode(key(1));
    const pending = decoder.decode(key(2));
    decoder.close();
    run.mockClear();
    worker.die();
    expect(await pending).toMatchObject({ error: { code: "kcomm.cancelled" } });
    expect(run).not.toHaveBeenCalled();
    expect(engine.waiting).toBe(0);
  });

  it("does not wait for a worker that never answers", async () => {
    const { worker, engine, decoder } = setUp(gone, 30);
    worker.mute = true;
    expect(value(await decoder.decode(key(1)))).toBe(1);
    expect(engine.isOffThread).toBe(false);
  });
});

describe("the worker", () => {
  it("ends when the last view is closed, and begins again with the next", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const workers: FakeWorker[] = [];
    const engine = new Engine(() => {
      workers.push(new FakeWorker());
      return workers.at(-1) as FakeWorker;
    });
    const decoded = async (decoder: FrameDecoder, frame: unknown) => {
      const pending = decoder.decode(frame);
      await vi.advanceTimersByTimeAsync(10); // The worker's answer is a timer as well.
      return value(await pending);
    };
    const [first, second] = [
      new FrameDecoder(gone, { engine }),
      new FrameDecoder(gone, { engine }),
    ];
    expect([await decoded(first, key(1)), await decoded(second, key(1))]).toEqual([1, 1]);
    first.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([engine.isOffThread, await decoded(second, same(1))]).toEqual([true, 1]);
    second.close();
    await vi.advanceTimersByTimeAsync(1000);
    const third = new FrameDecoder(gone, { engine }); // as when a cell runs again
    expect(await decoded(third, key(2))).toBe(2);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([workers.length, engine.isOffThread]).toEqual([1, true]);
    third.close();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([workers[0]?.terminated, engine.isOffThread, vi.getTimerCount()]).toEqual([
      true,
      false,
      0,
    ]);
    expect(await decoded(new FrameDecoder(gone, { engine }), key(3))).toBe(3);
    expect([workers.length, engine.isOffThread]).toEqual([2, true]);
  });

  it("is not asked by a view that was closed while a base was fetched", async () => {
    let answer = (_: unknown): void => {};
    const { engine, decoder } = setUp(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const pending = decoder.decode(same(1));
    await Promise.resolve();
    decoder.close();
    answer(key(1));
    expect(await pending).toMatchObject({ error: { code: "kcomm.cancelled" } });
    expect(engine.waiting).toBe(0);
  });
});

describe("memory", () => {
  it("of what was painted goes back to the worker", async () => {
    const { worker, decoder } = setUp();
    const { pixels } = (await decoder.decode(key(1))) as DecodedFrame;
    release(pixels);
    expect((pixels as ImageData).data.length).toBe(0);
    expect(worker.orders).toBe(2);
  });

  it("of what was painted is used again", async () => {
    const engine = new Engine(() => {
      throw new Error("none");
    });
    const decoder = new FrameDecoder(gone, { engine });
    await decoder.decode(key(1));
    const buffers = new Set<ArrayBufferLike>();
    for (let i = 0; i < 50; i++) {
      const { pixels } = (await decoder.decode(same(1, i))) as DecodedFrame;
      buffers.add((pixels as ImageData).data.buffer);
      release(pixels);
    }
    expect(buffers.size).toBe(1);
  });

  it("is bounded, and of the size that is asked for", () => {
    const spares = new Spares();
    const ours = Array.from({ length: 5 }, () => new ArrayBuffer(8));
    for (const buffer of ours) spares.give(buffer);
    expect(spares.length).toBe(3);
    expect(ours).toContain(spares.take(2).buffer);
    expect(ours).not.toContain(spares.take(3).buffer);
    expect(spares.length).toBe(2);
  });

  it("is given back once", () => {
    const given: ArrayBufferLike[] = [];
    const pixels = new ImageData(new Uint8ClampedArray(4), 1, 1);
    lend(pixels, (buffer) => given.push(buffer));
    release(pixels);
    release(pixels);
    expect(given).toEqual([pixels.data.buffer]);
  });

  /** What a frame does: it is a key, or changes a pixel of a key that came before. */
  const steps = fc.array(
    fc.record({
      isKey: fc.boolean(),
      id: fc.integer({ min: 1, max: 7 }),
      colour: fc.integer({ min: 0, max: 255 }),
      codec: fc.constantFrom("raw", "zlib"),
      deflated: fc.boolean(),
      pause: fc.boolean(),
      painted: fc.boolean(),
    }),
    { maxLength: 40 },
  );

  it.each([
    ["in a worker", () => new FakeWorker() as WorkerLike],
    [
      "on this thread",
      () => {
        throw new Error("none");
      },
    ],
  ])("is never overwritten while it is needed, %s", async (_, makeWorker) => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const keys = new Map<number, number>();
        const decoder = new FrameDecoder(async (id) => keyOf(id, keys.get(id) ?? 0), {
          engine: new Engine(makeWorker),
        });
        const checks: Promise<void>[] = [];
        for (const { isKey, id, colour, codec, deflated, pause, painted } of list) {
          const known = keys.get(id);
          let frame: unknown;
          let expected: number[];
          if (isKey || known === undefined) {
            // A number stands for the same pixels for good.
            const kept = known ?? colour;
            keys.set(id, kept);
            frame = keyOf(id, kept, codec);
            expected = [kept, kept];
          } else {
            frame = deltaOf(id, colour, deflated);
            expected = [known, colour];
          }
          const check = decoder.decode(frame).then((decoded) => {
            const { data } = (decoded as DecodedFrame).pixels as ImageData;
            expect([data[0], data[4]]).toEqual(expected);
            if (painted) release((decoded as DecodedFrame).pixels);
          });
          checks.push(check);
          if (pause) await check;
        }
        await Promise.all(checks);
      }),
      { numRuns: 60 },
    );
  });
});

const TWO = { width: 2, height: 1, index: 0, ms: {} };

function keyOf(id: number, colour: number, codec = "raw") {
  const pixels = new Uint8Array(8).fill(colour);
  return { ...TWO, id, codec, data: codec === "zlib" ? deflateSync(pixels) : pixels };
}

/** A delta that changes the second pixel. */
function deltaOf(base: number, colour: number, deflated: boolean) {
  const body = new Uint8Array([1, 0, 1, 0, colour, colour, colour, colour]);
  const head = [Number(deflated), 0, 0, 0, 1, 0, 0, 0];
  const data = new Uint8Array([...head, ...(deflated ? deflateSync(body) : body)]);
  return { ...TWO, base, codec: "delta", data };
}

describe("whatever comes", () => {
  it.each<[DeskCodec, number]>([
    ["raw", 8],
    ["zlib", 300],
    ["qoi", 30],
    ["qoiz", 30],
  ])("no memory is taken for more %s pixels than the data can hold", async (name, length) => {
    const spares = new Spares();
    const take = vi.spyOn(spares, "take");
    const job = { width: 8000, height: 8000, codec: name, data: new Uint8Array(length) };
    const decoding = new Desk(spares).run({ ...job, wanted: true });
    await expect(decoding).rejects.toMatchObject({ code: "kcomm.bad_value" });
    expect(take).not.toHaveBeenCalled();
  });

  const codec = fc.constantFrom<DeskCodec>("delta", "qoi", "qoiz", "zlib", "raw");
  const start = fc.constantFrom("", "716f6966", "0000000002000000", "0200000001000000", "7801");

  it("is decoded, or refused as a bad value", async () => {
    await fc.assert(
      fc.asyncProperty(codec, start, fc.uint8Array({ maxLength: 60 }), async (name, head, tail) => {
        const desk = new Desk();
        await desk.run({ ...key(1), codec: "raw", wanted: false });
        const data = new Uint8Array([...Buffer.from(head, "hex"), ...tail]);
        const job = { width: 1, height: 1, codec: name, data, base: 1, wanted: true };
        try {
          expect((await desk.run(job))?.length).toBe(4);
        } catch (error) {
          expect(error).toMatchObject({ code: "kcomm.bad_value" });
        }
      }),
      { numRuns: 300 },
    );
  });
});
