/** What the views' parts do with the focus, with what is read out, and with pictures. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FrameError } from "../src/animation/drawn.js";
import { ErrorNote } from "../src/animation/notices.js";
import type { Player } from "../src/animation/player.js";
import { AnimationView } from "../src/animation/view.js";
import type { ViewSpec } from "../src/content.js";
import { hostFinder } from "../src/jupyterlab/hosts.js";
import { Controls } from "../src/live/controls.js";
import { Cover } from "../src/live/cover.js";
import type { WebcamModel } from "../src/live/model.js";
import { initialState, readInfo, type State } from "../src/live/state.js";
import { type Loop, WebcamView } from "../src/live/view.js";
import { fileName } from "../src/ui/capture.js";
import { Help } from "../src/ui/help.js";
import { Toast } from "../src/ui/toast.js";
import { type FakeDocument, type FakeElement, fakeDom } from "./fakes/dom.js";

let page: FakeDocument;
beforeEach(() => {
  page = fakeDom();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** A node of a part, as the fake element that it is. */
const fake = (node: unknown) => node as FakeElement;

/** A view's element in the page, with a part in it. */
function around(...parts: unknown[]): FakeElement {
  const view = page.createElement("div");
  view.setAttribute("tabindex", "0");
  view.append(...parts.map(fake));
  page.body.append(view);
  return view;
}

function find(node: FakeElement, selector: string): FakeElement {
  const found = node.querySelector(selector);
  if (found === null) throw new Error(`there is no ${selector}`);
  return found;
}

/** A webcam that does nothing by itself. */
function webcam(change: Partial<Record<keyof WebcamModel, unknown>> = {}) {
  const info = readInfo({ width: 640 });
  const model = {
    info,
    state: initialState(),
    settings: { show: "result", opacity: 0.5, mirror: false },
    starting: false,
    devices: [],
    deviceId: "",
    limits: null,
    size: null,
    async start() {},
    pause() {},
    stop() {},
    async attach() {},
    detach() {},
    reach() {},
    control() {},
    set: (settings: object) => Object.assign(model, { settings }),
    ...change,
  };
  return model as typeof model & Loop;
}

/** Has it say what failed, or that all is well again. */
function say({ state }: WebcamModel, error: State["error"]): void {
  Object.assign(state, { error });
}

const SPEC: ViewSpec = {
  version: 1,
  kind: "animation",
  target: "",
  title: "",
  width: 640,
  height: 480,
};

const failure = { code: "x.y", message: "no" };

describe("the view has the focus", () => {
  it("when what failed in a camera was read, or is over", () => {
    const model = webcam();
    const cover = new Cover(model);
    const view = around(cover.node);
    for (const end of ["click", "picture"]) {
      say(model, { ...failure, message: end });
      cover.update();
      const dismiss = view.button("Dismiss");
      dismiss.focus();
      expect(page.activeElement).toBe(dismiss);
      if (end === "click") dismiss.click();
      else say(model, null);
      cover.update();
      expect(find(view, ".kcomm-Note").hidden).toBe(true);
      expect(page.activeElement).toBe(view);
    }
  });

  it("when a frame that failed was read", () => {
    const player = {
      error: { index: 3, ...failure } as FrameError | null,
      failed: 1,
      state: { playing: false },
      dismiss() {
        player.error = null;
        note.update();
      },
    };
    const note = new ErrorNote(player as unknown as Player);
    const view = around(note.node);
    note.update();
    view.button("Dismiss").focus();
    expect(page.activeElement).toBe(view.button("Dismiss"));
    view.button("Dismiss").click();
    expect(page.activeElement).toBe(view);
  });

  it("when the list of keys is closed that was opened from a menu which is closed by now", () => {
    const help = new Help([]);
    const opener = page.createElement("button");
    const view = around(opener, help.node);
    opener.focus();
    help.toggle();
    opener.hidden = true;
    expect(page.activeElement).toBe(view.button("Close"));
    help.toggle();
    expect(page.activeElement).toBe(view);
    expect(help.isShown).toBe(false);
  });

  it("but what had it before the list of keys has it again, where it can", () => {
    const help = new Help([]);
    const opener = page.createElement("button");
    around(opener, help.node);
    opener.focus();
    help.toggle();
    help.toggle();
    expect(page.activeElement).toBe(opener);
  });

  it("when the kernel is gone, and with it the buttons of a camera", async () => {
    const view = new WebcamView({ ...SPEC, kind: "webcam" }, null, () => webcam());
    const node = fake(view.node);
    around(node);
    for (const name of ["Start", "Mirror"]) {
      await view.attach({} as never);
      node.button(name).focus();
      expect(page.activeElement).toBe(node.button(name));
      view.detach();
      expect(page.activeElement).toBe(node);
    }
    view.dispose();
  });

  it("when the slider that has it goes with its layout", () => {
    const model = webcam({ settings: { show: "overlay", opacity: 0.5, mirror: false } });
    const controls = new Controls(model);
    const view = around(controls.node);
    fake(controls.node).disabled = false;
    controls.update(0);
    const slider = find(view, ".kcomm-Opacity");
    page.focused = slider;
    model.set({ show: "result", opacity: 0.5, mirror: false } as never);
    controls.update(0);
    expect(page.activeElement).toBe(view);
  });
});

