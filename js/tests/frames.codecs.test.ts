/** What a page says it can decode. */
import { beforeEach, expect, it, onTestFinished, vi } from "vitest";

type Answer = (config: VideoDecoderConfig) => Promise<{ supported?: boolean }>;

beforeEach(() => {
  vi.resetModules(); // The browser is asked once.
  vi.unstubAllGlobals();
});

async function ask(answer: Answer | null) {
  if (answer !== null) vi.stubGlobal("VideoDecoder", { isConfigSupported: answer });
  return await import("../src/frames/codecs.js");
}

it("no video where there is no decoder, as on insecure origins", async () => {
  const { decodable, DECODABLE } = await ask(null);
  expect(await decodable()).toEqual(DECODABLE);
});

it("video that is decoded in software, if it can be; the browser is asked once", async () => {
  const answer = vi.fn(async () => ({ supported: true }));
  const { decodable, preferenceFor, DECODABLE } = await ask(answer);
  expect(await decodable()).toEqual(["h264", "vp9", ...DECODABLE]);
  expect(await decodable()).toBe(await decodable());
  expect(answer.mock.calls.length).toBe(2);
  expect(preferenceFor("h264")).toBe("prefer-software");
});

it("video that only the hardware decodes", async () => {
  const { decodable, preferenceFor } = await ask(async (config) => ({
    supported: config.hardwareAcceleration === "no-preference" && config.codec.startsWith("avc1"),
  }));
  expect((await decodable()).slice(0, 2)).toEqual(["h264", "delta"]);
  expect(preferenceFor("h264")).toBe("no-preference");
});

it("no video of a browser that rejects, or never answers", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { decodable, DECODABLE } = await ask((config) =>
    config.codec.startsWith("avc1")
      ? Promise.reject(new TypeError("unknown"))
      : new Promise(() => undefined),
  );
  const told = decodable();
  await vi.advanceTimersByTimeAsync(2000);
  expect(await told).toEqual(DECODABLE);
});
