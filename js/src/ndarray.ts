/** Making arrays that Python receives as `numpy.ndarray`. */
import { KcommError } from "./errors.js";
import { arrayBytes, type NdArray, type TypedArray } from "./protocol/arrays.js";

export type { NdArray, TypedArray } from "./protocol/arrays.js";

/**
 * Gives a typed array a shape, and, where its class does not tell it, a dtype. A plain `Uint8Array` is *bytes* in Python; with a shape it is an array.
 *
 * @param data the elements in C order; they are not copied
 * @param shape default: one dimension
 * @param dtype `"bool"` for a Uint8Array of 0 and 1, `"float16"` for a Float32Array; else left out
 * @returns `data` itself, with `shape` and `dtype`
 * @throws KcommError `kcomm.bad_value` if they do not fit each other
 * @example
 * await channel.call("show", [kcomm.ndarray(new Float32Array(6), [2, 3])]);
 */
export function ndarray(
  data: TypedArray | Uint8ClampedArray,
  shape: readonly number[] = [data.length],
  dtype?: string,
): NdArray {
  if (!ArrayBuffer.isView(data) || data instanceof DataView) {
    throw new KcommError("kcomm.bad_value", "ndarray needs a typed array");
  }
  Object.assign(data, { shape: [...shape] });
  if (dtype !== undefined) Object.assign(data, { dtype });
  return Object.assign(data as TypedArray, { dtype: arrayBytes(data).dtype, shape: [...shape] });
}

/** Whether a value that came from Python is an array; bytes are none. */
export function isNdarray(value: unknown): value is NdArray {
  return ArrayBuffer.isView(value) && Array.isArray((value as Partial<NdArray>).shape);
}
