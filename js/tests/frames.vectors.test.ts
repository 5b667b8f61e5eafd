/** The vectors of frames, which the Python implementation reads too. */
import { beforeAll, describe, expect, it } from "vitest";
import { KcommError } from "../src/errors.js";
import { FrameDecoder } from "../src/frames/decoder.js";
import { applyDelta } from "../src/frames/delta.js";
import { Desk, type DeskCodec } from "../src/frames/desk.js";
import { Engine } from "../src/frames/engine.js";
import { fakePage } from "./fakes/page.js";
import { fromHex, hex } from "./protocol/helpers.js";
import { cases, type Json, toValue } from "./vectors.js";

beforeAll(fakePage);

interface FrameCase {
  readonly codec: DeskCodec;
  readonly width: number;
  readonly height: number;
  readonly data: string;
  readonly base?: string;
  readonly base_width?: number;
  readonly pixels: string | null;
}

/** Decodes at a desk of its own, with the data where they may stand in a packet. */
async function decode(frame: FrameCase, offset: number): Promise<string> {
  const { codec, width, height } = frame;
  const desk = new Desk();
  const packet = new Uint8Array([...new Uint8Array(offset), ...fromHex(frame.data)]);
  const data = packet.subarray(offset);
  if (frame.base !== undefined) {
    const base = fromHex(frame.base);
    const baseWidth = frame.base_width ?? width;
    const key = { codec: "raw", data: base, id: 1, wanted: false } as const;
    await desk.run({ ...key, width: baseWidth, height: base.length / 4 / baseWidth });
  }
  const more = frame.base === undefined ? {} : { base: 1 };
  const pixels = await desk.run({ codec, width, height, data, wanted: true, ...more });
  return hex(new Uint8Array(pixels?.buffer ?? new ArrayBuffer(0)));
}

describe("frames.json", () => {
  for (const frame of cases<FrameCase>("frames.json")) {
    it.each([0, 1, 2, 3])(`${frame.name}, %i bytes into a packet`, async (offset) => {
      if (frame.pixels !== null) expect(await decode(frame, offset)).toBe(frame.pixels);
      else await expect(decode(frame, offset)).rejects.toMatchObject({ code: "kcomm.bad_value" });
    });
  }
});

it("a delta leaves its base as it is", async () => {
  const base = new Uint32Array([1, 2, 3]);
  await applyDelta(fromHex("0000000001000000" + "0100" + "0100" + "ff00ff00"), base);
  expect([...base]).toEqual([1, 2, 3]);
});

interface Step {
  readonly frame: Json;
  readonly has: readonly number[];
  readonly asks?: Readonly<Record<string, Json>>;
  readonly pixels?: string;
  readonly error?: string;
  readonly rejected?: boolean;
}

/** An engine without a worker. */
function localEngine(): Engine {
  return new Engine(() => {
    throw new Error("no worker");
  });
}

describe("bases.json", () => {
  for (const { name, steps } of cases<{ readonly steps: readonly Step[] }>("bases.json")) {
    it(name, async () => {
      let asked: string[] = [];
      let answers: Readonly<Record<string, Json>> = {};
      const decoder = new FrameDecoder(
        async (id) => {
          asked.push(String(id));
          const answer = toValue(answers[id]);
          if (answer !== null) return answer;
          throw new KcommError("kcomm.no_frame", "it is gone");
        },
        { engine: localEngine() },
      );
      for (const step of steps) {
        answers = step.asks ?? {};
        asked = [];
        const decoding = decoder.decode(toValue(step.frame));
        if (step.rejected) {
          await expect(decoding).rejects.toMatchObject({ code: step.error });
        } else {
          const decoded = await decoding;
          if ("error" in decoded) expect(decoded.error.code).toBe(step.error);
          else {
            expect(step.error).toBeUndefined();
            const { data } = decoded.pixels as ImageData;
            if (step.pixels !== undefined) expect(hex(new Uint8Array(data))).toBe(step.pixels);
          }
        }
        expect(decoder.has()).toEqual(step.has);
        expect(asked).toEqual(Object.keys(answers));
      }
    });
  }
});
