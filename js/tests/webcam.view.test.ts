import { describe, expect, it } from "vitest";
import { describe as figuresOf, slowest, stepsOf } from "../src/live/figures.js";
import { actionOf, KEYS, type KeyActions } from "../src/live/keys.js";
import { aspectOf } from "../src/live/pictures.js";
import { initialState, readInfo, type State } from "../src/live/state.js";
import { deviceName, explain, readout, sizeName, sizesOf } from "../src/live/wording.js";

const VGA = { width: 640, height: 480 };
const HD = { width: 1280, height: 720 };

describe("an error", () => {
  it.each([
    ["denied", /not permitted/, /address bar/],
    ["missing", /No camera/, /Connect/],
    ["busy", /in use/, /Close/],
    ["insecure", /address/, /https or localhost/],
    ["forbidden", /forbidden/, /tab of its own/],
    ["lost", /gone/, /Plug/],
  ])("of a camera that is %s says what to do", (fault, title, text) => {
    const said = explain({ code: `kcomm.camera_${fault}`, message: "as Python is told" });
    expect(said.title).toMatch(title);
    expect(said.text).toMatch(text);
  });

  it("of the function says the exception, and the same for every frame", () => {
    const code = "kcomm.handler_error";
    const first = explain({ code, message: "frame 7: ValueError: no" });
    expect(first).toEqual({ title: "The function raised an error", text: "ValueError: no" });
    expect(explain({ code, message: "frame 8: ValueError: no" })).toEqual(first);
  });

  it("that nobody thought of is said as it is", () => {
    const said = explain({ code: "x.y", message: "odd" });
    expect(said).toEqual({ title: "Something failed", text: "odd" });
  });
});

describe("the readout", () => {
  it.each([
    ["running", 29.7, 41.8, "30 fps · 42 ms"],
    ["running", 0, 0, ""],
    ["running", 29.7, 0, "30 fps"],
    ["paused", 29.7, 41.8, "paused"],
    ["idle", 29.7, 41.8, ""],
  ] as const)("%s at %d fps", (state, rate, delay, text) => {
    expect(readout({ state, rate, delay }, 100)).toBe(text);
  });

  it("says for how long no picture came", () => {
    const slow = { rate: 0.3, delay: 3000 };
    expect(readout({ state: "running", ...slow }, 1999)).toBe("0.3 fps · 3000 ms");
    expect(readout({ state: "running", ...slow }, 4567)).toBe("no picture for 4 s");
    expect(readout({ state: "paused", ...slow }, 4567)).toBe("paused");
  });
});

describe("the name of a camera", () => {
  it.each([
    ["", "Camera 2"],
    ["Integrated Camera (5986:1177)", "Integrated Camera"],
    ["OBS (virtual)", "OBS (virtual)"],
    ["A camera with a name that is longer than there is room", "A camera with a name that is lo…"],
  ])("%j is shown as %j", (label, name) => {
    expect(deviceName(label, 1)).toBe(name);
  });
});

describe("sizes", () => {
  const names = (camera: Parameters<typeof sizesOf>[0]) => sizesOf(camera).map(sizeName);
  const usual = ["320 × 240", "640 × 480", "1280 × 720", "1920 × 1080"];

  it("are the usual ones", () => {
    expect(names({ info: VGA, size: null, limits: null })).toEqual(usual);
  });

  it("are no larger than the camera's", () => {
    expect(names({ info: VGA, size: VGA, limits: HD })).toEqual(usual.slice(0, 3));
  });

  it("include what is in use, in its place", () => {
    const size = { width: 800, height: 600 };
    expect(names({ info: VGA, size, limits: HD })).toEqual([
      "320 × 240",
      "640 × 480",
      "800 × 600",
      "1280 × 720",
    ]);
  });
});

describe("the place of a picture", () => {
  it("has the camera's form", () => {
    expect(aspectOf("both", HD, VGA)).toBeCloseTo(16 / 9);
    expect(aspectOf("overlay", VGA, HD)).toBeCloseTo(4 / 3);
    expect(aspectOf("result", VGA, null)).toBeCloseTo(4 / 3);
  });

  it("is lower for a wide result that stands alone, and never higher", () => {
    expect(aspectOf("result", VGA, { width: 1280, height: 480 })).toBeCloseTo(8 / 3);
    expect(aspectOf("result", VGA, { width: 480, height: 1280 })).toBeCloseTo(4 / 3);
  });

  it("is of use whatever comes", () => {
    expect(aspectOf("result", VGA, { width: 10_000, height: 1 })).toBe(4);
    expect(aspectOf("both", { width: 1, height: 10_000 }, null)).toBe(0.75);
  });
});

