/** What a view says about its connection. */
import type { ClosedReason } from "./channel.js";
import type { Link } from "./link.js";

/** How an end leaves a view: `gone`: the kernel has no such object; `lost`: it may have it, but can't be reached. */
export interface Ending {
  readonly status: "gone" | "lost";
  readonly text: string;
}

/**
 * What a view waits for before it is live.
 *
 * @param wasLive it was connected before
 * @param isLong it has waited for longer than connecting takes
 */
export function describeWait(link: Link, wasLive: boolean, isLong: boolean): string {
  if (wasLive && isDown(link)) return describeBreak(link);
  switch (link) {
    case "disconnected":
      return describeBreak(link);
    case "starting":
      return "The kernel is starting …";
    case "restarting":
      return "The kernel is restarting …";
    case "busy":
      return "Waiting for the kernel, which is busy with a cell …";
    default:
      return isLong
        ? "The kernel does not answer yet, it may be busy with a cell …"
        : "Connecting to the kernel …";
  }
}

/** What a live view says of the page's connection; nothing while that is well. */
export function describeBreak(link: Link): string {
  if (link === "connecting") return "Disconnected from the server, waiting for it …";
  if (link === "disconnected") {
    return "Disconnected from the server: reconnect to the kernel, or reload the page.";
  }
  return "";
}

/** Whether the page is not connected to the kernel. */
export function isDown(link: Link): boolean {
  return link === "connecting" || link === "disconnected";
}

/** @param name what people call the thing that is shown */
export function describeEnd({ code, message }: ClosedReason, name: string): Ending {
  switch (code) {
    case "kcomm.unknown_target":
      return { status: "gone", text: `The kernel does not have this ${name}: run the cell again.` };
    case "kcomm.no_kernel":
      return { status: "gone", text: "No kernel is running: start one, then run the cell again." };
    case "kcomm.closed":
      return { status: "gone", text: `This ${name} was closed in Python: run the cell again.` };
    default:
      return { status: "lost", text: `Disconnected: ${message}.` };
  }
}
