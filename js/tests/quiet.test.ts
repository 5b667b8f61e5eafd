import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CommBusy, type KernelContext } from "../src/jupyterlab/comm-busy.js";
import { QUIET_AFTER, QuietIndicators } from "../src/jupyterlab/quiet.js";
import { UntrackedTypes } from "../src/jupyterlab/untracked.js";
import { noteTraffic } from "../src/transport/activity.js";
import { FakeSignal } from "./fakes/kernel.js";

class Option {
  writes = 0;
  constructor(public raw: string) {}
  get(): string {
    return this.raw;
  }
  set(raw: string): void {
    this.raw = raw;
    this.writes += 1;
  }
  get types(): unknown {
    return JSON.parse(this.raw);
  }
}

/** A kernel as JupyterLab shows it: a status is shown first, then told. */
class Kernel {
  status = "idle";
  readonly statusChanged = new FakeSignal<string>();
  readonly iopubMessage = new FakeSignal<unknown>();
  readonly disposed = new FakeSignal<void>();

  tell(state: string, cause: string, isTracked = true): void {
    if (isTracked && state !== this.status) this.show(state);
    this.iopubMessage.emit({
      header: { msg_type: "status" },
      parent_header: { msg_type: cause },
      content: { execution_state: state },
    });
  }

  show(status: string): void {
    this.status = status;
    this.statusChanged.emit(status);
  }
}

function contextOf(kernel: Kernel | null) {
  return { session: { kernel }, kernelChanged: new FakeSignal<unknown>() };
}

const asContext = (context: unknown) => context as KernelContext;

describe("the list of untracked messages", () => {
  it("gets what channels send, and is then again, to the byte, what it was", () => {
    for (const before of ["", "[]", '[ "status",  "debug_event" ]', '["comm_msg"]']) {
      const option = new Option(before);
      const types = new UntrackedTypes(option);
      types.put();
      types.put();
      expect(option.types).toEqual(expect.arrayContaining(["comm_msg", "comm_open"]));
      expect(option.types).toEqual([...new Set(option.types as string[])]);
      types.takeBack();
      types.takeBack();
      expect(option.raw).toBe(before);
      expect(option.writes).toBe(2);
    }
  });

  it("is left alone where it has them already, or can't be read", () => {
    for (const before of ['["comm_open","comm_msg"]', "{}", "no JSON", "3"]) {
      const option = new Option(before);
      const types = new UntrackedTypes(option);
      types.put();
      types.takeBack();
      expect(option).toMatchObject({ raw: before, writes: 0 });
    }
  });

  it("keeps what somebody else adds to it meanwhile", () => {
    const option = new Option('["comm_msg","status"]');
    const types = new UntrackedTypes(option);
    types.put();
    option.raw = JSON.stringify(["first", ...(option.types as string[]), "last"]);
    types.takeBack();
    expect(option.types).toEqual(["first", "comm_msg", "status", "last"]);
  });

  it("is not touched where somebody else sets another meanwhile", () => {
    for (const theirs of ['["comm_msg", "other"]', "[]", "no JSON"]) {
      const option = new Option('["status"]');
      const types = new UntrackedTypes(option);
      types.put();
      option.raw = theirs;
      types.takeBack();
      expect(option.raw).toBe(theirs);
      types.put();
      types.takeBack();
      expect(option.raw).toBe(theirs);
    }
  });
});

describe("kernels that are busy with a comm message", () => {
  it("are those that are shown so", () => {
    const cleared = vi.fn();
    const busy = new CommBusy(cleared);
    const kernel = new Kernel();
    busy.watchContext(asContext(contextOf(kernel)));
    kernel.tell("busy", "execute_request");
    expect(busy.isShown).toBe(false);
    kernel.tell("idle", "execute_request");
    kernel.tell("busy", "comm_msg", false);
    expect(busy.isShown).toBe(false);
    kernel.tell("busy", "comm_msg");
    expect(busy.isShown).toBe(true);
    expect(cleared).not.toHaveBeenCalled();
    kernel.tell("idle", "comm_msg");
    expect(busy.isShown).toBe(false);
    expect(cleared).toHaveBeenCalledOnce();
  });

  it("are busy no more when they restart, end, or are busy with a cell", () => {
    for (const end of [
      (kernel: Kernel) => kernel.show("restarting"),
      (kernel: Kernel) => kernel.disposed.emit(),
      (kernel: Kernel) => kernel.tell("busy", "execute_request"),
    ]) {
      const busy = new CommBusy(() => {});
      const kernel = new Kernel();
      busy.watchContext(asContext(contextOf(kernel)));
      kernel.tell("busy", "comm_open");
      expect(busy.isShown).toBe(true);
      end(kernel);
      expect(busy.isShown).toBe(false);
    }
  });

  it("are looked for in each kernel that a panel gets, once", () => {
    const busy = new CommBusy(() => {});
    const context = contextOf(null);
    busy.watchContext(asContext(context));
    const kernel = new Kernel();
    context.session.kernel = kernel;
    context.kernelChanged.emit(null);
    context.kernelChanged.emit(null);
    expect(kernel.iopubMessage.size).toBe(1);
    kernel.tell("busy", "comm_msg");
    expect(busy.isShown).toBe(true);
  });
});

