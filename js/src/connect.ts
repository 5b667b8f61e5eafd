/** Opening a channel from a page: by an element of a notebook's output, or by a kernel connection. */
import { type Channel, type ChannelOptions, openChannel } from "./channel.js";
import { KcommError } from "./errors.js";
import { DECODABLE } from "./frames/decode.js";
import type { KernelConnection } from "./transport/kernel-message.js";
import { labTransport } from "./transport/lab.js";
import { deleteSubshell } from "./transport/subshells.js";

export interface ConnectOptions extends ChannelOptions {
  /** Any element of a cell's output: its notebook's (or console's) kernel is meant, and the channel closes when the output goes. */
  element?: Element;
  /** A kernel connection, for front ends that have one; instead of `element`. */
  kernel?: KernelConnection;
  /** Milliseconds for all of it: attaching, finding the kernel, opening. Default 30 000; 0 or Infinity: no limit. */
  timeout?: number;
}

/** Where an element lives. */
export interface Host {
  /** The kernel of the notebook or console; null if it has none. Waits for a session that is being started. */
  kernel(): Promise<KernelConnection | null>;
  /** Calls back once when the element has gone for good, which scrolling a cell out of a windowed notebook is not. */
  onGone(callback: () => void): void;
}

/** Finds the notebook or console that an element is in; null: (so far) in none. */
export type HostFinder = (element: Element) => Host | null;

const DEFAULT_TIMEOUT = 30_000;
/** Milliseconds between two looks for an element that is not in its place yet. */
const POLL = 25;
/** How long an element that is in the page may be in no notebook: JupyterLab may attach an output before its panel. */
const ATTACHED_GRACE = 2000;

let findHost: HostFinder | null = null;

/** The front end's plugin tells how elements are found. */
export function setHostFinder(finder: HostFinder): void {
  findHost = finder;
}

/**
 * Opens a channel to a comm target of the kernel.
 *
 * @param target the name the kernel registered: `kcomm.Target("calc")`
 * @param options `element` or `kernel`, and what the channel starts with
 * @returns the open channel
 * @throws KcommError `kcomm.no_kernel`, `kcomm.unknown_target`, `kcomm.timeout`, `kcomm.no_plugin`, `kcomm.bad_arguments`
 * @example
 * const channel = await kcomm.connect("calc", { element });
 * await channel.call("add", [2, 3]);
 */
export async function connect(target: string, options: ConnectOptions = {}): Promise<Channel> {
  const { element, kernel: given, timeout = DEFAULT_TIMEOUT, ...channelOptions } = options;
  if (typeof target !== "string" || target === "") {
    throw new KcommError("kcomm.bad_arguments", "connect needs the name of a target");
  }
  const clock = new Deadline(timeout);
  const host = given === undefined ? await locate(element, clock, options.signal) : null;
  const kernel = given ?? (host && (await kernelOf(host, clock)));
  if (!kernel) {
    throw new KcommError(
      "kcomm.no_kernel",
      "this notebook has no kernel: choose one, then run the cell",
    );
  }
  await ready(kernel, clock);
  const channel = await open(kernel, target, channelOptions, clock);
  for (const id of channel.staleSubshells) deleteSubshell(kernel, id);
  closeWith(channel, host);
  return channel;
}

/** The time that is left for one opening. */
class Deadline {
  readonly #end: number;

  constructor(readonly timeout: number) {
    this.#end = timeout > 0 ? performance.now() + timeout : Number.POSITIVE_INFINITY;
  }

  get left(): number {
    return Math.max(0, this.#end - performance.now());
  }

  /** Rejects with `kcomm.timeout` where the promise is not settled in time. */
  async limit<T>(promise: Promise<T>, what: string): Promise<T> {
    if (this.left === Number.POSITIVE_INFINITY) return promise;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.error(what)), this.left);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
  }

  error(what: string): KcommError {
    return new KcommError("kcomm.timeout", `${what} within ${this.timeout} ms`);
  }
}

