import { afterEach, describe, expect, it, vi } from "vitest";
import { connect } from "../src/connect.js";
import { KIND } from "../src/protocol/messages.js";
import { exactBuffers, uuid } from "../src/transport/kernel-message.js";
import { labTransport } from "../src/transport/lab.js";
import type { TransportListener } from "../src/transport/transport.js";
import { calculator, type FakeKernel } from "./fakes/kernel.js";
import { plain } from "./protocol/helpers.js";

afterEach(() => vi.useRealTimers());

const open = (kernel: FakeKernel, target = "calc") =>
  connect(target, { kernel: kernel.connection });
const turn = () => new Promise((resolve) => setTimeout(resolve));

describe("messages", () => {
  it("open a comm with HELLO in the buffers", async () => {
    const kernel = calculator();
    const channel = await open(kernel);
    const [message] = kernel.messages("comm_open");
    expect(message?.content).toEqual({
      comm_id: expect.any(String),
      target_name: "calc",
      data: { kcomm: [1] },
    });
    expect(message?.buffers).toHaveLength(1);
    expect(await channel.call("add", [2, 3])).toBe(5);
    expect(kernel.messages("comm_msg")[0]?.content.data).toEqual({});
  });

  it("carry buffers that hold nothing else", async () => {
    const kernel = calculator();
    kernel.targets.set("echo", (channel) => channel.handle("echo", (value: unknown) => value));
    const channel = await open(kernel, "echo");
    const whole = Float64Array.from({ length: 1000 }, (_, i) => i);
    const part = whole.subarray(10, 500);
    expect(Array.from((await channel.call("echo", [part])) as Float64Array)).toEqual([...part]);
    for (const { buffers } of kernel.sent) {
      for (const buffer of buffers) expect(buffer).toBeInstanceOf(ArrayBuffer);
    }
    const attachment = kernel.messages("comm_msg").flatMap(({ buffers }) => buffers.slice(1))[0];
    expect(attachment?.byteLength).toBe(490 * 8);
  });

  it("leave no future behind", async () => {
    const kernel = calculator();
    const channel = await open(kernel);
    await channel.call("add", [2, 3]);
    const shell = kernel.futures.filter((_, i) => kernel.sent[i]?.channel === "shell");
    expect(shell.length).toBeGreaterThan(1);
    expect(shell.every(({ isDisposed }) => isDisposed)).toBe(true);
  });

  it("close the comm with BYE in the buffers", async () => {
    const kernel = calculator();
    const ended = vi.fn();
    kernel.targets.set("calc", (channel) => void channel.closed.then(ended));
    const channel = await open(kernel);
    channel.close();
    await turn();
    expect(kernel.messages("comm_close")[0]?.buffers).toHaveLength(1);
    expect(ended).toHaveBeenCalledWith(expect.objectContaining({ code: "kcomm.closed" }));
    expect(kernel.anyMessage.size).toBe(0);
  });
});

it("views of a part become buffers of their own, whole ones are not copied", () => {
  const whole = new Uint8Array([1, 2, 3, 4]);
  const [same, part] = exactBuffers([whole, whole.subarray(1, 3)]);
  expect(same).toBe(whole.buffer);
  expect(new Uint8Array(part as ArrayBuffer)).toEqual(new Uint8Array([2, 3]));
});

it("ids are random UUIDs, also where crypto.randomUUID is missing", () => {
  const ids = new Set(Array.from({ length: 100 }, uuid));
  expect(ids.size).toBe(100);
  for (const id of ids) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
});

describe("subshells", () => {
  it("one is made before the comm, named in every message, shared, and deleted in the end", async () => {
    const kernel = calculator();
    const [one, two] = await Promise.all([open(kernel), open(kernel)]);
    expect([...kernel.subshells]).toEqual(["s1"]);
    expect(kernel.sent[0]?.header.msg_type).toBe("create_subshell_request");
    await one.call("add", [1, 1]);
    const shell = kernel.sent.filter(({ channel }) => channel === "shell");
    expect(shell.map(({ header }) => header.subshell_id)).toEqual(shell.map(() => "s1"));
    one.close();
    await turn();
    expect(kernel.subshells.size).toBe(1);
    two.close();
    await turn();
    expect(kernel.subshells.size).toBe(0);
    await open(kernel);
    expect([...kernel.subshells]).toEqual(["s2"]);
  });

  it("a kernel without any is not asked", async () => {
    const kernel = calculator({ subshells: "none" });
    const channel = await open(kernel);
    expect(kernel.messages("create_subshell_request")).toEqual([]);
    expect(kernel.messages("comm_open")[0]?.header.subshell_id).toBeNull();
    expect(await channel.call("add", [2, 3])).toBe(5);
  });

  it("one that does not come in time is done without", async () => {
    vi.useFakeTimers();
    const kernel = calculator({ subshells: "silent" });
    const opening = open(kernel);
    await vi.advanceTimersByTimeAsync(2500);
    const channel = await opening;
    expect(kernel.messages("comm_open")[0]?.header.subshell_id).toBeNull();
    expect(channel.isOpen).toBe(true);
  });

  it("a restarted kernel gets a new one", async () => {
    const kernel = calculator();
    await open(kernel);
    kernel.restart();
    kernel.setStatus("idle");
    await open(kernel);
    expect([...kernel.subshells]).toEqual(["s2"]);
  });
});

