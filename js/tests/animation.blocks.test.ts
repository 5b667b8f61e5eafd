/** The frames that stand in a page, taken out of it while it is read. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { collect } from "../src/animation/blocks.js";
import { Recording } from "../src/animation/recorded.js";

let look = () => {};
let loaded = () => {};

beforeEach(() => {
  vi.stubGlobal("document", {
    addEventListener: (_: string, listener: () => void) => {
      loaded = listener;
    },
  });
  vi.stubGlobal(
    "MutationObserver",
    class {
      constructor(tell: () => void) {
        look = tell;
      }
      observe() {}
      disconnect() {
        look = () => {};
      }
    },
  );
});
afterEach(() => vi.unstubAllGlobals());

/** The first frame, and how many there are. */
type Made = readonly [first: string, count: string];

/** A page of blocks. */
function page(...blocks: Made[]) {
  const elements = blocks.map(([first, count]) => ({
    dataset: { first, count },
    text: "",
    nextSibling: {} as object | null,
    remove: () => elements.splice(0, 1),
  }));
  return { elements, root: { querySelectorAll: () => [...elements] } as unknown as HTMLElement };
}

function read(...blocks: Made[]) {
  const recording = new Recording();
  const failed = vi.fn();
  const { root, elements } = page(...blocks);
  collect(recording, root, failed);
  return { recording, failed, elements };
}

it("blocks are taken as they come, the last one when the page is whole", () => {
  const { recording, elements, failed } = read(["0", "4"], ["4", "2"]);
  (elements[1] as (typeof elements)[number]).nextSibling = null;
  look();
  expect(recording.length).toBe(4);
  loaded();
  expect(recording.length).toBe(6);
  expect(elements).toEqual([]);
  expect(failed).not.toHaveBeenCalled();
});

it.each([
  ["a block that is missing", ["8", "4"]],
  ["a block that says nothing", ["", ""]],
] as const)("a page with %s says so, and waits for no more frames", async (_, broken) => {
  const { recording, failed } = read(["0", "4"], broken, ["12", "4"]);
  look();
  look();
  expect(failed).toHaveBeenCalledOnce();
  expect(failed.mock.calls[0]?.[0]).toMatchObject({ code: "kcomm.bad_value" });
  loaded();
  expect(failed).toHaveBeenCalledOnce();
  expect(recording.length).toBe(4);
  await expect(recording.get(5)).rejects.toMatchObject({ code: "kcomm.no_frame" });
});