/** Waits until the element is in a notebook or console. */
async function locate(
  element: Element | undefined,
  clock: Deadline,
  signal: AbortSignal | undefined,
): Promise<Host> {
  if (element?.nodeType !== 1) {
    throw new KcommError(
      "kcomm.bad_arguments",
      "connect needs { element }, an element of the cell's output, or { kernel }, a kernel connection",
    );
  }
  if (findHost === null) {
    throw new KcommError(
      "kcomm.no_plugin",
      "only JupyterLab's kcomm extension can find an element's kernel: pass { kernel } here",
    );
  }
  let attached: number | null = null;
  for (;;) {
    const host = findHost(element);
    if (host !== null) return host;
    if (signal?.aborted) throw new KcommError("kcomm.cancelled", "connecting was cancelled");
    if (element.isConnected) attached ??= performance.now();
    if (attached !== null && performance.now() - attached > ATTACHED_GRACE) {
      throw new KcommError(
        "kcomm.no_kernel",
        "the element is in no notebook or console of this page: pass one of the cell's output, or { kernel }",
      );
    }
    if (clock.left === 0) throw clock.error("the element was not attached to the page");
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}

function kernelOf(host: Host, clock: Deadline): Promise<KernelConnection | null> {
  return clock.limit(host.kernel(), "the notebook's kernel was not ready");
}

/** Waits until the page is connected to the kernel, e.g. after a restart. */
async function ready(kernel: KernelConnection, clock: Deadline): Promise<void> {
  let check = () => {};
  const connected = new Promise<void>((resolve, reject) => {
    check = () => {
      if (kernel.isDisposed || kernel.status === "dead") {
        reject(new KcommError("kcomm.no_kernel", "the kernel is dead: restart it"));
      } else if (kernel.connectionStatus === "connected" && !RESTARTING.has(kernel.status)) {
        resolve();
      }
    };
  });
  const signals = [kernel.statusChanged, kernel.connectionStatusChanged, kernel.disposed];
  for (const signal of signals) signal.connect(check);
  check();
  try {
    await clock.limit(connected, "the page was not connected to the kernel");
  } finally {
    for (const signal of signals) signal.disconnect(check);
  }
}

const RESTARTING: ReadonlySet<string> = new Set(["restarting", "autorestarting", "terminating"]);

async function open(
  kernel: KernelConnection,
  target: string,
  options: ChannelOptions,
  clock: Deadline,
): Promise<Channel> {
  const transport = await labTransport(kernel, target);
  const features = { codecs: DECODABLE, ...options.features };
  try {
    return await openChannel(transport, {
      ...options,
      features,
      timeout: Math.max(1, clock.left),
    });
  } catch (error) {
    transport.close(null); // Gives back what it holds, if it was given up before it was opened.
    throw explain(error, target, clock);
  }
}

/** Says what to do, which the layers below, that know of no cells, can't. */
function explain(error: unknown, target: string, clock: Deadline): unknown {
  if (!(error instanceof KcommError)) return error;
  if (error.code === "kcomm.unknown_target") {
    return new KcommError(
      error.code,
      `no target named '${target}' in this kernel: run the cell that makes it`,
      error.data,
      { cause: error },
    );
  }
  if (error.code === "kcomm.timeout") {
    return clock.error(`the kernel did not open '${target}' (is it busy with a cell?)`);
  }
  return error;
}

/** Ends the channel with what it belongs to: the output, or the page (whose closing the kernel would not hear of). */
function closeWith(channel: Channel, host: Host | null): void {
  host?.onGone(() => channel.close("kcomm.closed", "the output was removed from the page"));
  const leave = (event: PageTransitionEvent) => {
    if (!event.persisted) channel.close("kcomm.closed", "the page was closed");
  };
  if (typeof window === "undefined") return; // A worker or Node.
  window.addEventListener("pagehide", leave);
  void channel.closed.then(() => window.removeEventListener("pagehide", leave));
}
