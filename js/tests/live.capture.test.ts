import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fitInto } from "../src/frames/encode.js";
import { startWorker } from "../src/frames/start-worker.js";
import { Capture, type CaptureSource, type WorkerLike } from "../src/live/capture.js";
import { type Order, type Reply, type Scope, serve } from "../src/live/capture-serving.js";
import { type Answer, Capturer, type Wanted } from "../src/live/capturing.js";
import { FakeVideoEncoder, FakeVideoFrame, fakeCodecs } from "./fakes/codecs.js";
import { FakeTrack } from "./fakes/page.js";

beforeEach(fakeCodecs);
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const WANTED: Wanted = {
  id: 1,
  index: 0,
  notBefore: 0,
  box: { width: 8, height: 8 },
  codecs: ["h264", "jpeg"],
  quality: 0.8,
  bitrate: 1e6,
  fps: 30,
  key: false,
};
const picture = (width = 8, height = 6) =>
  new FakeVideoFrame({ width, height }) as unknown as VideoFrame;

/** A capturer, and pictures that come when they are wanted. */
function capturer() {
  const answers: Answer[] = [];
  let id = 0;
  let now = 0;
  const made = new Capturer(
    (answer) => answers.push(answer),
    () => now,
  );
  const shoot = async (wanted: Partial<Wanted> = {}, frame = picture()) => {
    id += 1;
    now += 33;
    const { length } = answers;
    made.want({ ...WANTED, index: id - 1, ...wanted, id });
    made.put(frame, now);
    await vi.waitFor(() => expect(answers.length).toBe(length + 1));
    const answer = answers.at(-1) as Answer;
    return "shot" in answer ? answer.shot : answer.error;
  };
  return { capturer: made, answers, shoot };
}

