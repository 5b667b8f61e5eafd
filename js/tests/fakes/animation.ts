/** An animation in a kernel that is none, and a player that shows it. */
import { expect, vi } from "vitest";
import { Player } from "../../src/animation/player.js";
import type { State } from "../../src/animation/state.js";
import { Tempo } from "../../src/animation/tempo.js";
import { acceptChannel, type Channel, openChannel } from "../../src/channel.js";
import { MemoryLink } from "../../src/transport/memory.js";

export const INFO = {
  count: 10 as number | null,
  width: 1,
  height: 1,
  interval: 1,
  fps: 1000 as number | "max",
  index: 0,
  playing: false,
  direction: 1,
  speed: 1,
  loop: false as boolean | "bounce",
  title: "",
  linked: false,
};

/** What the kernel was asked for. */
export interface Kernel {
  channel: Channel;
  /** `draw index`, `play start step loop`. */
  asked: string[];
  /** The arguments of the draws. */
  draws: { index: number; scale: number; exact: boolean; has: number[] }[];
  plays: { start: number; step: number; scale: number }[];
  states: State[];
  commands: { action: string; value: unknown }[];
  /** How many frames of streams were made. */
  streamed: number;
}

export interface Options {
  /** Frames that fail. */
  bad?: number[];
  /** Whether frames are drawn at the scale that is asked for. */
  scales?: boolean;
  /** Commands before the player knows the animation. */
  early?: unknown[];
  /** Repaints a second; by default more than any test plays. */
  rate?: number;
  /** How a frame that need not be exact says it is encoded. */
  codec?: string;
}

export async function play(info: Partial<typeof INFO> = {}, options: Options = {}) {
  const { a, b } = new MemoryLink();
  const [accepted, channel] = await Promise.all([acceptChannel(b), openChannel(a)]);
  const kernel: Kernel = {
    channel: accepted,
    asked: [],
    draws: [],
    plays: [],
    states: [],
    commands: [],
    streamed: 0,
  };
  const all = { ...INFO, ...info };
  const make = (index: number, scale: number) => {
    if (options.bad?.includes(index)) return { index, error: { code: "x.y", message: "no" } };
    const factor = options.scales ? scale : 1;
    const [width, height] = [Math.round(all.width * factor), Math.round(all.height * factor)];
    const data = new Uint8Array(width * height * 4).fill(index);
    return { index, width, height, codec: "raw", data, ms: { draw: 1, encode: 1 } };
  };
  accepted.handle("info", () => all);
  accepted.handle("draw", (index: number, scale: number, exact: boolean, has: number[]) => {
    kernel.asked.push(`draw ${index}`);
    kernel.draws.push({ index, scale, exact, has });
    return make(index, scale);
  });
  accepted.handleStream(
    "play",
    async function* (start: number, step: number, loop: boolean | "bounce", scale: number) {
      kernel.asked.push(`play ${start} ${step} ${loop}`);
      kernel.plays.push({ start, step, scale });
      const end = all.count ?? 1000;
      for (let i = start; loop || (i >= 0 && i < end); i += step) {
        kernel.streamed += 1;
        yield make(loop === "bounce" ? fold(i, end) : (i + end) % end, scale);
      }
    },
    { volatile: true },
  );
  accepted.on("state", (state: State) => kernel.states.push(state));
  accepted.on("command", (command: Kernel["commands"][number]) => kernel.commands.push(command));
  const painted: number[] = [];
  const scales: number[] = [];
  const sight = new Sight();
  const player = new Player(
    {
      paint: (_, index, scale) => {
        painted.push(index);
        scales.push(scale);
      },
      changed: () => {},
      visible: (signal) => sight.wait(signal),
      isVisible: () => sight.isVisible,
    },
    new Tempo({ rate: options.rate ?? 1e9, measure: async () => false }),
    options.codec === undefined ? undefined : () => lossy(options.codec as string, kernel),
  );
  const attached = player.attach(channel);
  for (const command of options.early ?? []) player.control(command);
  await attached;
  return { player, painted, scales, kernel, channel, sight };
}

/** A decoder to which everything that was not asked for exactly seems to be of a lossy codec. */
function lossy(codec: string, kernel: Kernel) {
  return {
    async decode(value: unknown) {
      const { index } = value as { index: number };
      const exact = kernel.draws.at(-1)?.exact === true && kernel.draws.at(-1)?.index === index;
      const pixels = { width: 1, height: 1 } as ImageData;
      const all = { width: 1, height: 1, pixels, bytes: 4, ms: {} };
      return { index, ...all, codec: exact ? "raw" : codec, lossless: exact };
    },
    has: () => [7],
    close: () => {},
  };
}

/** Whether somebody looks. */
class Sight {
  isVisible = true;
  #waiting: (() => void)[] = [];

  hide(): void {
    this.isVisible = false;
  }

  show(): void {
    this.isVisible = true;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  wait(signal: AbortSignal): Promise<void> {
    if (this.isVisible || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => resolve());
    });
  }
}

function fold(index: number, count: number): number {
  const at = Math.abs(index) % (2 * count - 2);
  return at < count ? at : 2 * count - 2 - at;
}

export const until = (condition: () => boolean) =>
  vi.waitFor(() => expect(condition()).toBe(true), { timeout: 10_000 });
