/** Decodes off the page's main thread where the browser lets it, on it where not. One for all views of a page. */
import { KcommError } from "../errors.js";
import { Desk, type Job } from "./desk.js";
import type { Order, Reply } from "./serving.js";
import { Spares } from "./spares.js";
import { startWorker } from "./start-worker.js";
import workerSource from "./worker.ts?source";

/** Milliseconds after which a worker that does not answer counts as dead: decoding takes a few. */
const PATIENCE = 10_000;
/** Milliseconds after the last view is closed until its worker ends: a cell that runs again needs one at once. */
const IDLE = 2000;

export type DecodedPixels = Uint8ClampedArray<ArrayBuffer>;

/** The part of a `Worker` that is used. */
export type WorkerLike = Pick<Worker, "postMessage" | "terminate" | "onmessage" | "onerror">;

interface Pending {
  readonly view: number;
  readonly job: Job;
  readonly resolve: (pixels: DecodedPixels | null) => void;
  readonly reject: (error: unknown) => void;
}

export class Engine {
  /** Goes up when a worker died: the bases it held are gone. */
  generation = 0;
  readonly #makeWorker: () => WorkerLike;
  readonly #patience: number;
  /** Null: there is none yet; false: there can be none. */
  #worker: WorkerLike | null | false = null;
  #number = 0;
  readonly #pending = new Map<number, Pending>();
  #watch: ReturnType<typeof setTimeout> | null = null;
  #idle: ReturnType<typeof setTimeout> | null = null;
  readonly #views = new Set<number>();
  readonly #desks = new Map<number, Desk>();
  readonly #spares = new Spares();

  constructor(makeWorker: () => WorkerLike = decodingWorker, patience = PATIENCE) {
    this.#makeWorker = makeWorker;
    this.#patience = patience;
  }

  /** Whether frames are decoded off the main thread. */
  get isOffThread(): boolean {
    return Boolean(this.#worker);
  }

  /** Jobs that are not done. */
  get waiting(): number {
    return this.#pending.size;
  }

  /**
   * Decodes at the view's desk.
   *
   * @returns RGBA, which nobody else holds; null where it is not wanted
   */
  run(view: number, job: Job): Promise<DecodedPixels | null> {
    this.#views.add(view);
    this.#start();
    if (!this.#worker) return this.#deskOf(view).run(job);
    const number = this.#number++;
    return new Promise((resolve, reject) => {
      this.#pending.set(number, { view, job, resolve, reject });
      this.#watchOver();
      // Only the frame's bytes are copied: the packet they came in holds others, which must not go away.
      const data = job.data.slice();
      this.#post({ view, number, job: { ...job, data } }, [data.buffer]);
    });
  }

  /** Gives the memory of pixels back that were painted. */
  recycle(buffer: ArrayBuffer): void {
    if (this.#worker) this.#post({ spare: buffer }, [buffer]);
    else this.#spares.give(buffer);
  }

  /** Lets go of what a view's desk holds; without views there is no worker. */
  close(view: number): void {
    this.#views.delete(view);
    this.#desks.delete(view);
    if (this.#worker) this.#post({ view, close: true }, []);
    if (this.#views.size === 0 && this.#worker) this.#idle ??= setTimeout(() => this.#rest(), IDLE);
  }

  #rest(): void {
    this.#idle = null;
    if (this.#views.size > 0 || !this.#worker) return;
    if (this.#pending.size > 0) {
      this.#idle = setTimeout(() => this.#rest(), IDLE);
      return;
    }
    this.#worker.terminate();
    this.#worker = null;
    this.generation += 1;
  }

  #deskOf(view: number): Desk {
    const desk = this.#desks.get(view) ?? new Desk(this.#spares);
    this.#desks.set(view, desk);
    return desk;
  }

  #start(): void {
    if (this.#worker !== null) return;
    try {
      const worker = this.#makeWorker();
      worker.onmessage = ({ data }: MessageEvent<Reply>) => this.#take(data);
      worker.onerror = (event: ErrorEvent) => {
        event.preventDefault?.(); // It is dealt with: nothing is lost.
        this.#giveUp();
      };
      this.#worker = worker;
    } catch {
      this.#worker = false; // Forbidden by the page's policy, or there is no such thing.
    }
  }

  #post(order: Order, transfer: Transferable[]): void {
    try {
      if (this.#worker) this.#worker.postMessage(order, transfer);
    } catch {
      this.#giveUp();
    }
  }

  #take(reply: Reply): void {
    const pending = this.#pending.get(reply.number);
    if (pending === undefined) return;
    this.#pending.delete(reply.number);
    this.#unwatch();
    if (this.#pending.size > 0) this.#watchOver();
    if ("code" in reply) pending.reject(new KcommError(reply.code, reply.message));
    else pending.resolve(reply.pixels === null ? null : new Uint8ClampedArray(reply.pixels));
  }

  /** The worker could not be started, or died: what it had to do is done here, and all that comes. */
  #giveUp(): void {
    if (this.#worker) this.#worker.terminate();
    this.#worker = false;
    this.generation += 1;
    this.#unwatch();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { view, job, resolve, reject } of pending) {
      if (this.#views.has(view)) this.#deskOf(view).run(job).then(resolve, reject);
      else reject(new KcommError("kcomm.cancelled", "the view was closed"));
    }
  }

  #watchOver(): void {
    this.#watch ??= setTimeout(() => this.#giveUp(), this.#patience);
  }

  #unwatch(): void {
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#watch = null;
  }
}

function decodingWorker(): Worker {
  return startWorker(workerSource, "kcomm");
}

let shared: Engine | null = null;

/** The page's engine. */
export function sharedEngine(): Engine {
  shared ??= new Engine();
  return shared;
}