describe("a capturer", () => {
  it("encodes video, and names the frame that each builds on", async () => {
    const { shoot } = capturer();
    expect(await shoot()).toMatchObject({ codec: "h264", width: 8, height: 6, captured: 33 });
    expect(await shoot()).toMatchObject({ index: 1, after: 0 });
    const key = await shoot({ key: true });
    expect(key).not.toHaveProperty("after");
    expect(await shoot()).toMatchObject({ index: 3, after: 2, period: 33 });
    expect(FakeVideoFrame.open).toBe(0);
  });

  it("begins anew with a key frame where the size changes", async () => {
    const { shoot } = capturer();
    await shoot();
    const smaller = await shoot({ box: { width: 4, height: 4 } });
    expect(smaller).toMatchObject({ width: 4, height: 2 }); // Sides are even.
    expect(smaller).not.toHaveProperty("after");
    expect(await shoot({ box: { width: 4, height: 4 } })).toMatchObject({ after: 1 });
    expect(FakeVideoEncoder.made).toHaveLength(1);
  });

  it("keeps the newest picture, and closes the others", async () => {
    const { capturer: made, answers } = capturer();
    made.put(picture(), 10);
    made.put(picture(), 20);
    expect(FakeVideoFrame.open).toBe(1);
    made.want(WANTED);
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    expect(answers[0]).toMatchObject({ shot: { captured: 20 } });
    made.want({ ...WANTED, id: 2 }); // It was taken.
    await Promise.resolve();
    expect(answers).toHaveLength(1);
    made.put(picture(), 30);
    made.close();
    made.put(picture(), 40);
    await vi.waitFor(() => expect(FakeVideoFrame.open).toBe(0));
  });

  it("waits for a picture that is not too early", async () => {
    const { capturer: made, answers } = capturer();
    made.want({ ...WANTED, notBefore: 25 });
    for (const time of [10, 20, 30]) made.put(picture(), time);
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    expect(answers[0]).toMatchObject({ shot: { captured: 30 } });
  });

  it("takes the next codec where one is not known, or fails", async () => {
    FakeVideoEncoder.unsupported = ["avc1"];
    const { shoot } = capturer();
    const codecs = ["h264", "vp9", "jpeg"];
    expect(await shoot({ codecs })).toMatchObject({ codec: "vp9" });
    FakeVideoEncoder.onEncode = () => {
      throw new Error("broken");
    };
    expect(await shoot({ codecs })).toMatchObject({ codec: "jpeg" });
    FakeVideoEncoder.onEncode = () => {};
    const after = await shoot({ codecs });
    expect(after).toMatchObject({ codec: "jpeg" });
    expect(after).not.toHaveProperty("after");
    expect(await shoot({ codecs: ["vp9"] })).toMatch(/none of the codecs vp9/);
  });

  it("makes no other encoder when it is closed while one is asked for", async () => {
    let answer = (_: { supported: boolean }) => {};
    const asking = vi
      .spyOn(FakeVideoEncoder, "isConfigSupported")
      .mockReturnValueOnce(new Promise((resolve) => (answer = resolve)));
    const { capturer: made, answers } = capturer();
    made.want({ ...WANTED, codecs: ["h264", "vp9", "jpeg"] });
    made.put(picture(), 10);
    made.close();
    answer({ supported: true });
    await vi.waitFor(() => expect(FakeVideoFrame.open).toBe(0));
    expect(asking).toHaveBeenCalledOnce();
    expect(FakeVideoEncoder.made).toHaveLength(0);
    expect(answers).toHaveLength(0);
  });

  it("keeps no encoder that failed", async () => {
    const { shoot } = capturer();
    await shoot();
    FakeVideoEncoder.onEncode = () => {
      throw new Error("broken");
    };
    expect(await shoot()).toMatchObject({ codec: "jpeg" });
    expect(FakeVideoEncoder.made.map(({ state }) => state)).toEqual(["closed"]);
  });

  it("takes the next codec when an encoder dies", async () => {
    const { shoot } = capturer();
    await shoot();
    FakeVideoEncoder.missing = 1;
    FakeVideoEncoder.onEncode = () =>
      queueMicrotask(() => FakeVideoEncoder.made[0]?.init.error(new Error("died")));
    expect(await shoot()).toMatchObject({ codec: "jpeg" });
  });

  it("tries again when an encoder leaves a frame out", async () => {
    const { shoot } = capturer();
    await shoot();
    FakeVideoEncoder.missing = 1;
    expect(await shoot()).toBeNull();
    expect(await shoot({ index: 1 })).toMatchObject({ index: 1, after: 0 });
  });

  it("sends a key frame after one that came too late", async () => {
    const { shoot } = capturer();
    await shoot();
    FakeVideoEncoder.missing = 1;
    expect(await shoot()).toBeNull();
    const copyTo = () => {};
    FakeVideoEncoder.made[0]?.init.output({ type: "delta", byteLength: 1, copyTo });
    expect(await shoot({ index: 1 })).not.toHaveProperty("after");
  });

  it("never takes a late frame for the next one", async () => {
    const { capturer: made, answers, shoot } = capturer();
    const shot = (timestamp: number) =>
      new FakeVideoFrame({ width: 8, height: 6 }, { timestamp }) as unknown as VideoFrame;
    await shoot({}, shot(1));
    FakeVideoEncoder.missing = 2;
    expect(await shoot({ index: 1 }, shot(2))).toBeNull();
    made.want({ ...WANTED, id: 9, index: 1 });
    made.put(shot(3), 200);
    const encoder = FakeVideoEncoder.made[0];
    await vi.waitFor(() => expect(FakeVideoEncoder.missing).toBe(0));
    const copyTo = () => {};
    encoder?.init.output({ type: "delta", timestamp: 2, byteLength: 1, copyTo });
    encoder?.init.output({ type: "delta", timestamp: 3, byteLength: 1, copyTo });
    await vi.waitFor(() => expect(answers).toHaveLength(3));
    expect(answers[2]).toEqual({ id: 9, shot: null }); // It builds on one that nobody got.
    expect(await shoot({ index: 1 }, shot(4))).not.toHaveProperty("after");
  });

  it("follows the bitrate, but not every wink of it", async () => {
    const { shoot } = capturer();
    await shoot();
    await shoot({ bitrate: 1.05e6 });
    expect(FakeVideoEncoder.made[0]?.configs).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 550));
    await shoot({ bitrate: 3e5 });
    expect(FakeVideoEncoder.made[0]?.configs.map(({ bitrate }) => bitrate)).toEqual([1e6, 3e5]);
  });

  it("reads plain pixels", async () => {
    const { shoot } = capturer();
    const rgb = await shoot({ codecs: ["rgb"] });
    expect(rgb).toMatchObject({ codec: "rgb", width: 8, height: 6 });
    expect((rgb as { data: Uint8Array }).data.slice(0, 6)).toEqual(
      new Uint8Array([1, 2, 3, 1, 2, 3]),
    );
    const grey = (await shoot({ codecs: ["grey"] })) as { data: Uint8Array };
    expect([...new Set(grey.data)]).toEqual([127]); // In the full range.
    const scaled = await shoot({ codecs: ["grey"], box: { width: 4, height: 4 } });
    expect(scaled).toMatchObject({ width: 4, height: 3 });
    expect([...new Set((scaled as { data: Uint8Array }).data)]).toEqual([100]);
  });
});

