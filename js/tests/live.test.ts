import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acceptChannel, openChannel } from "../src/channel.js";
import { FrameDecoder } from "../src/frames/decoder.js";
import { Camera } from "../src/live/camera.js";
import type { Capture } from "../src/live/capture.js";
import { type LoopView, WebcamLoop } from "../src/live/loop.js";
import { Reporter } from "../src/live/reporting.js";
import { Sender } from "../src/live/sending.js";
import { readInfo, type State } from "../src/live/state.js";
import { MemoryLink } from "../src/transport/memory.js";
import { FakeCapture } from "./fakes/capture.js";
import { FakeTrack, FakeVideo, fakeCamera, fakePage, fakeStream } from "./fakes/page.js";

beforeEach(fakePage);
afterEach(() => vi.unstubAllGlobals());

const REQUEST = { width: 640, height: 480, fps: 30, device: null };
const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true));

function open(onEnded = () => {}) {
  const video = new FakeVideo();
  const camera = Camera.open(video as unknown as HTMLVideoElement, REQUEST, onEnded);
  return { video, camera };
}

describe("the camera", () => {
  it.each([
    ["NotAllowedError", "kcomm.camera_denied"],
    ["SecurityError", "kcomm.camera_denied"],
    ["NotFoundError", "kcomm.camera_missing"],
    ["OverconstrainedError", "kcomm.camera_missing"],
    ["NotReadableError", "kcomm.camera_busy"],
    ["TypeError", "kcomm.camera_failed"],
  ])("that fails with %s is %s", async (name, code) => {
    fakeCamera(async () => {
      throw Object.assign(new Error("no"), { name });
    });
    await expect(open().camera).rejects.toMatchObject({ code });
  });

  it("is not to be had on an insecure page", async () => {
    fakeCamera(async () => fakeStream([]), false);
    await expect(open().camera).rejects.toMatchObject({ code: "kcomm.camera_insecure" });
  });

  it("tells who watches of each picture, until it is stopped", async () => {
    const track = new FakeTrack();
    fakeCamera(async () => fakeStream([track]));
    const { video, camera: opening } = open();
    const camera = await opening;
    const times: number[] = [];
    const unwatch = camera.watch((time) => times.push(time));
    video.present(100);
    video.present(133);
    unwatch();
    video.present(166);
    camera.watch((time) => times.push(time));
    video.present(200);
    camera.stop();
    video.present(233);
    expect(times).toEqual([100, 133, 200]);
    expect(track.readyState).toBe("ended");
    expect(video.srcObject).toBeNull();
  });

  it("is chosen by its name, which is told only after consent", async () => {
    const asked: { video: { deviceId?: unknown } }[] = [];
    const first = new FakeTrack();
    fakeCamera(async (request) => {
      asked.push(request as (typeof asked)[0]);
      return fakeStream([asked.length === 1 ? first : new FakeTrack()]);
    });
    const labels = () => (asked.length === 0 ? [] : ["Fake camera", "Other camera"]);
    navigator.mediaDevices.enumerateDevices = async () =>
      labels().map((label, i) => ({
        kind: "videoinput",
        deviceId: i === 0 ? "fake" : "other",
        label,
      })) as MediaDeviceInfo[];
    const video = new FakeVideo() as unknown as HTMLVideoElement;
    await Camera.open(video, { ...REQUEST, device: "Other camera" }, () => {});
    expect(first.readyState).toBe("ended");
    expect(asked.map((request) => request.video.deviceId)).toEqual([undefined, { exact: "other" }]);
    await expect(
      Camera.open(video, { ...REQUEST, device: "No such" }, () => {}),
    ).rejects.toMatchObject({ code: "kcomm.camera_missing" });
  });

  it("that is not wanted any more goes off at once, even if its video never plays", async () => {
    const track = new FakeTrack();
    fakeCamera(async () => fakeStream([track]));
    const video = new FakeVideo();
    video.play = () => new Promise(() => {});
    const over = new AbortController();
    const element = video as unknown as HTMLVideoElement;
    const opening = Camera.open(element, REQUEST, () => {}, over.signal);
    await until(() => video.srcObject !== null);
    over.abort();
    expect(track.readyState).toBe("ended");
    expect(video.srcObject).toBeNull();
    await expect(opening).rejects.toMatchObject({ code: "kcomm.cancelled" });
  });

  it("that was opened to learn the names goes off when they can't be told", async () => {
    const track = new FakeTrack();
    fakeCamera(async () => fakeStream([track]));
    let calls = 0;
    navigator.mediaDevices.enumerateDevices = async () => {
      calls += 1;
      if (calls > 1) throw new Error("no names");
      return [];
    };
    const video = new FakeVideo() as unknown as HTMLVideoElement;
    const opening = Camera.open(video, { ...REQUEST, device: "Other" }, () => {});
    await expect(opening).rejects.toMatchObject({ code: "kcomm.camera_failed" });
    expect(track.readyState).toBe("ended");
  });

  it("is asked for the wished rate again when its size changes", async () => {
    const track = new FakeTrack();
    const asked: unknown[] = [];
    track.getSettings = () => ({ deviceId: "fake", frameRate: 10 }); // All that it could in that size.
    track.applyConstraints = async (wanted?: unknown) => void asked.push(wanted);
    fakeCamera(async () => fakeStream([track]));
    await (await open().camera).resize({ width: 320, height: 240 });
    expect(asked).toEqual([
      { width: { ideal: 320 }, height: { ideal: 240 }, frameRate: { ideal: 30 } },
    ]);
  });

  it("goes on when its video was taken out of the page", async () => {
    fakeCamera(async () => fakeStream([new FakeTrack()]));
    const { video, camera: opening } = open();
    const camera = await opening;
    let plays = 0;
    video.play = async () => {
      plays += 1;
    };
    video.dispatchEvent(new Event("pause"));
    expect(plays).toBe(1);
    camera.stop();
    video.dispatchEvent(new Event("pause"));
    expect(plays).toBe(1);
  });

  it("is forbidden where the page's policy says so", async () => {
    fakeCamera(async () => fakeStream([]));
    vi.stubGlobal("document", { featurePolicy: { allowsFeature: () => false } });
    await expect(open().camera).rejects.toMatchObject({ code: "kcomm.camera_forbidden" });
  });
});

