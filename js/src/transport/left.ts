/**
 * What earlier pages of this browser left behind in a kernel. A page that is being left says BYE, but what it sends then may never leave the
 * browser, and nothing else would tell the kernel. So it also leaves a note, for whichever page connects to that kernel next.
 */

/** One connection of a page that is gone. */
export interface Left {
  readonly kernel: string;
  /** The session of the connection. */
  readonly session: string;
  /** What it used alone. */
  readonly subshell: string | null;
  /** When it was left, in milliseconds since 1970. */
  readonly time: number;
}

const KEY = "kcomm:left";
/** Milliseconds after which a note is thrown away: its kernel is not used from this browser any more. */
const MAX_AGE = 86_400_000;
const MAX_NOTES = 64;

/** Leaves a note. Works at the last moment of a page, when nothing that is sent is sure to arrive. */
export function noteLeft(note: Omit<Left, "time">): void {
  write([
    ...read().filter((other) => other.session !== note.session),
    { ...note, time: Date.now() },
  ]);
}

/** The notes of a kernel. */
export function leftBehind(kernel: string): readonly Left[] {
  return read().filter((note) => note.kernel === kernel);
}

/** Throws notes away: the kernel knows by now. */
export function forgetLeft(notes: readonly Left[]): void {
  if (notes.length === 0) return;
  const known = new Set(notes.map(({ session }) => session));
  write(read().filter(({ session }) => !known.has(session)));
}

function read(): Left[] {
  try {
    const notes: unknown = JSON.parse(storage()?.getItem(KEY) ?? "[]");
    if (!Array.isArray(notes)) return [];
    const since = Date.now() - MAX_AGE;
    return notes.filter(
      (note: Partial<Left> | null): note is Left => isNote(note) && note.time > since,
    );
  } catch {
    return []; // No access, or somebody else's text: the kernel's lease ends what is left behind.
  }
}

function write(notes: readonly Left[]): void {
  try {
    if (notes.length === 0) storage()?.removeItem(KEY);
    else storage()?.setItem(KEY, JSON.stringify(notes.slice(-MAX_NOTES)));
  } catch {
    // As above.
  }
}

function isNote(note: Partial<Left> | null): note is Left {
  return (
    typeof note?.kernel === "string" &&
    typeof note.session === "string" &&
    (note.subshell === null || typeof note.subshell === "string") &&
    typeof note.time === "number"
  );
}

/** Shared by all pages of the origin; none in workers and Node. */
function storage(): Storage | null {
  return typeof window === "undefined" ? null : window.localStorage;
}
