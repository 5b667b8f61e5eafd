/** Where lossless frames are decoded: in a worker, or on the page's own thread where there is none. It keeps the bases of one view. */
import { KcommError } from "../errors.js";
import { applyDelta } from "./delta.js";
import { inflate, inflateSome, sizeError } from "./inflate.js";
import { fillGrey, fillRgb } from "./plain.js";
import { largestQoi, readQoi, smallestQoi } from "./qoi.js";
import { Spares } from "./spares.js";

/** Codecs whose pixels are the same in every browser. */
export const DESK_CODECS = ["delta", "qoi", "qoiz", "zlib", "raw", "rgb", "grey"] as const;
export type DeskCodec = (typeof DESK_CODECS)[number];

/** A byte of deflated data holds no more bytes than this. */
const DENSEST = 1032;
/** Bytes a pixel of the codecs whose data are rows. */
const CHANNELS: Readonly<Partial<Record<DeskCodec, number>>> = { raw: 4, rgb: 3, grey: 1 };

/** Bases that are kept: the last ones that came. */
export const MAX_BASES = 4;

/** What is to be decoded. */
export interface Job {
  readonly width: number;
  readonly height: number;
  readonly codec: DeskCodec;
  readonly data: Uint8Array;
  /** The pixels are kept under this number. */
  readonly id?: number;
  /** The number of the pixels that a delta builds on. */
  readonly base?: number;
  /** Whether the pixels are wanted, or only to be kept. */
  readonly wanted: boolean;
}

type Words = Uint32Array<ArrayBuffer>;

/** Pixels that are kept. They may be pushed out while deltas are still being made of them. */
interface Base {
  readonly width: number;
  readonly height: number;
  readonly words: Promise<Words>;
  users: number;
  isOut: boolean;
}

export class Desk {
  /** By arrival: jobs may build on what is still being decoded. */
  readonly #bases = new Map<number, Base>();
  readonly #spares: Spares;

  /** @param spares memory of frames before */
  constructor(spares = new Spares()) {
    this.#spares = spares;
  }

  /**
   * Decodes; jobs may overlap.
   *
   * @returns RGBA, which nobody else holds; null where they are not wanted
   * @throws KcommError `kcomm.bad_value` for broken data, `kcomm.no_frame` if the base is not there
   */
  async run(job: Job): Promise<Uint8ClampedArray<ArrayBuffer> | null> {
    const { id, width, height } = job;
    // Nothing is awaited before this: the base must be taken before later jobs push it out.
    const words = this.#decode(job);
    if (id === undefined) return bytesOf(await words);
    const base = { width, height, words, users: 0, isOut: false };
    this.#keep(id, base);
    const copy = await this.#use(base, (kept) => (job.wanted ? this.#copy(kept) : null));
    return copy === null ? null : bytesOf(copy);
  }

  async #decode(job: Job): Promise<Words> {
    const { codec, data, width, height } = job;
    const count = width * height;
    if (codec === "delta") {
      return this.#use(this.#baseOf(job), (base) =>
        this.#fill(count, (into) => applyDelta(data, base, into)),
      );
    }
    checkLength(codec, data.length, count);
    return this.#fill(count, async (into) => {
      const bytes = bytesOf(into);
      if (codec === "qoi") return readQoi(data, width, height, into);
      if (codec === "qoiz") {
        return readQoi(await inflateSome(data, largestQoi(count)), width, height, into);
      }
      if (codec === "rgb") return fillRgb(data, into);
      if (codec === "grey") return fillGrey(data, into);
      if (codec === "zlib") await inflate(data, bytes.length, bytes);
      else bytes.set(data);
      return into;
    });
  }

  /** Has pixels written into memory of frames before. */
  async #fill(count: number, write: (into: Words) => Promise<Words>): Promise<Words> {
    const into = this.#spares.take(count);
    try {
      return await write(into);
    } catch (error) {
      this.#spares.give(into.buffer);
      throw error;
    }
  }

  #copy(words: Words): Words {
    const copy = this.#spares.take(words.length);
    copy.set(words);
    return copy;
  }

  #baseOf({ base: id, width, height }: Job): Base {
    const base = id === undefined ? undefined : this.#bases.get(id);
    if (base === undefined) {
      throw new KcommError("kcomm.no_frame", `the frame ${id} that a delta builds on is gone`);
    }
    if (base.width === width && base.height === height) return base;
    throw new KcommError(
      "kcomm.bad_value",
      `a delta of ${width} x ${height} pixels builds on ${base.width} x ${base.height}`,
    );
  }

  /** Does something with the pixels of a base, which stay as they are meanwhile. */
  async #use<T>(base: Base, act: (words: Words) => T | Promise<T>): Promise<T> {
    base.users += 1;
    try {
      return await act(await base.words);
    } finally {
      base.users -= 1;
      this.#reuse(base);
    }
  }

  #keep(id: number, base: Base): void {
    this.#putOut(id);
    this.#bases.set(id, base);
    base.words.catch(() => {
      if (this.#bases.get(id) === base) this.#bases.delete(id);
    });
    for (const old of this.#bases.keys()) {
      if (this.#bases.size <= MAX_BASES) break;
      this.#putOut(old);
    }
  }

  #putOut(id: number): void {
    const base = this.#bases.get(id);
    if (base === undefined) return;
    this.#bases.delete(id);
    base.isOut = true;
    this.#reuse(base);
  }

  /** Takes the memory of a base that nobody will ask for any more. */
  #reuse(base: Base): void {
    if (!base.isOut || base.users > 0) return;
    base.users = Number.POSITIVE_INFINITY; // Once.
    // If it could not be decoded it has given its memory back already.
    base.words.then(({ buffer }) => this.#spares.give(buffer)).catch(() => undefined);
  }
}

/** Before memory is taken: so many bytes may hold so many pixels. */
function checkLength(codec: DeskCodec, length: number, count: number): void {
  const channels = CHANNELS[codec];
  if (channels !== undefined) {
    if (length !== channels * count) throw sizeError(String(length), channels * count);
    return;
  }
  const least = codec === "zlib" ? 4 * count : smallestQoi(count);
  const deflated = codec === "zlib" || codec === "qoiz";
  if (length * (deflated ? DENSEST : 1) < least) {
    throw new KcommError(
      "kcomm.bad_value",
      `${length} bytes of the codec ${codec} can't hold ${count} pixels`,
    );
  }
}

function bytesOf(words: Words): Uint8ClampedArray<ArrayBuffer> {
  return new Uint8ClampedArray(words.buffer);
}
