/** The small parts of a player's view that need no page. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { actionOf, KEYS, type KeyActions } from "../src/animation/keys.js";
import { describeError } from "../src/animation/notices.js";
import { due, Pace } from "../src/animation/pace.js";
import { Readout } from "../src/animation/readout.js";
import { ScaleWatch, scaleFor } from "../src/animation/scale.js";
import { describeStats } from "../src/animation/stats.js";
import { type DecodedFrame, discard } from "../src/frames/decoder.js";
import { lend } from "../src/frames/spares.js";
import { fileName, whyNoCopy } from "../src/ui/capture.js";
import { bytes } from "../src/ui/figures.js";
import { isForPage } from "../src/ui/keys.js";
import { play, until } from "./fakes/animation.js";
import { fakePage } from "./fakes/page.js";

beforeEach(fakePage);
afterEach(() => vi.unstubAllGlobals());

describe("keys", () => {
  const plain = { shiftKey: false, ctrlKey: false, metaKey: false, altKey: false };

  it.each([
    [" ", "toggle", []],
    ["ArrowLeft", "step", [-1]],
    ["ArrowRight", "step", [1]],
    [",", "step", [-1]],
    [".", "step", [1]],
    ["Home", "first", []],
    ["End", "last", []],
    ["<", "slower", []],
    [">", "faster", []],
    ["L", "loop", []],
    ["f", "fullScreen", []],
    ["s", "stats", []],
    ["c", "copy", []],
    ["d", "save", []],
    ["?", "help", []],
  ])("%j does %s", (key, name, args) => {
    const act = vi.fn();
    actionOf({ ...plain, key })?.({ [name]: act } as unknown as KeyActions);
    expect(act).toHaveBeenCalledWith(...args);
  });

  it("with shift go ten frames", () => {
    const step = vi.fn();
    const actions = { step } as unknown as KeyActions;
    actionOf({ ...plain, key: "ArrowLeft", shiftKey: true })?.(actions);
    actionOf({ ...plain, key: "ArrowRight", shiftKey: true })?.(actions);
    expect(step.mock.calls).toEqual([[-10], [10]]);
  });

  it.each(["b", "x", "Tab", "Enter", "ArrowUp", "PageDown", "F5"])("%s does nothing", (key) => {
    expect(actionOf({ ...plain, key })).toBeNull();
  });

  it("with a modifier are the page's: saving, running a cell", () => {
    expect(isForPage({ ...plain, key: "s", ctrlKey: true })).toBe(true);
    expect(isForPage({ ...plain, key: "s", metaKey: true })).toBe(true);
    expect(isForPage({ ...plain, key: "Enter", shiftKey: true })).toBe(true);
    expect(isForPage({ ...plain, key: "Enter" })).toBe(false);
    expect(isForPage({ ...plain, key: "d" })).toBe(false);
    expect(isForPage({ ...plain, key: "ArrowLeft", shiftKey: true })).toBe(false);
  });

  it("are all in the help", () => {
    const listed = KEYS.flatMap(([keys]) => keys.toLowerCase().split(" "));
    for (const key of ["space", "home", "end", "<", ">", "l", "f", "s", "c", "d", "?"]) {
      expect(listed).toContain(key);
    }
  });
});

describe("scaleFor", () => {
  it("is the ratio of the screen's pixels to the figure's", () => {
    expect(scaleFor(640, 1, 640)).toBe(1);
    expect(scaleFor(640, 2, 640)).toBe(2);
    expect(scaleFor(320, 1.5, 640)).toBe(0.75);
  });

  it("makes the width a whole number of pixels", () => {
    for (const [shown, ratio, width] of [
      [413.33, 1.25, 640],
      [299.5, 2.625, 613],
      [1111, 0.9, 999],
    ] as const) {
      expect((scaleFor(shown, ratio, width) * width) % 1).toBeCloseTo(0, 9);
    }
  });

  it("stays within what the kernel draws", () => {
    expect(scaleFor(10, 1, 640)).toBe(0.25);
    expect(scaleFor(3000, 3, 640)).toBe(4);
    expect(scaleFor(0, 1, 640)).toBe(1);
  });
});

describe("ScaleWatch", () => {
  /** A page whose elements and screen change when the test says so. */
  function fakeScreen() {
    const queries: { query: string; change: () => void }[] = [];
    let resize = () => {};
    const observer = { observe: vi.fn(), disconnect: vi.fn() };
    vi.stubGlobal(
      "ResizeObserver",
      class {
        observe = observer.observe;
        disconnect = observer.disconnect;
        constructor(tell: () => void) {
          resize = tell;
        }
      },
    );
    vi.stubGlobal("devicePixelRatio", 1);
    vi.stubGlobal("matchMedia", (query: string) => ({
      addEventListener: (_: string, change: () => void) => queries.push({ query, change }),
      removeEventListener: (_: string, change: () => void) => {
        const i = queries.findIndex((listener) => listener.change === change);
        if (i >= 0) queries.splice(i, 1);
      },
    }));
    return { queries, observer, resize: () => resize() };
  }

  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("tells once of several changes", () => {
    const screen = fakeScreen();
    const onChange = vi.fn();
    const watch = new ScaleWatch({} as Element, onChange);
    for (let i = 0; i < 5; i++) {
      screen.resize();
      vi.advanceTimersByTime(100);
    }
    expect(onChange).not.toHaveBeenCalled();
    vi.advanceTimersByTime(200);
    expect(onChange).toHaveBeenCalledTimes(1);
    screen.resize();
    watch.dispose();
    vi.advanceTimersByTime(1000);
    expect(onChange).toHaveBeenCalledTimes(1);
    expect(screen.observer.disconnect).toHaveBeenCalled();
    expect(screen.queries).toEqual([]);
  });

  it("follows the screen from one ratio to the next", () => {
    const screen = fakeScreen();
    const onChange = vi.fn();
    new ScaleWatch({} as Element, onChange);
    for (const ratio of [2, 1.5]) {
      vi.stubGlobal("devicePixelRatio", ratio);
      screen.queries[0]?.change();
      expect(screen.queries.map(({ query }) => query)).toEqual([`(resolution: ${ratio}dppx)`]);
      vi.advanceTimersByTime(300);
    }
    expect(onChange).toHaveBeenCalledTimes(2);
  });
});

