import { describe, expect, it } from "vitest";
import { acceptChannel, openChannel } from "../src/channel.js";
import { BURST, INTERVAL, Pacer } from "../src/pacing.js";
import { MemoryLink } from "../src/transport/memory.js";

describe("Pacer", () => {
  it("lets a burst leave at once, and the rest at intervals", () => {
    const pacer = new Pacer();
    for (let i = 0; i < BURST; i++) {
      expect(pacer.wait(1000)).toBe(0);
      pacer.count(1000);
    }
    expect(pacer.wait(1000)).toBe(INTERVAL);
    expect(pacer.wait(1000 + INTERVAL)).toBe(0);
    pacer.count(1000 + INTERVAL);
    expect(pacer.wait(1000 + INTERVAL)).toBe(INTERVAL);
  });

  it("forgives what arrived", () => {
    const pacer = new Pacer();
    for (let i = 0; i < 100; i++) pacer.count(1000);
    expect(pacer.wait(1000)).toBeGreaterThan(0);
    pacer.forgive();
    expect(pacer.wait(1000)).toBe(0);
  });
});

describe("a channel", () => {
  it("sends many small steps in few packets", async () => {
    let sent = 0;
    const link = new MemoryLink({
      fate: () => {
        sent += 1;
        return [0];
      },
    });
    const heard: unknown[] = [];
    const accepted = acceptChannel(link.b, {
      listeners: { t: (value: unknown) => heard.push(value) },
    });
    const page = await openChannel(link.a);
    await accepted;
    const before = sent;
    for (let i = 0; i < 1000; i++) {
      page.emit("t", i);
      await Promise.resolve(); // A turn of its own.
      await Promise.resolve();
    }
    await page.call("nothing").catch(() => {}); // Behind all of them.
    expect(heard).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    expect(sent - before).toBeLessThan(200);
    page.close();
  });
});
