/** Adaptive windows: how they do on links, with producers and with consumers of many kinds. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AdaptiveWindow, INITIAL } from "../src/window.js";
import { cases } from "./vectors.js";

/** A stream: times are milliseconds, what varies comes in turn; see the vectors' README. */
interface Case {
  readonly draw: readonly number[];
  readonly bytes: readonly number[];
  readonly delay: readonly (readonly [number, number])[];
  readonly rate: number;
  readonly paint: number;
  readonly fps?: number;
  readonly hidden?: readonly [number, number];
}

/** From here on the window has found its size; a change of the link comes before. */
const SETTLED = 32_000;
const END = 60_000;

/** A producer that makes one item after the other, a link, a consumer, and a clock of their own. */
class Pipeline {
  readonly window: AdaptiveWindow;
  /** When each item was consumed. */
  readonly consumed: number[] = [];
  /** When was granted, up to which index, and how many were under way then. */
  readonly grants: { time: number; limit: number; underWay: number }[] = [];
  /** When each item arrives. */
  readonly #arrivals: number[] = [];
  #told = 0;
  #drawn = 0;
  #sent = 0;
  #credited = 0;

  constructor(
    readonly traits: Case,
    isFresh = false,
  ) {
    this.window = new AdaptiveWindow(0, isFresh);
    this.#produce(this.#delay(0), this.window.limit);
  }

  run(): this {
    const { paint, fps } = this.traits;
    let now = 0;
    let due = 0;
    while (now < END) {
      const item = this.consumed.length;
      if (item > 0) this.#grant(now);
      now = Math.max(now, this.#arrivals[item] as number);
      this.#tell(now);
      due = Math.max(due, now);
      now = this.#whenSeen(Math.max(now + paint, due));
      due += fps === undefined ? 0 : 1000 / fps;
      this.consumed.push(now);
    }
    return this;
  }

  /** Items a second that a window without bounds would give. */
  get possibleRate(): number {
    const { draw, bytes, rate, paint, fps = Number.POSITIVE_INFINITY } = this.traits;
    return Math.min(1000 / Math.max(mean(draw), mean(bytes) / rate, paint), fps);
  }

  /** Milliseconds from the grant of an item to its arrival if it waits behind no other. */
  get leastTurnaround(): number {
    const { draw, bytes, rate } = this.traits;
    return 2 * this.#delay(END) + mean(draw) + mean(bytes) / rate;
  }

  /** Items a second that were consumed between two times. */
  rate(begin: number, end: number): number {
    const count = this.consumed.filter((time) => begin <= time && time < end).length;
    return (count * 1000) / (end - begin);
  }

  /** Items that were under way after a grant, in the mean from a time on. */
  underWay(begin: number): number {
    const grants = this.grants.filter(({ time }) => time >= begin);
    return mean(grants.map(({ underWay }) => underWay));
  }

  #grant(now: number): void {
    this.#tell(now);
    const done = this.consumed.length;
    const limit = this.window.consumed(done, now);
    if (limit === null) return;
    this.grants.push({ time: now, limit, underWay: limit - done });
    this.#credited = Math.max(this.#credited, now + this.#delay(now));
    this.#produce(this.#credited, limit);
  }

  #produce(credited: number, limit: number): void {
    const { draw, bytes, rate } = this.traits;
    for (let index = this.#arrivals.length; index < limit; index++) {
      this.#drawn = Math.max(credited, this.#drawn) + inTurn(draw, index);
      this.#sent = Math.max(this.#drawn, this.#sent) + inTurn(bytes, index) / rate;
      const arrival = this.#sent + this.#delay(this.#sent);
      this.#arrivals.push(Math.max(arrival, this.#arrivals.at(-1) ?? 0));
    }
  }

  #tell(now: number): void {
    for (; this.#told < this.#arrivals.length; this.#told++) {
      const arrival = this.#arrivals[this.#told] as number;
      if (arrival > now) return;
      this.window.arrived(this.#told, arrival);
    }
  }

  #delay(now: number): number {
    return this.traits.delay.findLast(([since]) => since <= now)?.[1] ?? 0;
  }

  #whenSeen(now: number): number {
    const [begin, end] = this.traits.hidden ?? [0, 0];
    return begin <= now && now < end ? end : now;
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function inTurn(values: readonly number[], index: number): number {
  return values[index % values.length] as number;
}

