/** Messages too large for one packet: taken apart, and put together again (section 3.8). */

import { ProtocolError } from "../errors.js";
import { isCount, KIND } from "./messages.js";
import { decode, type Encoded, encode } from "./values.js";

/** Small enough that nothing else waits long behind one. */
export const PART_SIZE = 2 ** 20;
/** Buffers that one message may have when it goes in parts. */
export const MAX_BUFFERS = 65_536;

/**
 * Yields the PART messages of a message.
 *
 * @param id the id of the message
 * @param buffers the bytes of the message, then its attachments
 * @param partSize bytes of a part
 */
export function* split(
  id: number,
  buffers: readonly Uint8Array[],
  partSize: number,
): Generator<Encoded, void> {
  let sizes: readonly number[] | null = buffers.map((buffer) => buffer.length);
  let index = 0;
  for (const chunk of slices(buffers, partSize)) {
    yield encode([KIND.PART, id, index, sizes, chunk], 2);
    sizes = null;
    index += 1;
  }
}

/** Yields the joined buffers in slices, without joining them first. */
function* slices(buffers: readonly Uint8Array[], partSize: number): Generator<Uint8Array, void> {
  let left = buffers.reduce((total, buffer) => total + buffer.length, 0);
  let chunk = new Uint8Array(Math.min(partSize, left));
  let filled = 0;
  for (const buffer of buffers) {
    let start = 0;
    while (start < buffer.length) {
      const taken = buffer.subarray(start, start + chunk.length - filled);
      chunk.set(taken, filled);
      filled += taken.length;
      start += taken.length;
      if (filled === chunk.length) {
        yield chunk;
        left -= filled;
        chunk = new Uint8Array(Math.min(partSize, left));
        filled = 0;
      }
    }
  }
}

/** One message that arrives in parts. */
export class Assembly {
  readonly #sizes: readonly number[];
  readonly #total: number;
  readonly #chunks: Uint8Array[] = [];
  #received = 0;

  /**
   * @param sizes the field of part 0
   * @param maxBytes the limit on their sum
   */
  constructor(sizes: unknown, maxBytes: number) {
    if (!isSizes(sizes))
      throw new ProtocolError("the sizes of PART 0 must be an array of byte counts");
    this.#sizes = sizes;
    this.#total = sizes.reduce((total, size) => total + size, 0);
    if (this.#total > maxBytes) {
      throw new ProtocolError(
        `a message of ${this.#total} bytes is above the limit of ${maxBytes}`,
      );
    }
  }

  /** Takes one part; returns all buffers of the message once they are complete. */
  add(index: number, chunk: unknown): Uint8Array[] | null {
    if (index !== this.#chunks.length) {
      throw new ProtocolError(`PART ${index} came where ${this.#chunks.length} was due`);
    }
    if (!(chunk instanceof Uint8Array) || "shape" in chunk || chunk.length === 0) {
      throw new ProtocolError("the chunk of a PART must be bytes, and not empty");
    }
    if (this.#received + chunk.length > this.#total)
      throw new ProtocolError("PARTs hold more bytes than announced");
    // Memory grows with what has come, never with what was only announced.
    this.#chunks.push(chunk);
    this.#received += chunk.length;
    return this.#received === this.#total ? this.#cut() : null;
  }

  /** Joins the chunks buffer by buffer, each in memory of its own, so that arrays are aligned. */
  #cut(): Uint8Array[] {
    const chunks = this.#chunks.values();
    let chunk = new Uint8Array(0);
    return this.#sizes.map((size) => {
      const buffer = new Uint8Array(size);
      let filled = 0;
      while (filled < size) {
        if (chunk.length === 0) chunk = chunks.next().value as Uint8Array<ArrayBuffer>;
        const taken = chunk.subarray(0, size - filled);
        buffer.set(taken, filled);
        filled += taken.length;
        chunk = chunk.subarray(taken.length);
      }
      return buffer;
    });
  }
}

function isSizes(sizes: unknown): sizes is number[] {
  return (
    Array.isArray(sizes) &&
    sizes.length > 0 &&
    sizes.length <= MAX_BUFFERS &&
    sizes.every(isCount) &&
    sizes[0] !== 0
  );
}

/** All messages that arrive in parts. */
export class Assemblies {
  readonly #assemblies = new Map<number, Assembly>();

  /**
   * @param maxCount how many there may be at once
   * @param maxBytes the limit on each
   */
  constructor(
    readonly maxCount: number,
    readonly maxBytes: number,
  ) {}

  /** Takes one part; returns the message once it is complete, decoded, and null before. */
  add(id: number, index: number, sizes: unknown, chunk: unknown): unknown[] | null {
    if (index === 0) {
      if (this.#assemblies.has(id) || this.#assemblies.size >= this.maxCount)
        throw new ProtocolError(`too many messages are in parts, or two with the id ${id}`);
      this.#assemblies.set(id, new Assembly(sizes, this.maxBytes));
    }
    const assembly = this.#assemblies.get(id);
    if (assembly === undefined)
      throw new ProtocolError(`PART ${index} of ${id} came without a PART 0`);
    const buffers = assembly.add(index, chunk);
    if (buffers === null) return null;
    this.#assemblies.delete(id);
    return readAssembled(buffers);
  }

  /** Forgets what is not complete. */
  clear(): void {
    this.#assemblies.clear();
  }
}

/** Decodes the message that an `Assembly` put together. */
export function readAssembled(buffers: readonly Uint8Array[]): unknown[] {
  const [body, ...attachments] = buffers;
  const message = decode(body as Uint8Array, attachments);
  if (!Array.isArray(message)) throw new ProtocolError("what came in PARTs is no message");
  if (message[0] === KIND.PART) throw new ProtocolError("a PART within PARTs");
  return message;
}
