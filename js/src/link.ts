/** How the page and a kernel stand to each other, as their user sees it. */
import type { KernelConnection } from "./transport/kernel-message.js";

/**
 * `connecting`, `disconnected`: the page has no connection, and tries for one or has given up; `starting`, `restarting`, `busy`, `dead`: how the
 * kernel is; `ready` otherwise.
 */
export type Link =
  | "connecting"
  | "disconnected"
  | "starting"
  | "restarting"
  | "busy"
  | "dead"
  | "ready";

const RESTARTING: ReadonlySet<string> = new Set(["restarting", "autorestarting", "terminating"]);

export function linkOf(kernel: KernelConnection): Link {
  const { status, connectionStatus } = kernel;
  if (kernel.isDisposed || status === "dead") return "dead";
  // Before its status, which is unknown or old while there is no connection.
  if (connectionStatus !== "connected") return connectionStatus;
  if (RESTARTING.has(status)) return "restarting";
  return status === "starting" || status === "busy" ? status : "ready";
}

/** Calls back with the link, now and at each change; returns what ends that. */
export function watchLink(kernel: KernelConnection, callback: (link: Link) => void): () => void {
  let last: Link | null = null;
  const look = () => {
    const link = linkOf(kernel);
    if (link === last) return;
    last = link;
    callback(link);
  };
  const signals = [kernel.statusChanged, kernel.connectionStatusChanged, kernel.disposed];
  for (const signal of signals) signal.connect(look);
  look();
  return () => {
    for (const signal of signals) signal.disconnect(look);
  };
}

/** Whether a message would reach the kernel, which may be busy. */
export function isReachable(link: Link): boolean {
  return link === "starting" || link === "busy" || link === "ready";
}
