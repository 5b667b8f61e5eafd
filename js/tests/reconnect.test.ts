import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connect } from "../src/connect.js";
import {
  type Answer,
  type BreakableKernel,
  LOOKS,
  MAX_PATIENCE,
  PATIENCE,
  Reconnector,
  STEADY,
} from "../src/jupyterlab/reconnect.js";
import { need, setKeeper } from "../src/transport/needed.js";
import { calculator, FakeSignal } from "./fakes/kernel.js";

/** A connection as JupyterLab keeps it; what `reconnect` leads to is the test's matter. */
class Connection {
  status = "idle";
  isDisposed = false;
  readonly connectionStatusChanged = new FakeSignal<string>();
  readonly disposed = new FakeSignal<void>();
  readonly reconnect = vi.fn(() => {
    this.become("connecting");
    return Promise.reject(new Error("as where JupyterLab gives up"));
  });

  constructor(public connectionStatus = "connected") {}

  become(status: string): void {
    if (status === this.connectionStatus) return;
    this.connectionStatus = status;
    this.connectionStatusChanged.emit(status);
  }

  get isWatched(): boolean {
    return this.connectionStatusChanged.size > 0 || this.disposed.size > 0;
  }
}

class FakePage extends EventTarget {
  readonly document = Object.assign(new EventTarget(), { hidden: false });

  tell(type: string): void {
    this.dispatchEvent(new Event(type));
  }

  show(isShown: boolean): void {
    this.document.hidden = !isShown;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }
}

let kernel: Connection;
let page: FakePage;
let answer: Answer | Error;
const ask = vi.fn(async (_: AbortSignal): Promise<Answer> => {
  if (answer instanceof Error) throw answer;
  return answer;
});
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const watch = () => new Reconnector(kernel as unknown as BreakableKernel, ask, page);
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

beforeEach(() => {
  vi.useFakeTimers();
  ask.mockClear();
  kernel = new Connection();
  page = new FakePage();
  answer = "away";
});
afterEach(() => {
  setKeeper(null);
  vi.useRealTimers();
});

describe("a connection that broke", () => {
  it("is made anew as soon as the server has the kernel again", async () => {
    watch();
    kernel.become("connecting");
    await pass(LOOKS[0]);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(kernel.reconnect).not.toHaveBeenCalled();
    answer = "here";
    await pass(LOOKS[1]);
    expect(kernel.reconnect).toHaveBeenCalledTimes(1);
    kernel.become("connected");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is made anew after an orderly close, of which JupyterLab takes no notice", async () => {
    watch();
    answer = "here";
    kernel.become("disconnected");
    await pass(LOOKS[0]);
    expect(kernel.reconnect).toHaveBeenCalledTimes(1);
  });

  it("is made anew where it was broken before it was needed", async () => {
    kernel = new Connection("disconnected");
    answer = "here";
    watch();
    await pass(LOOKS[0]);
    expect(kernel.reconnect).toHaveBeenCalledTimes(1);
  });

  it("is looked for less and less often", async () => {
    watch();
    answer = new TypeError("no network");
    kernel.become("connecting");
    await pass(sum(LOOKS));
    expect(ask).toHaveBeenCalledTimes(LOOKS.length);
    await pass(10 * LOOKS[4]);
    expect(ask).toHaveBeenCalledTimes(LOOKS.length + 10);
    expect(kernel.reconnect).not.toHaveBeenCalled();
  });

  it("is left to JupyterLab while that may be making it", async () => {
    watch();
    answer = "here";
    kernel.become("connecting");
    await pass(PATIENCE - 1);
    expect(kernel.reconnect).not.toHaveBeenCalled();
    kernel.become("connected");
    await pass(MAX_PATIENCE);
    expect(kernel.reconnect).not.toHaveBeenCalled();
    kernel.become("connecting");
    await pass(PATIENCE);
    expect(kernel.reconnect).toHaveBeenCalledTimes(1);
  });

  it("is made anew less and less often where the server has the kernel, but refuses connections", async () => {
    watch();
    answer = "here";
    kernel.become("disconnected");
    const times: number[] = [];
    kernel.reconnect.mockImplementation(async () => {
      times.push(performance.now());
      kernel.become("connecting");
      return undefined as never;
    });
    await pass(20 * MAX_PATIENCE);
    const waits = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    expect(waits.slice(0, 5)).toEqual([6000, 12_000, 24_000, 48_000, MAX_PATIENCE]);
    expect(Math.max(...waits)).toBe(MAX_PATIENCE);
  });

  it("counts anew only after it held for a while", async () => {
    watch();
    kernel.become("connecting");
    await pass(LOOKS[0] + LOOKS[1]);
    ask.mockClear();
    kernel.become("connected");
    await pass(STEADY);
    kernel.become("connecting");
    await pass(LOOKS[1]);
    expect(ask).not.toHaveBeenCalled();
    kernel.become("connected");
    await pass(STEADY + 1);
    kernel.become("connecting");
    await pass(LOOKS[0]);
    expect(ask).toHaveBeenCalledTimes(1);
  });
});

