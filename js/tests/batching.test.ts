import { expect, it } from "vitest";
import { acceptChannel, openChannel } from "../src/channel.js";
import type { KcommError } from "../src/errors.js";
import { MemoryLink } from "../src/transport/memory.js";

const COUNT = 5000;

async function connect() {
  const link = new MemoryLink();
  const [kernel, page] = await Promise.all([acceptChannel(link.b), openChannel(link.a)]);
  const sent = { up: 0, down: 0 };
  for (const [end, direction] of [
    [link.a, "up"],
    [link.b, "down"],
  ] as const) {
    const send = end.send.bind(end);
    end.send = (packet) => {
      sent[direction] += 1;
      send(packet);
    };
  }
  return { kernel, page, sent };
}

const numbers = Array.from({ length: COUNT }, (_, i) => i);

it("thousands of calls are held back where the other end takes no more, and share packets", async () => {
  const { kernel, page, sent } = await connect();
  let open = 0;
  let most = 0;
  kernel.handle("echo", async (n: number) => {
    most = Math.max(most, ++open);
    await null;
    open -= 1;
    return n;
  });
  const answers = await Promise.all(numbers.map((n) => page.call("echo", [n])));
  expect(answers).toEqual(numbers);
  expect(most).toBeLessThanOrEqual(1024);
  expect(sent.up).toBeLessThanOrEqual(COUNT / 50);
  expect(sent.down).toBeLessThanOrEqual(COUNT / 50);
});

it("thousands of events share packets", async () => {
  const { kernel, page, sent } = await connect();
  const heard: number[] = [];
  for (let topic = 0; topic < 10; topic++) kernel.on(`topic ${topic}`, (n) => heard.push(n));
  for (const n of numbers) page.emit(`topic ${n % 10}`, n);
  kernel.handle("ping", () => null);
  await page.call("ping");
  expect(heard.sort((a, b) => a - b)).toEqual(numbers);
  expect(sent.up).toBeLessThanOrEqual(5);
});

it("calls that are held back fail as surely not run when the channel closes", async () => {
  const { kernel, page } = await connect();
  let begun = 0;
  kernel.handle("wait", () => {
    begun += 1;
    return new Promise(() => {});
  });
  const calls = Array.from({ length: 1500 }, () => page.call("wait").catch((error) => error));
  while (begun < 1024) await new Promise((resolve) => setTimeout(resolve, 1));
  page.close();
  const errors = (await Promise.all(calls)) as KcommError[];
  expect(
    errors.filter(({ data }) => (data as { may_have_run: boolean }).may_have_run),
  ).toHaveLength(1024);
  expect(errors.every(({ code }) => code === "kcomm.closed")).toBe(true);
  expect(begun).toBe(1024);
});
