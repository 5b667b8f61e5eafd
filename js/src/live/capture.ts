/** The page's end of capturing: in a worker where the browser lets it, on the page's own thread where not. */
import { KcommError } from "../errors.js";
import { startWorker } from "../frames/start-worker.js";
import type { Clock, Order, Reply } from "./capture-serving.js";
import { processorOf } from "./capture-serving.js";
import workerSource from "./capture-worker.ts?source";
import { type Answer, Capturer, type Shot, type Wanted } from "./capturing.js";

export type { Shot } from "./capturing.js";

/** What is captured. */
export interface CaptureSource {
  readonly track: MediaStreamTrack;
  /** It shows the track. */
  readonly video: HTMLVideoElement;
  /** Calls back at each new picture of `video`; returns what ends that. */
  watch(onPicture: (time: number) => void): () => void;
}

/** The part of a `Worker` that is used. */
export type WorkerLike = Pick<Worker, "postMessage" | "terminate" | "onmessage" | "onerror">;

/** Milliseconds without an answer after which a worker is asked how it is, and in which it must say so. */
const SILENCE = 1000;
const PATIENCE = 5000;
/** Milliseconds in which a worker closes its pictures before it is ended. */
const FAREWELL = 200;

interface Pending {
  readonly wanted: Wanted;
  readonly resolve: (shot: Shot | null) => void;
  readonly reject: (error: KcommError) => void;
}

/** Gives encoded pictures of a camera, one when it is wanted. */
export class Capture {
  readonly #source: CaptureSource;
  readonly #makeWorker: () => WorkerLike;
  #worker: WorkerLike | null = null;
  #local: Capturer | null = null;
  #pending: Pending | null = null;
  #number = 0;
  #unwatch: (() => void) | null = null;
  #silence: ReturnType<typeof setTimeout> | null = null;
  #isGrabbing = false;
  /** Whether the worker takes pictures of a copy of the track. */
  #isCloned = false;
  #isClosed = false;

  constructor(source: CaptureSource, makeWorker: () => WorkerLike = cameraWorker) {
    this.#source = source;
    this.#makeWorker = makeWorker;
    this.#start();
  }

  /** Whether pictures are encoded off the page's thread. */
  get isOffThread(): boolean {
    return this.#worker !== null;
  }

