/** Keeps what came for a name that nobody has registered yet. */

interface Kept<T> {
  readonly item: T;
  readonly timer: ReturnType<typeof setTimeout>;
}

/**
 * The peer may call, or send an event, before the code that opened the channel had its turn to register handlers. What comes early waits a
 * while for them.
 */
export class Grace<T> {
  readonly #kept = new Map<string, Kept<T>[]>();
  readonly #delay: number;
  readonly #bound: number;
  readonly #expire: (item: T) => void;

  /**
   * @param delay milliseconds until an item is given up
   * @param bound items of one name that wait; of more, the oldest is given up at once
   * @param expire is told of what was given up
   */
  constructor(delay: number, bound: number, expire: (item: T) => void) {
    this.#delay = delay;
    this.#bound = bound;
    this.#expire = expire;
  }

  add(name: string, item: T): void {
    const list = this.#kept.get(name) ?? [];
    this.#kept.set(name, list);
    const timer = setTimeout(() => this.#giveUp(name, list), this.#delay);
    list.push({ item, timer });
    if (list.length > this.#bound) this.#giveUp(name, list);
  }

  /** Takes all that waits for a name, in the order it came. */
  take(name: string): T[] {
    const list = this.#kept.get(name) ?? [];
    this.#kept.delete(name);
    for (const { timer } of list) clearTimeout(timer);
    return list.map(({ item }) => item);
  }

  /** Takes one item back. */
  remove(matches: (item: T) => boolean): T | undefined {
    for (const [name, list] of this.#kept) {
      const at = list.findIndex(({ item }) => matches(item));
      if (at < 0) continue;
      const [kept] = list.splice(at, 1);
      clearTimeout(kept?.timer);
      if (list.length === 0) this.#kept.delete(name);
      return kept?.item;
    }
    return undefined;
  }

  clear(): void {
    for (const name of [...this.#kept.keys()]) this.take(name);
  }

  /** Items wait equally long, so the one whose time is up is the first. */
  #giveUp(name: string, list: Kept<T>[]): void {
    const kept = list.shift();
    if (list.length === 0) this.#kept.delete(name);
    if (kept === undefined) return;
    clearTimeout(kept.timer);
    this.#expire(kept.item);
  }
}
