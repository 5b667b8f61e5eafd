import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MOST, Pacer } from "../src/live/pacing.js";
import { type Conditions, simulate } from "./fakes/pipeline.js";

const CALM: Conditions = {
  period: 33,
  encode: 2,
  up: { transit: 5, serial: 1 },
  kernel: { service: 5, workers: 1 },
  down: { transit: 5, serial: 1 },
  paint: 2,
  jitter: 0,
  loss: 0,
  seed: 1,
};

const DISTANT: Conditions = {
  ...CALM,
  up: { transit: 100, serial: 1 },
  down: { transit: 100, serial: 1 },
};

/** What a frame takes that waits nowhere. */
function unloaded({ encode, up, kernel, down, paint }: Conditions): number {
  return encode + up.transit + up.serial + kernel.service + down.transit + down.serial + paint;
}

/** Milliseconds between two frames at the best. */
function best({ period, encode, up, kernel, down, paint }: Conditions): number {
  return Math.max(period, encode, up.serial, kernel.service / kernel.workers, down.serial, paint);
}

const conditions = fc.record({
  period: fc.integer({ min: 16, max: 100 }),
  encode: fc.integer({ min: 1, max: 60 }),
  up: fc.record({
    transit: fc.integer({ min: 0, max: 150 }),
    serial: fc.integer({ min: 0, max: 150 }),
  }),
  kernel: fc.record({
    service: fc.integer({ min: 1, max: 400 }),
    workers: fc.integer({ min: 1, max: 4 }),
  }),
  down: fc.record({
    transit: fc.integer({ min: 0, max: 150 }),
    serial: fc.integer({ min: 0, max: 150 }),
  }),
  paint: fc.integer({ min: 1, max: 60 }),
  jitter: fc.constant(0),
  loss: fc.constant(0),
  seed: fc.nat(),
});

