/** What the kernel makes of frames, as long as it is wanted: painted, counted, and the pace of the next frames. */
import type { Channel } from "../channel.js";
import type { LoopView } from "./loop.js";
import type { Reporter } from "./reporting.js";
import { type CameraFrame, type Outcome, type Sender, STILL_TIMEOUT } from "./sending.js";
import { type Painted, Receiver } from "./showing.js";

export interface ResultsHost {
  readonly view: LoopView;
  readonly sender: Sender;
  readonly reporter: Reporter;
  /** The kernel gives no more. */
  ended(): void;
  failed(error: unknown): void;
}

export class Results {
  readonly #host: ResultsHost;
  #session: AbortController | null = null;
  #channel: Channel | null = null;
  #receiver: Receiver | null = null;

  constructor(host: ResultsHost) {
    this.#host = host;
  }

  /** Whether they are wanted. */
  get isOpen(): boolean {
    return this.#session !== null;
  }

  /**
   * Paints results until they end, or are not wanted any more.
   *
   * @param isPaced whether the kernel sends as many as this page asks for
   */
  open(channel: Channel, isPaced: boolean): void {
    const session = new AbortController();
    this.#session = session;
    this.#channel = channel;
    const { view, reporter, ended, failed } = this.#host;
    const receiver = new Receiver(channel, view, {
      came: (outcome, painted) => this.#came(outcome, painted),
      missed: (lost, skipped) => reporter.missed(lost, skipped),
      failed: (error) => reporter.failed(error),
    });
    this.#receiver = receiver;
    const { signal } = session;
    signal.addEventListener("abort", () => receiver.close(), { once: true });
    receiver.run(isPaced, signal).then(
      () => {
        if (this.#session === session) ended();
      },
      (error) => {
        if (this.#session === session) failed(error);
      },
    );
  }

  /** Paints what the kernel makes of one more frame. */
  async still(frame: CameraFrame, signal: AbortSignal): Promise<void> {
    const [channel, receiver] = [this.#channel, this.#receiver];
    if (channel === null || receiver === null) return;
    const answer = await channel.call("still", [frame], { timeout: STILL_TIMEOUT, signal });
    if (!signal.aborted) await receiver.take(answer);
  }

  close(): void {
    this.#session?.abort();
    this.#session = null;
    this.#channel = null;
    this.#receiver = null;
  }

  #came(outcome: Outcome, painted: Painted | null): void {
    const { sender, reporter } = this.#host;
    sender.came(outcome);
    if (painted === null) return;
    const { show, paint } = painted;
    const ms = { ...sender.msOf(outcome.index), ...outcome.ms, show, paint };
    reporter.painted(painted, ms);
  }
}
