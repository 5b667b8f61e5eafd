/** Answers are given whatever handlers and listeners do. */
import { describe, expect, it } from "vitest";
import { acceptChannel, type Channel, type ChannelOptions, openChannel } from "../src/channel.js";
import type { HandlerContext } from "../src/handlers.js";
import { MemoryLink } from "../src/transport/memory.js";

async function connect(
  pageOptions: ChannelOptions = {},
  kernelOptions: ChannelOptions = {},
): Promise<{ page: Channel; kernel: Channel }> {
  const link = new MemoryLink();
  const [kernel, page] = await Promise.all([
    acceptChannel(link.b, kernelOptions),
    openChannel(link.a, pageOptions),
  ]);
  return { page, kernel };
}

/** What has no text: `String(nameless)` throws. */
const nameless: unknown = Object.create(null);

describe("what can't be told in words", () => {
  it("answers the call whose handler throws it", async () => {
    const { page, kernel } = await connect();
    kernel.handle("f", () => {
      throw nameless;
    });
    await expect(page.call("f")).rejects.toMatchObject({ code: "kcomm.handler_error" });
  });

  it("keeps nothing else from being heard where a listener throws it", async () => {
    const { page, kernel } = await connect();
    kernel.on("t", () => {
      throw nameless;
    });
    kernel.handle("f", () => 1);
    page.emit("t", 0);
    expect(await page.call("f")).toBe(1);
  });
});

describe("a listener that closes the channel", () => {
  it("lets what came in the same packet know that it is over", async () => {
    const { page, kernel } = await connect();
    const signals: AbortSignal[] = [];
    kernel.on("leave", () => kernel.close());
    kernel.handle("f", function (this: HandlerContext) {
      signals.push(this.signal);
      return new Promise(() => {});
    });
    page.emit("leave");
    await expect(page.call("f")).rejects.toMatchObject({ code: "kcomm.closed" });
    await kernel.closed;
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });
});

describe("calls that are held back", () => {
  it("leave room for the answers they wait for", async () => {
    const limits = { calls: 4, window: 65_536 };
    const { page, kernel } = await connect({ limits }, { limits });
    page.handle("confirm", (n: number) => n === 9000);
    kernel.handle("ask", async function (this: HandlerContext, data: Uint8Array) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      return await this.channel.call("confirm", [data.length]);
    });
    const calls = Array.from({ length: 20 }, () => page.call("ask", [new Uint8Array(9000)]));
    expect(await Promise.all(calls)).toEqual(calls.map(() => true));
  });
});
