/**
 * Reads msgpack as this protocol needs it: with a way on past what can't be read, and no memory or stack taken on the word of the sender.
 * (`@msgpack/msgpack`, which the tests compare with, allocates an array as long as its header claims, and throws where here one message
 * only fails.)
 */

import { SHORT_TEXT, TWO_32 } from "./packer.js";

/** Containers within containers that are read at all, whatever the limits say. The same as msgpack-python's. */
export const MAX_NESTING = 1024;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The bytes are not msgpack. */
export class MsgpackError extends Error {}

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
