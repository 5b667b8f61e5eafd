/** Events that came and wait for their listener: as many as memory allows, then the oldest gives way. */

/** Events that wait for one listener. More than a sender lets wait: what came so far should not be lost. */
export const MAX_WAITING = 10_000;
/** Their bytes, and those of the events that are at work. */
export const MAX_BYTES = 16 << 20;
/** Runs of one `async` listener that are under way at once. */
export const MAX_AT_WORK = 1000;
/** Items of a value that are looked at. */
const MAX_ITEMS = 10_000;
/** What an event takes beside its value, about. */
const OVERHEAD = 200;

interface Waiting<T> {
  readonly item: T;
  readonly nbytes: number;
}

/** Gives events to one listener, each as it comes unless too many are at work. */
export class Backlog<T> {
  readonly #run: (item: T) => Promise<void> | undefined;
  readonly #sizeOf: (item: T) => number;
  readonly #report: (message: string) => void;
  #waiting: Waiting<T>[] = [];
  #waitingBytes = 0;
  #atWork = 0;
  #bytesAtWork = 0;
  #dropped = 0;

  /**
   * @param run gives an event to the listener; a promise, which must not reject, where that is not done at once
   * @param sizeOf about how many bytes an event takes
   * @param report is told that events were dropped
   */
  constructor(
    run: (item: T) => Promise<void> | undefined,
    sizeOf: (item: T) => number,
    report: (message: string) => void,
  ) {
    this.#run = run;
    this.#sizeOf = sizeOf;
    this.#report = report;
  }

  /** Takes an event. */
  put(item: T): void {
    if (!this.#isBusy && this.#waiting.length === 0) {
      this.#start(item);
      return;
    }
    const nbytes = this.#sizeOf(item) + OVERHEAD;
    this.#waiting.push({ item, nbytes });
    this.#waitingBytes += nbytes;
    while (
      this.#waiting.length > MAX_WAITING ||
      (this.#waitingBytes > MAX_BYTES && this.#waiting.length > 1)
    ) {
      this.#waitingBytes -= (this.#waiting.shift() as Waiting<T>).nbytes;
      if (this.#dropped++ === 0) this.#report("come faster than their listener takes them");
    }
  }

  get #isBusy(): boolean {
    return this.#atWork >= MAX_AT_WORK || this.#bytesAtWork >= MAX_BYTES;
  }

  #start(item: T): void {
    const done = this.#run(item);
    if (done === undefined) return;
    const nbytes = this.#sizeOf(item) + OVERHEAD;
    this.#atWork++;
    this.#bytesAtWork += nbytes;
    void done.then(() => {
      this.#atWork--;
      this.#bytesAtWork -= nbytes;
      this.#goOn();
    });
  }

  #goOn(): void {
    while (this.#waiting.length > 0 && !this.#isBusy) {
      const { item, nbytes } = this.#waiting.shift() as Waiting<T>;
      this.#waitingBytes -= nbytes;
      this.#start(item);
    }
    if (this.#dropped === 0 || this.#waiting.length > 0) return;
    this.#report(`came faster than their listener took them: ${this.#dropped} were dropped`);
    this.#dropped = 0;
  }
}

/** About how many bytes a value takes; of one with very many items, a part of it. */
export function sizeOf(value: unknown): number {
  const stack = [value];
  let total = 0;
  for (let i = 0; i < MAX_ITEMS && stack.length > 0; i++) {
    const item = stack.pop();
    if (typeof item === "string") total += item.length;
    else if (ArrayBuffer.isView(item)) total += item.byteLength;
    else if (typeof item === "object" && item !== null)
      for (const [key, inner] of Object.entries(item)) {
        if (!Array.isArray(item)) total += key.length;
        stack.push(inner);
      }
    else total += 8;
  }
  return total;
}