describe("nothing is done", () => {
  it("while it is connected", async () => {
    watch();
    page.tell("online");
    page.show(true);
    await pass(MAX_PATIENCE);
    expect(ask).not.toHaveBeenCalled();
  });

  it("for a kernel that the server does not have", async () => {
    watch();
    answer = "gone";
    kernel.become("disconnected");
    await pass(MAX_PATIENCE);
    expect(ask).toHaveBeenCalledTimes(1);
    expect(kernel.reconnect).not.toHaveBeenCalled();
  });

  it("for a kernel that is dead", async () => {
    watch();
    kernel.status = "dead";
    kernel.become("disconnected");
    await pass(MAX_PATIENCE);
    expect(ask).not.toHaveBeenCalled();
  });

  it("where it was connected while the server was being asked", async () => {
    let tell: (answer: Answer) => void = () => {};
    ask.mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          tell = resolve;
        }),
    );
    watch();
    kernel.become("disconnected");
    await pass(LOOKS[0]);
    kernel.become("connected");
    expect(ask.mock.calls[0]?.[0].aborted).toBe(true);
    tell("here");
    await pass(MAX_PATIENCE);
    expect(kernel.reconnect).not.toHaveBeenCalled();
  });

  it("while the page is hidden, and soon after it is seen again", async () => {
    watch();
    page.show(false);
    kernel.become("disconnected");
    await pass(MAX_PATIENCE);
    expect(ask).not.toHaveBeenCalled();
    page.show(true);
    await pass(LOOKS[0]);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it("once the page is left, unless it comes back", async () => {
    watch();
    kernel.become("disconnected");
    page.tell("pagehide");
    expect(vi.getTimerCount()).toBe(0);
    page.tell("pageshow");
    await pass(LOOKS[0]);
    expect(ask).toHaveBeenCalledTimes(1);
  });

  it("once it is not needed any more, or closed", async () => {
    for (const end of [(it: Reconnector) => it.dispose(), () => kernel.disposed.emit()]) {
      kernel = new Connection();
      const reconnector = watch();
      kernel.become("connecting");
      end(reconnector);
      expect(vi.getTimerCount()).toBe(0);
      expect(kernel.isWatched).toBe(false);
      page.tell("online");
      expect(vi.getTimerCount()).toBe(0);
    }
  });
});

it("looks soon when the browser says that it has a network", async () => {
  watch();
  kernel.become("connecting");
  await pass(sum(LOOKS));
  ask.mockClear();
  page.tell("online");
  page.tell("online");
  await pass(LOOKS[0]);
  expect(ask).toHaveBeenCalledTimes(1);
});

describe("a connection is looked after", () => {
  const end = vi.fn();
  const keeper = vi.fn(() => end);

  beforeEach(() => {
    vi.useRealTimers();
    vi.clearAllMocks();
    setKeeper(keeper);
  });

  it("once, however many need it, and until none does", () => {
    const { connection } = calculator();
    const gone = [need(connection), need(connection)];
    gone[0]?.();
    gone[0]?.();
    expect(end).not.toHaveBeenCalled();
    gone[1]?.();
    expect([keeper.mock.calls.length, end.mock.calls.length]).toEqual([1, 1]);
    need(connection)();
    expect([keeper.mock.calls.length, end.mock.calls.length]).toEqual([2, 2]);
  });

  it("from the opening of a channel to its end", async () => {
    const fake = calculator();
    fake.setConnection("disconnected");
    const opening = connect("calc", { kernel: fake.connection });
    expect(keeper).toHaveBeenCalledWith(fake.connection);
    fake.setConnection("connected");
    const channel = await opening;
    expect(end).not.toHaveBeenCalled();
    channel.close();
    await channel.closed;
    await Promise.resolve();
    expect(end).toHaveBeenCalledTimes(1);
  });

  it("no longer where a channel can't be opened", async () => {
    const fake = calculator();
    await expect(connect("other", { kernel: fake.connection })).rejects.toThrow("no target");
    expect(end).toHaveBeenCalledTimes(1);
  });
});