it("no repaint is waited for on a page that is hidden", async () => {
  const listeners = new Set<() => void>();
  const page = {
    hidden: false,
    addEventListener: (_: string, listener: () => void) => listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
  };
  vi.stubGlobal("document", page);
  vi.stubGlobal("requestAnimationFrame", () => 7); // It never comes.
  const cancel = vi.fn();
  vi.stubGlobal("cancelAnimationFrame", cancel);
  const { signal } = new AbortController();
  const waiting = due(new Pace(10), signal);
  page.hidden = true;
  for (const listener of [...listeners]) listener();
  await waiting;
  expect(cancel).toHaveBeenCalledWith(7);
  expect(listeners.size).toBe(0);
  await due(new Pace(10), signal);
});

describe("the file of a frame", () => {
  it.each([
    ["", "animation-7.png"],
    ["A plot", "A-plot-7.png"],
    ["../../etc/passwd", "etc-passwd-7.png"],
    ["Größe: α/β?", "Größe-α-β-7.png"],
    ["x".repeat(200), `${"x".repeat(60)}-7.png`],
    ["***", "animation-7.png"],
  ])("%j is called %s", (title, name) => {
    expect(fileName(title, "animation", 7)).toBe(name);
  });

  it("can be copied only where browsers let it, and that is said", () => {
    vi.stubGlobal("isSecureContext", false);
    expect(whyNoCopy()).toContain("HTTPS");
    vi.stubGlobal("isSecureContext", true);
    vi.stubGlobal("navigator", {});
    expect(whyNoCopy()).toContain("can't copy");
    vi.stubGlobal("ClipboardItem", class {});
    vi.stubGlobal("navigator", { clipboard: { write() {} } });
    expect(whyNoCopy()).toBeNull();
  });
});

describe("figures", () => {
  it("tell what a player measured", async () => {
    const { player, painted } = await play({ count: 100, fps: 50, width: 4, height: 2 });
    await until(() => painted.length === 1);
    const said = describeStats(player, performance.now());
    expect(said).toMatchObject({
      painted: "0.0 fps of 50",
      frame: "4 × 2 · raw",
      bytes: "32 B",
      dropped: "0",
    });
    expect(said.times).toMatch(/^draw 1\.0 · encode 1\.0 · decode \d+\.\d · paint \d+\.\d ms$/);
  });

  it("say what is asked for", async () => {
    const { player } = await play({ fps: 50 }, { rate: 60 });
    player.setSpeed(2);
    expect(describeStats(player, 0).painted).toBe("0.0 fps of 100, every 2nd");
    player.setFps("max");
    expect(describeStats(player, 0).painted).toBe("0.0 fps of max, at most 60");
  });

  it("have units", () => {
    expect([12, 1234, 45_678_901].map(bytes)).toEqual(["12 B", "1.2 kB", "45.68 MB"]);
  });
});

it("an error says which frame, and how many", () => {
  const error = { index: 5, code: "x.y", message: "ValueError: no" };
  expect(describeError(error, 1)).toBe("frame 5: ValueError: no");
  expect(describeError(error, 3)).toBe("frame 5: ValueError: no (3 frames failed)");
  expect(describeError({ ...error, message: "frame 5 is gone" }, 1)).toBe("frame 5 is gone");
});

describe("what is written while frames go by", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is written at most ten times a second, the last always, and at rest at once", () => {
    let index = 0;
    const written: number[] = [];
    const readout = new Readout(() => written.push(index));
    for (index = 0; index < 60; index++) {
      readout.soon();
      vi.advanceTimersByTime(1000 / 60);
    }
    expect(written[0]).toBe(0);
    expect(written.length).toBeLessThanOrEqual(11);
    index = 60;
    readout.soon();
    vi.advanceTimersByTime(100);
    expect(written.at(-1)).toBe(60);
    const before = written.length;
    index = 61;
    readout.soon();
    readout.now();
    vi.advanceTimersByTime(1000);
    expect(written.slice(before)).toEqual([61]);
    readout.soon();
    readout.soon();
    readout.dispose();
    vi.advanceTimersByTime(1000);
    expect(written.slice(before)).toEqual([61, 61]);
  });
});

it("a frame that is passed over gives its memory back", () => {
  const giveBack = vi.fn();
  const pixels = lend(new ImageData(new Uint8ClampedArray(4), 1, 1), giveBack);
  discard({ index: 3, pixels } as DecodedFrame);
  discard({ index: 4, error: { index: 4, code: "x.y", message: "no" } });
  expect(giveBack.mock.calls).toEqual([[pixels.data.buffer]]);
});
