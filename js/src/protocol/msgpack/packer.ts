/**
 * Writes msgpack as this protocol needs it: integers of all 64 bits, and -0.0 as it is. (`@msgpack/msgpack`, which the tests compare with,
 * takes bigints or writes numbers above 2^32 as integers, not both; and writes -0.0 as 0.)
 */

/** What the high half of a 64-bit integer counts. */
export const TWO_32 = 2 ** 32;
/** Below this length a loop over ASCII is faster than a call of the engine's codec. */
export const SHORT_TEXT = 64;
const encoder = new TextEncoder();

/** Writes the smallest form of everything into a buffer that grows. */
export class Packer {
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
