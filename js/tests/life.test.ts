import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { connect } from "../src/connect.js";
import { type Link, linkOf, watchLink } from "../src/link.js";
import { forgetLeft, leftBehind, noteLeft } from "../src/transport/left.js";
import { describeBreak, describeEnd, describeWait } from "../src/wording.js";
import { calculator } from "./fakes/kernel.js";

/** As much of a window as leaving it takes. */
class FakeWindow extends EventTarget {
  readonly items = new Map<string, string>();
  readonly localStorage = {
    getItem: (key: string) => this.items.get(key) ?? null,
    setItem: (key: string, value: string) => void this.items.set(key, value),
    removeItem: (key: string) => void this.items.delete(key),
  };

  leave(persisted = false): void {
    this.dispatchEvent(Object.assign(new Event("pagehide"), { persisted }));
  }
}

let page: FakeWindow;
const turn = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  page = new FakeWindow();
  vi.stubGlobal("window", page);
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("a page that is left", () => {
  it("says so on its channels, and leaves a note", async () => {
    const kernel = calculator();
    const closed = vi.fn();
    kernel.targets.set("calc", (channel) => void channel.closed.then(closed));
    const channel = await connect("calc", { kernel: kernel.connection });
    page.leave();
    await turn();
    expect(closed).toHaveBeenCalledWith({ code: "kcomm.left", message: "the page was closed" });
    expect(await channel.closed).toMatchObject({ code: "kcomm.left" });
    const [note] = leftBehind("k1");
    expect(note).toMatchObject({ kernel: "k1", session: "page", subshell: "s1" });
  });

  it("leaves a note for a notebook that is closed, too", async () => {
    const kernel = calculator();
    await connect("calc", { kernel: kernel.connection });
    kernel.dispose();
    expect(leftBehind("k1")).toMatchObject([{ session: "page", subshell: "s1" }]);
  });

  it("that may come back keeps all", async () => {
    const kernel = calculator();
    const channel = await connect("calc", { kernel: kernel.connection });
    page.leave(true);
    expect(channel.isOpen).toBe(true);
    expect(leftBehind("k1")).toEqual([]);
  });

  it("without channels has nothing to note", async () => {
    const kernel = calculator();
    const channel = await connect("calc", { kernel: kernel.connection });
    channel.close();
    await turn();
    page.leave();
    expect(leftBehind("k1")).toEqual([]);
  });
});

describe("the next page", () => {
  it("tells the kernel of earlier ones, and deletes their subshells", async () => {
    noteLeft({ kernel: "k1", session: "earlier", subshell: "old" });
    noteLeft({ kernel: "k2", session: "elsewhere", subshell: "other" });
    const kernel = calculator();
    const features = vi.fn();
    kernel.targets.set("calc", (channel) => features(channel.features));
    await connect("calc", { kernel: kernel.connection });
    expect(features).toHaveBeenCalledWith(expect.objectContaining({ left: ["earlier"] }));
    const deleted = kernel.messages("delete_subshell_request").map(({ content }) => content);
    expect(deleted).toEqual([{ subshell_id: "old" }]);
    expect(leftBehind("k1")).toEqual([]);
    expect(leftBehind("k2")).toHaveLength(1);
  });

  it("keeps the notes where it does not get through", async () => {
    noteLeft({ kernel: "k1", session: "earlier", subshell: "old" });
    const kernel = calculator();
    await expect(connect("nothing", { kernel: kernel.connection })).rejects.toThrow("nothing");
    expect(kernel.messages("delete_subshell_request")).toEqual([
      expect.objectContaining({ content: { subshell_id: "s1" } }), // its own, which it used for nothing
    ]);
    expect(leftBehind("k1")).toHaveLength(1);
  });
});