/** A worker that runs the worker's code here; `terminate` leaves it silent. */
class LocalWorker implements WorkerLike {
  onmessage: WorkerLike["onmessage"] = null;
  onerror: WorkerLike["onerror"] = null;
  readonly orders: Order[] = [];
  isDead = false;
  readonly #scope: Scope = {
    onmessage: null,
    postMessage: (reply: Reply) => {
      const event = { data: reply } as MessageEvent;
      queueMicrotask(() => !this.isDead && this.onmessage?.call(this as unknown as Worker, event));
    },
  };

  constructor() {
    serve(this.#scope);
  }

  /** What can't be transferred, where a test says so. */
  refuses: (order: Order) => boolean = () => false;

  postMessage(order: unknown): void {
    if (this.refuses(order as Order)) throw new DOMException("no", "DataCloneError");
    this.orders.push(order as Order);
    if (this.isDead) return;
    queueMicrotask(() => this.#scope.onmessage?.({ data: order } as MessageEvent<Order>));
  }

  terminate(): void {
    this.isDead = true;
  }
}

/** Lets workers alone read tracks, as Safari does: pictures come when the test gives them. */
function workerTracks() {
  const following: { track: FakeTrack; give(picture: VideoFrame): void }[] = [];
  class Processor {
    readonly readable: ReadableStream<VideoFrame>;

    constructor({ track }: { track: FakeTrack }) {
      this.readable = new ReadableStream({
        start: (to) => {
          const give = (frame: VideoFrame) => {
            if (track.readyState === "live") to.enqueue(frame);
            else frame.close();
          };
          following.push({ track, give });
        },
      });
    }
  }
  // The page makes its capture before the worker gets its first order.
  queueMicrotask(() => vi.stubGlobal("MediaStreamTrackProcessor", Processor));
  return { following };
}

function source() {
  const watchers = new Set<(time: number) => void>();
  const clones: FakeTrack[] = [];
  const clone = () => {
    clones.push(new FakeTrack());
    return clones.at(-1);
  };
  const track = { clone } as unknown as MediaStreamTrack;
  const made: CaptureSource = {
    track,
    video: { width: 8, height: 6 } as unknown as HTMLVideoElement,
    watch: (tell) => {
      watchers.add(tell);
      return () => watchers.delete(tell);
    },
  };
  const present = () => {
    for (const tell of watchers) tell(performance.now());
  };
  return { made, present, watchers, clones };
}

const { id: _, ...ORDER } = WANTED;

/** Pictures come until the shot is there. */
async function filmed<T>(shot: Promise<T>, present: () => void): Promise<T> {
  const timer = setInterval(present, 2);
  return shot.finally(() => clearInterval(timer));
}

describe("a capture", () => {
  it("is fed with the video's pictures where tracks have no processor", async () => {
    const { made, present, watchers } = source();
    const worker = new LocalWorker();
    const capture = new Capture(made, () => worker);
    const shot = await filmed(capture.want(ORDER), present);
    expect(shot).toMatchObject({ codec: "h264", index: 0 });
    expect(capture.isOffThread).toBe(true);
    expect(FakeVideoFrame.open).toBe(0);
    capture.close();
    await vi.waitFor(() => expect(worker.isDead).toBe(true));
    expect(watchers.size).toBe(0);
  });

  it("takes the video's pictures where the worker gets none of the track", async () => {
    const { made, present, clones } = source();
    const { following } = workerTracks();
    const capture = new Capture(made, () => new LocalWorker());
    const first = capture.want(ORDER);
    await vi.waitFor(() => expect(following).toHaveLength(1));
    following[0]?.give(new FakeVideoFrame({ width: 8, height: 6 }) as unknown as VideoFrame);
    expect(await first).toMatchObject({ codec: "h264" });
    const shot = await filmed(capture.want({ ...ORDER, index: 1 }), present);
    expect(shot).toMatchObject({ codec: "h264", index: 1, after: 0 });
    expect(capture.isOffThread).toBe(true);
    expect(clones.map(({ readyState }) => readyState)).toEqual(["ended"]);
    expect(FakeVideoFrame.open).toBe(0);
    capture.close();
  });

  it("holds no second track where that can't go to a worker", async () => {
    const { made, present, clones } = source();
    const worker = new LocalWorker();
    worker.refuses = (order) => "track" in order;
    const capture = new Capture(made, () => worker);
    expect(clones.map(({ readyState }) => readyState)).toEqual(["ended"]);
    expect(await filmed(capture.want(ORDER), present)).toMatchObject({ codec: "h264" });
    expect(capture.isOffThread).toBe(true);
    capture.close();
  });

  it("holds no second track that the worker can't read", async () => {
    const { made, present, clones } = source();
    const capture = new Capture(made, () => new LocalWorker());
    await filmed(capture.want(ORDER), present);
    expect(clones.map(({ readyState }) => readyState)).toEqual(["ended"]);
    capture.close();
  });

  it("sends pictures of the new size after a resize, of a worker's own track too", async () => {
    const { made, clones, watchers } = source();
    const workers = workerTracks();
    const capture = new Capture(made, () => new LocalWorker());
    await vi.waitFor(() => expect(workers.following).toHaveLength(1));
    capture.resized();
    await vi.waitFor(() => expect(workers.following).toHaveLength(2));
    expect(clones.map(({ readyState }) => readyState)).toEqual(["ended", "live"]);
    const shot = capture.want(ORDER);
    workers.following[0]?.give(picture(8, 6)); // It was on its way.
    workers.following[1]?.give(picture(4, 2));
    expect(await shot).toMatchObject({ width: 4, height: 2 });
    expect(watchers.size).toBe(0);
    capture.close();
    await vi.waitFor(() => expect(FakeVideoFrame.open).toBe(0));
    expect(clones[1]?.readyState).toBe("ended");
  });

  it("loses no picture that can't go to the worker", async () => {
    const { made, present } = source();
    const worker = new LocalWorker();
    worker.refuses = (order) => "picture" in order;
    const capture = new Capture(made, () => worker);
    const shot = capture.want(ORDER);
    await vi.waitFor(() => {
      present();
      expect(capture.isOffThread).toBe(false);
    });
    expect(await shot).toMatchObject({ codec: "h264" }); // No other one came.
    expect(FakeVideoFrame.open).toBe(0);
    capture.close();
  });

  it("hands a track's pictures to the worker", async () => {
    const readable = {};
    vi.stubGlobal(
      "MediaStreamTrackProcessor",
      class {
        readonly readable = readable;
      },
    );
    const worker = new LocalWorker();
    worker.isDead = true;
    const capture = new Capture(source().made, () => worker);
    expect(worker.orders).toEqual([{ readable }]);
    capture.close();
  });

  it("does the same on the page's thread without a worker", async () => {
    const { made, present } = source();
    const capture = new Capture(made, () => {
      throw new Error("forbidden");
    });
    expect(await filmed(capture.want(ORDER), present)).toMatchObject({ codec: "h264" });
    expect(capture.isOffThread).toBe(false);
    capture.close();
  });

  it("goes on there when the worker fails", async () => {
    const { made, present } = source();
    const worker = new LocalWorker();
    const capture = new Capture(made, () => worker);
    worker.isDead = true;
    const shot = capture.want(ORDER);
    worker.onerror?.call(worker as unknown as Worker, {} as ErrorEvent);
    expect(await filmed(shot, present)).toMatchObject({ codec: "h264" });
    capture.close();
  });

  it("notices a worker that went silent", async () => {
    vi.useFakeTimers();
    const { made } = source();
    const worker = new LocalWorker();
    const capture = new Capture(made, () => worker);
    worker.isDead = true;
    void capture.want(ORDER);
    await vi.advanceTimersByTimeAsync(2000);
    expect(worker.orders.at(-1)).toHaveProperty("ping");
    expect(capture.isOffThread).toBe(true);
    await vi.advanceTimersByTimeAsync(5000);
    expect(capture.isOffThread).toBe(false);
    capture.close();
  });

  it("leaves a worker alone that waits for a picture", async () => {
    vi.useFakeTimers();
    const capture = new Capture(source().made, () => new LocalWorker());
    void capture.want(ORDER);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(capture.isOffThread).toBe(true);
    capture.close();
  });

  it("gives nothing to who does not want it any more", async () => {
    const { made, present } = source();
    const capture = new Capture(made, () => new LocalWorker());
    const first = capture.want(ORDER);
    const second = capture.want({ ...ORDER, index: 7 });
    expect(await first).toBeNull();
    expect(await filmed(second, present)).toMatchObject({ index: 7 });
    const third = capture.want(ORDER);
    capture.close();
    expect(await third).toBeNull();
    expect(await capture.want(ORDER)).toBeNull();
  });

  it("tells that nothing can be encoded", async () => {
    const { made, present } = source();
    const capture = new Capture(made, () => new LocalWorker());
    const shot = capture.want({ ...ORDER, codecs: ["gif"] });
    await expect(filmed(shot, present)).rejects.toMatchObject({ code: "kcomm.camera_failed" });
    capture.close();
  });
});

it("a worker that the page's policy forbids leaves no address behind", () => {
  const addresses = new Set<string>();
  vi.spyOn(URL, "createObjectURL").mockImplementation(() => {
    addresses.add("blob:1");
    return "blob:1";
  });
  vi.spyOn(URL, "revokeObjectURL").mockImplementation((address) => void addresses.delete(address));
  vi.stubGlobal(
    "Worker",
    class {
      constructor() {
        throw new DOMException("forbidden", "SecurityError");
      }
    },
  );
  expect(() => startWorker("", "test")).toThrow("forbidden");
  expect(addresses.size).toBe(0);
});

it("fitInto keeps the aspect, and sides that are multiples", () => {
  const hd = { width: 1280, height: 720 };
  expect(fitInto(hd, { width: 640, height: 480 })).toEqual({ width: 640, height: 360 });
  expect(fitInto(hd, { width: 4000, height: 4000 })).toEqual(hd);
  expect(fitInto({ width: 641, height: 481 }, hd, 2)).toEqual({ width: 640, height: 480 });
  expect(fitInto(hd, { width: 480, height: 480 }, 2)).toEqual({ width: 480, height: 270 });
  expect(fitInto(hd, { width: 1, height: 1 }, 2)).toEqual({ width: 2, height: 2 });
});