interface Sent {
  index: number;
  captured: number;
  codec: string;
  after?: number;
}

/** A loop, and a kernel that gives each camera frame back as two grey pixels. */
async function loop(info: object = {}) {
  const track = new FakeTrack();
  fakeCamera(async () => fakeStream([track]));
  const { a, b } = new MemoryLink();
  const [kernel, channel] = await Promise.all([acceptChannel(b), openChannel(a)]);
  const states: State[] = [];
  const commands: unknown[] = [];
  const frames: Sent[] = [];
  const stills: Sent[] = [];
  const failing = new Set<number>();
  const result = ({ index, captured }: Sent) => {
    const data = new Uint8Array(8);
    return { index, captured, width: 2, height: 1, codec: "raw", data, ms: {}, pace: 1 };
  };
  kernel.handle("info", () => ({ width: 4, height: 4, fps: 1000, quality: 0.5, ...info }));
  kernel.handle("still", (frame: Sent) => {
    stills.push(frame);
    return result(frame);
  });
  kernel.on("state", (state: State) => states.push(state));
  kernel.on("command", (command) => commands.push(command));
  kernel.handleStream("results", async function* () {
    for await (const item of kernel.stream("camera", [{}])) {
      const frame = item as Sent;
      frames.push(frame);
      const { index } = frame;
      if (failing.has(index)) yield { index, error: { code: "x.y", message: "no" } };
      else yield result(frame);
    }
  });
  const video = new FakeVideo();
  const painted: number[] = [];
  let isVisible = true;
  const view = {
    video: video as unknown as HTMLVideoElement,
    paint: (_: unknown, index: number) => painted.push(index),
    paintInput: () => {},
    changed: () => {},
    get isVisible() {
      return isVisible;
    },
    visible: async (signal: AbortSignal) => {
      while (!isVisible && !signal.aborted) await new Promise((wake) => setTimeout(wake, 1));
    },
  };
  const captures: FakeCapture[] = [];
  const webcam = new WebcamLoop(view, () => {
    const capture = new FakeCapture();
    captures.push(capture);
    return capture as unknown as Capture;
  });
  await webcam.attach(channel);
  /** Pictures come, until the condition holds. */
  const film = async (condition: () => boolean) => {
    const timer = setInterval(() => captures.at(-1)?.present(performance.now()), 2);
    try {
      await until(condition);
    } finally {
      clearInterval(timer);
    }
  };
  const show = (visible: boolean) => {
    isVisible = visible;
  };
  return {
    ...{ webcam, channel, kernel, track, states, commands, frames, stills, painted, failing },
    ...{ film, show, captures },
  };
}

