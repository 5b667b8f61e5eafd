/** Two peers over a link that loses, repeats and reorders packets, on a clock of the test. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { KIND } from "../../src/protocol/messages.js";
import {
  type Action,
  type App,
  type Faults,
  type Silence,
  World,
  type WorldOptions,
} from "./world.js";

const size = fc.oneof(
  { weight: 6, arbitrary: fc.nat(40) },
  { weight: 2, arbitrary: fc.nat(3000) },
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 30_000 }) },
);

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ do: fc.constant("call" as const), size, fails: fc.boolean() }),
  fc.record({
    do: fc.constant("stream" as const),
    count: fc.nat(12),
    window: fc.integer({ min: 1, max: 6 }),
    size,
    volatile: fc.boolean(),
  }),
  fc.record({
    do: fc.constant("emit" as const),
    topic: fc.constantFrom("a" as const, "b" as const),
    size,
    latest: fc.boolean(),
  }),
  fc.constant({ do: "cancel" as const }),
  fc.record({ do: fc.constant("wait" as const), ms: fc.nat(2000) }),
);
const actions = fc.array(action, { maxLength: 15 });

const limits = fc.constantFrom(
  {},
  { packet: 4096, window: 6000, parts: 2 },
  { window: 500 },
  { packet: 5000 },
);
const rate = fc.constantFrom(0, 0.05, 0.3, 0.8);
const faults: fc.Arbitrary<Faults> = fc.record({ lose: rate, repeat: rate, reorder: rate });

function live(
  options: WorldOptions,
  pageActs: readonly Action[],
  kernelActs: readonly Action[],
): World {
  const world = new World(options);
  world.run(pageActs, kernelActs);
  expect([...world.page.wrongs, ...world.kernel.wrongs]).toEqual([]);
  return world;
}

function unsettled(app: App): unknown[] {
  return [...app.calls.values()].filter(
    ({ outcome, isCancelled }) => outcome === null && !isCancelled,
  );
}

function expectAllArrived(world: World): void {
  expect([world.page.session.state, world.kernel.session.state]).toEqual(["open", "open"]);
  for (const app of [world.page, world.kernel]) {
    expect(unsettled(app)).toEqual([]);
    const outcomes = [...app.calls.values()].filter((call) => !call.isCancelled);
    for (const { action, outcome } of outcomes) {
      expect(outcome).toBe(action.do === "call" && action.fails ? "mine" : "ended");
    }
    expect(app.peer?.heard).toEqual(app.emitted);
    expect(app.session.waitsSince).toBeNull();
  }
}

describe("where packets are lost, repeated and overtaken", () => {
  it("everything arrives once, in order, and every call is answered", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        limits,
        faults,
        faults,
        actions,
        actions,
        (seed, limits, volatile, reliable, pageActs, kernelActs) => {
          expectAllArrived(live({ seed, limits, volatile, reliable }, pageActs, kernelActs));
        },
      ),
      { numRuns: 150 },
    );
  });

  it("a kernel's BYE comes after everything that it sent before", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        limits,
        faults,
        actions,
        actions,
        (seed, limits, reliable, pageActs, kernelActs) => {
          const world = live({ seed, limits, volatile: reliable, reliable }, pageActs, [
            ...kernelActs,
            { do: "close" },
          ]);
          const { page, kernel } = world;
          expect([page.closed, kernel.closed]).toEqual(["kcomm.closed", "kcomm.closed"]);
          expect(page.heard).toEqual(kernel.emitted);
          expect([unsettled(page), unsettled(kernel)]).toEqual([[], []]);
          expect(kernel.session.lingers).toBe(false);
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe("where nothing arrives for a minute, then all in one go", () => {
  const silence: Silence = { from: 1000, to: 61_000 };
  const waits = (ms: number): Action => ({ do: "wait", ms });

  function expectNoStorm({ page, kernel, sent }: World): void {
    for (const app of [page, kernel]) {
      const during = sent.filter(({ from, at }) => from === app && isDuring(at));
      const count = (kind: number) => during.filter(({ kinds }) => kinds.includes(kind)).length;
      expect(count(KIND.PROBE)).toBeLessThanOrEqual(6);
      expect(count(KIND.NACK)).toBeLessThanOrEqual(13);
      const after = sent.filter(({ from, at }) => from === app && at >= silence.to);
      for (const seq of new Set(after.map(({ seq }) => seq).filter((seq) => seq > 0))) {
        const soon = after.filter((one) => one.seq === seq && one.at < silence.to + 200);
        expect(soon.length).toBeLessThanOrEqual(2);
      }
    }
  }

  function isDuring(at: number): boolean {
    return at >= silence.from && at < silence.to;
  }

  it("few packets ask for what came of the others, and everything arrives", () => {
    fc.assert(
      fc.property(
        fc.nat(),
        limits,
        faults,
        actions,
        actions,
        (seed, limits, faults, pageActs, kernelActs) => {
          const options = { seed, limits, volatile: faults, reliable: faults, silence };
          const world = live(options, [waits(500), ...pageActs], [waits(700), ...kernelActs]);
          expectAllArrived(world);
          expectNoStorm(world);
        },
      ),
      { numRuns: 100 },
    );
  });
});
