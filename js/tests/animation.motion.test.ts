/** How a player goes about drawing: no more than is seen, exact where it stops, the same in linked pages. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Display, rateOf, strideOf } from "../src/animation/display.js";
import type { Drawn } from "../src/animation/drawn.js";
import type { Line } from "../src/animation/line.js";
import { Stills } from "../src/animation/stills.js";
import { KcommError } from "../src/errors.js";
import { play, until } from "./fakes/animation.js";
import { fakePage } from "./fakes/page.js";

beforeEach(fakePage);
afterEach(() => vi.unstubAllGlobals());

/** Turns of the loop in which something that must not happen could. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 30));

describe("while nobody can see it", () => {
  it("a player draws nothing, and then only the newest", async () => {
    const { player, painted, kernel, sight } = await play({ count: 100 });
    await until(() => painted.length === 1);
    sight.hide();
    for (const index of [5, 6, 7]) player.seek(index);
    player.setScale(2);
    await aWhile();
    expect(kernel.asked).toEqual(["draw 0"]);
    sight.show();
    await until(() => painted.at(-1) === 7);
    expect(kernel.draws.at(-1)).toMatchObject({ index: 7, scale: 2, exact: true });
    expect(kernel.asked).toEqual(["draw 0", "draw 7"]);
  });

  it("a motion waits where it is, and leaves its stream", async () => {
    const { player, painted, kernel, sight } = await play({ count: null });
    player.play();
    await until(() => painted.length > 5);
    sight.hide();
    await until(() => kernel.plays.length === 1 && painted.at(-1) === player.state.index);
    await aWhile();
    const { streamed } = kernel;
    const { length } = painted;
    await aWhile();
    expect(kernel.streamed).toBe(streamed);
    expect(painted).toHaveLength(length);
    expect(player.state.playing).toBe(true);
    sight.show();
    await until(() => painted.length > length + 3);
    expect(kernel.plays.at(-1)?.start).toBe((painted[length - 1] as number) + 1);
    player.pause();
  });

  it("a motion does not begin", async () => {
    const { player, painted, kernel, sight } = await play();
    await until(() => painted.length === 1);
    sight.hide();
    player.play();
    player.pause();
    player.play();
    await aWhile();
    expect(kernel.plays).toEqual([]);
    sight.show();
    await until(() => painted.at(-1) === 9);
    expect(kernel.plays).toHaveLength(1);
  });
});

describe("at rest", () => {
  it("what came by a lossy codec is drawn once more, exactly", async () => {
    const { player, painted, kernel } = await play({ index: 3 }, { codec: "jpeg" });
    await until(() => kernel.draws.length === 1);
    player.scrub(5);
    await until(() => painted.at(-1) === 5);
    player.release();
    await until(() => kernel.draws.length === 3);
    await until(() => painted.length === 3);
    await aWhile();
    expect(kernel.draws.map(({ index, exact }) => [index, exact])).toEqual([
      [3, true],
      [5, false],
      [5, true],
    ]);
    expect(kernel.draws[0]?.has).toEqual([7]);
  });

  it("so is the frame at which playing stops", async () => {
    const { player, kernel } = await play({}, { codec: "webp" });
    player.play();
    await until(() => !player.state.playing);
    await until(() => kernel.draws.some(({ index, exact }) => index === 9 && exact));
  });

  it("a slider that is held still rests, too", async () => {
    const { player, kernel } = await play({}, { codec: "jpeg" });
    player.scrub(6);
    await until(() => kernel.draws.some(({ index, exact }) => index === 6 && exact));
    player.release();
  });

  it("what is exact is left as it is", async () => {
    const { player, painted, kernel } = await play();
    await until(() => painted.length === 1);
    player.scrub(4);
    await until(() => painted.at(-1) === 4);
    player.release();
    player.pause();
    player.seek(4);
    await aWhile();
    expect(kernel.asked).toEqual(["draw 0", "draw 4"]);
  });

  it("a frame that failed is tried again when it is asked for again", async () => {
    const { player, kernel } = await play({}, { bad: [4] });
    player.seek(4);
    await until(() => player.error !== null);
    await aWhile();
    expect(kernel.asked.filter((asked) => asked === "draw 4")).toHaveLength(1);
    player.seek(4);
    await until(() => kernel.asked.filter((asked) => asked === "draw 4").length === 2);
    await until(() => player.error !== null);
    player.dismiss();
    expect(player.error).toBeNull();
    player.seek(4);
    await until(() => player.error !== null);
  });
});

describe("a drag", () => {
  it("holds what plays, which goes on from where it ends", async () => {
    const { player, painted, kernel } = await play({ count: 1000, fps: 50 });
    player.play();
    await until(() => painted.length > 2);
    player.scrub(500);
    expect(player.state).toMatchObject({ playing: true, index: 500 });
    await until(() => painted.at(-1) === 500);
    expect(kernel.plays).toHaveLength(1);
    player.release();
    await until(() => kernel.plays.length === 2);
    expect(kernel.plays[1]?.start).toBe(500);
    expect(player.state.playing).toBe(true);
    player.pause();
  });

  it("that was paused meanwhile stays so", async () => {
    const { player, kernel } = await play({ count: 1000, fps: 50 });
    player.play();
    player.scrub(500);
    player.pause();
    player.release();
    await aWhile();
    expect(player.state.playing).toBe(false);
    expect(kernel.plays.length).toBeLessThan(2);
  });
});

describe("device pixels", () => {
  it("are asked for in draws and streams, and asked for anew when they change", async () => {
    const { player, painted, kernel } = await play(
      { count: 1000, width: 4, height: 2, fps: 50 },
      { scales: true },
    );
    await until(() => painted.length === 1);
    player.setScale(2);
    await until(() => painted.length === 2);
    expect(kernel.draws.map(({ index, scale }) => [index, scale])).toEqual([
      [0, 1],
      [0, 2],
    ]);
    player.play();
    await until(() => painted.length > 4);
    player.setScale(1.5);
    await until(() => kernel.plays.length === 2);
    const [first, second] = kernel.plays;
    expect(first).toMatchObject({ start: 1, scale: 2 });
    expect(second?.scale).toBe(1.5);
    expect(second?.start).toBeGreaterThan(1);
    expect(player.state.scale).toBe(1.5);
    player.pause();
  });

  it("are not asked for where pictures have one size", async () => {
    const { player, painted, scales, kernel } = await play({ width: 4, height: 2 });
    await until(() => painted.length === 1);
    player.setScale(2);
    await until(() => painted.length === 2);
    player.setScale(1.5);
    player.setScale(3);
    await aWhile();
    expect(kernel.draws).toHaveLength(2);
    expect(scales).toEqual([1, 1]); // Whatever was asked for: such a picture is shown at its own size.
  });

  it("of a frame of another size don't tell whether pictures have one size", () => {
    const stills = new Stills(
      {} as Line,
      { isVisible: () => true, visible: async () => {} },
      {
        take: () => {},
        fail: () => {},
      },
    );
    const usual = { width: 640, height: 480 };
    const learn = (width: number, height: number, scale: number) => {
      stills.learn({ width, height }, scale, usual);
      return stills.isFixed;
    };
    expect(learn(640, 960, 2)).toBe(false); // A figure that is half as wide now.
    expect(learn(640, 480, 1)).toBe(false);
    expect(learn(640, 480, 2)).toBe(true);
    expect(learn(300, 300, 2)).toBe(true);
    expect(learn(1280, 960, 2)).toBe(false);
  });
});

describe("a frame that takes long", () => {
  it("is said to be on its way, and not to need another argument", async () => {
    const taken: Drawn[] = [];
    const call = async () => {
      throw new KcommError("kcomm.timeout", "allow it more with { timeout }");
    };
    const stills = new Stills(
      { channel: { call, isOpen: true }, decoder: { has: () => [] } } as unknown as Line,
      { isVisible: () => true, visible: async () => {} },
      { take: (item) => taken.push(item), fail: () => {} },
    );
    stills.want({ index: 5, exact: true, scale: 1 });
    await until(() => taken.length === 1);
    const { error } = taken[0] as Extract<Drawn, { error: unknown }>;
    expect([error.index, error.code]).toEqual([5, "kcomm.timeout"]);
    expect(error.message).toContain("go to it again");
    stills.close();
  });
});

describe("faster than the display", () => {
  it("only every n-th frame is asked for, and the last one shown", async () => {
    const { player, painted, kernel } = await play({ count: 1000, fps: 500 }, { rate: 100 });
    player.seek(980);
    player.play();
    await until(() => kernel.plays.length === 1);
    expect(kernel.plays[0]).toMatchObject({ start: 981, step: 5 });
    expect(player.tempo.pace.period).toBe(10);
    await until(() => painted.at(-1) === 999);
    expect(player.state).toMatchObject({ index: 999, playing: false });
  });

  it("another speed is another stream only if other frames are shown", async () => {
    const { player, kernel } = await play({ count: null, fps: 50 }, { rate: 100 });
    player.play();
    await until(() => kernel.plays.length === 1);
    player.setSpeed(2);
    expect(player.tempo.pace.period).toBe(10);
    await aWhile();
    expect(kernel.plays).toHaveLength(1);
    player.setSpeed(8);
    await until(() => kernel.plays.length === 2);
    expect(kernel.plays[1]?.step).toBe(4);
    player.pause();
  });

  it("strideOf leaves a little room", () => {
    expect(strideOf(60, 1, 59.94)).toBe(1);
    expect(strideOf(50, 2, 60)).toBe(2);
    expect(strideOf(50, 4, 60)).toBe(4);
    expect(strideOf(1, 0.25, 60)).toBe(1);
    expect(strideOf("max", 4, 60)).toBe(1);
  });

  it("rateOf passes repaints over that a busy page left out", () => {
    const times = [0, 10, 20, 30, 80, 90, 100, 150, 160, 170, 180];
    expect(rateOf(times)).toBeCloseTo(100);
    expect(rateOf([5])).toBeNull();
    expect(rateOf([5, 5, 5])).toBeNull();
  });

  it("a display tells when it is another one", async () => {
    let now = 0;
    vi.stubGlobal("performance", { now: () => now });
    vi.stubGlobal("requestAnimationFrame", (done: () => void) => {
      now += 1000 / 120;
      queueMicrotask(done);
      return 0;
    });
    const display = new Display();
    const { signal } = new AbortController();
    expect(await display.measure(signal)).toBe(true);
    expect(display.rate).toBeCloseTo(120);
    expect(await display.measure(signal)).toBe(false);
  });

  it("a busy page is no slower display", async () => {
    let now = 0;
    vi.stubGlobal("performance", { now: () => now });
    vi.stubGlobal("requestAnimationFrame", (done: () => void) => {
      now += 50;
      queueMicrotask(done);
      return 0;
    });
    const display = new Display();
    const { signal } = new AbortController();
    expect(await display.measure(signal)).toBe(false);
    expect(display.rate).toBe(60);
    // Only one that goes on is.
    for (let i = 0; i < 3; i++) await display.measure(signal);
    expect(display.rate).toBeCloseTo(20);
  });
});

describe("bounce", () => {
  it("the way is that of the frames", async () => {
    const { player, painted } = await play({ count: 6, loop: "bounce" });
    player.play();
    await until(() => painted.length > 12);
    player.pause();
    const turns = painted.filter((n, i) => i > 1 && n === painted[i - 2]).length;
    expect(turns).toBeGreaterThan(0);
    const [before, last] = painted.slice(-2) as [number, number];
    expect(player.state.direction).toBe(last > before ? 1 : -1);
  });

  it("goes on the way it went where its stream is asked for anew", async () => {
    const { player, kernel } = await play({ count: 100, index: 50, loop: "bounce", fps: 50 });
    player.play(-1);
    await until(() => kernel.plays.length === 1);
    player.setScale(2);
    await until(() => kernel.plays.length === 2);
    expect(kernel.plays[1]?.step).toBe(-1);
    player.pause();
  });
});

describe("linked pages", () => {
  it("hear what the user of one of them does", async () => {
    const { player, kernel } = await play({ linked: true, count: 100, fps: 50 });
    player.act("seek", 20);
    player.act("speed", 2);
    player.act("loop", "bounce");
    player.act("play");
    player.act("step", 3);
    await until(() => kernel.commands.length === 6);
    expect(kernel.commands).toEqual([
      { action: "seek", value: 20 },
      { action: "speed", value: 2 },
      { action: "loop", value: "bounce" },
      { action: "play", value: null },
      { action: "pause", value: null },
      { action: "seek", value: player.state.index },
    ]);
  });

  it("do not hear what Python did, nor what other pages did", async () => {
    const { player, kernel } = await play({ linked: true, count: 100 });
    player.control({ action: "seek", value: 20 });
    player.control({ action: "follow", value: { index: 30, direction: -1 } });
    await aWhile();
    expect(kernel.commands).toEqual([]);
    expect(player.state).toMatchObject({ index: 30, direction: -1 });
  });

  it("follow one that leads, but not while they are dragged", async () => {
    const { player, kernel } = await play({ linked: true, count: 1000, fps: 50 });
    player.play();
    await until(() => kernel.plays.length === 1);
    player.control({ action: "follow", value: { index: 400, direction: -1 } });
    await until(() => kernel.plays.length === 2);
    expect(kernel.plays[1]).toMatchObject({ start: 400, step: -1 });
    player.scrub(7);
    player.control({ action: "follow", value: { index: 500, direction: 1 } });
    expect(player.state.index).toBe(7);
    player.pause();
    player.release();
    await until(() => kernel.commands.at(-1)?.value === 7);
    for (const value of [null, {}, { index: -1 }, { index: "x" }]) {
      player.control({ action: "follow", value });
    }
    expect(player.state.index).toBe(7);
  });

  it("that are not linked tell nobody", async () => {
    const { player, kernel } = await play({ count: 100 });
    player.act("seek", 20);
    player.scrub(5);
    player.release();
    await aWhile();
    expect(kernel.commands).toEqual([]);
    expect(player.state.index).toBe(5);
  });
});

it("a figure that changed is drawn anew", async () => {
  const { player, painted, kernel } = await play({ index: 2 });
  await until(() => painted.length === 1);
  player.control({ action: "redraw" });
  await until(() => painted.length === 2);
  expect(kernel.asked).toEqual(["draw 2", "draw 2"]);
});
