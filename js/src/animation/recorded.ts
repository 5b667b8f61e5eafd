/** Frames that a page holds itself, in place of a kernel that draws them. Its twin, kcomm/animation/page.py, writes them. */
import { KcommError } from "../errors.js";
import { inflateSome } from "../frames/inflate.js";
import { unpack } from "../protocol/msgpack/unpack.js";
import type { PlayerChannel } from "./line.js";
import type { Loop } from "./state.js";

/** The type of the elements that hold frames. */
export const BLOCK_TYPE = "application/vnd.kcomm.frames";

/** A frame as a kernel would have sent it. */
export interface Message {
  readonly [name: string]: unknown;
  readonly index: number;
  readonly data: Uint8Array;
  /** Its own number, if it is a key frame. */
  readonly id?: number;
  /** The number of the key frame that a delta builds on. */
  readonly base?: number;
  /** That frame, for whoever does not hold it. */
  readonly key?: Message;
}

/** Base frames that whoever paints the frames holds at a time. */
const BASES = 4;

/** What the page says of its animation, for `info()`. */
export type RecordedInfo = Readonly<Record<string, unknown>> & { readonly count: number };

/** Blocks that are held unpacked: those that are played, and those of their key frames. */
const UNPACKED = 4;

/** Some frames that follow each other. */
interface Block {
  readonly first: number;
  readonly count: number;
  readonly text: string;
}

/** The frames in the order they come. They may be asked for before they are there: the rest of the page is being read meanwhile. */
export class Recording {
  readonly #blocks: Block[] = [];
  /** The one that was used last is the last. */
  readonly #unpacked = new Map<Block, Promise<readonly Message[]>>();
  readonly #waiting = new Set<() => void>();
  #isWhole = false;

  /** How many frames have come. */
  get length(): number {
    const last = this.#blocks.at(-1);
    return last === undefined ? 0 : last.first + last.count;
  }

  /**
   * Takes the next block.
   *
   * @param text an array of frames: msgpack, deflated, in base64
   */
  add(first: number, count: number, text: string): void {
    if (first !== this.length || !(count > 0)) {
      throw bad(`frames ${this.length} and on are missing: ${count} from ${first} on came`);
    }
    this.#blocks.push({ first, count, text });
    this.#wake();
  }

  /** Nothing more will come. */
  end(): void {
    this.#isWhole = true;
    this.#wake();
  }

  /**
   * Waits for a frame. Its data are nobody else's: they may be given away.
   *
   * @throws KcommError `kcomm.no_frame` if the page ends before it
   */
  async get(index: number): Promise<Message> {
    while (index >= this.length && !this.#isWhole) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    const block = this.#find(index);
    if (block === undefined) {
      throw new KcommError("kcomm.no_frame", `this page has no frame ${index}: its end is missing`);
    }
    const message = (await this.#unpack(block))[index - block.first] as Message;
    return { ...message, data: message.data.slice() };
  }

  #unpack(block: Block): Promise<readonly Message[]> {
    const messages = this.#unpacked.get(block) ?? readBlock(block);
    this.#unpacked.delete(block);
    this.#unpacked.set(block, messages);
    for (const old of this.#unpacked.keys()) {
      if (this.#unpacked.size <= UNPACKED) break;
      this.#unpacked.delete(old);
    }
    return messages;
  }

  #find(index: number): Block | undefined {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { first, count } = this.#blocks[middle] as Block;
      if (index < first) high = middle;
      else if (index >= first + count) low = middle + 1;
      else return this.#blocks[middle];
    }
    return undefined;
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}

/** Answers a player as a kernel does: the same methods, and frames as they came. */
export class RecordedChannel implements PlayerChannel {
  readonly isOpen = true;
  readonly #recording: Recording;
  readonly #info: RecordedInfo;

  /** @param info what `info()` answers */
  constructor(recording: Recording, info: RecordedInfo) {
    this.#recording = recording;
    this.#info = info;
  }

  async call(method: string, args: readonly unknown[] = []): Promise<unknown> {
    if (method === "info") return this.#info;
    if (method === "base") return this.#recording.get(args[0] as number);
    if (method !== "draw") throw new KcommError("kcomm.unknown_method", `no method ${method}`);
    const [index, , , has] = args;
    return this.#message(index as number, has);
  }

  async *stream(
    _method: string,
    args: readonly unknown[] = [],
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Message, void, undefined> {
    const [start, by, loop, , has] = args as [number, number, Loop, unknown, unknown];
    let held = asNumbers(has);
    let next: { index: number; step: number } | null = { index: start, step: by };
    while (next !== null && !signal?.aborted) {
      const message = await this.#message(next.index, held);
      const arrived = message.id === undefined ? message.key?.index : message.index;
      if (arrived !== undefined) {
        held = [...held.filter((number) => number !== arrived), arrived].slice(-BASES);
      }
      yield message;
      next = following(next.index, next.step, loop, this.#info.count);
    }
  }

  /** Nobody wants to know. */
  emit(): void {}

  /** A frame, with the key frame that it builds on unless that is held already. */
  async #message(index: number, has: unknown): Promise<Message> {
    const message = await this.#recording.get(index);
    const { base } = message;
    if (base === undefined || asNumbers(has).includes(base)) return message;
    return { ...message, key: await this.#recording.get(base) };
  }
}

/** Where playing goes from `index`; null: it ends. The same as a kernel's `play`. */
export function following(
  index: number,
  step: number,
  loop: Loop,
  count: number,
): { index: number; step: number } | null {
  const next = index + step;
  if (next >= 0 && next < count) return { index: next, step };
  if (loop === false) return null;
  if (loop === true) return { index: ((next % count) + count) % count, step };
  if (count === 1) return { index: 0, step };
  // As on a strip that is folded at the ends: every other piece of it runs backwards.
  const fold = Math.floor(next / (count - 1));
  const rest = next - fold * (count - 1);
  return fold % 2 === 0 ? { index: rest, step } : { index: count - 1 - rest, step: -step };
}

async function readBlock(block: Block): Promise<readonly Message[]> {
  const messages = unpack(await inflateSome(bytesOf(block.text), Number.POSITIVE_INFINITY), {
    ext: () => null,
    map: (items) => Object.fromEntries(pairs(items)),
  });
  if (!Array.isArray(messages) || messages.length !== block.count) {
    throw bad(`frames ${block.first} and on are broken`);
  }
  return messages;
}

function* pairs(items: readonly unknown[]): Generator<[string, unknown]> {
  for (let i = 0; i < items.length; i += 2) yield [String(items[i]), items[i + 1]];
}

function asNumbers(value: unknown): readonly number[] {
  return Array.isArray(value) ? value : [];
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

function bad(message: string): KcommError {
  return new KcommError("kcomm.bad_value", message);
}
