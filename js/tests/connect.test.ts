import { afterEach, describe, expect, it, vi } from "vitest";
import { connect, type Host, setHostFinder } from "../src/connect.js";
import { calculator, type FakeKernel } from "./fakes/kernel.js";

/** As much of an element as finding its host takes. */
class FakeElement {
  readonly nodeType = 1;
  isConnected = true;
}

const element = () => new FakeElement() as unknown as Element;

function hostOf(
  kernel: FakeKernel | null,
): Host & { gone: () => void; readonly isWatched: boolean } {
  let callback: (() => void) | null = null;
  return {
    kernel: async () => kernel?.connection ?? null,
    onGone: (onGone) => {
      callback = onGone;
      return () => {
        callback = null;
      };
    },
    gone: () => callback?.(),
    get isWatched() {
      return callback !== null;
    },
  };
}

afterEach(() => vi.useRealTimers());

describe("by element", () => {
  it("waits until the element is in its notebook, and closes with it", async () => {
    const kernel = calculator();
    const host = hostOf(kernel);
    let looks = 0;
    setHostFinder(() => (++looks > 2 ? host : null));
    const channel = await connect("calc", { element: element() });
    expect(await channel.call("add", [2, 3])).toBe(5);
    host.gone();
    expect(await channel.closed).toEqual({
      code: "kcomm.closed",
      message: "the output was removed from the page",
    });
  });

  it("gives up when its output is replaced while it connects", async () => {
    const kernel = calculator();
    kernel.connectionStatus = "connecting";
    const host = hostOf(kernel);
    setHostFinder(() => host);
    const opening = connect("calc", { element: element() });
    const failed = expect(opening).rejects.toMatchObject({ code: "kcomm.cancelled" });
    await new Promise((resolve) => setTimeout(resolve));
    host.gone();
    await failed;
    expect(kernel.sent).toEqual([]);
    expect(kernel.connectionStatusChanged.size).toBe(0);
  });

  it("watches its output no longer than its channel lasts", async () => {
    const host = hostOf(calculator());
    setHostFinder(() => host);
    const channel = await connect("calc", { element: element() });
    expect(host.isWatched).toBe(true);
    channel.close();
    await channel.closed;
    expect(host.isWatched).toBe(false);
  });

  it("watches its output no longer where there is no channel", async () => {
    const without = hostOf(null);
    setHostFinder(() => without);
    await expect(connect("calc", { element: element() })).rejects.toThrow("no kernel");
    const other = hostOf(calculator());
    setHostFinder(() => other);
    await expect(connect("calk", { element: element() })).rejects.toThrow("no target");
    expect([without.isWatched, other.isWatched]).toEqual([false, false]);
  });

  it("says that an element is in no notebook", async () => {
    vi.useFakeTimers();
    setHostFinder(() => null);
    const opening = connect("calc", { element: element() });
    const failed = expect(opening).rejects.toMatchObject({ code: "kcomm.no_kernel" });
    await vi.advanceTimersByTimeAsync(3000);
    await failed;
  });

  it("says that an element was never attached", async () => {
    vi.useFakeTimers();
    setHostFinder(() => null);
    const detached = new FakeElement();
    detached.isConnected = false;
    const opening = connect("calc", { element: detached as unknown as Element, timeout: 5000 });
    const failed = expect(opening).rejects.toThrow("not attached to the page within 5000 ms");
    await vi.advanceTimersByTimeAsync(6000);
    await failed;
  });

  it("says that the notebook has no kernel", async () => {
    setHostFinder(() => hostOf(null));
    await expect(connect("calc", { element: element() })).rejects.toMatchObject({
      code: "kcomm.no_kernel",
    });
  });

  it("gives up when told to", async () => {
    setHostFinder(() => null);
    const signal = AbortSignal.abort();
    await expect(connect("calc", { element: element(), signal })).rejects.toMatchObject({
      code: "kcomm.cancelled",
    });
  });
});

describe("by kernel", () => {
  it("names the target that the kernel does not have", async () => {
    const { connection } = calculator();
    await expect(connect("calk", { kernel: connection })).rejects.toMatchObject({
      code: "kcomm.unknown_target",
      message: "no target named 'calk' in this kernel: run the cell that makes it",
    });
  });

  it("waits for a restarting kernel, and for the connection", async () => {
    const kernel = calculator();
    kernel.status = "restarting";
    kernel.connectionStatus = "connecting";
    const opening = connect("calc", { kernel: kernel.connection });
    await new Promise((resolve) => setTimeout(resolve));
    expect(kernel.sent).toEqual([]);
    kernel.connectionStatus = "connected";
    kernel.connectionStatusChanged.emit("connected");
    kernel.setStatus("idle");
    const channel = await opening;
    expect(channel.isOpen).toBe(true);
    channel.close();
    expect(kernel.connectionStatusChanged.size).toBe(0);
  });

  it("gives up on a kernel that does not answer", async () => {
    vi.useFakeTimers();
    const kernel = calculator();
    kernel.connectionStatus = "disconnected";
    const opening = connect("calc", { kernel: kernel.connection, timeout: 1000 });
    const failed = expect(opening).rejects.toMatchObject({ code: "kcomm.timeout" });
    await vi.advanceTimersByTimeAsync(1500);
    await failed;
  });

  it("tells a dead kernel", async () => {
    const kernel = calculator();
    kernel.status = "dead";
    await expect(connect("calc", { kernel: kernel.connection })).rejects.toMatchObject({
      code: "kcomm.no_kernel",
    });
  });

  it("wants a name, and a kernel or an element", async () => {
    for (const opening of [connect(""), connect("calc"), connect(5 as unknown as string)]) {
      await expect(opening).rejects.toMatchObject({ code: "kcomm.bad_arguments" });
    }
  });

  it("lets two channels of one kernel live side by side", async () => {
    const kernel = calculator();
    const options = { kernel: kernel.connection };
    const [one, two] = [await connect("calc", options), await connect("calc", options)];
    one.close();
    expect(await two.call("add", [2, 3])).toBe(5);
  });
});
