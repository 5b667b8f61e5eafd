/** Workers made of text: they need no file on any server. */

/** Milliseconds after which a worker that has not answered never will have been fetched. */
const PATIENCE = 10_000;

/**
 * Starts a worker.
 *
 * @param source its script
 * @param name what the browser's tools call it
 * @throws Error if the page's policy forbids it at once; most tell it later, by an `error` event
 */
export function startWorker(source: string, name: string): Worker {
  const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  let worker: Worker;
  try {
    worker = new Worker(address, { name });
  } catch (error) {
    URL.revokeObjectURL(address);
    throw error;
  }
  const revoke = () => {
    clearTimeout(timer);
    URL.revokeObjectURL(address);
  };
  const timer = setTimeout(revoke, PATIENCE);
  worker.addEventListener("message", revoke, { once: true });
  return worker;
}