describe("keys", () => {
  it.each([
    [" ", "toggle"],
    ["s", "stop"],
    ["S", "stop"],
    ["l", "layout"],
    ["m", "mirror"],
    ["f", "fullScreen"],
    ["i", "figures"],
    ["c", "copy"],
    ["d", "save"],
    ["?", "help"],
  ] as [string, keyof KeyActions][])("%j is %s", (key, action) => {
    expect(actionOf({ key })).toBe(action);
  });

  it.each(["x", "Tab", "Enter", "ArrowLeft", "constructor"])("%s does nothing", (key) => {
    expect(actionOf({ key })).toBeNull();
  });

  it("are all in the help", () => {
    const keys = KEYS.map(([key]) => (key === "Space" ? " " : key));
    expect(new Set(keys.map((key) => actionOf({ key }))).size).toBe(KEYS.length);
  });
});

describe("figures", () => {
  const STEPS = { process: 9, blur: 6.25, edges: 2.5 };
  const MS = {
    capture: 1,
    camera_encode: 2,
    wait: 50,
    decode: 0.5,
    encode: 1.5,
    show: 3,
    paint: 0.2,
  };

  function say(change: Partial<State>, source: string | null = null) {
    return figuresOf({ ...readInfo({ fps: 30 }), source }, { ...initialState(), ...change });
  }

  it("name each stage where it happens", () => {
    const said = say({ ms: { ...MS, ...STEPS }, delay: 41.6, rate: 29.94 });
    expect(said).toMatchObject({
      painted: "29.9 fps of 30",
      delay: "42 ms",
      camera: "capture 1.0 · encode 2.0 ms",
      kernel: "wait 50.0 · decode 0.5 · blur 6.3 · edges 2.5 · encode 1.5 ms",
      page: "decode 3.0 · paint 0.2 ms",
      slowest: "blur 6.3 ms",
    });
  });

  it("tell what travels, and what was lost", () => {
    const said = say({
      codec: "h264",
      ...VGA,
      result_codec: "qoi",
      result_width: 320,
      result_height: 240,
      bytes_up: 180_000,
      bytes_down: 1_200_000,
      dropped: 2,
      skipped: 3,
    });
    expect(said).toMatchObject({
      sent: "640 × 480 · h264",
      result: "320 × 240 · qoi",
      traffic: "↑ 180.0 kB/s · ↓ 1.20 MB/s",
      lost: "2 dropped · 3 skipped",
    });
  });

  it("say nothing of what is not there", () => {
    const said = say({});
    for (const row of [
      "delay",
      "camera",
      "kernel",
      "page",
      "sent",
      "result",
      "traffic",
      "slowest",
    ]) {
      expect(said[row as keyof typeof said]).toBe("");
    }
  });

  it("of a source in the kernel know nothing of a camera", () => {
    expect(say({ ...VGA, codec: "raw" }, "clip.mp4").sent).toBe("");
  });

  it("name the step that all wait for", () => {
    expect(say({ ms: { ...MS, process: 55 } }).slowest).toBe(
      "process 55.0 ms: too slow for 30 fps",
    );
    expect(say({ ms: { ...MS, camera_encode: 20 } }).slowest).toBe("the camera's encode 20.0 ms");
    expect(say({ ms: { ...MS, encode: 20 } }).slowest).toBe("the kernel's encode 20.0 ms");
    expect(say({ ms: { show: 20 } }).slowest).toBe("the page's decode 20.0 ms");
  });

  it("take a function for its steps", () => {
    expect(stepsOf({ ...MS, ...STEPS })).toEqual(["blur", "edges"]);
    expect(stepsOf({ ...MS, process: 1 })).toEqual(["process"]);
    expect(stepsOf(MS)).toEqual([]);
    expect(slowest({ wait: 9 })).toBeNull();
  });
});
