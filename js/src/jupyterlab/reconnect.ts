/**
 * Reconnects sooner than JupyterLab does. When a connection breaks and its first new try fails, JupyterLab waits for 10 to 30 seconds before it looks
 * for the server again, however short the break was; and after an orderly close, by a proxy or a server that restarts, it does not look at all.
 */
import type { Kernel } from "@jupyterlab/services";

/** What is used of a kernel connection. */
export type BreakableKernel = Pick<
  Kernel.IKernelConnection,
  | "status"
  | "connectionStatus"
  | "connectionStatusChanged"
  | "isDisposed"
  | "disposed"
  | "reconnect"
>;

/** `here`: the server has the kernel; `away`: it can't be reached, or is starting; `gone`: it has no such kernel, or tells us nothing of it. */
export type Answer = "here" | "away" | "gone";

/** What is used of the page. */
export interface Page extends EventTarget {
  readonly document: EventTarget & { readonly hidden: boolean };
}

/** Milliseconds before each look for the server; the last is repeated. */
export const LOOKS = [500, 1000, 2000, 4000, 8000] as const;
/** Milliseconds that a connection may take to be made before it is given up for another. It doubles with each, so a server that refuses them is not pressed. */
export const PATIENCE = 3000;
export const MAX_PATIENCE = 60_000;
/** A connection that held this long, in milliseconds, was a good one: after it, all is counted anew. */
export const STEADY = 10_000;

/** While the kernel is not connected, asks the server for it, and reconnects as soon as it has it. */
export class Reconnector {
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Takes back a question that is under way. */
  #asking: AbortController | null = null;
  #looks = 0;
  #patience = PATIENCE;
  /** When it was connected last. */
  #upSince = performance.now();
  #isUp: boolean;
  /** When the connection that may be in the making was begun; null: none can be, or the server was away since. */
  #tryingSince: number | null = null;
  #isOver = false;

  /**
   * @param kernel a connection that is needed until `dispose`
   * @param ask asks the server for the kernel by HTTP; a rejection means `away`
   */
  constructor(
    readonly kernel: BreakableKernel,
    readonly ask: (signal: AbortSignal) => Promise<Answer>,
    readonly page: Page,
  ) {
    this.#isUp = kernel.connectionStatus === "connected";
    kernel.connectionStatusChanged.connect(this.#onConnection);
    kernel.disposed.connect(this.dispose, this);
    page.addEventListener("online", this.#anew);
    page.addEventListener("pageshow", this.#anew);
    page.addEventListener("pagehide", this.#stop);
    page.document.addEventListener("visibilitychange", this.#anew);
    if (this.#isDown) this.#onDown();
  }

  dispose(): void {
    this.#isOver = true;
    this.#stop();
    this.kernel.connectionStatusChanged.disconnect(this.#onConnection);
    this.kernel.disposed.disconnect(this.dispose, this);
    this.page.removeEventListener("online", this.#anew);
    this.page.removeEventListener("pageshow", this.#anew);
    this.page.removeEventListener("pagehide", this.#stop);
    this.page.document.removeEventListener("visibilitychange", this.#anew);
  }

  get #isDown(): boolean {
    const { isDisposed, status, connectionStatus } = this.kernel;
    return !this.#isOver && !isDisposed && status !== "dead" && connectionStatus !== "connected";
  }

  readonly #onConnection = (): void => {
    const wasUp = this.#isUp;
    this.#isUp = this.kernel.connectionStatus === "connected";
    this.#stop();
    if (this.#isUp) {
      this.#upSince = performance.now();
      return;
    }
    if (wasUp && performance.now() - this.#upSince > STEADY) {
      this.#looks = 0;
      this.#patience = PATIENCE;
    }
    if (this.#isDown) this.#onDown();
  };

  #onDown(): void {
    // JupyterLab tries once at once, unless it has given up.
    const isTrying = this.kernel.connectionStatus === "connecting";
    this.#tryingSince = isTrying ? performance.now() : null;
    this.#planLook();
  }

  /** The browser has a network, or the page is seen again. */
  readonly #anew = (): void => {
    if (!this.#isDown) return;
    this.#looks = 0;
    this.#planLook();
  };

  readonly #stop = (): void => {
    clearTimeout(this.#timer);
    this.#asking?.abort();
    this.#asking = null;
  };

  #planLook(): void {
    this.#plan(LOOKS[Math.min(this.#looks, LOOKS.length - 1)] ?? 0);
    this.#looks += 1;
  }

  #plan(delay: number): void {
    this.#stop();
    this.#timer = setTimeout(() => void this.#look(), delay);
  }

  async #look(): Promise<void> {
    // A hidden page looks when it is seen again; JupyterLab's own timer runs on meanwhile.
    if (!this.#isDown || this.page.document.hidden) return;
    const asking = new AbortController();
    this.#asking = asking;
    const answer = await this.ask(asking.signal).catch((): Answer => "away");
    if (asking.signal.aborted || !this.#isDown) return;
    this.#asking = null;
    if (answer === "away") {
      this.#tryingSince = null; // What was begun before has failed, or will.
      this.#planLook();
    } else if (answer === "here") this.#reconnect();
    // JupyterLab finds out by itself that a kernel is gone.
  }

  #reconnect(): void {
    const rest = (this.#tryingSince ?? 0) + this.#patience - performance.now();
    if (this.#tryingSince !== null && rest > 0) {
      this.#plan(rest);
      return;
    }
    this.#patience = Math.min(2 * this.#patience, MAX_PATIENCE);
    // It rejects where JupyterLab gives up; that it does shows in the status, too.
    this.kernel.reconnect().catch(() => {});
    if (!this.#isDown) return;
    this.#tryingSince = performance.now();
    this.#plan(this.#patience);
  }
}
