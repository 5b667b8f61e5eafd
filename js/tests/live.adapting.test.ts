import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Adapting, type Plan, type Wish } from "../src/live/adapting.js";
import { type Adaptive, type Conditions, simulate } from "./fakes/pipeline.js";

const WISH: Wish = { width: 640, height: 480, fps: 30, quality: 0.85, byteRate: null };
const PATH: Conditions = {
  period: 33,
  encode: 3,
  up: { transit: 20, serial: 1 },
  kernel: { service: 5, workers: 1 },
  down: { transit: 20, serial: 1 },
  paint: 2,
  jitter: 0.2,
  loss: 0,
  seed: 3,
};
/** JPEG both ways, of which the result keeps to its budget as far as it can. */
function jpeg(wish: Partial<Wish> = {}): Adaptive {
  return {
    wish: { ...WISH, ...wish },
    codec: "jpeg",
    bytes: ({ scale, quality, budget }: Plan) => {
      const pixels = 640 * 480 * scale ** 2;
      const up = (pixels * 0.4 * 3 ** ((quality - 0.3) / 0.55)) / 8;
      return { up, down: Math.min((pixels * 1.2) / 8, Math.max(budget ?? Infinity, 2000)) };
    },
  };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

describe("adapting", () => {
  it("leaves everything as it is wished where the link carries it", () => {
    const { plans } = simulate(PATH, 10_000, undefined, 0, jpeg());
    for (const { plan } of plans) {
      expect(plan).toMatchObject({ scale: 1, quality: 0.85, budget: null });
      expect(plan.interval).toBeCloseTo(1000 / 30);
    }
  });

  it("sends less over a slow link, so that nothing queues for long", () => {
    const slow = { ...PATH, link: 250 }; // 2 Mbit/s: a good JPEG takes 184 ms.
    const { delays, plans, rate } = simulate(slow, 40_000, undefined, 0, jpeg());
    expect(median(delays.slice(delays.length / 2))).toBeLessThan(350);
    expect(rate * 1000).toBeGreaterThan(5);
    expect(plans.at(-1)?.plan.quality).toBeLessThan(0.7);
  });

  it("recovers when the link gets better", () => {
    const at = (now: number) => ({ ...PATH, link: now < 15_000 ? 250 : 20_000 });
    const { plans } = simulate(PATH, 60_000, at, 0, jpeg());
    expect(plans.filter((one) => one.at < 15_000).at(-1)?.plan.quality).toBeLessThan(0.8);
    expect(plans.at(-1)?.plan).toMatchObject({ scale: 1, quality: 0.85, budget: null });
  });

  it("takes a path that became longer for what it is", () => {
    const at = (now: number) => {
      const transit = now < 5000 ? 5 : 100;
      return { ...PATH, up: { transit, serial: 1 }, down: { transit, serial: 1 } };
    };
    const { plans, painted } = simulate(PATH, 20_000, at, 0, jpeg());
    expect(plans.at(-1)?.plan).toMatchObject({ scale: 1, quality: 0.85, budget: null });
    const late = painted.filter((time) => time > 10_000).length / 10;
    expect(late).toBeGreaterThan(26);
  });

  it.each([20_000, 100_000, 400_000])("keeps a limit of %d bytes a second", (byteRate) => {
    const { traffic, painted, plans } = simulate(PATH, 30_000, undefined, 0, jpeg({ byteRate }));
    for (let begin = 1000; begin < 28_000; begin += 1000) {
      const within = traffic.filter(({ at }) => at >= begin && at < begin + 2000);
      const sum = within.reduce((total, { bytes }) => total + bytes, 0);
      const largest = Math.max(...within.map(({ bytes }) => bytes));
      expect(sum).toBeLessThan(2 * byteRate + byteRate / 4 + 2 * largest);
    }
    expect(painted.length).toBeGreaterThan(30);
    if (byteRate < 100_000) expect(plans.at(-1)?.plan.scale).toBeLessThan(1);
  });

  it("never stalls, and keeps any limit in the long run", () => {
    const limits = fc.record({
      byteRate: fc.integer({ min: 5000, max: 3_000_000 }),
      link: fc.integer({ min: 20, max: 5000 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(limits, ({ byteRate, link, seed }) => {
        const path = { ...PATH, link, seed };
        const { traffic, painted } = simulate(path, 30_000, undefined, 0, jpeg({ byteRate }));
        const sum = traffic.reduce((total, { bytes }) => total + bytes, 0);
        expect(sum).toBeLessThan(byteRate * 30.25 + 200_000);
        expect(painted.filter((at) => at > 15_000).length).toBeGreaterThan(5);
      }),
      { numRuns: 60 },
    );
  });

  it("gives codecs a rate that follows the quality", () => {
    const adapting = new Adapting(WISH);
    const good = adapting.plan("h264", 0).bitrate;
    expect(good).toBeGreaterThan(1e6);
    expect(good).toBeLessThan(3e6);
    adapting.wish = { ...WISH, quality: 0.4 };
    expect(adapting.plan("h264", 0).bitrate).toBeLessThan(good / 3);
  });

  it("shrinks what has no quality", () => {
    const adapting = new Adapting({ ...WISH, byteRate: 1_000_000 });
    expect(adapting.plan("rgb", 0).scale).toBe(1); // Not for a moment's sake.
    const plan = adapting.plan("rgb", 3000);
    expect(plan.scale).toBeLessThan(1);
    expect(plan.interval).toBeGreaterThan(60);
    expect(plan.quality).toBe(0.85);
  });

  it("counts what was sent and came in the last second", () => {
    const adapting = new Adapting(WISH);
    adapting.sent(100, "jpeg", null, 0);
    adapting.came(30, 100, 0, 10, 500);
    expect([adapting.bytesUp(900), adapting.bytesDown(900)]).toEqual([100, 30]);
    expect([adapting.bytesUp(1200), adapting.bytesDown(1200)]).toEqual([0, 30]);
  });
});
