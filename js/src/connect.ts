/** Opening a channel from a page: by an element of a notebook's output, or by a kernel connection. */
import { Channel, type ChannelOptions } from "./channel.js";
import { KcommError } from "./errors.js";
import { decodable } from "./frames/codecs.js";
import { isReachable, type Link, watchLink } from "./link.js";
import type { KernelConnection } from "./transport/kernel-message.js";
import { labTransport } from "./transport/lab.js";
import { forgetLeft, type Left, leftBehind } from "./transport/left.js";
import { need } from "./transport/needed.js";
import { deleteSubshell } from "./transport/subshells.js";

export interface ConnectOptions extends ChannelOptions {
  /** Any element of a cell's output: its notebook's (or console's) kernel is meant, and the channel closes when the output goes. */
  element?: Element;
  /** A kernel connection, for front ends that have one; instead of `element`. */
  kernel?: KernelConnection;
  /** Milliseconds for all of it: attaching, finding the kernel, opening. Default 30 000; 0 or Infinity: no limit. */
  timeout?: number;
  /** Is told how page and kernel stand to each other, from the opening to the end of the channel. */
  onLink?: (link: Link) => void;
}

/** Where an element lives. */
export interface Host {
  /** The kernel of the notebook or console; null if it has none. Waits for a session that is being started. */
  kernel(): Promise<KernelConnection | null>;
  /** Calls back once when the element has gone for good, which scrolling a cell out of a windowed notebook is not; gives back what ends that. */
  onGone(callback: () => void): () => void;
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
  const { element, kernel: given, timeout = DEFAULT_TIMEOUT, onLink, ...channelOptions } = options;
  if (typeof target !== "string" || target === "") {
    throw new KcommError("kcomm.bad_arguments", "connect needs the name of a target");
  }
  const clock = new Deadline(timeout);
  const host = given === undefined ? await locate(element, clock, options.signal) : null;
  // From here on, since an output may be replaced at any moment of what follows.
  const gone = new AbortController();
  const undo: (() => void)[] = [];
  const leave = () => {
    for (const end of undo.splice(0)) end();
  };
  if (host !== null) undo.push(host.onGone(() => gone.abort()));
  const signal = options.signal ? AbortSignal.any([options.signal, gone.signal]) : gone.signal;
  try {
    const kernel = given ?? (host && (await kernelOf(host, clock)));
    if (!kernel) {
      throw new KcommError(
        "kcomm.no_kernel",
        "this notebook has no kernel: choose one, then run the cell",
      );
    }
    undo.push(need(kernel));
    if (onLink) undo.push(watchLink(kernel, onLink));
    await ready(kernel, clock, signal);
    const channel = await open(kernel, gone.signal, target, { ...channelOptions, signal }, clock);
    void channel.closed.then(leave);
    return channel;
  } catch (error) {
    leave();
    throw error;
  }
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
async function ready(
  kernel: KernelConnection,
  clock: Deadline,
  signal: AbortSignal,
): Promise<void> {
  let finish = () => {};
  const connected = new Promise<void>((resolve, reject) => {
    const cancel = () => reject(new KcommError("kcomm.cancelled", "connecting was cancelled"));
    const unwatch = watchLink(kernel, (link) => {
      if (link === "dead") {
        reject(new KcommError("kcomm.no_kernel", "the kernel is dead: restart it"));
      } else if (isReachable(link)) resolve();
    });
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    finish = () => {
      unwatch();
      signal.removeEventListener("abort", cancel);
    };
  });
  try {
    await clock.limit(connected, "the page was not connected to the kernel");
  } finally {
    finish();
  }
}

async function open(
  kernel: KernelConnection,
  gone: AbortSignal,
  target: string,
  options: ChannelOptions,
  clock: Deadline,
): Promise<Channel> {
  const [transport, codecs] = await Promise.all([labTransport(kernel, target), decodable()]);
  const notes = leftBehind(kernel.id);
  const left = notes.length > 0 ? { left: notes.map(({ session }) => session) } : {};
  const features = { codecs, ...left, ...options.features };
  const channel = new Channel("opener", transport, { ...options, features });
  closeWith(channel, gone);
  try {
    await channel.open(Math.max(1, clock.left), options.signal);
    tidy(kernel, channel, notes);
    return channel;
  } catch (error) {
    transport.close(null); // Gives back what it holds, if it was given up before it was opened.
    throw explain(error, target, clock);
  }
}

/** Deletes what pages that are gone have left: those that the kernel told of, and those that left a note, which the kernel knows by now. */
function tidy(kernel: KernelConnection, channel: Channel, notes: readonly Left[]): void {
  const noted = notes.flatMap(({ subshell }) => subshell ?? []);
  for (const id of new Set([...channel.staleSubshells, ...noted])) deleteSubshell(kernel, id);
  forgetLeft(notes);
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
function closeWith(channel: Channel, gone: AbortSignal): void {
  gone.addEventListener("abort", () =>
    channel.close("kcomm.closed", "the output was removed from the page"),
  );
  // The code tells the kernel that the page's subshell is left behind: there is no later moment to delete it.
  const leave = (event: PageTransitionEvent) => {
    if (!event.persisted) channel.close("kcomm.left", "the page was closed");
  };
  if (typeof window === "undefined") return; // A worker or Node.
  window.addEventListener("pagehide", leave);
  void channel.closed.then(() => window.removeEventListener("pagehide", leave));
}
