import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Pace, periodOf } from "../src/animation/pace.js";
import { clamp, clock, readInfo, readLoop, startOf } from "../src/animation/state.js";
import { INFO, play, until } from "./fakes/animation.js";
import { fakePage } from "./fakes/page.js";

beforeEach(fakePage);
afterEach(() => vi.unstubAllGlobals());

describe("the player", () => {
  it("shows its first frame by itself", async () => {
    const { painted, kernel } = await play({ index: 3 });
    await until(() => painted.length === 1);
    expect(painted).toEqual([3]);
    expect(kernel.asked).toEqual(["draw 3"]);
  });

  it("plays every frame to the end, and tells so", async () => {
    const { player, painted, kernel } = await play();
    await until(() => painted.length === 1);
    player.play();
    await until(() => !player.state.playing);
    expect(painted.length + player.state.dropped).toBe(10);
    expect(player.state.index).toBe(9);
    await until(() => kernel.states.at(-1)?.playing === false);
    expect(kernel.states.at(-1)).toMatchObject({ index: 9, painted: painted.length });
  });

  it("begins again from the other end", async () => {
    const { player, kernel } = await play({ index: 9 });
    player.play(1);
    await until(() => kernel.asked.includes("play 0 1 false"));
    player.pause();
    player.seek(0);
    player.play(-1);
    await until(() => kernel.asked.includes("play 9 -1 false"));
  });

  it("leaves the stream when it pauses", async () => {
    const { player, painted } = await play({ count: null });
    player.play();
    await until(() => painted.length > 3);
    player.pause();
    const { length } = painted;
    const { index } = player.state;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(painted).toHaveLength(length);
    expect(player.state).toMatchObject({ playing: false, index });
  });

  it("steps and stays at the ends", async () => {
    const { player, painted } = await play({ index: 8 });
    player.step(1);
    player.step(1);
    player.step(1);
    expect(player.state.index).toBe(9);
    await until(() => painted.at(-1) === 9);
    player.step(-20);
    await until(() => painted.at(-1) === 0);
  });

  it("draws only the newest of the frames that a drag asks for", async () => {
    const { player, painted, kernel } = await play();
    await until(() => painted.length === 1);
    for (let i = 1; i < 10; i++) player.scrub(i);
    await until(() => painted.at(-1) === 9);
    for (let i = 8; i > 2; i--) player.scrub(i);
    player.release();
    await until(() => painted.at(-1) === 3);
    expect(kernel.asked).toEqual(["draw 0", "draw 9", "draw 3"]);
  });

  it("turns, seeks and loops while it plays", async () => {
    const { player, kernel } = await play({ count: 100, index: 50, fps: 50 });
    player.play(-1);
    await until(() => kernel.asked.includes("play 49 -1 false"));
    player.seek(20);
    await until(() => kernel.asked.includes("play 20 -1 false"));
    player.setLoop(true);
    await until(() => kernel.asked.some((asked) => /^play (20|19) -1 true|^play 1\d/.test(asked)));
    expect(player.state).toMatchObject({ playing: true, direction: -1, loop: true });
    player.pause();
  });

  it("shows what failed, and goes on", async () => {
    const { player, painted } = await play({}, { bad: [4, 5] });
    player.play();
    await until(() => !player.state.playing);
    expect(painted).not.toContain(4);
    expect(painted.at(-1)).toBe(9);
    expect(player.error).toEqual({ index: 5, code: "x.y", message: "no" });
    expect(player.failed).toBe(2);
    player.step(-1);
    expect(player.error).toBeNull();
  });

  it("does what Python says", async () => {
    const { player, painted } = await play({ count: 100, fps: 20 });
    player.control({ action: "seek", value: 42 });
    await until(() => painted.at(-1) === 42);
    player.control({ action: "speed", value: 2 });
    player.control({ action: "fps", value: "max" });
    player.control({ action: "loop", value: true });
    player.control({ action: "reverse" });
    expect(player.state).toMatchObject({ speed: 2, fps: "max", loop: true, direction: -1 });
    expect(player.state.playing).toBe(true);
    player.control({ action: "pause" });
    expect(player.state.playing).toBe(false);
    for (const command of [null, {}, { action: "explode" }, { action: "seek", value: "x" }]) {
      player.control(command);
    }
    expect(player.error).toBeNull();
  });

  it("keeps commands that come before it knows the animation", async () => {
    const early = [
      { action: "seek", value: 7 },
      { action: "speed", value: 2 },
    ];
    const { player, painted } = await play({}, { early });
    await until(() => painted.at(-1) === 7);
    expect(player.state).toMatchObject({ index: 7, speed: 2 });
  });

  it("plays at once if the kernel says so", async () => {
    const { player } = await play({ count: 3, playing: true });
    await until(() => player.state.index === 2 && !player.state.playing);
  });

  it("stops with its channel, without an error", async () => {
    const { player, channel, painted } = await play({ count: null });
    player.play();
    await until(() => painted.length > 2);
    channel.close();
    player.detach();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(player.state.playing).toBe(false);
    expect(player.error).toBeNull();
    player.play();
    expect(player.state.playing).toBe(false);
  });

  it("refuses to begin with what is no animation", async () => {
    for (const info of [{ count: -1 }, { width: 0 }, { fps: 0 }, { index: 0.5 }]) {
      await expect(play(info)).rejects.toMatchObject({ code: "kcomm.bad_value" });
    }
  });
});