/** A transport that was opened, and what it tells. */
async function opened(kernel: FakeKernel) {
  const transport = await labTransport(kernel.connection, "calc");
  const listener = {
    onPacket: vi.fn(),
    onClose: vi.fn(),
    onLost: vi.fn(),
    onDown: vi.fn(),
    onUp: vi.fn(),
  } satisfies TransportListener;
  transport.open(listener, [new Uint8Array([1])]);
  expect(listener.onDown).not.toHaveBeenCalled(); // `open` has to return first.
  const answer = () => {
    const { comm_id } = kernel.messages("comm_open")[0]?.content ?? {};
    kernel.emit("comm_msg", { comm_id, data: {} }, [new Uint8Array([2])]);
  };
  return { transport, listener, answer };
}

describe("a connection that is down", () => {
  it.each(["connecting", "disconnected"])(
    "carries nothing while it is %s, and everything after that",
    async (status) => {
      vi.useFakeTimers();
      const kernel = calculator();
      const channel = await open(kernel);
      const before = channel.call("add", [1, 1]);
      await Promise.resolve(); // It is sent; the answer is lost.
      kernel.setConnection(status);
      const { length } = kernel.sent;
      const during = channel.call("add", [2, 3]);
      await vi.advanceTimersByTimeAsync(0);
      expect(kernel.sent).toHaveLength(length);
      // A kernel asks for a while whether its answer came; nobody hears of it.
      await vi.advanceTimersByTimeAsync(20_000);
      expect(kernel.sent).toHaveLength(length);
      kernel.setConnection("connected");
      await vi.advanceTimersByTimeAsync(1000);
      expect(await Promise.all([before, during])).toEqual([2, 5]);
      channel.close();
    },
  );

  it("is asked at once what was lost when it is up again", async () => {
    vi.useFakeTimers();
    const kernel = calculator();
    const channel = await open(kernel);
    await channel.call("add", [1, 1]);
    await vi.advanceTimersByTimeAsync(1000);
    kernel.setConnection("connecting");
    const { length } = kernel.sent;
    kernel.setConnection("connected");
    const [first] = kernel.sent.slice(length);
    const [, , messages] = plain(new Uint8Array(first?.buffers[0] as ArrayBuffer)) as unknown[][];
    expect(messages).toEqual([[KIND.PROBE, 0, 2]]);
    channel.close();
  });

  it("takes the end of the channel, for later", async () => {
    const kernel = calculator();
    const ended = vi.fn();
    kernel.targets.set("calc", (channel) => void channel.closed.then(ended));
    const channel = await open(kernel);
    kernel.setConnection("connecting");
    channel.emit("last", 1);
    channel.close();
    await turn();
    expect(ended).not.toHaveBeenCalled();
    kernel.setConnection("connected");
    await turn();
    expect(ended).toHaveBeenCalledWith(expect.objectContaining({ code: "kcomm.closed" }));
  });

  it("is told of once, also where the comm was opened without one", async () => {
    const kernel = calculator();
    kernel.isMute = true;
    kernel.connectionStatus = "connecting";
    const { listener, transport } = await opened(kernel);
    kernel.setConnection("disconnected");
    expect(listener.onDown).toHaveBeenCalledTimes(1);
    kernel.setConnection("connecting");
    kernel.setConnection("connected");
    expect([listener.onDown.mock.calls.length, listener.onUp.mock.calls.length]).toEqual([1, 1]);
    transport.close(null);
    kernel.setConnection("connecting");
    expect(listener.onDown).toHaveBeenCalledTimes(1);
    expect(kernel.connectionStatusChanged.size).toBe(0);
  });
});

describe("the end of the kernel", () => {
  const lost = (message: string) => ({
    code: "kcomm.session_lost",
    message: expect.stringContaining(message),
  });

  it.each(["restarting", "autorestarting"])("a status %s ends the channel", async (status) => {
    const kernel = calculator();
    const channel = await open(kernel);
    const call = channel.call("add", [2, 3]);
    kernel.restart(status);
    expect(await channel.closed).toEqual(lost("the kernel was restarted"));
    await expect(call).rejects.toMatchObject({ code: "kcomm.session_lost" });
  });

  it("a death, and the end of the connection, end it", async () => {
    const [dying, leaving] = [calculator(), calculator()];
    const [one, two] = [await open(dying), await open(leaving)];
    dying.setStatus("dead");
    leaving.dispose();
    expect(await one.closed).toEqual(lost("died"));
    expect(await two.closed).toEqual(lost("the connection to the kernel was closed"));
  });

  it("a restart that shows only in another session id ends it", async () => {
    const kernel = calculator();
    const channel = await open(kernel);
    await channel.call("add", [2, 3]);
    kernel.restartUnseen();
    expect(await channel.closed).toEqual(lost("the kernel was restarted"));
  });

  it("messages of other comms, and those the page itself sends, are none of its business", async () => {
    const kernel = calculator();
    const channel = await open(kernel);
    kernel.emit("comm_msg", { comm_id: "another", data: {} }, [new Uint8Array([1])]);
    kernel.emit("comm_close", { comm_id: "another", data: {} }, []);
    kernel.anyMessage.emit({ direction: "send", msg: { header: { msg_type: "comm_msg" } } });
    expect(await channel.call("add", [2, 3])).toBe(5);
  });
});
