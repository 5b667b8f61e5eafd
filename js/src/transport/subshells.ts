/**
 * One subshell for each kernel connection of the page, shared by its channels: with it a channel connects and answers while a cell runs.
 */
import { type KernelConnection, sendControl } from "./kernel-message.js";
import { noteLeft } from "./left.js";

/** How long a kernel may take to make a subshell; a kernel that has none often does not answer at all. */
const CREATE_TIMEOUT = 2000;
/** How long to wait for the kernel's info, which a new connection to a busy kernel does not get before the cell ends. */
const INFO_TIMEOUT = 300;
/** What a kernel that has subshells names in `supported_features` (JEP 91). */
const FEATURE = "kernel subshells";

interface Entry {
  readonly id: Promise<string | null>;
  users: number;
  /** Takes the entry out of the table. */
  forget(): void;
}

const entries = new WeakMap<KernelConnection, Entry>();

/** One channel's share of a subshell. */
export interface SubshellLease {
  /** Goes into `header.subshell_id` of every message of the channel; null: the main shell. */
  readonly id: string | null;
  /** Gives the share back; the last one deletes the subshell. */
  release(): void;
}

/** Takes a share of the connection's subshell, which is made if there is none yet. Never rejects. */
export async function leaseSubshell(kernel: KernelConnection): Promise<SubshellLease> {
  let entry = entries.get(kernel);
  if (entry === undefined) entry = enter(kernel);
  const mine = entry;
  mine.users += 1;
  const id = await mine.id;
  let released = false;
  return {
    id,
    release() {
      if (released) return;
      released = true;
      mine.users -= 1;
      if (mine.users > 0 || entries.get(kernel) !== mine) return;
      mine.forget();
      if (id !== null) deleteSubshell(kernel, id);
    },
  };
}

/** Asks the kernel to delete a subshell, without waiting for it. */
export function deleteSubshell(kernel: KernelConnection, id: string): void {
  if (kernel.isDisposed || kernel.status === "dead") return;
  const content = { subshell_id: id };
  sendControl(kernel, { type: "delete_subshell_request", content }).dispose();
}

/**
 * Makes the connection's entry. A restarted kernel has no subshells any more, so it is forgotten then; a page that is being left can't delete its
 * subshell (that would overtake what its channels say last), and leaves a note. So does a connection that is disposed of, as JupyterLab does where a
 * notebook is closed: its channels can't say anything any more.
 */
function enter(kernel: KernelConnection): Entry {
  let subshell: string | null = null;
  const onStatus = (_: unknown, status: string) => {
    if (status === "restarting" || status === "autorestarting" || status === "dead") forget();
  };
  const note = () => noteLeft({ kernel: kernel.id, session: kernel.clientId, subshell });
  const leave = (event: PageTransitionEvent) => {
    if (!event.persisted) note();
  };
  const page = typeof window === "undefined" ? null : window; // A worker or Node.
  const forget = () => {
    kernel.statusChanged.disconnect(onStatus);
    kernel.disposed.disconnect(note);
    page?.removeEventListener("pagehide", leave);
    if (entries.get(kernel) === entry) entries.delete(kernel);
  };
  const id = create(kernel);
  void id.then((made) => {
    subshell = made;
  });
  const entry: Entry = { id, users: 0, forget };
  entries.set(kernel, entry);
  kernel.statusChanged.connect(onStatus);
  kernel.disposed.connect(note);
  page?.addEventListener("pagehide", leave);
  return entry;
}

/** True or false as the kernel says; null if it has not told yet. */
async function supportsSubshells(kernel: KernelConnection): Promise<boolean | null> {
  const known = kernel.info.then(
    (info) => info.supported_features?.includes(FEATURE) ?? false,
    () => false,
  );
  return within(INFO_TIMEOUT, known, null);
}

async function create(kernel: KernelConnection): Promise<string | null> {
  if ((await supportsSubshells(kernel)) === false || kernel.isDisposed) return null;
  const reply = new Promise<string | null>((resolve) => {
    try {
      const future = sendControl(kernel, { type: "create_subshell_request", content: {} });
      future.onReply = (answer) => {
        const { subshell_id } = answer.content as { subshell_id?: string };
        resolve(subshell_id ?? null);
      };
      // Cancelled by a restart, or done without a reply: there is no subshell.
      future.done.then(
        () => resolve(null),
        () => resolve(null),
      );
    } catch {
      resolve(null); // The kernel is dead; opening the channel says so.
    }
  });
  const id = await within(CREATE_TIMEOUT, reply, undefined);
  if (id !== undefined) return id;
  // Too late to be used, since channels went to the main shell by now.
  void reply.then((late) => late !== null && deleteSubshell(kernel, late));
  return null;
}

/** What the promise resolves to, or `late` where that takes longer than `ms` milliseconds. */
function within<T, L>(ms: number, promise: Promise<T>, late: L): Promise<T | L> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expired = new Promise<L>((resolve) => {
    timer = setTimeout(resolve, ms, late);
  });
  return Promise.race([promise, expired]).finally(() => clearTimeout(timer));
}
