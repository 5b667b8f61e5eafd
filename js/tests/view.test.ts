import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { readSpec } from "../src/content.js";
import { KcommError } from "../src/errors.js";
import { isNdarray, ndarray } from "../src/ndarray.js";
import { View } from "../src/view.js";
import { type FakeDocument, type FakeElement, fakeDom } from "./fakes/dom.js";

const SPEC = {
  version: 1,
  kind: "animation",
  target: "kcomm.animation.0af9",
  title: "A <b>title</b>",
  width: 640,
  height: 480,
};

describe("readSpec", () => {
  it("takes what kcomm writes", () => {
    expect(readSpec(SPEC)).toEqual(SPEC);
    expect(readSpec({ ...SPEC, title: undefined }).title).toBe("");
  });

  it.each([
    ["nothing", null, "version"],
    ["a newer version", { ...SPEC, version: 2 }, "newer kcomm"],
    ["another kind", { ...SPEC, kind: "constructor" }, "unknown kind"],
    ["a target of the user's", { ...SPEC, target: "calc" }, "not the target of a view"],
    ["another kind's target", { ...SPEC, target: "kcomm.webcam.0a" }, "not the target of a view"],
    ["code for a target", { ...SPEC, target: "kcomm.animation.0\n" }, "not the target of a view"],
    ["a size that is none", { ...SPEC, width: "100%" }, "width"],
    ["a monstrous size", { ...SPEC, height: 1e9 }, "height"],
  ])("refuses %s", (_, data, message) => {
    expect(() => readSpec(data)).toThrow(message);
    expect(() => readSpec(data)).toThrow(expect.objectContaining({ code: "kcomm.bad_value" }));
  });
});

describe("ndarray", () => {
  it("gives data a shape and a dtype", () => {
    const data = new Float32Array(6);
    expect(ndarray(data, [2, 3])).toBe(data);
    expect(ndarray(data, [2, 3])).toMatchObject({ shape: [2, 3], dtype: "float32" });
    expect(ndarray(new Uint8Array(2), [2], "bool").dtype).toBe("bool");
    expect(ndarray(new Int16Array(1), []).shape).toEqual([]);
    expect(isNdarray(ndarray(new Uint8Array(3)))).toBe(true);
    expect(isNdarray(new Uint8Array(3))).toBe(false);
  });

  it.each([
    ["a shape that does not fit", () => ndarray(new Float32Array(6), [4])],
    ["a dtype that does not fit", () => ndarray(new Float32Array(6), [6], "int8")],
    ["no typed array", () => ndarray([1, 2] as unknown as Float32Array)],
  ])("refuses %s", (_, make) => {
    expect(make).toThrow(expect.objectContaining({ code: "kcomm.bad_value" }));
  });
});

describe("a view", () => {
  let page: FakeDocument;
  let node: FakeElement;
  /** What lets each try to connect fail, in their order. */
  let tries: ((error: unknown) => void)[];
  let view: View;

  beforeEach(() => {
    page = fakeDom();
    tries = [];
    view = new View(SPEC, null, () => new Promise((_, reject) => tries.push(reject)));
    node = view.node as unknown as FakeElement;
    page.body.append(node);
  });
  afterEach(() => {
    view.dispose();
    vi.unstubAllGlobals();
  });

  const settled = () => new Promise((resolve) => setTimeout(resolve));
  async function fail(code: string) {
    tries.at(-1)?.(new KcommError(code, "no"));
    await settled();
  }

  it("that waits for a kernel tries once more when the notebook has another one", async () => {
    view.retry();
    await fail("kcomm.no_kernel");
    expect([tries.length, view.status]).toEqual([2, "connecting"]);
    await fail("kcomm.no_kernel");
    expect([tries.length, view.status]).toEqual([2, "gone"]);
    view.retry();
    expect(tries.length).toBe(3);
  });

  it("keeps the focus when its button to connect again goes", async () => {
    await fail("kcomm.timeout");
    const button = node.querySelector(".kcomm-Retry") as FakeElement;
    button.focus();
    expect(page.activeElement).toBe(button);
    button.click();
    expect(button.hidden).toBe(true);
    expect(page.activeElement).toBe(node.querySelector(".kcomm-Player"));
  });

  it("says what is wrong in a region that is there before", async () => {
    const message = node.querySelector(".kcomm-Message") as FakeElement;
    const region = message.closest('[role="status"]') as FakeElement;
    expect([message.hidden, region.isShown]).toEqual([true, true]);
    await fail("kcomm.no_kernel");
    expect(message.isShown).toBe(true);
    expect(message.querySelector(".kcomm-Message-text")?.textContent).toContain("kernel");
  });
});
