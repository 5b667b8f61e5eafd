import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Camera } from "../src/live/camera.js";
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

  it("whose video is interrupted at the start, as its cell leaves the page, plays all the same", async () => {
    const track = new FakeTrack();
    fakeCamera(async () => fakeStream([track]));
    const video = new FakeVideo();
    let plays = 0;
    video.play = async () => {
      plays += 1;
      if (plays === 1) throw named("AbortError");
    };
    await Camera.open(video as unknown as HTMLVideoElement, REQUEST, () => {});
    expect(plays).toBe(2);
    expect(track.readyState).toBe("live");
  });

  it("whose video is always interrupted, or may not play by itself, plays when the user does something", async () => {
    for (const name of ["AbortError", "NotAllowedError"]) {
      const page = new EventTarget();
      vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
      const track = new FakeTrack();
      fakeCamera(async () => fakeStream([track]));
      const video = new FakeVideo();
      let [plays, isAllowed] = [0, false];
      video.play = async () => {
        plays += 1;
        if (!isAllowed) throw named(name);
      };
      const camera = await Camera.open(video as unknown as HTMLVideoElement, REQUEST, () => {});
      expect(track.readyState).toBe("live");
      const tried = plays;
      page.dispatchEvent(new Event("click"));
      await Promise.resolve();
      isAllowed = true;
      page.dispatchEvent(new Event("keydown"));
      await new Promise((resolve) => setTimeout(resolve));
      page.dispatchEvent(new Event("click"));
      expect(plays).toBe(tried + 2);
      camera.stop();
    }
  });

  it("whose video can never play has failed, and is not called busy", async () => {
    const track = new FakeTrack();
    fakeCamera(async () => fakeStream([track]));
    const { video, camera } = open();
    video.play = async () => {
      throw named("NotSupportedError");
    };
    await expect(camera).rejects.toMatchObject({ code: "kcomm.camera_failed" });
    expect(track.readyState).toBe("ended");
  });
});

function named(name: string): Error {
  return Object.assign(new Error("no"), { name });
}
