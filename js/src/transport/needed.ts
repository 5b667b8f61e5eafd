/** Which kernel connections are needed: those that have channels, or are waited for by one that is being opened. */
import type { KernelConnection } from "./kernel-message.js";

/** Looks after a connection while it is needed; gives back what ends that. */
export type Keeper = (kernel: KernelConnection) => () => void;

interface Need {
  users: number;
  end: () => void;
}

const needs = new WeakMap<KernelConnection, Need>();
let keep: Keeper | null = null;

/** The front end's plugin looks after the connections that are needed from now on. */
export function setKeeper(keeper: Keeper | null): void {
  keep = keeper;
}

/** A channel needs the connection, until it calls what is given back. */
export function need(kernel: KernelConnection): () => void {
  let mine = needs.get(kernel);
  if (mine === undefined) {
    mine = { users: 0, end: keep?.(kernel) ?? (() => {}) };
    needs.set(kernel, mine);
  }
  const shared = mine;
  shared.users += 1;
  let isOver = false;
  return () => {
    if (isOver) return;
    isOver = true;
    shared.users -= 1;
    if (shared.users > 0) return;
    needs.delete(kernel);
    shared.end();
  };
}