describe("an adaptive window", () => {
  it.each(cases<Case>("windows.json"))("is large enough and no larger: $name", (traits) => {
    const pipeline = new Pipeline(traits).run();
    const rate = pipeline.rate(SETTLED, END);
    expect(rate).toBeGreaterThanOrEqual(0.95 * pipeline.possibleRate);
    const needed = (rate / 1000) * pipeline.leastTurnaround;
    // Two are queued, or a sixth of the window; and up to four are granted at once.
    expect(pipeline.underWay(SETTLED)).toBeLessThanOrEqual(1.2 * (needed + 2 + 4));
  });

  it.each(cases<Case>("windows.json"))(
    "hardly lets items wait that must be fresh: $name",
    (traits) => {
      const pipeline = new Pipeline(traits, true).run();
      const rate = pipeline.rate(SETTLED, END);
      expect(rate).toBeGreaterThanOrEqual(0.9 * pipeline.possibleRate);
      const needed = (rate / 1000) * pipeline.leastTurnaround;
      expect(pipeline.underWay(SETTLED)).toBeLessThanOrEqual(needed + 2 + 4);
    },
  );

  it("never keeps a consumer waiting that paces itself", () => {
    // Its items wait for it, so nothing is held back to measure the link.
    const { consumed } = pipelineOf("a far link, 20 kB, at 30 fps").run();
    const gaps = consumed.map((time, item) => time - (consumed[item - 1] ?? time));
    const settled = gaps.filter((_, item) => (consumed[item] as number) >= SETTLED);
    expect(Math.max(...settled)).toBeCloseTo(1000 / 30);
  });

  it("sends no message for most items of a large window", () => {
    const pipeline = pipelineOf("a far link, 20 kB, draws of 5 ms").run();
    expect(pipeline.grants.length).toBeLessThanOrEqual(pipeline.consumed.length / 3);
  });

  it("finds its size within a second", () => {
    const pipeline = pipelineOf("a far link, 20 kB, draws of 5 ms").run();
    expect(pipeline.rate(1000, 3000)).toBeGreaterThanOrEqual(0.95 * pipeline.possibleRate);
  });

  it("grants nothing while nobody looks", () => {
    const pipeline = pipelineOf("a far link, a page that nobody sees").run();
    const [begin, end] = pipeline.traits.hidden ?? [0, 0];
    expect(pipeline.grants.filter(({ time }) => begin < time && time < end)).toEqual([]);
    expect(pipeline.rate(end, end + 2000)).toBeGreaterThanOrEqual(0.9 * pipeline.possibleRate);
  });

  it("measures its base anew when nothing else is under way", () => {
    const window = new AdaptiveWindow(0);
    for (let index = 0; index < INITIAL; index++) window.arrived(index, 100 + 10 * index);
    expect(window.base).toBe(100);
    expect(window.consumed(INITIAL, 1000)).toBe(2 * INITIAL);
    window.arrived(INITIAL, 1300);
    expect(window.base).toBe(300);
    window.arrived(INITIAL + 1, 1200);
    expect(window.base).toBe(200);
  });

  it("does not wait for items that are lost", () => {
    const window = new AdaptiveWindow(0);
    window.arrived(INITIAL - 1, 100);
    expect(window.consumed(INITIAL, 100)).toBe(2 * INITIAL);
  });

  it("goes on, whatever happens", () => {
    const steps = fc.array(fc.tuple(fc.boolean(), fc.nat(20_000)), { maxLength: 300 });
    fc.assert(
      fc.property(steps, (steps) => {
        const window = new AdaptiveWindow(0);
        let [now, arrived, done, limit] = [0, 0, 0, INITIAL];
        for (const [arrives, pause] of steps) {
          now += pause;
          if (arrives && arrived < limit) window.arrived(arrived++, now);
          else if (done < arrived) {
            const granted = window.consumed(++done, now);
            expect(granted ?? window.limit).toBe(window.limit);
            // It never goes down, and is never used up without more to come.
            expect(window.limit).toBeGreaterThanOrEqual(limit);
            expect(window.limit).toBeGreaterThan(done);
            expect(window.limit).toBeLessThanOrEqual(Math.max(limit, done + 64));
            limit = window.limit;
          }
        }
      }),
    );
  });
});

function pipelineOf(name: string): Pipeline {
  const found = cases<Case>("windows.json").find((traits) => traits.name === name);
  if (found === undefined) throw new Error(`no such case: ${name}`);
  return new Pipeline(found);
}