describe("the sender", () => {
  it("puts no frame behind one that the kernel did not take", async () => {
    const capture = new FakeCapture();
    const sender = new Sender(readInfo({ fps: 1000 }), {
      visible: async () => {},
      isVisible: true,
    });
    const over = new AbortController();
    const pipe = sender.stream(over.signal)[Symbol.asyncIterator]();
    void sender.run(capture as unknown as Capture, over.signal);
    const timer = setInterval(() => capture.present(performance.now()), 1);
    try {
      await until(() => sender.pacer.underWay === 1);
      sender.pacer.clear(); // As if it counted as lost.
      sender.wake();
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(capture.asked).toHaveLength(1);
      expect((await pipe.next()).value).toMatchObject({ index: 0 });
      await until(() => capture.asked.length > 1);
    } finally {
      clearInterval(timer);
      over.abort();
    }
  });
});

it("figures tell of no stage that is gone", () => {
  const reporter = new Reporter(
    () => {},
    () => {},
  );
  const painted = { codec: "raw", width: 1, height: 1, show: 0, paint: 0, delay: 1 };
  reporter.painted(painted, { slow: 100, encode: 1 });
  reporter.painted(painted, { quick: 1, encode: 1 });
  reporter.now();
  expect(Object.keys(reporter.state.ms).sort()).toEqual(["encode", "quick"]);
});

