/** Arrays of numbers and bytes, between their bytes on the wire and JavaScript's typed arrays. */

import { BadValueError } from "../errors.js";
import { fromHalf, toHalf } from "./half.js";

const MAX_DIMENSIONS = 32;

export type TypedArray =
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** A typed array as it was received: C order, little-endian. */
export type NdArray = TypedArray & { shape: readonly number[]; dtype: string };

export interface ArrayValue {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** The data; a view of what was given. */
  readonly bytes: Uint8Array;
}

interface Maker {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TypedArray;
}

/** Engines have it from 2025 on; not all that JupyterLab supports do. */
const Float16 = (globalThis as unknown as { Float16Array?: Maker }).Float16Array;

const MAKERS: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ["bool", Uint8Array],
  ["int8", Int8Array],
  ["uint8", Uint8Array],
  ["int16", Int16Array],
  ["uint16", Uint16Array],
  ["int32", Int32Array],
  ["uint32", Uint32Array],
  ["int64", BigInt64Array],
  ["uint64", BigUint64Array],
  ["float16", Float16 ?? Uint16Array],
  ["float32", Float32Array],
  ["float64", Float64Array],
  ["bytes", Uint8Array],
]);

/** The dtype of each class of array, and what else its `dtype` property may say. */
const DTYPES: ReadonlyMap<string, readonly string[]> = new Map([
  ["Int8Array", ["int8"]],
  ["Uint8Array", ["uint8", "bool"]],
  ["Uint8ClampedArray", ["uint8"]],
  ["Int16Array", ["int16"]],
  ["Uint16Array", ["uint16"]],
  ["Int32Array", ["int32"]],
  ["Uint32Array", ["uint32"]],
  ["BigInt64Array", ["int64"]],
  ["BigUint64Array", ["uint64"]],
  ["Float16Array", ["float16"]],
  ["Float32Array", ["float32", "float16"]],
  ["Float64Array", ["float64"]],
]);

/**
 * Returns the data of a buffer or typed array, with the dtype and shape they are sent as.
 *
 * @throws BadValueError when its own `shape` or `dtype` does not fit it
 */
export function arrayBytes(value: ArrayBuffer | ArrayBufferView): ArrayValue {
  if (!ArrayBuffer.isView(value)) return bytesValue(new Uint8Array(value));
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  const name = Object.prototype.toString.call(value).slice("[object ".length, -1);
  const dtypes = DTYPES.get(name);
  // A DataView, or a Uint8Array that says nothing of a shape.
  if (dtypes === undefined) return bytesValue(bytes);
  const own = value as unknown as { length: number; shape?: unknown; dtype?: unknown };
  if (name === "Uint8Array" && own.shape === undefined && own.dtype === undefined)
    return bytesValue(bytes);
  const dtype = own.dtype === undefined ? (dtypes[0] as string) : own.dtype;
  if (typeof dtype !== "string" || !dtypes.includes(dtype)) {
    throw new BadValueError(
      `is a ${name} with the dtype ${JSON.stringify(dtype)}; it can be sent as ${dtypes.join(" or ")}`,
    );
  }
  const shape = checkedShape(own.shape ?? [own.length], own.length);
  if (name === "Float32Array" && dtype === "float16")
    return { dtype, shape, bytes: halves(value as Float32Array) };
  if (dtype === "bool" && bytes.some((byte) => byte > 1))
    throw new BadValueError("is an array of bool with a byte that is neither 0 nor 1");
  return { dtype, shape, bytes };
}

function bytesValue(bytes: Uint8Array): ArrayValue {
  return { dtype: "bytes", shape: [bytes.length], bytes };
}

function halves(values: Float32Array): Uint8Array {
  return new Uint8Array(Uint16Array.from(values, toHalf).buffer);
}

function checkedShape(shape: unknown, length: number): readonly number[] {
  if (!isShape(shape))
    throw new BadValueError(`has a shape that is not an array of at most ${MAX_DIMENSIONS} sizes`);
  if (product(shape) !== length)
    throw new BadValueError(
      `is an array of ${length} elements, which the shape [${shape.join(", ")}] does not fit`,
    );
  return shape;
}

function isShape(shape: unknown): shape is number[] {
  return (
    Array.isArray(shape) &&
    shape.length <= MAX_DIMENSIONS &&
    shape.every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
  );
}

function product(shape: readonly number[]): number {
  return shape.reduce((total, n) => total * n, 1);
}

/**
 * Makes what stands for received data: a typed array with `shape` and `dtype`, or a Uint8Array for bytes. The data are used where they
 * are, and copied only where the engine wants them aligned.
 *
 * @throws BadValueError when dtype, shape and size do not fit
 */
export function makeArray(dtype: unknown, shape: unknown, data: Uint8Array): Uint8Array | NdArray {
  const maker = typeof dtype === "string" ? MAKERS.get(dtype) : undefined;
  if (maker === undefined)
    throw new BadValueError(`the dtype ${JSON.stringify(String(dtype).slice(0, 40))} is not known`);
  if (!isShape(shape))
    throw new BadValueError(
      `a shape must be an array of at most ${MAX_DIMENSIONS} non-negative integers`,
    );
  if (dtype === "bytes" && shape.length !== 1)
    throw new BadValueError(`bytes can't have ${shape.length} dimensions`);
  const expected = product(shape) * maker.BYTES_PER_ELEMENT;
  if (expected !== data.length) {
    throw new BadValueError(
      `an array of ${dtype} with the shape [${shape.join(", ")}] has ${expected} bytes, but ${data.length} came`,
    );
  }
  if (dtype === "bytes") return data;
  if (dtype === "bool" && data.some((byte) => byte > 1))
    throw new BadValueError("an array of bool has a byte that is neither 0 nor 1");
  const aligned = data.byteOffset % maker.BYTES_PER_ELEMENT === 0 ? data : data.slice();
  let array = new maker(aligned.buffer, aligned.byteOffset, data.length / maker.BYTES_PER_ELEMENT);
  if (dtype === "float16" && Float16 === undefined)
    array = Float32Array.from(array as Uint16Array, fromHalf);
  return Object.assign(array, { shape, dtype: dtype as string });
}
