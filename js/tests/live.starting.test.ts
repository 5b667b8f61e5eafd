/** How a webcam comes to its camera, and gives it back: who is told what, when. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Camera } from "../src/live/camera.js";
import { loop, until } from "./fakes/loop.js";
import { FakeTrack, fakeCamera, fakePage, fakeStream } from "./fakes/page.js";

beforeEach(fakePage);
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** The user is asked; the camera comes when the test says so. */
function asking() {
  const asked: unknown[] = [];
  const permits: ((stream: unknown) => void)[] = [];
  fakeCamera((wanted) => {
    asked.push((wanted as { video: { deviceId?: unknown } }).video.deviceId);
    return new Promise((resolve) => permits.push(resolve));
  });
  return { asked, permit: (track: FakeTrack) => permits.shift()?.(fakeStream([track])) };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe("a camera that starts", () => {
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
    expect((webcam.view.video.srcObject as MediaStream).getTracks()).toEqual([track]);
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
    const { webcam, track, captures } = await loop();
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
    expect(captures[0]?.resizes).toBe(1);
  });

  it("and is paused meanwhile is held, and sends one exact frame alone", async () => {
    const { webcam, track, frames, stills, states, film } = await loop();
    const { permit } = asking();
    webcam.control({ action: "start" });
    webcam.control({ action: "pause" });
    permit(track);
    await film(() => stills.length > 0);
    expect(webcam.state.state).toBe("paused");
    expect(states.map(({ state }) => state)).not.toContain("running");
    let pictures = 0;
    await film(() => ++pictures > 2);
    expect(frames).toHaveLength(0);
    expect(track.readyState).toBe("live");
    await webcam.start();
    await film(() => frames.length > 2);
    expect(webcam.state.state).toBe("running");
  });

  it("runs when it was paused, and started again, meanwhile", async () => {
    const { webcam, track, frames, film } = await loop();
    const { asked, permit } = asking();
    const starting = webcam.start();
    webcam.pause();
    void webcam.start();
    permit(track);
    await starting;
    expect(asked).toHaveLength(1);
    await film(() => frames.length > 2);
  });

  it("forgets a pause with the stop that follows it", async () => {
    const { webcam, track, film, frames } = await loop();
    const { permit } = asking();
    void webcam.start();
    webcam.pause();
    webcam.stop();
    const starting = webcam.start();
    permit(new FakeTrack());
    permit(track);
    await starting;
    await film(() => frames.length > 2);
  });

  it("stays paused where another one was chosen meanwhile", async () => {
    const { webcam, track, stills, film } = await loop();
    const { asked, permit } = asking();
    const devices = [{ kind: "videoinput", deviceId: "other", label: "Other camera" }];
    navigator.mediaDevices.enumerateDevices = async () => devices as MediaDeviceInfo[];
    const starting = webcam.start();
    webcam.pause();
    await webcam.choose("Other camera");
    permit(new FakeTrack());
    await until(() => asked.length === 2);
    permit(track);
    await starting;
    await film(() => stills.length > 0);
    expect(webcam.state.state).toBe("paused");
  });

  it("does not keep the view waiting, which has to notice when its channel breaks", async () => {
    const { webcam, channel, track } = await loop({ state: "running" }, false);
    const { asked, permit } = asking();
    await webcam.attach(channel);
    await until(() => asked.length === 1);
    webcam.detach();
    permit(track);
    await until(() => track.readyState === "ended");
    expect(webcam.starting).toBe(false);
  });

  it("goes off if it is stopped at the moment it comes", async () => {
    const { webcam, track, captures } = await loop();
    const open = Camera.open.bind(Camera);
    vi.spyOn(Camera, "open").mockImplementation(async (...args) => {
      const camera = await open(...args);
      webcam.stop();
      return camera;
    });
    await webcam.start();
    expect(track.readyState).toBe("ended");
    expect(webcam.state.state).toBe("idle");
    expect(captures).toHaveLength(0);
  });
});

