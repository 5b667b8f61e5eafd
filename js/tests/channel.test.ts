import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acceptChannel, type Channel, type ChannelOptions, openChannel } from "../src/channel.js";
import { KcommError } from "../src/errors.js";
import { MemoryLink } from "../src/transport/memory.js";

interface Ends {
  readonly page: Channel;
  readonly kernel: Channel;
  readonly link: MemoryLink;
}

async function connect(
  page: ChannelOptions = {},
  kernel: ChannelOptions & { epoch?: string } = {},
): Promise<Ends> {
  const link = new MemoryLink();
  const [accepted, opened] = await Promise.all([
    acceptChannel(link.b, kernel),
    openChannel(link.a, page),
  ]);
  return { page: opened, kernel: accepted, link };
}

/** What a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<KcommError> {
  const outcome = await promise.then(
    (value) => new Error(`it did not fail: ${String(value)}`),
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(KcommError);
  return outcome as KcommError;
}

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

let errors: ReturnType<typeof vi.spyOn>;
let warnings: ReturnType<typeof vi.spyOn>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  errors = vi.spyOn(console, "error").mockImplementation(() => {});
  warnings = vi.spyOn(console, "warn").mockImplementation(() => {});
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("opening", () => {
  it("tells each end of the other", async () => {
    const { page, kernel } = await connect(
      { params: { id: "x1" }, features: { codecs: ["png"] } },
      { epoch: "e1", features: { frames: true } },
    );
    expect(kernel.params).toEqual({ id: "x1" });
    expect(page.params).toEqual({ id: "x1" });
    expect(kernel.features).toEqual({ codecs: ["png"] });
    expect(page.features).toEqual({ frames: true });
    expect(page.epoch).toBe("e1");
    expect(page.isOpen && kernel.isOpen).toBe(true);
    expect(page.id).not.toBe(kernel.id);
  });

  it("rejects where nobody serves the target", async () => {
    const link = new MemoryLink();
    const opening = failure(openChannel(link.a));
    const ignore = () => {};
    link.b.open(
      { onPacket: ignore, onClose: ignore, onLost: ignore, onDown: ignore, onUp: ignore },
      null,
    );
    link.b.close(null);
    expect((await opening).code).toBe("kcomm.unknown_target");
  });

  it("rejects where the path breaks meanwhile", async () => {
    const link = new MemoryLink();
    const opening = failure(openChannel(link.a));
    link.a.lose("the kernel died");
    expect(await opening).toMatchObject({ code: "kcomm.session_lost", message: "the kernel died" });
  });

  it("rejects where no answer comes in time", async () => {
    const link = new MemoryLink();
    const opening = failure(openChannel(link.a, { timeout: 500 }));
    await vi.advanceTimersByTimeAsync(500);
    expect(await opening).toMatchObject({
      code: "kcomm.timeout",
      message: expect.stringContaining("500 ms"),
    });
  });

  it("can be given up", async () => {
    const controller = new AbortController();
    const opening = failure(openChannel(new MemoryLink().a, { signal: controller.signal }));
    controller.abort();
    expect((await opening).code).toBe("kcomm.cancelled");
    expect(
      (await failure(openChannel(new MemoryLink().a, { signal: AbortSignal.abort() }))).code,
    ).toBe("kcomm.cancelled");
  });

  it("refuses params that can't be sent", async () => {
    expect(
      await failure(openChannel(new MemoryLink().a, { params: { when: new Date() } })),
    ).toMatchObject({
      code: "kcomm.bad_value",
      message: expect.stringContaining("Date"),
    });
  });
});

describe("call", () => {
  it("returns what the handler returns, now or later", async () => {
    const { page, kernel } = await connect();
    kernel.handle("add", (a: number, b: number) => a + b);
    kernel.handle("later", async (x: unknown) => x);
    kernel.handle("nothing", () => {});
    expect(await page.call("add", [2, 3])).toBe(5);
    expect(await page.call("later", [new Float32Array([1, 2])])).toMatchObject({
      dtype: "float32",
      shape: [2],
    });
    expect(await page.call("nothing")).toBeNull();
  });

  it("goes both ways at once, and answers come in any order", async () => {
    const { page, kernel } = await connect();
    page.handle("twice", async (x: number) => (await page.call<number>("add", [x, x])) as number);
    kernel.handle("add", (a: number, b: number) => a + b);
    expect(await Promise.all([1, 2, 3].map((x) => kernel.call("twice", [x])))).toEqual([2, 4, 6]);
  });

  it("passes arguments by name as one object", async () => {
    const { page, kernel } = await connect();
    kernel.handle("div", ({ a, b }: { a: number; b: number }) => a / b);
    expect(await page.call("div", { a: 1, b: 4 })).toBe(0.25);
  });

  it("shares packets with what else is called in the same turn", async () => {
    const { page, kernel, link } = await connect();
    kernel.handle("f", (x: number) => x);
    const sent = vi.spyOn(link.a, "send");
    expect(
      await Promise.all(Array.from({ length: 500 }, (_, i) => page.call("f", [i]))),
    ).toHaveLength(500);
    expect(sent.mock.calls.length).toBeLessThan(5);
  });

  it("rejects with what the handler threw: class and message, no stack", async () => {
    const { page, kernel } = await connect();
    kernel.handle("broken", () => {
      throw new RangeError("out of it");
    });
    const error = await failure(page.call("broken"));
    expect(error).toMatchObject({
      code: "kcomm.handler_error",
      message: "'broken' raised RangeError: out of it",
      data: { type: "RangeError" },
    });
    expect(errors).toHaveBeenCalledWith(expect.stringContaining("broken"), expect.any(RangeError));
  });

  it("rejects with a handler's own code", async () => {
    const { page, kernel } = await connect();
    kernel.handle("mine", () =>
      Promise.reject(new KcommError("app.full", "no seats", { left: 0 })),
    );
    kernel.handle("odd", () => {
      throw "text";
    });
    expect(await failure(page.call("mine"))).toMatchObject({
      code: "app.full",
      message: "no seats",
      data: { left: 0 },
    });
    expect(await failure(page.call("odd"))).toMatchObject({
      code: "kcomm.handler_error",
      data: { type: "string" },
    });
  });

  it("rejects where data of an error can't be sent, without them", async () => {
    const { page, kernel } = await connect();
    kernel.handle("mine", () =>
      Promise.reject(new KcommError("app.full", "no seats", { when: new Date() })),
    );
    expect(await failure(page.call("mine"))).toMatchObject({ code: "app.full", data: null });
  });

  it("rejects where the result can't be sent", async () => {
    const { page, kernel } = await connect();
    kernel.handle("map", () => new Map());
    expect(await failure(page.call("map"))).toMatchObject({
      code: "kcomm.bad_value",
      message: expect.stringMatching(/result of 'map' .*Map/),
    });
  });

  it("rejects where an argument can't be sent, and the channel goes on", async () => {
    const { page, kernel } = await connect();
    kernel.handle("f", (x: unknown) => x);
    expect(await failure(page.call("f", [{ deep: [new Set()] }]))).toMatchObject({
      code: "kcomm.bad_value",
      message: expect.stringContaining("[0].deep[0]"),
    });
    expect(await page.call("f", [1])).toBe(1);
  });

  it("refuses arguments that are neither a list nor an object", async () => {
    const { page } = await connect();
    for (const args of [2, "text", null, new Uint8Array(2)]) {
      expect(await failure(page.call("f", args as unknown as unknown[]))).toMatchObject({
        code: "kcomm.bad_arguments",
      });
    }
    expect(await failure(page.call(5 as unknown as string))).toMatchObject({
      code: "kcomm.bad_arguments",
    });
  });

  it("of a name that is a property of every object finds nothing", async () => {
    const { page } = await connect();
    const calls = ["toString", "constructor", "__proto__"].map((name) => failure(page.call(name)));
    await vi.advanceTimersByTimeAsync(2000);
    for (const { code } of await Promise.all(calls)) expect(code).toBe("kcomm.unknown_method");
  });

  it("gives up after its time, and tells the handler", async () => {
    const { page, kernel } = await connect();
    let reason: unknown;
    kernel.handle("slow", function () {
      return new Promise(() =>
        this.signal.addEventListener("abort", () => (reason = this.signal.reason)),
      );
    });
    const call = failure(page.call("slow", [], { timeout: 300 }));
    await vi.advanceTimersByTimeAsync(300);
    expect(await call).toMatchObject({
      code: "kcomm.timeout",
      message: expect.stringContaining("'slow'"),
    });
    await settle();
    expect(reason).toMatchObject({ code: "kcomm.cancelled" });
  });

  it("gives up after 30 s unless it says otherwise; 0 and Infinity are no limit", async () => {
    const { page, kernel } = await connect();
    kernel.handle("never", () => new Promise(() => {}));
    const outcomes: string[] = [];
    const note = (name: string) => (error: KcommError) => outcomes.push(`${name} ${error.code}`);
    page.call("never").catch(note("default"));
    page.call("never", [], { timeout: 0 }).catch(note("0"));
    page.call("never", [], { timeout: Number.POSITIVE_INFINITY }).catch(note("Infinity"));
    await vi.advanceTimersByTimeAsync(29_999);
    expect(outcomes).toEqual([]);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(outcomes).toEqual(["default kcomm.timeout"]);
  });

  it("can be cancelled before and after it was sent", async () => {
    const { page, kernel } = await connect();
    const called = vi.fn(() => new Promise(() => {}));
    kernel.handle("slow", called);
    expect((await failure(page.call("slow", [], { signal: AbortSignal.abort() }))).code).toBe(
      "kcomm.cancelled",
    );
    expect(called).not.toHaveBeenCalled();
    const controller = new AbortController();
    const call = failure(page.call("slow", [], { signal: controller.signal }));
    await settle();
    controller.abort(new Error("enough"));
    expect(await call).toMatchObject({ code: "kcomm.cancelled", cause: new Error("enough") });
    expect(called).toHaveBeenCalledTimes(1);
  });

  it("waits for room where too much is under way, in order", async () => {
    const { page, kernel, link } = await connect({}, { limits: { window: 50_000 } });
    const seen: number[] = [];
    kernel.handle("take", async (i: number) => {
      seen.push(i);
      await new Promise((resolve) => setTimeout(resolve, 20_000));
    });
    const acknowledge = vi.spyOn(link.b, "send").mockImplementation(() => {});
    const take = (i: number, options = {}) =>
      page.call("take", [i, new Uint8Array(20_000)], options);
    const calls = Array.from({ length: 10 }, (_, i) => take(i, { timeout: 0 }));
    const late = failure(take(99, { timeout: 10 }));
    await vi.advanceTimersByTimeAsync(10);
    expect((await late).code).toBe("kcomm.timeout");
    expect(seen).toEqual([0, 1, 2]);
    acknowledge.mockRestore();
    await vi.advanceTimersByTimeAsync(100_000);
    await Promise.all(calls);
    expect(seen).toEqual(Array.from({ length: 10 }, (_, i) => i));
  });

  it("takes values larger than a packet", async () => {
    const { page, kernel } = await connect({}, { limits: { packet: 8192 } });
    kernel.handle("sum", (array: Float64Array) => array.reduce((total, x) => total + x, 0));
    const sum = page.call("sum", [new Float64Array(20_000).fill(1)]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await sum).toBe(20_000);
  });
});

describe("handlers", () => {
  it("may be registered a while after the call came", async () => {
    const { page, kernel } = await connect();
    const call = page.call("late", [1]);
    await vi.advanceTimersByTimeAsync(1500);
    kernel.handle("late", (x: number) => x + 1);
    expect(await call).toBe(2);
  });

  it("that nobody registers are reported as unknown", async () => {
    const { page } = await connect();
    const call = failure(page.call("nobody"));
    await vi.advanceTimersByTimeAsync(2000);
    expect(await call).toMatchObject({
      code: "kcomm.unknown_method",
      message: expect.stringContaining("'nobody'"),
    });
  });

  it("can be given with the opening", async () => {
    const heard: unknown[] = [];
    const { kernel } = await connect({
      handlers: { f: () => 1 },
      listeners: { t: (value) => heard.push(value) },
    });
    kernel.emit("t", "now");
    expect(await kernel.call("f")).toBe(1);
    expect(heard).toEqual(["now"]);
  });

  it("replace earlier ones, and know their call", async () => {
    const { page, kernel } = await connect();
    kernel.handle("f", () => 1);
    kernel.handle("f", function () {
      return [this.channel === kernel, this.method, this.signal.aborted];
    });
    expect(await page.call("f")).toEqual([true, "f", false]);
  });

  it("must be functions", async () => {
    const { page } = await connect();
    expect(() => page.handle("f", 5 as never)).toThrow("must be a function");
    expect(() => page.on("t", undefined as never)).toThrow("must be a function");
  });

  it("are told of the end of the channel", async () => {
    const { page, kernel } = await connect();
    let signal: AbortSignal | undefined;
    kernel.handle("slow", function () {
      signal = this.signal;
      return new Promise(() => {});
    });
    const call = failure(page.call("slow"));
    await settle();
    kernel.close();
    expect((await call).code).toBe("kcomm.closed");
    expect(signal?.aborted).toBe(true);
  });

  it("that raise after they were cancelled are not swallowed", async () => {
    const { page, kernel } = await connect();
    let raise = (_: Error) => {};
    kernel.handle("slow", () => new Promise((_, reject) => (raise = reject)));
    const call = failure(page.call("slow", [], { timeout: 10 }));
    await vi.advanceTimersByTimeAsync(10);
    await call;
    await settle();
    raise(new Error("late"));
    await settle();
    expect(errors).toHaveBeenCalledWith(
      expect.stringContaining("after it was cancelled"),
      new Error("late"),
    );
  });
});

describe("stream", () => {
  async function* count(n: number): AsyncGenerator<number, string> {
    for (let i = 0; i < n; i++) yield i;
    return "done";
  }

  async function collect(stream: AsyncIterable<unknown>): Promise<unknown[]> {
    const items: unknown[] = [];
    for await (const item of stream) items.push(item);
    return items;
  }

  it("gives the items in order, and the return value", async () => {
    const { page, kernel } = await connect();
    kernel.handleStream("count", count);
    kernel.handleStream("list", () => [1, Promise.resolve(2), 3]);
    const stream = page.stream("count", [100]);
    expect(await collect(stream)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(stream.value).toBe("done");
    expect(stream.lost).toBe(0);
    expect(await collect(page.stream("list"))).toEqual([1, 2, 3]);
    expect(await collect(page.stream("count", [0]))).toEqual([]);
  });

  it("is advanced only for items that were asked for", async () => {
    const { page, kernel } = await connect();
    let made = 0;
    kernel.handleStream("numbers", function* () {
      for (;;) yield made++;
    });
    const stream = page.stream("numbers", [], { window: 4 });
    await settle();
    expect(made).toBe(4);
    await stream.next();
    await settle();
    // The credit of an item goes back when the next one is asked for, by halves of the window.
    await stream.next();
    await stream.next();
    await settle();
    expect(made).toBe(6);
    await stream.return();
  });

  it("that is left closes the generator", async () => {
    const { page, kernel } = await connect();
    const closed = vi.fn();
    kernel.handleStream("numbers", async function* () {
      try {
        for (let i = 0; ; i++) yield i;
      } finally {
        closed(this.signal.aborted);
      }
    });
    for await (const i of page.stream("numbers")) if (i === 3) break;
    await settle();
    expect(closed).toHaveBeenCalledWith(true);
    expect(kernel.isOpen).toBe(true);
  });

  it("that is left while its generator waits lets it know", async () => {
    const { page, kernel } = await connect();
    const returned = vi.fn(async () => ({ done: true as const, value: undefined }));
    kernel.handleStream("silent", () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<IteratorResult<unknown>>(() => {}),
        return: returned,
      }),
    }));
    const stream = page.stream("silent");
    const next = stream.next();
    await settle();
    await stream.return();
    expect(await next).toEqual({ done: true, value: null });
    await settle();
    expect(returned).toHaveBeenCalledTimes(1);
  });

  it("throws what the generator threw, after the items before it", async () => {
    const { page, kernel } = await connect();
    kernel.handleStream("breaks", async function* () {
      yield 1;
      throw new TypeError("no more");
    });
    const stream = page.stream("breaks");
    expect(await stream.next()).toEqual({ done: false, value: 1 });
    expect(await failure(stream.next())).toMatchObject({
      code: "kcomm.handler_error",
      data: { type: "TypeError" },
    });
    expect(await stream.next()).toEqual({ done: true, value: null });
  });

  it("throws where an item can't be sent, and closes the generator", async () => {
    const { page, kernel } = await connect();
    const closed = vi.fn();
    kernel.handleStream("odd", function* () {
      try {
        yield new Date();
      } finally {
        closed();
      }
    });
    expect(await failure(page.stream("odd").next())).toMatchObject({ code: "kcomm.bad_value" });
    expect(closed).toHaveBeenCalled();
  });

  it("throws where a handler gives nothing to go through", async () => {
    const { page, kernel } = await connect();
    kernel.handleStream("number", () => 5 as never);
    expect(await failure(page.stream("number").next())).toMatchObject({
      code: "kcomm.handler_error",
    });
  });

  it("and call must be asked for as what they are", async () => {
    const { page, kernel } = await connect();
    kernel.handleStream("stream", count);
    kernel.handle("method", () => 1);
    expect(await failure(page.call("stream", [1]))).toMatchObject({ code: "kcomm.bad_arguments" });
    expect(await failure(page.stream("method").next())).toMatchObject({
      code: "kcomm.bad_arguments",
    });
    expect(() => page.stream("stream", [1], { window: 0 })).toThrow("window");
  });

  it("throws when its signal is aborted", async () => {
    const { page, kernel } = await connect();
    kernel.handleStream("count", count);
    const controller = new AbortController();
    const stream = page.stream("count", [1000], { signal: controller.signal });
    await stream.next();
    controller.abort();
    expect(await failure(stream.next())).toMatchObject({ code: "kcomm.cancelled" });
    const early = page.stream("count", [1], { signal: AbortSignal.abort() });
    expect(await failure(early.next())).toMatchObject({ code: "kcomm.cancelled" });
  });

  it("throws when the channel ends", async () => {
    const { page, kernel, link } = await connect();
    kernel.handleStream("silent", async function* () {
      await new Promise(() => {});
      yield 1;
    });
    const next = failure(page.stream("silent").next());
    await settle();
    link.a.lose("the kernel was restarted");
    expect(await next).toMatchObject({ code: "kcomm.session_lost", data: { may_have_run: true } });
  });

  it("of volatile items bears the loss of some", async () => {
    let drop = 0;
    const link = new MemoryLink({
      // Volatile packets have the number 0, right behind the head of the header.
      fate: (packet) =>
        packet[0]?.[1] === 0 && packet[0][3] !== 0x90 && drop++ % 2 === 0 ? [] : [0],
    });
    const [kernel, page] = await Promise.all([acceptChannel(link.b), openChannel(link.a)]);
    kernel.handleStream("frames", count, { volatile: true });
    const stream = page.stream<number>("frames", [200], { window: 8 });
    const collected = collect(stream);
    await vi.advanceTimersByTimeAsync(100_000);
    const items = await collected;
    expect(items.length).toBeLessThan(200);
    expect(items.length).toBeGreaterThan(20);
    expect(items).toEqual([...(items as number[])].sort((a, b) => a - b));
    expect(items.length + stream.lost).toBe(200);
  });

  it("goes both ways within a handler", async () => {
    const { page, kernel } = await connect();
    page.handleStream("camera", count, { volatile: true });
    kernel.handleStream("results", async function* () {
      for await (const i of this.channel.stream<number>("camera", [20], { window: 2 }))
        yield i * 10;
    });
    expect(await collect(page.stream("results", [], { window: 2 }))).toEqual(
      Array.from({ length: 20 }, (_, i) => i * 10),
    );
  });
});

describe("events", () => {
  it("reach all listeners until they leave", async () => {
    const { page, kernel } = await connect();
    const heard: unknown[] = [];
    const leave = page.on("t", (value) => heard.push(["a", value]));
    page.on("t", (value) => heard.push(["b", value]));
    kernel.emit("t", 1);
    await settle();
    leave();
    leave();
    kernel.emit("t");
    await settle();
    expect(heard).toEqual([
      ["a", 1],
      ["b", 1],
      ["b", null],
    ]);
  });

  it("that say latest replace each other, and the listener is told of how many", async () => {
    const { page, kernel } = await connect();
    const heard: unknown[] = [];
    kernel.on("slider", (value, dropped) => heard.push([value, dropped]));
    for (let i = 0; i < 5; i++) page.emit("slider", i, { latest: true });
    await settle();
    expect(heard).toEqual([[4, 4]]);
  });

  it("wait a while for a listener, in order", async () => {
    const { page, kernel } = await connect();
    for (let i = 0; i < 3; i++) kernel.emit("t", i);
    await vi.advanceTimersByTimeAsync(1000);
    const heard: unknown[] = [];
    page.on("t", (value) => heard.push(value));
    kernel.emit("t", 3);
    await settle();
    expect(heard).toEqual([0, 1, 2, 3]);
  });

  it("that nobody listens to are reported once", async () => {
    const { page, kernel } = await connect();
    for (let i = 0; i < 3; i++) kernel.emit("nobody", i);
    await vi.advanceTimersByTimeAsync(2100);
    kernel.emit("nobody", 3);
    await vi.advanceTimersByTimeAsync(2100);
    expect(warnings).toHaveBeenCalledTimes(1);
    expect(warnings).toHaveBeenCalledWith(expect.stringContaining("kcomm.unknown_topic"));
    expect(page.isOpen).toBe(true);
  });

  it("whose listener raises harm nobody else, and are reported", async () => {
    const { page, kernel } = await connect();
    const heard: unknown[] = [];
    page.on("t", () => {
      throw new TypeError("oh");
    });
    page.on("t", async () => Promise.reject(new Error("later")));
    page.on("t", (value) => heard.push(value));
    kernel.emit("t", 1);
    await settle();
    expect(heard).toEqual([1]);
    expect(errors).toHaveBeenCalledTimes(2);
    expect(warnings).toHaveBeenCalledWith(expect.stringContaining("TypeError: oh"));
  });

  it("that can't be sent throw at once", async () => {
    const { page } = await connect();
    expect(() => page.emit("t", new Map())).toThrow(
      expect.objectContaining({ code: "kcomm.bad_value" }),
    );
  });
});

describe("closing", () => {
  it("tells both ends, and sends first what was queued", async () => {
    const { page, kernel } = await connect();
    const heard: unknown[] = [];
    kernel.on("t", (value) => heard.push(value));
    page.emit("t", "last");
    page.close();
    page.close();
    expect(await page.closed).toEqual({ code: "kcomm.closed", message: "" });
    expect(await kernel.closed).toEqual({ code: "kcomm.closed", message: "" });
    expect(heard).toEqual(["last"]);
    expect(page.isOpen || kernel.isOpen).toBe(false);
  });

  it("sends at once: a page that is left has no later turn", async () => {
    const { page, link } = await connect();
    const closed = vi.spyOn(link.a, "close");
    page.close("kcomm.closed", "the page was closed");
    expect(closed).toHaveBeenCalledTimes(1);
  });

  it("lets later use fail", async () => {
    const { page } = await connect();
    page.close();
    expect((await failure(page.call("f"))).code).toBe("kcomm.closed");
    expect((await failure(page.stream("f").next())).code).toBe("kcomm.closed");
    expect(() => page.emit("t", 1)).toThrow(expect.objectContaining({ code: "kcomm.closed" }));
    page.handle("f", () => 1);
    page.on("t", () => {})();
  });

  it("of a broken path fails what is under way, and says whether it may have run", async () => {
    const { page, link } = await connect();
    const sent = failure(page.call("f"));
    await settle();
    const waiting = failure(page.call("g"));
    link.a.lose("the kernel died");
    expect(await sent).toMatchObject({ code: "kcomm.session_lost", data: { may_have_run: true } });
    expect(await waiting).toMatchObject({
      code: "kcomm.session_lost",
      data: { may_have_run: false },
    });
    expect(await page.closed).toEqual({ code: "kcomm.session_lost", message: "the kernel died" });
  });

  it("by a transport that throws is one by a broken path", async () => {
    const { page, link } = await connect();
    vi.spyOn(link.a, "send").mockImplementation(() => {
      throw new Error("socket gone");
    });
    expect(await failure(page.call("f"))).toMatchObject({ code: "kcomm.session_lost" });
    expect((await page.closed).message).toContain("socket gone");
  });

  it("follows a packet that is nonsense, and says so", async () => {
    const { page, kernel, link } = await connect();
    const call = failure(page.call("f"));
    link.b.send([new Uint8Array([0xc1])]);
    expect((await call).code).toBe("kcomm.session_lost");
    expect((await page.closed).code).toBe("kcomm.protocol_error");
    expect((await kernel.closed).code).toBe("kcomm.protocol_error");
    expect(errors).toHaveBeenCalledWith(expect.stringContaining("kcomm.protocol_error"));
  });

  it("does not follow a lost packet: it comes again", async () => {
    let isLossy = false;
    const link = new MemoryLink({ fate: () => (isLossy ? [] : [0]) });
    const [kernel, page] = await Promise.all([acceptChannel(link.b), openChannel(link.a)]);
    kernel.handle("f", () => 7);
    await vi.advanceTimersByTimeAsync(300);
    isLossy = true;
    const call = page.call("f", [], { timeout: 0 });
    await settle();
    isLossy = false;
    await vi.advanceTimersByTimeAsync(1100);
    expect(await call).toBe(7);
    expect([page.isOpen, kernel.isOpen]).toEqual([true, true]);
  });
});
