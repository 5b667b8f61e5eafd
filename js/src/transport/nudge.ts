/** Keeps a kernel from leaving comm_open unread. */
import { type KernelConnection, sendShell } from "./kernel-message.js";

/** The first nudge comes this long after the opening, the next ones at intervals that double (milliseconds). */
const DELAY = 1000;
const MAX_DELAY = 30_000;

/**
 * Sends the kernel something that it answers anyway, until it has answered on the channel.
 *
 * ipykernel 7.3 may leave a message in a subshell's socket until another one comes. Once the channel is open, the protocol's probes see to that.
 */
export class Nudge {
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly kernel: KernelConnection,
    readonly subshell: string | null,
  ) {}

  start(): void {
    this.stop();
    this.#wait(DELAY);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(delay: number): void {
    this.#timer = setTimeout(() => {
      this.#wait(Math.min(2 * delay, MAX_DELAY));
      this.#send();
    }, delay);
  }

  #send(): void {
    const { subshell } = this;
    try {
      sendShell(this.kernel, { type: "kernel_info_request", content: {}, subshell }).dispose();
    } catch {
      this.stop(); // The kernel is dead; its status says so to the channel.
    }
  }
}
