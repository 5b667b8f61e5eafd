/** A webcam's loop with a kernel at its other end. */
import { vi } from "vitest";
import { acceptChannel, openChannel } from "../../src/channel.js";
import type { Capture } from "../../src/live/capture.js";
import { WebcamLoop } from "../../src/live/loop.js";
import type { State } from "../../src/live/state.js";
import { MemoryLink } from "../../src/transport/memory.js";
import { FakeCapture } from "./capture.js";
import { FakeTrack, FakeVideo, fakeCamera, fakeStream } from "./page.js";

const INFO = { width: 4, height: 4, fps: 1000, quality: 0.5 };

/** Resolves when the condition holds. */
export function until(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => {
    if (!condition()) throw new Error("it does not hold");
  });
}

export interface Sent {
  index: number;
  captured: number;
  codec: string;
  after?: number;
}

/**
 * A loop, and a kernel that gives each camera frame back as two grey pixels.
 *
 * @param info what the kernel tells of its webcam, perhaps later
 * @param isAttached whether the loop is attached; else the test does it
 */
export async function loop(info: object | Promise<object> = {}, isAttached = true) {
  const track = new FakeTrack();
  fakeCamera(async () => fakeStream([track]));
  const states: State[] = [];
  const commands: unknown[] = [];
  const frames: Sent[] = [];
  const stills: Sent[] = [];
  const failing = new Set<number>();
  const result = ({ index, captured }: Sent) => {
    const data = new Uint8Array(8);
    return { index, captured, width: 2, height: 1, codec: "raw", data, ms: {}, pace: 1 };
  };
  /** Another channel to the kernel's webcam. */
  const connect = async (told: object | Promise<object>) => {
    const { a, b } = new MemoryLink();
    const [kernel, channel] = await Promise.all([acceptChannel(b), openChannel(a)]);
    kernel.handle("info", async () => ({ ...INFO, ...(await told) }));
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
    return { kernel, channel };
  };
  const { kernel, channel } = await connect(info);
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
  if (isAttached) await webcam.attach(channel);
  /** The channel breaks, and there is another one. */
  const rejoin = async (told: object) => {
    webcam.detach();
    await webcam.attach((await connect(told)).channel);
  };
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
    ...{ film, show, captures, rejoin },
  };
}
