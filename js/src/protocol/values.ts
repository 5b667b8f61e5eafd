/** Values on the wire (section 2 of the specification): msgpack, with arrays and long bytes as ext type 1. */

import { BadValueError, ProtocolError } from "../errors.js";
import { type ArrayValue, arrayBytes, makeArray } from "./arrays.js";
import { Packer } from "./msgpack/packer.js";
import { MsgpackError, unpack } from "./msgpack/unpack.js";

export const ARRAY_EXT = 1;
/** Up to this size array data travel inside the header: a buffer of its own costs more than the copy. */
export const INLINE_LIMIT = 1024;
const UNSAFE_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor"]);
/** Whatever the peer accepts: the encoder calls itself, and a value that holds itself has no depth. */
const MAX_SENT_DEPTH = 512;

const INT_MIN = -(2n ** 63n);
const INT_MAX = 2n ** 64n - 1n;
const MAX_INTEGER = 2 ** 53;
const LONE_SURROGATE = /\p{Surrogate}/u;

const HINTS: Readonly<Record<string, string>> = {
  Map: "send Object.fromEntries(map)",
  Set: "send [...set]",
  Date: "send its .toISOString() or .getTime()",
  Promise: "await it first",
  Blob: "send await blob.arrayBuffer()",
  File: "send await file.arrayBuffer()",
  ImageData: "send its .data",
  RegExp: "send its .source",
  Error: "send its .message",
  function: "register it with channel.handle",
};

/** Stands in a decoded tree for something that could not be read; it fails its message only. */
export class Invalid {
  constructor(readonly error: BadValueError) {}
}

// --- sending -----------------------------------------------------------------------------------------

export interface Encoded {
  readonly body: Uint8Array;
  readonly attachments: readonly Uint8Array[];
}

/**
 * Encodes the fields of a message. Array data are copied: what is changed afterwards does not change what is sent.
 *
 * @param depthLimit depth of a value that the peer accepts
 * @throws BadValueError names what can't be sent, and where it is
 */
export function encode(fields: readonly unknown[], depthLimit: number): Encoded {
  const writing = new Writing();
  writing.out.arrayHeader(fields.length);
  const depth = Math.min(depthLimit, MAX_SENT_DEPTH);
  for (const field of fields) writing.value(field, depth);
  return { body: writing.out.finish(), attachments: writing.attachments };
}

class Writing {
  readonly out = new Packer();
  readonly attachments: Uint8Array[] = [];
  /** Keys and indexes from the field down to where the encoder is: it is put into words only for an error. */
  readonly #path: (string | number)[] = [];

  value(value: unknown, depth: number): void {
    switch (typeof value) {
      case "string":
        this.#text(value);
        break;
      case "number":
        this.#number(value);
        break;
      case "boolean":
        this.out.boolean(value);
        break;
      case "undefined":
        this.out.nil();
        break;
      case "bigint":
        this.#bigint(value);
        break;
      case "object":
        if (value === null) this.out.nil();
        else this.#object(value, depth);
        break;
      default:
        throw this.#refused(typeof value, typeof value);
    }
  }

  #text(value: string): void {
    if (LONE_SURROGATE.test(value))
      throw this.#bad("is text with a lone surrogate, which is not valid Unicode");
    this.out.text(value);
  }

  #number(value: number): void {
    const isInteger =
      Number.isInteger(value) && Math.abs(value) <= MAX_INTEGER && !Object.is(value, -0);
    if (isInteger) this.out.integer(value);
    else this.out.float(value);
  }

  #bigint(value: bigint): void {
    if (value < INT_MIN || value > INT_MAX) {
      throw this.#bad(
        "is a bigint beyond 64 bits; integers go from -2^63 to 2^64 - 1: send it as text",
      );
    }
    this.out.bigint(value);
  }

  #object(value: object, depth: number): void {
    if (Array.isArray(value)) this.#list(value, depth);
    else if (ArrayBuffer.isView(value) || isArrayBuffer(value)) this.#array(value);
    else if (isPlain(value)) this.#map(value as Record<string, unknown>, depth);
    else {
      const name = className(value);
      throw this.#refused(name, value instanceof Error ? "Error" : name);
    }
  }

  #list(value: readonly unknown[], depth: number): void {
    this.#checkDepth(depth);
    this.out.arrayHeader(value.length);
    // By index, so that holes are sent as nil.
    for (let i = 0; i < value.length; i++) {
      this.#path.push(i);
      this.value(value[i], depth - 1);
      this.#path.pop();
    }
  }

  #map(value: Record<string, unknown>, depth: number): void {
    this.#checkDepth(depth);
    const keys = Object.keys(value);
    this.out.mapHeader(keys.length);
    for (const key of keys) {
      if (UNSAFE_KEYS.has(key))
        throw this.#bad(`has the key "${key}", which is not safe in JavaScript`);
      this.#text(key);
      this.#path.push(key);
      this.value(value[key], depth - 1);
      this.#path.pop();
    }
  }

  #array(value: ArrayBuffer | ArrayBufferView): void {
    let array: ArrayValue;
    try {
      array = arrayBytes(value);
    } catch (error) {
      throw error instanceof BadValueError ? this.#bad(error.message) : error;
    }
    const { dtype, shape, bytes } = array;
    const isInline = bytes.length <= INLINE_LIMIT;
    if (isInline && dtype === "bytes") {
      this.out.bin(bytes);
      return;
    }
    const payload = new Packer();
    payload.arrayHeader(isInline ? 3 : 2);
    payload.text(dtype);
    payload.arrayHeader(shape.length);
    for (const size of shape) payload.integer(size);
    if (isInline) payload.bin(bytes);
    else this.attachments.push(bytes.slice());
    this.out.ext(ARRAY_EXT, payload.finish());
  }

  #checkDepth(depth: number): void {
    if (depth <= 0)
      throw new BadValueError(`${this.#where()} is nested too deeply`, "kcomm.too_deep");
  }

  #refused(name: string, hint: string): BadValueError {
    const advice = Object.hasOwn(HINTS, hint)
      ? HINTS[hint]
      : "send null, booleans, numbers, text, bytes, arrays or plain objects";
    return this.#bad(`is of type ${name}, which can't be sent: ${advice}`);
  }

  #bad(message: string): BadValueError {
    return new BadValueError(`${this.#where()} ${message}`);
  }

  #where(): string {
    if (this.#path.length === 0) return "value";
    const path = this.#path
      .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
      .join("");
    return `value at ${path.replace(/^\./, "").slice(0, 80)}`;
  }
}