describe("the loop", () => {
  it("asks for no camera before it is told to", async () => {
    const { webcam, states } = await loop();
    expect(webcam.state.state).toBe("idle");
    expect(states).toEqual([]);
  });

  it("sends frames, paints results, and tells how it goes", async () => {
    const { webcam, frames, painted, states, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 5);
    expect(painted.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(frames[0]).toMatchObject({ index: 0, width: 4, height: 2, codec: "h264" });
    expect(frames[0]).toMatchObject({ ms: { capture: 1, encode: 2 } });
    expect(frames.map(({ after }) => after)).toEqual([undefined, ...frames.keys()].slice(0, -1));
    webcam.pause();
    await until(() => states.at(-1)?.state === "paused");
    expect(states.at(-1)).toMatchObject({ device: "Fake camera", error: null, dropped: 0 });
  });

  it("sends nothing while it is paused, and goes on", async () => {
    const { webcam, frames, painted, track, film } = await loop();
    webcam.control({ action: "start" });
    await film(() => painted.length > 3);
    webcam.control({ action: "pause" });
    await new Promise((resolve) => setTimeout(resolve, 10));
    const { length } = frames;
    let pictures = 0;
    await film(() => ++pictures > 2);
    expect(frames).toHaveLength(length);
    expect(track.readyState).toBe("live");
    webcam.control({ action: "start" });
    await film(() => frames.length > length + 2);
    webcam.control({ action: "stop" });
    expect(track.readyState).toBe("ended");
    expect(webcam.state.state).toBe("idle");
  });

  it("sends one exact frame when it pauses, and a key frame when it goes on", async () => {
    const { webcam, frames, stills, painted, captures, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    webcam.pause();
    await film(() => stills.length > 0);
    const last = frames.at(-1)?.index ?? 0;
    expect(stills[0]).toMatchObject({ index: last + 1, codec: "rgb" });
    expect(captures[0]?.asked.at(-1)).toMatchObject({ codecs: ["rgb"] });
    await until(() => painted.at(-1) === last + 1);
    const { length } = frames;
    await webcam.start();
    await film(() => frames.length > length);
    expect(frames[length]).toMatchObject({ index: last + 2, codec: "h264" });
    expect(frames[length]).not.toHaveProperty("after");
  });

  it("sends nothing while nobody sees it", async () => {
    const { webcam, frames, states, painted, film, show } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    show(false);
    let pictures = 0;
    await film(() => ++pictures > 5);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const counts = [frames.length, states.length];
    await film(() => ++pictures > 15);
    expect([frames.length, states.length]).toEqual(counts);
    show(true);
    await film(() => frames.length > (counts[0] as number) + 2);
  });

  it("sends nothing without a connection, and a key frame once it is there again", async () => {
    const { webcam, frames, painted, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    webcam.reach(false);
    let pictures = 0;
    await film(() => ++pictures > 5);
    const { length } = frames;
    await film(() => ++pictures > 15);
    expect(frames).toHaveLength(length);
    webcam.reach(true);
    await film(() => frames.length > length + 2);
    expect(frames[length]).not.toHaveProperty("after");
    expect(frames[length + 1]).toHaveProperty("after");
  });

  it("sends a key frame when the kernel wants one", async () => {
    const { webcam, kernel, frames, painted, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    const { length } = frames;
    kernel.emit("key");
    await film(() => frames.slice(length).some(({ after }) => after === undefined));
  });

  it("does what Python says", async () => {
    const { webcam, captures, frames, painted, states, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    webcam.control({ action: "size", value: [2, 2] });
    webcam.control({ action: "show", value: "overlay" });
    webcam.control({ action: "opacity", value: 0.25 });
    webcam.control({ action: "mirror", value: true });
    webcam.control({ action: "byte_rate", value: 5000 });
    const { length } = frames;
    await film(() => frames.length > length + 2);
    expect(captures[0]?.asked.at(-1)?.box.width).toBeLessThanOrEqual(2);
    expect(webcam.settings).toEqual({ show: "overlay", opacity: 0.25, mirror: true });
    expect(webcam.info.byteRate).toBe(5000);
    await until(() => states.at(-1)?.show === "overlay");
    webcam.control({ action: "byte_rate", value: null });
    expect(webcam.info.byteRate).toBeNull();
  });

  it("leaves a camera of the kernel to the kernel", async () => {
    const { webcam, commands, states } = await loop({ source: "a file" });
    fakeCamera(() => Promise.reject(new Error("asked")));
    await webcam.start();
    webcam.pause();
    webcam.stop();
    await until(() => commands.length === 3);
    expect(commands).toEqual(["start", "pause", "stop"].map((action) => ({ action })));
    expect(webcam.state.state).toBe("idle");
    webcam.control({ action: "start" });
    await until(() => states.at(-1)?.state === "running");
    expect(webcam.size).toBeNull();
  });

  it("tells why nothing can be encoded", async () => {
    const { webcam, captures, track } = await loop();
    await webcam.start();
    await until(() => captures[0]?.asked.length === 1);
    captures[0]?.fail("no codec");
    await until(() => webcam.state.state === "idle");
    expect(webcam.state.error?.code).toBe("kcomm.camera_failed");
    expect(track.readyState).toBe("ended");
  });

  it("shows what a frame failed with", async () => {
    const { webcam, failing, film } = await loop();
    for (let i = 0; i < 1000; i++) failing.add(i);
    await webcam.start();
    await film(() => webcam.state.error?.code === "x.y");
    expect(webcam.state.state).toBe("running");
  });

  it("goes on after frames that failed", async () => {
    const { webcam, painted, failing, film } = await loop();
    failing.add(1).add(2);
    await webcam.start();
    await film(() => painted.length > 3);
    expect(painted).not.toContain(1);
    expect(webcam.state).toMatchObject({ error: null, dropped: 2 });
  });

  it("tells the kernel why there is no camera", async () => {
    const { webcam, states } = await loop();
    fakeCamera(async () => {
      throw Object.assign(new Error(), { name: "NotAllowedError" });
    });
    await webcam.start();
    await until(() => states.at(-1)?.error?.code === "kcomm.camera_denied");
    expect(webcam.state.state).toBe("idle");
    expect(webcam.starting).toBe(false);
  });

  it("notices that the camera was unplugged", async () => {
    const { webcam, track } = await loop();
    await webcam.start();
    track.dispatchEvent(new Event("ended"));
    expect(webcam.state).toMatchObject({ state: "idle", error: { code: "kcomm.camera_lost" } });
  });

  it("gives a camera back that came too late", async () => {
    const { webcam, track } = await loop();
    let permit = (_: unknown) => {};
    fakeCamera(() => new Promise((resolve) => (permit = resolve)));
    const starting = webcam.start();
    webcam.stop();
    permit(fakeStream([track]));
    await starting;
    expect(track.readyState).toBe("ended");
    expect(webcam.state.state).toBe("idle");
  });

  it("uses the camera that was asked for last, whichever comes first", async () => {
    const { webcam, track: late, film, painted } = await loop();
    const permits: ((stream: unknown) => void)[] = [];
    fakeCamera(() => new Promise((resolve) => permits.push(resolve)));
    const first = webcam.start();
    webcam.stop();
    const second = webcam.start();
    await until(() => permits.length === 2);
    const track = new FakeTrack();
    permits[1]?.(fakeStream([track]));
    await second;
    permits[0]?.(fakeStream([late]));
    await first;
    expect([late.readyState, track.readyState]).toEqual(["ended", "live"]);
    expect((webcam.view.video.srcObject as unknown as MediaStream).getTracks()).toEqual([track]);
    await film(() => painted.length > 1);
  });

  it("takes the camera that was chosen while it started", async () => {
    const { webcam, track } = await loop();
    const asked: unknown[] = [];
    let permit = (_: unknown) => {};
    fakeCamera((wanted) => {
      asked.push((wanted as { video: { deviceId?: unknown } }).video.deviceId);
      return new Promise((resolve) => (permit = resolve));
    });
    const devices = [{ kind: "videoinput", deviceId: "other", label: "Other camera" }];
    navigator.mediaDevices.enumerateDevices = async () => devices as MediaDeviceInfo[];
    const starting = webcam.start();
    await webcam.choose("Other camera");
    permit(fakeStream([track]));
    await until(() => asked.length === 2);
    expect(track.readyState).toBe("ended");
    expect(asked).toEqual([undefined, { exact: "other" }]);
    const other = new FakeTrack();
    other.getSettings = () => ({ deviceId: "other" });
    permit(fakeStream([other]));
    await starting;
    await until(() => webcam.state.state === "running");
    expect(other.readyState).toBe("live");
  });

  it("asks the camera for the size that was chosen while it started", async () => {
    const { webcam, track } = await loop();
    const sizes: unknown[] = [];
    track.applyConstraints = async (wanted?: unknown) => void sizes.push(wanted);
    let permit = (_: unknown) => {};
    fakeCamera(() => new Promise((resolve) => (permit = resolve)));
    const starting = webcam.start();
    await webcam.resize({ width: 2, height: 2 });
    permit(fakeStream([track]));
    await starting;
    await until(() => sizes.length === 1);
    expect(sizes[0]).toMatchObject({ width: { ideal: 2 } });
  });

  it("does what it is told before it knows the webcam once it does", async () => {
    const { a, b } = new MemoryLink();
    const [kernel, channel] = await Promise.all([acceptChannel(b), openChannel(a)]);
    let asked = 0;
    fakeCamera(() => Promise.reject(new Error(`asked ${++asked}`)));
    let answer = (_: unknown) => {};
    kernel.handle("info", () => new Promise((resolve) => (answer = resolve)));
    kernel.handleStream("results", async function* () {});
    const view = { video: new FakeVideo(), paint() {}, paintInput() {}, changed() {} };
    const visible = async () => {};
    const webcam = new WebcamLoop({ ...view, visible } as unknown as LoopView);
    const states: string[] = [];
    kernel.on("state", ({ state }: State) => states.push(state));
    const attaching = webcam.attach(channel);
    webcam.control({ action: "start" });
    await new Promise((resolve) => setTimeout(resolve, 5));
    answer({ source: "a file", state: "idle" });
    await attaching;
    expect(asked).toBe(0);
    await until(() => states.includes("running"));
  });

  it("neither paints nor tells of what comes after its end", async () => {
    const { webcam, painted, track, kernel, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    const { length } = painted;
    const decoding = vi.spyOn(FrameDecoder.prototype, "decode").mockImplementation(async () => {
      track.dispatchEvent(new Event("ended"));
      const error = { index: 99, code: "kcomm.cancelled", message: "the view was closed" };
      return { index: 99, error };
    });
    await film(() => decoding.mock.calls.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(webcam.state).toMatchObject({ dropped: 0, error: { code: "kcomm.camera_lost" } });
    expect(painted).toHaveLength(length);
    decoding.mockRestore();
    kernel.close();
  });

  it("takes no picture that is older than its start", async () => {
    const { webcam, captures, painted, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    webcam.pause();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const again = performance.now();
    await webcam.start();
    await until(() => captures[0]?.asked.at(-1)?.codecs[0] !== "rgb");
    expect(captures[0]?.asked.at(-1)?.notBefore).toBeGreaterThanOrEqual(again);
  });

  it("sends nothing that was taken before, and hidden since", async () => {
    const { webcam, captures, frames, painted, film, show } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    await until(() => captures[0]?.isWanted === true);
    const { length } = frames;
    show(false);
    captures[0]?.present(performance.now() + 1000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(frames).toHaveLength(length);
    show(true);
    await film(() => frames.length > length);
    expect(frames[length]).not.toHaveProperty("after"); // The kernel lacks the one before.
  });

  it("gives the camera back with its channel", async () => {
    const { webcam, kernel, channel, track } = await loop({ state: "running" });
    expect(webcam.state.state).toBe("running");
    kernel.close();
    await channel.closed;
    webcam.detach();
    expect(track.readyState).toBe("ended");
    expect(webcam.state).toMatchObject({ state: "idle", error: null });
  });

  it("says that the camera is off before its view goes", async () => {
    const { webcam, states } = await loop();
    await webcam.start();
    await until(() => states.at(-1)?.state === "running");
    webcam.detach();
    await until(() => states.at(-1)?.state === "idle");
  });
});

it("readInfo fills in what is missing or senseless", () => {
  const base = readInfo({});
  expect(base).toMatchObject({ width: 640, height: 480, fps: 30, state: "idle", source: null });
  expect(base).toMatchObject({ show: "result", opacity: 0.5, codecs: ["jpeg"], byteRate: null });
  expect(readInfo({ width: -1, quality: 7, state: "asleep", show: 3, opacity: 2 })).toEqual({
    ...base,
    quality: 1,
  });
  const limited = readInfo({ byte_rate: 1000 });
  expect(limited.byteRate).toBe(1000);
  expect(readInfo({}, limited).byteRate).toBe(1000);
  expect(readInfo({ byte_rate: null }, limited).byteRate).toBeNull();
  expect(() => readInfo(null)).toThrow(expect.objectContaining({ code: "kcomm.bad_value" }));
});