describe("what comes before the kernel told of its webcam", () => {
  it("is done once it has", async () => {
    let answer = (_: object) => {};
    const info = new Promise<object>((resolve) => (answer = resolve));
    const { webcam, channel, states } = await loop(info, false);
    const { asked } = asking();
    const attaching = webcam.attach(channel);
    webcam.control({ action: "start" });
    await pause(5);
    answer({ source: "a file", state: "idle" });
    await attaching;
    expect(asked).toHaveLength(0);
    await until(() => states.some(({ state }) => state === "running"));
  });

  it("is told a source in the kernel, if it is of the page's user", async () => {
    let answer = (_: object) => {};
    const info = new Promise<object>((resolve) => (answer = resolve));
    const { webcam, channel, commands } = await loop(info, false);
    const attaching = webcam.attach(channel);
    void webcam.start();
    webcam.pause();
    answer({ source: "a file", state: "idle" });
    await attaching;
    await until(() => commands.length === 2);
    expect(commands).toEqual([{ action: "start" }, { action: "pause" }]);
  });

  it.each(["idle", "running"])("asks for no camera that is stopped again (%s)", async (state) => {
    let answer = (_: object) => {};
    const info = new Promise<object>((resolve) => (answer = resolve));
    const { webcam, channel } = await loop(info, false);
    const { asked } = asking();
    const attaching = webcam.attach(channel);
    void webcam.start();
    webcam.stop();
    answer({ state });
    await attaching;
    expect(asked).toHaveLength(0);
    expect(webcam.starting).toBe(false);
    expect(webcam.state.state).toBe("idle");
  });

  it("keeps its order: a start, then a pause", async () => {
    let answer = (_: object) => {};
    const info = new Promise<object>((resolve) => (answer = resolve));
    const { webcam, channel } = await loop(info, false);
    const attaching = webcam.attach(channel);
    void webcam.start();
    webcam.pause();
    answer({});
    await attaching;
    await until(() => webcam.state.state === "paused");
  });

  it("is not lost where it comes before the view has its channel", async () => {
    const { webcam, channel } = await loop({}, false);
    webcam.control({ action: "start" });
    await webcam.attach(channel);
    await until(() => webcam.state.state === "running");
  });
});

describe("after a break", () => {
  const TOLD = { show: "result", opacity: 0.5, mirror: true, device: null };

  it("what was chosen at the page still holds", async () => {
    const { webcam, rejoin } = await loop(TOLD);
    webcam.set({ show: "both", opacity: 0.25, mirror: false });
    await webcam.resize({ width: 2, height: 2 });
    await webcam.choose("Other camera");
    await rejoin(TOLD);
    expect(webcam.settings).toEqual({ show: "both", opacity: 0.25, mirror: false });
    expect(webcam.info).toMatchObject({ width: 2, height: 2, device: "Other camera" });
  });

  it("what Python changed meanwhile wins", async () => {
    const { webcam, rejoin } = await loop(TOLD);
    webcam.set({ show: "both", mirror: false });
    await webcam.resize({ width: 2, height: 2 });
    await webcam.choose("Other camera");
    await rejoin({ ...TOLD, show: "overlay", width: 8, device: "Third camera" });
    expect(webcam.settings).toEqual({ show: "overlay", opacity: 0.5, mirror: false });
    expect(webcam.info).toMatchObject({ width: 8, height: 4, device: "Third camera" });
  });

  it("what Python had changed before does not come back", async () => {
    const { webcam, rejoin } = await loop(TOLD);
    webcam.control({ action: "show", value: "overlay" });
    webcam.set({ show: "both" });
    await rejoin({ ...TOLD, show: "overlay" });
    expect(webcam.settings.show).toBe("both");
  });
});

describe("the list of cameras", () => {
  it("follows what is plugged in while a camera is in use", async () => {
    const { webcam, states } = await loop();
    const labels = ["Fake camera"];
    const enumerateDevices = async () =>
      labels.map((label) => ({ kind: "videoinput", deviceId: label, label }));
    const mediaDevices = Object.assign(new EventTarget(), navigator.mediaDevices, {
      enumerateDevices,
    });
    vi.stubGlobal("navigator", { mediaDevices });
    await webcam.start();
    await until(() => webcam.devices.length === 1);
    labels.push("Other camera");
    mediaDevices.dispatchEvent(new Event("devicechange"));
    await until(() => states.at(-1)?.devices.length === 2);
    expect(webcam.devices[1]).toEqual({ id: "Other camera", label: "Other camera" });
    webcam.stop();
    labels.pop();
    mediaDevices.dispatchEvent(new Event("devicechange"));
    await pause(5);
    expect(webcam.devices).toHaveLength(2);
  });
});