describe("indicators", () => {
  let option: Option;
  let quiet: QuietIndicators;
  const isStill = () => (option.types as string[]).includes("comm_msg");

  beforeEach(() => {
    vi.useFakeTimers();
    option = new Option('["status"]');
    quiet = new QuietIndicators(option);
    quiet.isEnabled = true;
  });
  afterEach(() => {
    quiet.isEnabled = false;
    vi.useRealTimers();
  });

  it("are still from the first packet until there was none for a while", () => {
    expect(isStill()).toBe(false);
    noteTraffic();
    expect(isStill()).toBe(true);
    for (let i = 0; i < 20; i++) {
      vi.advanceTimersByTime(QUIET_AFTER - 100);
      expect(isStill()).toBe(true);
      noteTraffic();
    }
    vi.advanceTimersByTime(QUIET_AFTER - 1);
    expect(isStill()).toBe(true);
    vi.advanceTimersByTime(1);
    expect(option.raw).toBe('["status"]');
    noteTraffic();
    expect(isStill()).toBe(true);
  });

  it("cost one timer and one change, not one a packet", () => {
    for (let i = 0; i < 1000; i++) noteTraffic();
    expect(vi.getTimerCount()).toBe(1);
    expect(option.writes).toBe(1);
    vi.advanceTimersByTime(10 * QUIET_AFTER);
    expect(vi.getTimerCount()).toBe(0);
    expect(option.writes).toBe(2);
  });

  it("are as ever where they are switched off, from that moment on", () => {
    noteTraffic();
    quiet.isEnabled = false;
    expect(option.raw).toBe('["status"]');
    noteTraffic();
    expect(option.raw).toBe('["status"]');
    expect(vi.getTimerCount()).toBe(0);
    quiet.isEnabled = true;
    noteTraffic();
    expect(isStill()).toBe(true);
  });

  it("first show the idle that belongs to a widget's busy", () => {
    const kernel = new Kernel();
    quiet.watch(asContext(contextOf(kernel)));
    kernel.tell("busy", "comm_msg");
    noteTraffic();
    expect(isStill()).toBe(false);
    kernel.tell("idle", "comm_msg");
    expect(isStill()).toBe(true);
  });

  it("are not still when that idle comes after the traffic", () => {
    const kernel = new Kernel();
    quiet.watch(asContext(contextOf(kernel)));
    kernel.tell("busy", "comm_msg");
    noteTraffic();
    vi.advanceTimersByTime(QUIET_AFTER);
    kernel.tell("idle", "comm_msg");
    expect(option.writes).toBe(0);
  });

  it("stay still while a cell runs: a late idle of ours would show its kernel at rest", () => {
    const kernel = new Kernel();
    quiet.watch(asContext(contextOf(kernel)));
    kernel.tell("busy", "execute_request");
    noteTraffic();
    vi.advanceTimersByTime(20 * QUIET_AFTER);
    expect(isStill()).toBe(true);
    kernel.tell("idle", "execute_request");
    vi.advanceTimersByTime(QUIET_AFTER);
    expect(option.raw).toBe('["status"]');
    expect(vi.getTimerCount()).toBe(0);
  });

  it("are as ever when a kernel went away in the middle of a cell", () => {
    const kernel = new Kernel();
    quiet.watch(asContext(contextOf(kernel)));
    kernel.tell("busy", "execute_request");
    noteTraffic();
    kernel.disposed.emit();
    vi.advanceTimersByTime(QUIET_AFTER);
    expect(option.raw).toBe('["status"]');
  });
});
