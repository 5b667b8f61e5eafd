/** What the tests of the protocol share. */
import { unpack } from "../../src/protocol/msgpack/unpack.js";
import { check, decode, encode } from "../../src/protocol/values.js";

export function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/[^0-9a-f]/g, "");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Encodes a value as the only field of a message, and takes the array around it off again. */
export function encodeValue(
  value: unknown,
  depth = 64,
): { bytes: Uint8Array; attachments: readonly Uint8Array[] } {
  const { body, attachments } = encode([value], depth);
  return { bytes: body.subarray(1), attachments };
}

/** Decodes a value, and throws what is wrong with it. */
export function decodeValue(
  bytes: Uint8Array,
  attachments: readonly Uint8Array[] = [],
  depth = 64,
): unknown {
  const value = decode(bytes, attachments);
  check([value], depth);
  return value;
}

export function roundTrip(value: unknown): unknown {
  const { bytes, attachments } = encodeValue(value);
  return decodeValue(bytes, attachments);
}

/** Reads plain msgpack, for a look at what was written. */
export function plain(bytes: Uint8Array): unknown {
  const map = (items: readonly unknown[]) => {
    const entries: [string, unknown][] = [];
    for (let i = 0; i < items.length; i += 2) entries.push([String(items[i]), items[i + 1]]);
    return Object.fromEntries(entries);
  };
  return unpack(bytes, { ext: (type, payload) => ({ ext: type, payload: payload.slice() }), map });
}