/** Whether an object is one that `{}` makes, in this or another realm (an iframe's has another prototype). */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function isArrayBuffer(value: object): value is ArrayBuffer {
  const tag = Object.prototype.toString.call(value);
  return tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
}

function className(value: object): string {
  const { constructor: made } = value;
  return typeof made === "function" && made.name !== "" ? made.name : "unknown";
}

// --- receiving ---------------------------------------------------------------------------------------

/**
 * Decodes msgpack whose references stand for the attachments, in order. What is wrong with a value stands in the tree as `Invalid`;
 * `check` finds it.
 *
 * @throws ProtocolError when the bytes are not msgpack, or the attachments do not match the references
 */
export function decode(data: Uint8Array, attachments: readonly Uint8Array[]): unknown {
  let used = 0;
  const next = (): Uint8Array => {
    const attachment = attachments[used];
    if (attachment === undefined) throw new ProtocolError("a reference has no attachment");
    used += 1;
    return attachment;
  };
  const ext = (type: number, payload: Uint8Array): unknown => {
    if (type !== ARRAY_EXT) return new Invalid(new BadValueError(`ext type ${type} is not known`));
    return orInvalid(() => readArray(payload, next));
  };
  let value: unknown;
  try {
    value = unpack(data, { ext, map: readMap });
  } catch (error) {
    if (error instanceof MsgpackError)
      throw new ProtocolError(`not valid msgpack: ${error.message}`);
    throw error;
  }
  if (used < attachments.length) throw new ProtocolError("an attachment has no reference");
  return value;
}

/**
 * Throws if anything in the fields of a message could not be read. Goes level by level, since what came may be deep.
 *
 * @throws BadValueError
 */
export function check(fields: readonly unknown[], depthLimit: number): void {
  let level: readonly unknown[] = fields;
  for (let depth = 0; depth <= depthLimit; depth++) {
    const below: unknown[] = [];
    for (const item of level) {
      if (typeof item !== "object" || item === null || ArrayBuffer.isView(item)) continue;
      if (item instanceof Invalid) throw item.error;
      for (const inner of Array.isArray(item) ? item : Object.values(item)) below.push(inner);
      // An empty list has a depth of its own, too.
      below.push(null);
    }
    if (below.length === 0) return;
    level = below;
  }
  throw new BadValueError(
    `the value is nested more than ${depthLimit} levels deep`,
    "kcomm.too_deep",
  );
}

function orInvalid(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof BadValueError) return new Invalid(error);
    throw error;
  }
}

function readMap(items: readonly unknown[]): unknown {
  const map: Record<string, unknown> = {};
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i];
    if (typeof key !== "string") return new Invalid(new BadValueError("a map key is not text"));
    if (UNSAFE_KEYS.has(key))
      return new Invalid(new BadValueError(`the map key "${key}" is not allowed`));
    map[key] = items[i + 1];
  }
  return map;
}

function readArray(payload: Uint8Array, next: () => Uint8Array): unknown {
  const fields = readPayload(payload);
  if (!Array.isArray(fields) || (fields.length !== 2 && fields.length !== 3)) {
    throw new BadValueError(
      "the payload of ext type 1 must be [dtype, shape] or [dtype, shape, data]",
    );
  }
  const [dtype, shape] = fields as unknown[];
  const data: unknown = fields.length === 3 ? fields[2] : next();
  if (!(data instanceof Uint8Array)) throw new BadValueError("the data of an array must be bytes");
  return makeArray(dtype, shape, data);
}

function readPayload(payload: Uint8Array): unknown {
  const refuse = () => {
    throw new MsgpackError("neither maps nor ext types have a place here");
  };
  try {
    return unpack(payload, { ext: refuse, map: refuse });
  } catch (error) {
    if (error instanceof MsgpackError)
      throw new BadValueError("the payload of ext type 1 is not valid msgpack");
    throw error;
  }
}