describe("Pace", () => {
  it("keeps the mean though frames come late", () => {
    const pace = new Pace(40);
    expect(pace.wait(1000)).toBe(0);
    pace.advance(1000);
    expect(pace.wait(1010)).toBe(30);
    expect(pace.wait(1037)).toBe(0);
    pace.advance(1055);
    expect(pace.wait(1055)).toBe(25);
    expect(pace.behind(1079)).toBe(false);
    expect(pace.behind(1121)).toBe(true);
  });

  it("does not make up for a long pause", () => {
    const pace = new Pace(40);
    pace.advance(0);
    pace.advance(10_000);
    expect(pace.wait(10_000)).toBe(40);
  });

  it("never waits at full speed", () => {
    const pace = new Pace(0);
    for (const now of [0, 1, 500]) {
      expect(pace.wait(now)).toBe(0);
      expect(pace.behind(now)).toBe(false);
      pace.advance(now);
    }
  });

  it("takes its period from fps and speed", () => {
    expect(periodOf(25, 2)).toBe(20);
    expect(periodOf("max", 2)).toBe(0);
  });
});

it("clamp stays among the frames there are", () => {
  expect([-3, 2.4, 99].map((index) => clamp(index, 10))).toEqual([0, 2, 9]);
  expect(clamp(99, null)).toBe(99);
});

it("startOf goes on, begins at the other end, or turns round", () => {
  expect(startOf(3, 1, 10)).toEqual({ index: 4, direction: 1 });
  expect(startOf(9, 1, 10)).toEqual({ index: 0, direction: 1 });
  expect(startOf(0, -1, 10, true)).toEqual({ index: 9, direction: -1 });
  expect(startOf(0, -1, null)).toEqual({ index: 0, direction: -1 });
  expect(startOf(99, 1, null, "bounce")).toEqual({ index: 100, direction: 1 });
  expect(startOf(9, 1, 10, "bounce")).toEqual({ index: 8, direction: -1 });
  expect(startOf(0, -1, 10, "bounce")).toEqual({ index: 1, direction: 1 });
  expect(startOf(0, 1, 1, "bounce")).toEqual({ index: 0, direction: -1 });
});

it("readLoop knows three ways to go on at the end", () => {
  expect([true, false, "bounce", "loop", 1].map(readLoop)).toEqual([
    true,
    false,
    "bounce",
    null,
    null,
  ]);
});

it("clock writes minutes, seconds and tenths", () => {
  expect([0, 0.1, 9.96, 61.25, 3600].map(clock)).toEqual([
    "0:00.0",
    "0:00.1",
    "0:09.9",
    "1:01.2",
    "60:00.0",
  ]);
});

it("readInfo fills in what may be missing", () => {
  const { interval, speed, title, direction, ...info } = INFO;
  expect(readInfo(info)).toMatchObject({ interval: 100, speed: 1, title: "", direction: 1 });
  expect(readInfo({ ...INFO, loop: "bounce" })).toMatchObject({ loop: "bounce", linked: false });
});

it.each([
  { action: "seek", value: Number.NaN },
  { action: "seek", value: Number.POSITIVE_INFINITY },
  { action: "step", value: Number.NaN },
  { action: "step", value: "far" },
  { action: "speed", value: Number.NaN },
  { action: "fps", value: Number.POSITIVE_INFINITY },
])("a command of no number a player can go by changes nothing: %o", async (command) => {
  const { player, painted, kernel } = await play({ count: null, index: 3 });
  await until(() => painted.length === 1);
  player.control(command);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(player.state).toMatchObject({ index: 3, speed: 1, fps: 1000, playing: false });
  expect(kernel.asked).toEqual(["draw 3"]);
});

it("a player asked for a frame of no number goes to one that exists", () => {
  expect(clamp(Number.NaN, 10)).toBe(0);
  expect(clamp(Number.POSITIVE_INFINITY, 10)).toBe(9);
  expect(clamp(Number.POSITIVE_INFINITY, null)).toBe(Number.MAX_SAFE_INTEGER);
});

describe("the kernel is told at once that a player has stopped", () => {
  it("where the stream fails", async () => {
    const { player, painted, kernel } = await play();
    await until(() => painted.length === 1);
    // biome-ignore lint/correctness/useYield: it fails before its first frame
    kernel.channel.handleStream("play", async function* () {
      throw new Error("no");
    });
    player.play();
    await until(() => player.error !== null);
    await until(() => kernel.states.at(-1)?.playing === false);
  });

  it("where it ends, though how many frames there are is not told", async () => {
    const { player, painted, kernel } = await play({ count: null });
    await until(() => painted.length === 1);
    kernel.channel.handle("info", () => new Promise(() => undefined));
    kernel.channel.handleStream("play", async function* () {
      yield* [];
    });
    player.play();
    await until(() => kernel.states.at(-1)?.playing === false);
    expect(player.state.playing).toBe(false);
  });

  it("and the last frame is drawn as it is, though that fails", async () => {
    const { player, painted, kernel } = await play({ count: null }, { codec: "jpeg" });
    await until(() => painted.length === 1);
    const { asked } = kernel;
    kernel.channel.handle("info", () => Promise.reject(new Error("no")));
    kernel.channel.handleStream("play", async function* () {
      yield { index: 1 };
    });
    player.play();
    await until(() => asked.includes("draw 1"));
    expect(player.error).not.toBeNull();
  });
});
