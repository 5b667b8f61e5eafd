/** Whether packets go to and fro, on all the channels of this page together. */

let last = Number.NEGATIVE_INFINITY;
let waiting: (() => void) | null = null;

/** A packet is about to be sent, or came. It costs a look at the clock: this is called for every packet. */
export function noteTraffic(): void {
  last = performance.now();
  if (waiting === null) return;
  const callback = waiting;
  waiting = null;
  callback();
}

/** Milliseconds since the last packet; infinite before the first. */
export function sinceTraffic(): number {
  return performance.now() - last;
}

/** Calls back once, at the next packet, before it is sent. There is one such callback: a new one, or null, takes the place of the last. */
export function onNextTraffic(callback: (() => void) | null): void {
  waiting = callback;
}
