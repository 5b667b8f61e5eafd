import { describe, expect, it } from "vitest";
import { Backlog, MAX_AT_WORK, MAX_BYTES, MAX_WAITING, sizeOf } from "../src/backlog.js";

describe("the backlog of a listener", () => {
  function slow(size = 1) {
    const begun: number[] = [];
    const finish: (() => void)[] = [];
    const reports: string[] = [];
    const run = (n: number) => {
      begun.push(n);
      return new Promise<void>((resolve) => finish.push(resolve));
    };
    const backlog = new Backlog<number>(
      run,
      () => size,
      (text) => reports.push(text),
    );
    return { begun, finish, reports, backlog };
  }

  it("gives events at once to a listener that is done at once", () => {
    const seen: number[] = [];
    const backlog = new Backlog<number>(
      (n) => void seen.push(n),
      () => 1,
      () => {},
    );
    for (let i = 0; i < 3 * MAX_AT_WORK; i++) backlog.put(i);
    expect(seen).toHaveLength(3 * MAX_AT_WORK);
  });

  it("lets a bounded number be at work, and the others wait in order", async () => {
    const { begun, finish, backlog, reports } = slow();
    for (let i = 0; i < MAX_AT_WORK + 5; i++) backlog.put(i);
    expect(begun).toHaveLength(MAX_AT_WORK);
    for (const done of finish.splice(0, 3)) done();
    await Promise.resolve();
    expect(begun.slice(MAX_AT_WORK)).toEqual([0, 1, 2].map((i) => MAX_AT_WORK + i));
    expect(reports).toEqual([]);
  });

  it("drops the oldest of too many, and says so", async () => {
    const { begun, finish, backlog, reports } = slow();
    const total = MAX_AT_WORK + MAX_WAITING + 7;
    for (let i = 0; i < total; i++) backlog.put(i);
    expect(reports).toEqual(["come faster than their listener takes them"]);
    while (begun.at(-1) !== total - 1) {
      for (const done of finish.splice(0)) done();
      await Promise.resolve();
    }
    expect(begun).toHaveLength(total - 7);
    expect(begun[MAX_AT_WORK]).toBe(MAX_AT_WORK + 7);
    expect(reports.at(-1)).toContain("7 were dropped");
  });

  it("counts bytes, at work and waiting", () => {
    const { begun, backlog } = slow(MAX_BYTES / 2);
    for (let i = 0; i < 10; i++) backlog.put(i);
    expect(begun).toEqual([0, 1]);
  });
});

it("sizeOf counts about what a value takes", () => {
  expect(sizeOf(null)).toBe(8);
  expect(sizeOf("four")).toBe(4);
  expect(sizeOf({ ab: new Float32Array(4), c: [1, "xyz"] })).toBe(2 + 16 + 1 + 8 + 3);
});