  /**
   * Encodes the next picture; one call at a time.
   *
   * @returns null: there is none, but there may be another time
   * @throws KcommError `kcomm.camera_failed` if this browser can encode none
   */
  want(wanted: Omit<Wanted, "id">): Promise<Shot | null> {
    this.cancel();
    if (this.#isClosed) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      this.#pending = { wanted: { ...wanted, id: ++this.#number }, resolve, reject };
      this.#ask(this.#pending.wanted);
    });
  }

  /** Wants no picture any more: who waits for one gets none. */
  cancel(): void {
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    this.#local?.cancel(pending.wanted.id);
    this.#post({ cancel: pending.wanted.id }, []);
    this.#hear();
    pending.resolve(null);
  }

  /** The camera gives pictures of another size. A copy of its track, which has a size of its own, does not: it is made anew. */
  resized(): void {
    if (!this.#isCloned || this.#worker === null) return;
    try {
      this.#sendClone();
    } catch {
      this.#giveUp();
    }
  }

  close(): void {
    this.#isClosed = true;
    this.cancel();
    this.#unwatch?.();
    const worker = this.#worker;
    if (worker !== null) {
      this.#post({ close: true }, []);
      setTimeout(() => worker.terminate(), FAREWELL);
    }
    this.#worker = null;
    this.#local?.close();
  }

  #ask(wanted: Wanted): void {
    if (this.#worker === null) this.#local?.want(wanted);
    else {
      this.#post({ want: wanted, clock: clock() }, []);
      this.#silence ??= setTimeout(() => this.#ping(), SILENCE);
    }
  }

  // --- the worker ------------------------------------------------------------------------------------------

  #start(): void {
    const { track } = this.#source;
    try {
      // A worker could not scale pictures, and write no image files.
      if (typeof OffscreenCanvas === "undefined") throw new Error("no canvas for workers");
      const worker = this.#makeWorker();
      worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#take(data);
      worker.onerror = (event: ErrorEvent) => {
        event.preventDefault?.(); // It is dealt with: nothing is lost.
        this.#giveUp();
      };
      this.#worker = worker;
    } catch {
      this.#giveUp(); // It is forbidden by the page's policy, or of no use here.
      return;
    }
    try {
      const processor = processorOf(track);
      if (processor === null) this.#sendClone();
      else this.#send({ readable: processor.readable }, [processor.readable]);
    } catch {
      this.#feed(); // What can't be transferred is read here, picture by picture.
    }
  }

  /** Safari has processors in workers alone. The page keeps its own track, for the preview. */
  #sendClone(): void {
    const clone = this.#source.track.clone();
    try {
      this.#send({ track: clone }, [clone as unknown as Transferable]);
      this.#isCloned = true;
    } catch (error) {
      clone.stop(); // It would hold the camera.
      throw error;
    }
  }

  #send(order: Order, transfer: Transferable[]): void {
    this.#worker?.postMessage(order, transfer);
  }

  /** Returns whether the worker has it. */
  #post(order: Order, transfer: Transferable[]): boolean {
    try {
      this.#send(order, transfer);
      return this.#worker !== null;
    } catch {
      this.#giveUp();
      return false;
    }
  }

  #take(reply: Reply): void {
    this.#hear();
    if ("answer" in reply) this.#settle(reply.answer);
    else if ("feed" in reply) this.#feed();
    // Now and then a browser leaves a worker without pictures, though the camera gives some.
    else if (reply.isStarved && this.#unwatch === null) {
      this.#post({ leave: true }, []);
      this.#feed();
    }
  }

  #settle(answer: Answer): void {
    const pending = this.#pending;
    if (pending?.wanted.id !== answer.id) return;
    this.#pending = null;
    this.#hear();
    if ("shot" in answer) pending.resolve(answer.shot && inPast(answer.shot));
    else pending.reject(new KcommError("kcomm.camera_failed", answer.error));
  }

  #hear(): void {
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#silence = null;
    if (this.#worker !== null && this.#pending !== null) {
      this.#silence = setTimeout(() => this.#ping(), SILENCE);
    }
  }

  #ping(): void {
    this.#silence = setTimeout(() => this.#giveUp(), PATIENCE);
    this.#post({ ping: true }, []);
  }

  /** There is no worker, or it died: the same is done here from now on. */
  #giveUp(): void {
    this.#worker?.terminate();
    this.#worker = null;
    if (this.#silence !== null) clearTimeout(this.#silence);
    this.#silence = null;
    if (this.#isClosed || this.#local !== null) return;
    const local = new Capturer(
      (answer) => this.#settle(answer),
      () => performance.now(),
    );
    this.#local = local;
    // Not from the track: the processor that the worker had may still hold pictures, and a camera has few to lend.
    this.#feed();
    if (this.#pending !== null) local.want({ ...this.#pending.wanted, key: true });
  }

  // --- where the browser has no track processor: pictures of the video element ------------------------------

  #feed(): void {
    if (this.#isClosed) return;
    this.#isCloned = false;
    this.#unwatch ??= this.#source.watch((time) => void this.#grab(time));
  }

  async #grab(time: number): Promise<void> {
    const wanted = this.#pending?.wanted;
    // Taking a picture costs the page something: only those are that will be used.
    if (wanted === undefined || time < wanted.notBefore || this.#isGrabbing) {
      this.#local?.tick(time);
      if (this.#worker !== null) this.#post({ tick: time }, []);
      return;
    }
    this.#isGrabbing = true;
    try {
      const picture = await grab(this.#source.video, time);
      this.#hand(picture, time);
    } catch {
      // The video has no picture now; there will be another.
    } finally {
      this.#isGrabbing = false;
    }
  }

  #hand(picture: VideoFrame | ImageBitmap | HTMLVideoElement, time: number): void {
    if (this.#worker !== null) {
      if ("videoWidth" in picture)
        this.#giveUp(); // An element can't go to a worker.
      else if (this.#post({ picture, time }, [picture])) return;
    }
    if (this.#isClosed || this.#local === null) close(picture);
    else this.#local.put(picture, time);
  }
}

function clock(): Clock {
  return { now: performance.now(), origin: performance.timeOrigin };
}

/** Nothing was captured in the future, whatever another clock says. */
function inPast(shot: Shot): Shot {
  const now = performance.now();
  return { ...shot, captured: Math.min(shot.captured, now), taken: Math.min(shot.taken, now) };
}

async function grab(
  video: HTMLVideoElement,
  time: number,
): Promise<VideoFrame | ImageBitmap | HTMLVideoElement> {
  if (typeof VideoFrame !== "undefined") {
    return new VideoFrame(video, { timestamp: Math.round(time * 1000) });
  }
  return typeof createImageBitmap === "undefined" ? video : createImageBitmap(video);
}

function close(picture: VideoFrame | ImageBitmap | HTMLVideoElement): void {
  if ("close" in picture) picture.close();
}

function cameraWorker(): Worker {
  return startWorker(workerSource, "kcomm camera");
}