describe("notes", () => {
  it("are thrown away with time, and beyond a number", () => {
    vi.useFakeTimers({ now: 1e12 });
    noteLeft({ kernel: "k1", session: "old", subshell: null });
    vi.setSystemTime(1e12 + 90_000_000);
    for (let i = 0; i < 100; i++) noteLeft({ kernel: "k1", session: `s${i}`, subshell: null });
    const sessions = leftBehind("k1").map(({ session }) => session);
    expect(sessions).toHaveLength(64);
    expect(sessions).not.toContain("old");
    forgetLeft(leftBehind("k1"));
    expect(page.items.size).toBe(0);
  });

  it.each(["{", "{}", '[1, null, {"kernel": "k1"}]'])("ignore %s", (text) => {
    page.items.set("kcomm:left", text);
    expect(leftBehind("k1")).toEqual([]);
  });

  it("are done without where there is no storage", () => {
    Object.defineProperty(page, "localStorage", {
      get() {
        throw new DOMException("denied", "SecurityError");
      },
    });
    noteLeft({ kernel: "k1", session: "a", subshell: null });
    expect(leftBehind("k1")).toEqual([]);
  });
});

describe("the link", () => {
  it.each([
    ["idle", "connected", "ready"],
    ["busy", "connected", "busy"],
    ["starting", "connected", "starting"],
    ["autorestarting", "connected", "restarting"],
    ["unknown", "connecting", "connecting"],
    ["idle", "disconnected", "disconnected"],
    ["dead", "disconnected", "dead"],
  ])("of a kernel that is %s and %s is %s", (status, connectionStatus, link) => {
    const kernel = calculator();
    Object.assign(kernel, { status, connectionStatus });
    expect(linkOf(kernel.connection)).toBe(link);
  });

  it("is told at each change, until that is ended", () => {
    const kernel = calculator();
    const seen: Link[] = [];
    const end = watchLink(kernel.connection, (link) => seen.push(link));
    kernel.setStatus("busy");
    kernel.setStatus("busy");
    kernel.connectionStatus = "connecting";
    kernel.connectionStatusChanged.emit("connecting");
    end();
    kernel.setStatus("dead");
    expect(seen).toEqual(["ready", "busy", "connecting"]);
    expect(kernel.statusChanged.size).toBe(0);
  });

  it("is told for as long as a channel lives", async () => {
    const kernel = calculator();
    const onLink = vi.fn();
    const channel = await connect("calc", { kernel: kernel.connection, onLink });
    kernel.connectionStatus = "connecting";
    kernel.connectionStatusChanged.emit("connecting");
    expect(onLink.mock.calls).toEqual([["ready"], ["connecting"]]);
    channel.close();
    await channel.closed;
    expect(kernel.connectionStatusChanged.size).toBe(0);
  });
});

describe("what a view says", () => {
  it.each<[Link, string]>([
    ["connecting", "Connecting to the kernel …"],
    ["disconnected", "Disconnected from the server: reconnect to the kernel, or reload the page."],
    ["starting", "The kernel is starting …"],
    ["restarting", "The kernel is restarting …"],
    ["busy", "Waiting for the kernel, which is busy with a cell …"],
    ["ready", "Connecting to the kernel …"],
  ])("while it waits: %s", (link, text) => {
    expect(describeWait(link, false, false)).toBe(text);
  });

  it("when it waits for long, or waits again", () => {
    expect(describeWait("ready", false, true)).toContain("does not answer yet");
    expect(describeWait("connecting", true, false)).toBe(describeBreak("connecting"));
  });

  it("says nothing of a connection that is well", () => {
    for (const link of ["ready", "busy", "starting"] as const) expect(describeBreak(link)).toBe("");
  });

  it.each([
    ["kcomm.unknown_target", "gone", "does not have this animation: run the cell again"],
    ["kcomm.no_kernel", "gone", "No kernel is running"],
    ["kcomm.closed", "gone", "was closed in Python: run the cell again"],
    ["kcomm.session_lost", "lost", "Disconnected: why."],
  ])("at the end: %s", (code, status, text) => {
    expect(describeEnd({ code, message: "why" }, "animation")).toEqual({
      status,
      text: expect.stringContaining(text),
    });
  });
});
