/**
 * msgpack as this protocol needs it: integers of all 64 bits, text that is checked, a way on past what can't be read, and no memory or
 * stack taken on the word of the sender. (`@msgpack/msgpack`, which the tests compare with, takes bigints or writes numbers above 2^32 as
 * integers, not both; writes -0.0 as 0; allocates an array as long as its header claims; and throws where here one message only fails.)
 */

/** Containers within containers that are read at all, whatever the limits say. The same as msgpack-python's. */
export const MAX_NESTING = 1024;

/** The bytes are not msgpack. */
export class MsgpackError extends Error {}

const TWO_32 = 2 ** 32;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Below this length a loop over ASCII is faster than a call of the engine's codec. */
const SHORT_TEXT = 64;

/** Writes the smallest form of everything into a buffer that grows. */
export class Writer {
  #bytes = new Uint8Array(256);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  nil(): void {
    this.#byte(0xc0);
  }

  boolean(value: boolean): void {
    this.#byte(value ? 0xc3 : 0xc2);
  }

  float(value: number): void {
    const at = this.#take(9);
    this.#view.setUint8(at, 0xcb);
    this.#view.setFloat64(at + 1, value);
  }

  /** @param value a number without fraction, at most 2^53 in size */
  integer(value: number): void {
    if (value >= 0) {
      if (value < 0x80) this.#byte(value);
      else if (value < TWO_32) this.#sized(value, 0xcc, 0xcd, 0xce);
      else this.#long(0xcf, Math.floor(value / TWO_32), value % TWO_32);
    } else if (value >= -0x20) this.#byte(value & 0xff);
    else if (value >= -0x80) {
      const at = this.#take(2);
      this.#view.setUint8(at, 0xd0);
      this.#view.setInt8(at + 1, value);
    } else if (value >= -0x8000) {
      const at = this.#take(3);
      this.#view.setUint8(at, 0xd1);
      this.#view.setInt16(at + 1, value);
    } else if (value >= -0x80000000) {
      const at = this.#take(5);
      this.#view.setUint8(at, 0xd2);
      this.#view.setInt32(at + 1, value);
    } else {
      const high = Math.floor(value / TWO_32);
      this.#long(0xd3, high, value - high * TWO_32);
    }
  }

  /** @param value from -2^63 to 2^64 - 1 */
  bigint(value: bigint): void {
    if (value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER) {
      this.integer(Number(value));
      return;
    }
    const at = this.#take(9);
    this.#view.setUint8(at, value < 0 ? 0xd3 : 0xcf);
    this.#view.setBigUint64(at + 1, BigInt.asUintN(64, value));
  }

  /** @param value text without lone surrogates */
  text(value: string): void {
    if (value.length < SHORT_TEXT && this.#ascii(value)) return;
    const bytes = encoder.encode(value);
    if (bytes.length < 32) this.#byte(0xa0 | bytes.length);
    else this.#sized(bytes.length, 0xd9, 0xda, 0xdb);
    this.raw(bytes);
  }

  bin(value: Uint8Array): void {
    this.#sized(value.length, 0xc4, 0xc5, 0xc6);
    this.raw(value);
  }

  arrayHeader(length: number): void {
    if (length < 16) this.#byte(0x90 | length);
    else this.#sized(length, null, 0xdc, 0xdd);
  }

  mapHeader(length: number): void {
    if (length < 16) this.#byte(0x80 | length);
    else this.#sized(length, null, 0xde, 0xdf);
  }

  ext(type: number, payload: Uint8Array): void {
    const fixed = [1, 2, 4, 8, 16].indexOf(payload.length);
    if (fixed >= 0) this.#byte(0xd4 + fixed);
    else this.#sized(payload.length, 0xc7, 0xc8, 0xc9);
    this.#byte(type & 0xff);
    this.raw(payload);
  }

  /** Bytes that are msgpack already. */
  raw(bytes: Uint8Array): void {
    const at = this.#take(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** What was written, exactly as long as it is. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #ascii(value: string): boolean {
    const header = value.length < 32 ? 1 : 2;
    const at = this.#take(header + value.length);
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i);
      if (unit > 0x7f) {
        this.#length = at;
        return false;
      }
      this.#bytes[at + header + i] = unit;
    }
    if (header === 1) this.#bytes[at] = 0xa0 | value.length;
    else {
      this.#bytes[at] = 0xd9;
      this.#bytes[at + 1] = value.length;
    }
    return true;
  }

  #byte(value: number): void {
    // Before the index is computed: taking may replace the buffer.
    const at = this.#take(1);
    this.#bytes[at] = value;
  }

  #sized(value: number, head8: number | null, head16: number, head32: number): void {
    if (head8 !== null && value < 0x100) {
      const at = this.#take(2);
      this.#bytes[at] = head8;
      this.#bytes[at + 1] = value;
    } else if (value < 0x10000) {
      const at = this.#take(3);
      this.#bytes[at] = head16;
      this.#view.setUint16(at + 1, value);
    } else {
      const at = this.#take(5);
      this.#bytes[at] = head32;
      this.#view.setUint32(at + 1, value);
    }
  }

  #long(head: number, high: number, low: number): void {
    const at = this.#take(9);
    this.#bytes[at] = head;
    this.#view.setUint32(at + 1, high >>> 0);
    this.#view.setUint32(at + 5, low);
  }

  #take(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

