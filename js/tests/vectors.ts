/** Reads the vectors of `tests/vectors`, in the notation of its README. */
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { NdArray } from "../src/protocol/arrays.js";
import { fromHex, hex } from "./protocol/helpers.js";

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** Reads the cases of a file. */
export function cases<T>(file: string): readonly (T & { readonly name: string })[] {
  const url = new URL(`../../tests/vectors/${file}`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8")).cases;
}

interface Notation {
  readonly $int?: string;
  readonly $real?: string;
  readonly $bytes?: string;
  readonly $array?: {
    readonly dtype: string;
    readonly shape: readonly number[];
    readonly data: string;
  };
  readonly $text?: true;
}

/** Stands for any text where something is expected. */
class AnyText {}

/** Makes the value that a piece of JSON stands for. */
export function toValue(json: Json | undefined): unknown {
  if (Array.isArray(json)) return json.map(toValue);
  if (typeof json !== "object" || json === null) return json;
  const { $int, $real, $bytes, $array, $text } = json as Notation;
  if ($int !== undefined) return BigInt($int);
  if ($real !== undefined) return Number($real);
  if ($bytes !== undefined) return fromHex($bytes);
  if ($array !== undefined) return toArray($array);
  if ($text !== undefined) return new AnyText();
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, toValue(value)]));
}

const TYPES: Readonly<Record<string, new (buffer: ArrayBuffer) => ArrayBufferView>> = {
  bool: Uint8Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  uint16: Uint16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  float32: Float32Array,
  float64: Float64Array,
};

export function toArray({ dtype, shape, data }: NonNullable<Notation["$array"]>): unknown {
  const { buffer } = Uint8Array.from(fromHex(data));
  if (dtype === "float16") return Object.assign(halves(buffer), { dtype, shape });
  const type = TYPES[dtype];
  if (type === undefined) throw new Error(`no type for ${dtype}`);
  return Object.assign(new type(buffer), { dtype, shape });
}

/** The test's own reading of float16: by the definition of the format. */
function halves(buffer: ArrayBuffer): Float32Array {
  return Float32Array.from(new Uint16Array(buffer), (word) => {
    const sign = word >> 15 ? -1 : 1;
    const exponent = (word >> 10) & 31;
    const fraction = (word & 1023) / 1024;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return exponent === 0
      ? sign * fraction * 2 ** -14
      : sign * (1 + fraction) * 2 ** (exponent - 15);
  });
}

/** Puts a value into a form that can be compared: arrays by their bytes, reals by all they are. */
export function comparable(value: unknown): unknown {
  if (value instanceof AnyText) return expect.any(String);
  if (ArrayBuffer.isView(value)) {
    const data = hex(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    const { dtype, shape } = value as NdArray;
    return shape === undefined
      ? { bytes: data }
      : { dtype, shape, data, of: value.constructor.name };
  }
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item)]));
  }
  return value;
}

/** Expects a value to be what the JSON stands for. */
export function expectValue(value: unknown, json: Json | undefined, what: string): void {
  expect(comparable(value), what).toEqual(comparable(toValue(json)));
}