describe("pacing", () => {
  it("takes every picture of the camera where all is quick", () => {
    const { delays, rate } = simulate(CALM, 10_000);
    expect(rate * CALM.period).toBeGreaterThan(0.98);
    expect(Math.max(...delays)).toBeLessThan(unloaded(CALM) + 2);
  });

  it("keeps pace with a slow kernel, and lets nothing wait before it", () => {
    const slow = { ...CALM, kernel: { service: 100, workers: 1 } };
    const { delays, rate } = simulate(slow, 20_000);
    expect(rate * 100).toBeGreaterThan(0.9);
    expect(median(delays)).toBeLessThan(unloaded(slow) + CALM.period);
  });

  it("finds the pace of a slow link, which nobody tells it", () => {
    const slow = { ...CALM, up: { transit: 40, serial: 80 } };
    const { delays, rate } = simulate(slow, 20_000);
    expect(rate * 80).toBeGreaterThan(0.85);
    expect(median(delays)).toBeLessThan(unloaded(slow) + 80);
  });

  it("keeps several workers busy", () => {
    const several = { ...CALM, kernel: { service: 120, workers: 4 } };
    const { rate } = simulate(several, 20_000);
    expect(rate * CALM.period).toBeGreaterThan(0.9);
  });

  it("lets as many be under way as a distant kernel needs", () => {
    const { rate, most } = simulate(DISTANT, 10_000);
    expect(rate * CALM.period).toBeGreaterThan(0.9);
    expect(most).toBeLessThanOrEqual(9);
  });

  it("holds the rate and the delay whatever the stages take", () => {
    fc.assert(
      fc.property(conditions, (link) => {
        const { delays, rate, most } = simulate(link, 40_000);
        const steady = delays.slice(Math.floor(delays.length / 2));
        expect(rate * best(link)).toBeGreaterThan(0.7);
        // The jitter of sending times, half a period, and what is no queue yet, half an interval.
        const room = link.period + best(link);
        expect(median(steady)).toBeLessThan(unloaded(link) + room + 20);
        expect(most).toBeLessThanOrEqual(MOST);
      }),
      { numRuns: 100 },
    );
  });

  it("never stalls, whatever is lost and however times vary", () => {
    const rough = conditions.chain((one) =>
      fc.record({
        ...Object.fromEntries(Object.entries(one).map(([key, value]) => [key, fc.constant(value)])),
        jitter: fc.double({ min: 0, max: 1, noNaN: true }),
        loss: fc.double({ min: 0, max: 0.1, noNaN: true }),
      }),
    ) as fc.Arbitrary<Conditions>;
    fc.assert(
      fc.property(rough, (link) => {
        const { painted } = simulate(link, 40_000);
        const stalls = painted.map((at, i) => at - (painted[i - 1] ?? 0));
        expect(Math.max(...stalls)).toBeLessThan(20_000);
        expect(painted.length).toBeGreaterThan(20);
      }),
      { numRuns: 100 },
    );
  });

  it.each([
    ["loses all", { loss: 1 }],
    ["holds all back", { held: 40_000 }],
  ])("goes on as before after a link that %s for half a minute", (_, broken) => {
    for (const link of [CALM, DISTANT, { ...CALM, kernel: { service: 60, workers: 1 } }]) {
      const { painted, delays } = simulate(link, 60_000, (now) =>
        now >= 10_000 && now < 40_000 ? { ...link, ...broken } : link,
      );
      const after = painted.map((at, i) => [at, delays[i] as number] as const);
      const later = after.filter(([at]) => at >= 42_000 && at < 50_000);
      expect(later.length * best(link)).toBeGreaterThan(0.9 * 8000);
      expect(Math.max(...later.map(([, delay]) => delay))).toBeLessThan(unloaded(link) + 120);
    }
  });

  it("follows a kernel that becomes quicker or slower", () => {
    const changing = simulate(CALM, 30_000, (now) => ({
      ...CALM,
      kernel: { service: now > 10_000 && now < 20_000 ? 150 : 5, workers: 1 },
    }));
    const during = (from: number, to: number) =>
      changing.painted.filter((at) => at >= from && at < to).length / (to - from);
    expect(during(3000, 10_000) * 33).toBeGreaterThan(0.95);
    expect(during(13_000, 20_000) * 150).toBeGreaterThan(0.9);
    expect(during(23_000, 30_000) * 33).toBeGreaterThan(0.95);
  });

  it("sends one frame until the first came back, and another when it counts as lost", () => {
    const pacer = new Pacer();
    pacer.period = 33;
    expect(pacer.isFull(0)).toBe(false);
    pacer.sent(0, 0, 0, 2);
    expect(pacer.isFull(10)).toBe(true);
    expect(pacer.expiry).toBe(2000);
    expect(pacer.isFull(2000)).toBe(false);
    pacer.sent(1, 1990, 2000, 2);
    expect(pacer.expiry).toBe(4000); // As long as the first time.
    pacer.came(1, 2100, { delay: 100, stages: 50, waited: 0, pace: 20, shown: 1 });
    expect(pacer.underWay).toBe(0);
    expect(pacer.limit).toBe(2);
    for (let i = 2; i < 10; i++) {
      pacer.sent(i, 100 * i, 100 * i, 2);
      pacer.came(i, 100 * i + 99, { delay: 100, stages: 50, waited: 0, pace: 20, shown: 1 });
    }
    expect(pacer.limit).toBe(5); // 100 ms are three periods, and two more.
  });

  it("forgets the frames before one that came back, or failed", () => {
    const pacer = new Pacer();
    for (let i = 0; i < 4; i++) pacer.sent(i, i, i, 1);
    pacer.came(1, 50, { delay: 50, stages: 10, waited: 0, pace: null, shown: 1 });
    expect(pacer.underWay).toBe(2);
    pacer.failed(2);
    expect(pacer.underWay).toBe(1);
    pacer.clear();
    expect(pacer.underWay).toBe(0);
  });

  it("sends no more than is wished for", () => {
    const { rate } = simulate(CALM, 20_000, undefined, 100);
    expect(rate * 100).toBeGreaterThan(0.95);
    expect(rate * 100).toBeLessThan(1.05);
  });
});

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
