/** Two peers over a link that loses, repeats and reorders packets, on a clock of the test. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Action, type App, type Faults, World, type WorldOptions } from "./world.js";

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

const NONE: Faults = { lose: 0, repeat: 0, reorder: 0 };
const limits = fc.constantFrom(
  {},
  { packet: 4096, window: 6000, parts: 2 },
  { window: 500 },
  { packet: 5000 },
);

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

describe("where no reliable packet is lost or overtaken", () => {
  it("everything arrives once, in order, and every call is answered", () => {
    const rate = fc.constantFrom(0, 0.1, 0.5, 0.8);
    const faults = fc.record({ lose: rate, repeat: rate, reorder: rate });
    fc.assert(
      fc.property(
        fc.nat(),
        limits,
        faults,
        rate,
        actions,
        actions,
        (seed, limits, volatile, repeat, pageActs, kernelActs) => {
          const world = live(
            { seed, limits, volatile, reliable: { ...NONE, repeat } },
            pageActs,
            kernelActs,
          );
          expect([world.page.session.state, world.kernel.session.state]).toEqual(["open", "open"]);
          for (const app of [world.page, world.kernel]) {
            expect(unsettled(app)).toEqual([]);
            const outcomes = [...app.calls.values()].filter((call) => !call.isCancelled);
            for (const { action, outcome } of outcomes) {
              expect(outcome).toBe(action.do === "call" && action.fails ? "mine" : "ended");
            }
            expect(app.peer?.heard).toEqual(app.emitted);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe("where reliable packets are lost or overtaken", () => {
  it("both ends go on undisturbed, or both know that the session is lost", () => {
    const rate = fc.constantFrom(0, 0.05, 0.3);
    const faults = fc.record({ lose: rate, repeat: rate, reorder: rate });
    fc.assert(
      fc.property(
        fc.nat(),
        limits,
        faults,
        faults,
        actions,
        actions,
        (seed, limits, volatile, reliable, pageActs, kernelActs) => {
          const world = live({ seed, limits, volatile, reliable }, pageActs, kernelActs);
          const states = [world.page.session.state, world.kernel.session.state];
          // A HELLO that was lost leaves the acceptor as it was; the opener's own time-out ends its wait.
          if (world.kernel.session.state === "idle") {
            expect(world.page.session.state).toBe("opening");
            return;
          }
          if (world.page.session.state === "opening") {
            expect(world.kernel.session.state).toBe("open");
            return;
          }
          expect([
            ["open", "open"],
            ["closed", "closed"],
          ]).toContainEqual(states);
          for (const app of [world.page, world.kernel]) {
            expect(unsettled(app)).toEqual([]);
            expect([null, "kcomm.session_lost"]).toContain(app.closed);
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});
