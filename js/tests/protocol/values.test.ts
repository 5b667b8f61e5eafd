import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BadValueError, ProtocolError } from "../../src/errors.js";
import type { NdArray } from "../../src/protocol/arrays.js";
import { Packer } from "../../src/protocol/msgpack/packer.js";
import { ARRAY_EXT, check, decode, INLINE_LIMIT } from "../../src/protocol/values.js";
import { decodeValue, encodeValue, fromHex, hex, plain, roundTrip } from "./helpers.js";

const TYPES = {
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
} as const;

function reference(fields: readonly unknown[]): Uint8Array {
  const payload = encodeValue(fields).bytes;
  const packer = new Packer();
  packer.ext(ARRAY_EXT, payload);
  return packer.finish();
}

function refusal(value: unknown): BadValueError {
  try {
    encodeValue(value);
  } catch (error) {
    expect(error).toBeInstanceOf(BadValueError);
    return error as BadValueError;
  }
  throw new Error("it was not refused");
}

describe("what JavaScript sends and receives", () => {
  it.each([
    [null, null],
    [undefined, null],
    [true, true],
    [2.0, 2],
    [2.5, 2.5],
    [Number.NaN, Number.NaN],
    [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
    [-0, -0],
    [3n, 3],
    [2n ** 63n, 2n ** 63n],
    ["𝄞 ok", "𝄞 ok"],
    [
      [1, [], undefined, {}],
      [1, [], null, {}],
    ],
    [
      { a: undefined, "": { b: [1n] } },
      { a: null, "": { b: [1] } },
    ],
    [Object.assign(Object.create(null), { toString: 1 }), { toString: 1 }],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [new Uint8Array([1, 2]).buffer, new Uint8Array([1, 2])],
    [new DataView(new ArrayBuffer(3), 1), new Uint8Array(2)],
    [Buffer.from("ab"), new Uint8Array([97, 98])],
    [new Uint8Array(5000).fill(7), new Uint8Array(5000).fill(7)],
  ])("%s", (sent, received) => {
    expect(roundTrip(sent)).toEqual(received);
  });

  it("sends holes of an array as nothing", () => {
    // biome-ignore lint/suspicious/noSparseArray: it is what this is about
    expect(roundTrip([1, , 2])).toEqual([1, null, 2]);
  });

  it("takes any JSON there and back", () => {
    const json = fc
      .jsonValue()
      .filter((value) => !/__proto__|constructor/.test(JSON.stringify(value)));
    fc.assert(
      fc.property(json, (value) => {
        expect(roundTrip(value)).toEqual(value);
      }),
    );
  });
});

describe("what can't be sent", () => {
  class Point {}
  it.each([
    [new Map(), "Map", "Object.fromEntries"],
    [new Set([1]), "Set", "[...set]"],
    [new Date(0), "Date", "toISOString"],
    [new Point(), "Point", "plain objects"],
    [() => 1, "function", "channel.handle"],
    [Symbol("s"), "symbol", "can't be sent"],
    [Promise.resolve(1), "Promise", "await"],
    [/x/, "RegExp", ".source"],
    [new TypeError("t"), "TypeError", ".message"],
    [2n ** 64n, "bigint", "2^64 - 1"],
    [-(2n ** 63n) - 1n, "bigint", "2^64 - 1"],
    ["a\ud800b", "lone surrogate", "Unicode"],
    [{ "\udc00": 1 }, "lone surrogate", "Unicode"],
    [JSON.parse('{"__proto__": 1}'), "__proto__", "not safe"],
    [{ constructor: 1 }, "constructor", "not safe"],
  ])("%s is refused by name", (value, name, advice) => {
    const { message, code } = refusal(value);
    expect(message).toContain(name);
    expect(message).toContain(advice);
    expect(code).toBe("kcomm.bad_value");
  });

  it("says where it is", () => {
    expect(refusal({ a: [1, { b: new Map() }] }).message).toContain("value at a[1].b ");
  });

  it("refuses what is too deep, and what holds itself", () => {
    const nest = (depth: number): unknown => (depth === 0 ? 1 : [nest(depth - 1)]);
    expect(encodeValue(nest(64)).bytes.length).toBe(65);
    expect(() => encodeValue(nest(65))).toThrow(
      expect.objectContaining({ code: "kcomm.too_deep" }),
    );
    const cycle: unknown[] = [];
    cycle.push(cycle);
    expect(() => encodeValue(cycle, Number.MAX_SAFE_INTEGER)).toThrow(
      expect.objectContaining({ code: "kcomm.too_deep" }),
    );
  });
});

describe("arrays", () => {
  it.each(Object.entries(TYPES))("%s goes there and back, small and large", (dtype, type) => {
    for (const length of [0, 3, 2000]) {
      const is64 = dtype === "int64" || dtype === "uint64";
      const elements = Array.from({ length }, (_, i) => (is64 ? BigInt(i % 100) : i % 100));
      const sent = (type as { from(elements: unknown[]): object }).from(elements);
      Object.assign(sent, { shape: [length], dtype });
      const received = roundTrip(sent) as NdArray;
      expect(received).toBeInstanceOf(type);
      expect(received).toEqual(sent);
      expect(received.shape).toEqual([length]);
      expect(received.dtype).toBe(dtype);
    }
  });

  it("keeps shapes, 0-d and empty ones too", () => {
    for (const [shape, length] of [
      [[], 1],
      [[2, 3], 6],
      [[0, 7], 0],
      [[1, 1, 1], 1],
    ] as const) {
      const received = roundTrip(
        Object.assign(new Float32Array(length).fill(1.5), { shape }),
      ) as NdArray;
      expect(received.shape).toEqual(shape);
      expect([...received]).toEqual(new Array(length).fill(1.5));
    }
  });

  it("sends a typed array without a shape as one-dimensional, and a clamped one as uint8", () => {
    expect((roundTrip(new Int16Array([1, 2])) as NdArray).shape).toEqual([2]);
    const clamped = roundTrip(new Uint8ClampedArray([1, 2])) as NdArray;
    expect(clamped).toBeInstanceOf(Uint8Array);
    expect(clamped.dtype).toBe("uint8");
  });

  it("sends a view's own part only", () => {
    const whole = new Float64Array([1, 2, 3, 4]);
    expect([...(roundTrip(whole.subarray(1, 3)) as Float64Array)]).toEqual([2, 3]);
    const large = new Float64Array(1000).map((_, i) => i).subarray(500);
    const { attachments } = encodeValue(large);
    expect(attachments[0]?.buffer.byteLength).toBe(4000);
  });

  it("copies what it sends", () => {
    const array = new Float64Array(1000).fill(1);
    const { bytes, attachments } = encodeValue(array);
    array.fill(2);
    expect((decodeValue(bytes, attachments) as Float64Array)[999]).toBe(1);
  });

  it("has bool as a Uint8Array", () => {
    const sent = Object.assign(new Uint8Array([0, 1]), { dtype: "bool" });
    const received = roundTrip(sent) as NdArray;
    expect(received.dtype).toBe("bool");
    expect([...(received as Uint8Array)]).toEqual([0, 1]);
    expect(refusal(Object.assign(new Uint8Array([2]), { dtype: "bool" })).message).toContain(
      "neither 0 nor 1",
    );
  });

  it("has float16, whatever the engine has", () => {
    const payload = ["float16", [3], fromHex("003c 00fc 0100")];
    const received = decodeValue(reference(payload)) as NdArray;
    expect(received.dtype).toBe("float16");
    expect([...(received as Float32Array)]).toEqual([1, Number.NEGATIVE_INFINITY, 2 ** -24]);
    const { bytes } = encodeValue(received);
    expect(hex(bytes)).toContain("003c00fc0100");
  });

  it("puts small data into the header and the rest beside it", () => {
    const small = encodeValue(new Float32Array(INLINE_LIMIT / 4));
    const large = encodeValue([
      new Float32Array(INLINE_LIMIT / 4 + 1),
      new Uint8Array(INLINE_LIMIT + 1),
    ]);
    expect(small.attachments).toEqual([]);
    expect(large.attachments.map((attachment) => attachment.length)).toEqual([1028, 1025]);
    expect(plain(large.bytes)).toHaveLength(2);
  });

  it.each([
    [Object.assign(new Int8Array(3), { shape: [2, 2] }), "does not fit"],
    [Object.assign(new Int8Array(3), { shape: [-3] }), "a shape"],
    [Object.assign(new Int8Array(3), { shape: "3" }), "a shape"],
    [Object.assign(new Int8Array(1), { shape: new Array(33).fill(1) }), "a shape"],
    [Object.assign(new Int8Array(3), { dtype: "float32" }), "it can be sent as int8"],
  ])("refuses a shape or dtype that does not fit: %s", (value, message) => {
    expect(refusal(value).message).toContain(message);
  });

  it("uses attachments where they are, and copies only what is not aligned", () => {
    const buffer = new ArrayBuffer(40);
    const bytes = reference(["float64", [4]]);
    const aligned = decodeValue(bytes, [new Uint8Array(buffer, 8, 32)]) as Float64Array;
    expect(aligned.buffer).toBe(buffer);
    expect(aligned.byteOffset).toBe(8);
    const copied = decodeValue(bytes, [new Uint8Array(buffer, 1, 32)]) as Float64Array;
    expect(copied.buffer).not.toBe(buffer);
    const raw = decodeValue(reference(["bytes", [33]]), [
      new Uint8Array(buffer, 1, 33),
    ]) as Uint8Array;
    expect(raw.buffer).toBe(buffer);
  });
});

describe("references", () => {
  const two = encodeValue([new Float64Array(200).fill(1), new Float64Array(200).fill(2)]);

  it("stand for the attachments in order", () => {
    const [first, second] = decodeValue(two.bytes, two.attachments) as Float64Array[];
    expect([first?.[0], second?.[0]]).toEqual([1, 2]);
  });

  it("must be as many as the attachments", () => {
    expect(() => decode(two.bytes, two.attachments.slice(1))).toThrow(ProtocolError);
    expect(() => decode(two.bytes, [...two.attachments, new Uint8Array()])).toThrow(ProtocolError);
  });

  it("use up their attachment even if they are bad", () => {
    const bad = reference(["complex64", [1]]);
    const bytes = new Uint8Array([0x92, ...bad, ...reference(["float64", [1]])]);
    const [, good] = decode(bytes, [new Uint8Array(8), new Uint8Array(8)]) as unknown[];
    expect(good).toBeInstanceOf(Float64Array);
    expect(() => check([decode(bytes, [new Uint8Array(8), new Uint8Array(8)])], 64)).toThrow(
      "complex64",
    );
  });
});

describe("value errors of what was received", () => {
  it.each([
    ["an unknown dtype", reference(["object", [0], new Uint8Array()])],
    ["a dtype that is no text", reference([5, [0], new Uint8Array()])],
    ["a dtype that is a property of objects", reference(["constructor", [0], new Uint8Array()])],
    ["a negative size", reference(["int8", [-1], new Uint8Array()])],
    ["a fraction", reference(["int8", [1.5], new Uint8Array()])],
    ["a size beyond 2^53", reference(["int8", [2n ** 60n, 0], new Uint8Array()])],
    ["too many dimensions", reference(["int8", new Array(33).fill(1), new Uint8Array(1)])],
    ["a size that does not fit", reference(["float64", [2], new Uint8Array(15)])],
    [
      "sizes whose product is not a number",
      reference(["int8", [...new Array(31).fill(2 ** 53 - 1), 0], new Uint8Array()]),
    ],
    ["bytes of two dimensions", reference(["bytes", [1, 1], new Uint8Array(1)])],
    ["a bool of 2", reference(["bool", [1], new Uint8Array([2])])],
    ["data that are no bytes", reference(["int8", [1], "a"])],
    ["a payload of one field", reference(["int8"])],
    ["a payload that is a map", fromHex("c7 01 01 80")],
    ["a payload that is no msgpack", fromHex("d4 01 c1")],
    ["another ext type", fromHex("d4 02 00")],
    ["a timestamp", fromHex("d6 ff 00000000")],
    ["a key that is no text", fromHex("81 01 02")],
    ["a key that is a list", fromHex("81 90 02")],
    ["the key __proto__", fromHex("81 a9 5f5f70726f746f5f5f 80")],
    ["the key constructor", fromHex("81 ab 636f6e7374727563746f72 80")],
    ["depth", new Uint8Array([...new Array(65).fill(0x91), 0xc0])],
  ])("%s", (_, bytes) => {
    const value = decode(bytes, []);
    expect(() => check([value], 64)).toThrow(BadValueError);
    expect(() => check([[{ a: value }]], 64)).toThrow(BadValueError);
  });

  it("does not count a scalar, and counts an empty list", () => {
    expect(() => check([1, null], 0)).not.toThrow();
    expect(() => check([[]], 0)).toThrow("nested");
    expect(() => check([[]], 1)).not.toThrow();
    expect(() => check([new Array(3).fill([[]])], 2)).toThrow("nested");
  });
});
