/**
 * JupyterLab's list of message types that leave a kernel's busy indicator alone. It is a page option, JSON in a string, that JupyterLab reads
 * afresh at every status of a kernel; the server and its idle culling have a list of their own, which stays as it is.
 */

/** What channels send to a kernel. */
const TYPES = ["comm_msg", "comm_open"];

/** Where the list is kept; "" stands for no list. */
export interface PageOption {
  get(): string;
  set(raw: string): void;
}

interface Change {
  before: string;
  after: string;
  added: string[];
}

/** Puts comm messages into the list, and takes back just what it put there. */
export class UntrackedTypes {
  #change: Change | null = null;

  constructor(readonly option: PageOption) {}

  /** Adds what is missing. A list that can't be read is left alone: it isn't ours to mend. */
  put(): void {
    if (this.#change !== null) return;
    const before = this.option.get();
    const types = parse(before);
    const added = TYPES.filter((type) => !types?.includes(type));
    if (types === null || added.length === 0) return;
    const after = JSON.stringify([...types, ...added]);
    this.#change = { before, after, added };
    this.option.set(after);
  }

  /** Makes the list what it was. Where somebody else added to it meanwhile, theirs stays; where somebody set another list, that one stays as it is. */
  takeBack(): void {
    const change = this.#change;
    this.#change = null;
    if (change === null) return;
    const raw = this.option.get();
    if (raw === change.after) {
      this.option.set(change.before);
      return;
    }
    const types = parse(raw);
    if (types === null || !parse(change.after)?.every((type) => types.includes(type))) return;
    this.option.set(JSON.stringify(types.filter((type) => !change.added.includes(type as string))));
  }
}

function parse(raw: string): unknown[] | null {
  try {
    const value: unknown = JSON.parse(raw || "[]");
    return Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
