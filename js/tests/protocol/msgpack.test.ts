import { decode as theirDecode, encode as theirEncode } from "@msgpack/msgpack";
import fc from "fast-check";
import suite from "msgpack-test-suite";
import { describe, expect, it } from "vitest";
import { Packer } from "../../src/protocol/msgpack/packer.js";
import { MAX_NESTING, MsgpackError, unpack } from "../../src/protocol/msgpack/unpack.js";
import { decodeValue, encodeValue, fromHex, hex, plain } from "./helpers.js";

interface Case {
  readonly msgpack: readonly string[];
  readonly number?: number;
  readonly bignum?: string;
  readonly binary?: string;
  readonly [kind: string]: unknown;
}

const cases = Object.entries(suite as Record<string, readonly Case[]>).flatMap(([file, list]) =>
  list.map((entry) => [file, entry] as const),
);

/** The value that a case of the suite stands for; undefined for what the protocol has no values for. */
function expectedOf(entry: Case): { value: unknown } | undefined {
  if (entry.bignum !== undefined) {
    const big = BigInt(entry.bignum);
    return { value: Number.isSafeInteger(Number(big)) ? Number(big) : big };
  }
  if (entry.binary !== undefined) return { value: fromHex(entry.binary) };
  for (const kind of ["nil", "bool", "number", "string", "array", "map"]) {
    if (kind in entry) return { value: entry[kind] };
  }
  return undefined;
}

describe("the public msgpack test suite", () => {
  for (const [file, entry] of cases) {
    const expected = expectedOf(entry);
    const name = `${file} ${entry.msgpack[0]}`;
    if (expected === undefined) {
      it(`refuses ${name}`, () => {
        for (const encoding of entry.msgpack) {
          expect(() => decodeValue(fromHex(encoding))).toThrow(
            expect.objectContaining({ code: "kcomm.bad_value" }),
          );
        }
      });
      continue;
    }
    it(`reads ${name} in all its forms`, () => {
      for (const encoding of entry.msgpack) {
        // A float 64 beyond 2^53 stands for a real, which is a number.
        const isReal = /^c[ab]/.test(encoding) && typeof expected.value === "bigint";
        expect(decodeValue(fromHex(encoding))).toEqual(
          isReal ? Number(expected.value) : expected.value,
        );
      }
    });
    it(`writes ${name} in its smallest form`, () => {
      // But for reals, which are always written with 64 bits.
      const forms = entry.msgpack.filter((form) => !form.startsWith("ca"));
      const smallest = Math.min(...forms.map((form) => form.length));
      const allowed = forms.filter((form) => form.length === smallest);
      expect(allowed.map((form) => form.replaceAll("-", ""))).toContain(
        hex(encodeValue(expected.value).bytes),
      );
    });
  }

  it("has the cases it is known for", () => {
    expect(cases.length).toBeGreaterThan(80);
  });
});

const json = fc
  .jsonValue({ maxDepth: 5 })
  .filter((value) => !/__proto__|constructor/.test(JSON.stringify(value)));
const withZero = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll("-0,", "0,"));

describe("against @msgpack/msgpack", () => {
  it("writes what it reads", () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(theirDecode(encodeValue(value).bytes)).toEqual(value);
      }),
    );
  });

  it("reads what it writes", () => {
    fc.assert(
      fc.property(json.map(withZero), (value) => {
        expect(decodeValue(theirEncode(value))).toEqual(value);
      }),
    );
  });

  it("agrees on text of any planes and lengths", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), (text) => {
        const { bytes } = encodeValue(text);
        expect(theirDecode(bytes)).toBe(text);
        expect(decodeValue(bytes)).toBe(text);
      }),
    );
  });
});

describe("integers", () => {
  it.each([
    [0, "00"],
    [127, "7f"],
    [128, "cc80"],
    [256, "cd0100"],
    [65536, "ce00010000"],
    [2 ** 32, "cf0000000100000000"],
    [2 ** 53 - 1, "cf001fffffffffffff"],
    [2 ** 53, "cf0020000000000000"],
    [-1, "ff"],
    [-32, "e0"],
    [-33, "d0df"],
    [-128, "d080"],
    [-129, "d1ff7f"],
    [-32769, "d2ffff7fff"],
    [-(2 ** 31) - 1, "d3ffffffff7fffffff"],
    [-(2 ** 53), "d3ffe0000000000000"],
    [-0, "cb8000000000000000"],
    [2 ** 54, "cb4350000000000000"],
    [5n, "05"],
    [2n ** 64n - 1n, "cfffffffffffffffff"],
    [-(2n ** 63n), "d38000000000000000"],
  ])("%s is written as %s", (value, expected) => {
    expect(hex(encodeValue(value).bytes)).toBe(expected);
  });

  it.each([
    ["cf001fffffffffffff", 2 ** 53 - 1],
    ["cf0020000000000000", 2n ** 53n],
    ["cf0020000000000001", 2n ** 53n + 1n],
    ["d3ffe0000000000001", -(2 ** 53) + 1],
    ["d3ffe0000000000000", -(2n ** 53n)],
    ["d3ffffffffffffffff", -1],
    ["cb8000000000000000", -0],
  ])("%s is read as %s", (bytes, expected) => {
    expect(decodeValue(fromHex(bytes))).toBe(expected);
  });
});

describe("hostile bytes", () => {
  const hooks = { ext: () => null, map: () => null };

  it.each([
    ["", "end too early"],
    ["c1", "never used"],
    ["dd7fffffff", "end too early"],
    ["df7fffffff", "end too early"],
    ["c67fffffff", "end too early"],
    ["dbffffffff61", "end too early"],
    ["c7ff01", "end too early"],
    ["92c0", "end too early"],
    ["c0c0", "1 bytes after the end"],
  ])("%s is an error", (bytes, message) => {
    expect(() => unpack(fromHex(bytes), hooks)).toThrow(MsgpackError);
    expect(() => unpack(fromHex(bytes), hooks)).toThrow(message);
  });

  it("takes neither stack nor memory for what only claims to be there", () => {
    const nested = new Uint8Array(8_000_000).fill(0x91);
    expect(() => unpack(nested, hooks)).toThrow(`more than ${MAX_NESTING} levels`);
    const claims = new Uint8Array(5 * 100_000);
    for (let i = 0; i < claims.length; i += 5) claims.set([0xdd, 0, 0, 0xff, 0xff], i);
    expect(() => unpack(claims, hooks)).toThrow(MsgpackError);
  });

  it("reads text that is not UTF-8 with replacement characters", () => {
    expect(decodeValue(fromHex("a3 61 ff 62"))).toBe("a\ufffdb");
  });

  it("keeps a byte order mark", () => {
    expect(decodeValue(fromHex("a4 efbbbf 61"))).toBe("\ufeffa");
  });
});

describe("Packer", () => {
  it("gives buffers exactly as long as what was written", () => {
    const packer = new Packer();
    packer.arrayHeader(2);
    packer.text("x".repeat(5000));
    packer.bin(new Uint8Array(70_000));
    const bytes = packer.finish();
    expect(bytes.byteLength).toBe(bytes.buffer.byteLength);
    expect(plain(bytes)).toEqual(["x".repeat(5000), new Uint8Array(70_000)]);
  });
});
