/** What can be wrong with a camera, and what to do about it. */
import { KcommError } from "../errors.js";

export type CameraFault =
  | "denied"
  | "missing"
  | "busy"
  | "insecure"
  | "forbidden"
  | "lost"
  | "failed";

const MESSAGES: Record<CameraFault, string> = {
  denied:
    "The camera was not permitted: allow it for this page in the browser's address bar, then start again.",
  missing: "There is no camera, or the chosen one was unplugged.",
  busy: "The camera is in use: close the other program or page, then start again.",
  insecure:
    "Browsers give a camera only to pages from https or localhost: open Jupyter at such an address.",
  forbidden:
    "This front end's permissions policy lets no page use a camera: open the notebook elsewhere, or ask who runs the server.",
  lost: "The camera went away: plug it in again, then start again.",
  failed: "The camera could not be started.",
};

/** What `getUserMedia` rejects with, by name. */
const FAULTS: Record<string, CameraFault> = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

export function cameraError(fault: CameraFault, detail = "", cause?: unknown): KcommError {
  const message = detail === "" ? MESSAGES[fault] : `${MESSAGES[fault]} (${detail})`;
  return new KcommError(`kcomm.camera_${fault}`, message, null, { cause });
}

/** Tells what `getUserMedia` rejected with. */
export function explainRefusal(error: unknown): KcommError {
  const { name, message } = error as { name?: string; message?: string };
  const fault = FAULTS[name ?? ""] ?? "failed";
  return cameraError(fault, fault === "failed" ? (message ?? String(error)) : "", error);
}