/** A view of an animation without a kernel, and what it is made of. */
function animation() {
  const whole = new AnimationView(SPEC, null);
  const node = fake(whole.node);
  page.body.append(node);
  return { node, toast: () => find(node, ".kcomm-Toast").textContent };
}

describe("what failed is said in a region that is there before", () => {
  it("by a camera", () => {
    const model = webcam();
    const cover = new Cover(model);
    const region = find(around(cover.node), '[role="status"]');
    expect([region.isShown, region.querySelector(".kcomm-Note")?.hidden]).toEqual([true, true]);
    say(model, failure);
    cover.update();
    expect(region.querySelector(".kcomm-Note")?.isShown).toBe(true);
  });

  it("by a player", () => {
    const { node } = animation();
    const note = find(node, ".kcomm-Note");
    expect(note.hidden).toBe(true);
    expect(note.closest('[role="status"]')?.isShown).toBe(true);
  });

  it("and what became of a click, though it is the same as before", () => {
    vi.useFakeTimers();
    const toast = new Toast();
    toast.say("Picture copied");
    expect(fake(toast.node).textContent).toBe("Picture copied");
    vi.advanceTimersByTime(2500);
    expect(fake(toast.node).hasAttribute("data-shown")).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(fake(toast.node).textContent).toBe("");
    toast.dispose();
  });
});

describe("the picture of a player", () => {
  it("is neither copied nor saved before there is one", async () => {
    const { node, toast } = animation();
    for (const name of ["Copy frame", "Save frame"]) {
      find(node, ".kcomm-Toast").textContent = "";
      node.button(name).click();
      await vi.waitFor(() => expect(toast()).toBe("There is no picture yet"));
    }
  });

  it("is no frame of a number while it is the saved one", () => {
    expect(fileName("A plot", "animation", null)).toBe("A-plot.png");
    expect(fileName("", "webcam", null)).toBe("webcam.png");
  });
});

describe("the list of cameras", () => {
  const devices = [
    { id: "a", label: "One" },
    { id: "b", label: "Two" },
  ];

  it("shows the camera that was used after it was stopped, or named by Python", () => {
    const model = webcam({ devices, deviceId: "b" });
    const controls = new Controls(model);
    const list = find(fake(controls.node), ".kcomm-Devices");
    const shown = (deviceId: string) => {
      Object.assign(model, { deviceId });
      controls.update(0);
      return list.value;
    };
    expect(shown("b")).toBe("b");
    expect(shown("")).toBe("b");
    expect(shown("One")).toBe("a");
    expect(shown("")).toBe("a");
    expect(shown("none of these")).toBe("a");
  });

  it("is not blank though nothing is known of the one in use", () => {
    const controls = new Controls(webcam({ devices, deviceId: "c" }));
    controls.update(0);
    expect(find(fake(controls.node), ".kcomm-Devices").value).toBe("a");
  });
});

it("a camera's view keeps the width it came to while its kernel is away", async () => {
  const loop = webcam({ info: readInfo({ width: 1280 }) });
  const view = new WebcamView({ ...SPEC, kind: "webcam" }, null, (its) => {
    loop.attach = async () => its.changed();
    loop.detach = () => its.changed();
    return loop;
  });
  const width = () => fake(view.node).styles.get("--kcomm-width");
  expect(width()).toBe("640px");
  await view.attach({} as never);
  expect(width()).toBe("1280px");
  view.detach();
  expect(width()).toBe("1280px");
  view.dispose();
});

it("an output is watched until it goes, or nobody wants to know any more", () => {
  const listeners = new Set<() => void>();
  const observer = { observe: vi.fn(), disconnect: vi.fn() };
  vi.stubGlobal(
    "MutationObserver",
    class {
      observe = observer.observe;
      disconnect = observer.disconnect;
    },
  );
  const element = page.createElement("div");
  const panel = {
    node: around(element),
    sessionContext: {},
    children: () => [],
    disposed: {
      connect: (slot: () => void) => listeners.add(slot),
      disconnect: (slot: () => void) => listeners.delete(slot),
    },
  };
  const app = { shell: { widgets: () => [panel] } };
  const host = hostFinder(app as never)(element as never);
  const gone = vi.fn();
  const end = host?.onGone(gone);
  expect([listeners.size, observer.observe.mock.calls.length]).toEqual([1, 1]);
  end?.();
  expect([listeners.size, observer.disconnect.mock.calls.length]).toEqual([0, 1]);
  host?.onGone(gone);
  for (const tell of [...listeners]) tell();
  expect(gone).toHaveBeenCalledOnce();
  expect(listeners.size).toBe(0);
});