export interface Hooks {
  /** Makes the value of an ext type. */
  ext(type: number, payload: Uint8Array): unknown;
  /** Makes the value of a map: key, value, key, value, ... in the order they came. */
  map(items: readonly unknown[]): unknown;
}

/**
 * Reads one msgpack value, which must take all the bytes.
 *
 * @throws MsgpackError when the bytes are not that
 */
export function unpack(bytes: Uint8Array, hooks: Hooks): unknown {
  const reader = new Reader(bytes, hooks);
  const value = reader.read();
  if (reader.offset < bytes.length)
    throw new MsgpackError(`${bytes.length - reader.offset} bytes after the end`);
  return value;
}

class Container {
  readonly items: unknown[] = [];

  constructor(
    public left: number,
    readonly isMap: boolean,
  ) {}
}

/** Keeps a stack of its own: the depth of what came must not be that of the calls. */
class Reader {
  offset = 0;
  readonly #view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    readonly hooks: Hooks,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): unknown {
    const open: Container[] = [];
    for (;;) {
      let value = this.#token();
      if (value instanceof Container) {
        if (value.left > 0) {
          if (open.length >= MAX_NESTING)
            throw new MsgpackError(`nested more than ${MAX_NESTING} levels deep`);
          open.push(value);
          continue;
        }
        value = this.#finish(value);
      }
      for (;;) {
        const top = open.at(-1);
        if (top === undefined) return value;
        top.items.push(value);
        top.left -= 1;
        if (top.left > 0) break;
        open.pop();
        value = this.#finish(top);
      }
    }
  }

  #finish(container: Container): unknown {
    return container.isMap ? this.hooks.map(container.items) : container.items;
  }

  #token(): unknown {
    const head = this.#uint8();
    if (head < 0x80) return head;
    if (head < 0x90) return this.#container(head & 0x0f, true);
    if (head < 0xa0) return this.#container(head & 0x0f, false);
    if (head < 0xc0) return this.#text(head & 0x1f);
    if (head >= 0xe0) return head - 0x100;
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#take(this.#uint8()).slice();
      case 0xc5:
        return this.#take(this.#uint16()).slice();
      case 0xc6:
        return this.#take(this.#uint32()).slice();
      case 0xc7:
        return this.#ext(this.#uint8());
      case 0xc8:
        return this.#ext(this.#uint16());
      case 0xc9:
        return this.#ext(this.#uint32());
      case 0xca:
        return this.#view.getFloat32(this.#skip(4));
      case 0xcb:
        return this.#view.getFloat64(this.#skip(8));
      case 0xcc:
        return this.#uint8();
      case 0xcd:
        return this.#uint16();
      case 0xce:
        return this.#uint32();
      case 0xcf:
        return this.#long(false);
      case 0xd0:
        return this.#view.getInt8(this.#skip(1));
      case 0xd1:
        return this.#view.getInt16(this.#skip(2));
      case 0xd2:
        return this.#view.getInt32(this.#skip(4));
      case 0xd3:
        return this.#long(true);
      case 0xd9:
        return this.#text(this.#uint8());
      case 0xda:
        return this.#text(this.#uint16());
      case 0xdb:
        return this.#text(this.#uint32());
      case 0xdc:
        return this.#container(this.#uint16(), false);
      case 0xdd:
        return this.#container(this.#uint32(), false);
      case 0xde:
        return this.#container(this.#uint16(), true);
      case 0xdf:
        return this.#container(this.#uint32(), true);
      case 0xc1:
        throw new MsgpackError("the byte 0xc1 is never used");
      default:
        return this.#ext(1 << (head - 0xd4));
    }
  }

  #container(length: number, isMap: boolean): Container {
    const items = isMap ? 2 * length : length;
    // Every item takes a byte at least, so what can't be there is found before anything is made for it.
    if (items > this.bytes.length - this.offset) throw truncated();
    return new Container(items, isMap);
  }

  #ext(length: number): unknown {
    const type = this.#view.getInt8(this.#skip(1));
    return this.hooks.ext(type, this.#take(length));
  }

  #long(signed: boolean): number | bigint {
    const at = this.#skip(8);
    const high = signed ? this.#view.getInt32(at) : this.#view.getUint32(at);
    const value = high * TWO_32 + this.#view.getUint32(at + 4);
    if (Number.isSafeInteger(value)) return value;
    return signed ? this.#view.getBigInt64(at) : this.#view.getBigUint64(at);
  }

  #text(length: number): string {
    const bytes = this.#take(length);
    if (length < SHORT_TEXT) {
      let text = "";
      for (let i = 0; i < length; i++) {
        const byte = bytes[i] as number;
        if (byte > 0x7f) return decoder.decode(bytes);
        text += String.fromCharCode(byte);
      }
      return text;
    }
    return decoder.decode(bytes);
  }

  #uint8(): number {
    return this.#view.getUint8(this.#skip(1));
  }

  #uint16(): number {
    return this.#view.getUint16(this.#skip(2));
  }

  #uint32(): number {
    return this.#view.getUint32(this.#skip(4));
  }

  #take(length: number): Uint8Array {
    const at = this.#skip(length);
    return this.bytes.subarray(at, at + length);
  }

  #skip(length: number): number {
    const at = this.offset;
    if (length > this.bytes.length - at) throw truncated();
    this.offset = at + length;
    return at;
  }
}

function truncated(): MsgpackError {
  return new MsgpackError("the bytes end too early");
}
