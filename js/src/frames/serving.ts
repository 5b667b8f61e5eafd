/** The worker's end: it decodes the frames of all views of a page, each at a desk of its own. */
import { Desk, type Job } from "./desk.js";
import { failureOf } from "./failure.js";
import { Spares } from "./spares.js";

/** From the page. */
export type Order =
  | { readonly view: number; readonly number: number; readonly job: Job }
  | { readonly view: number; readonly close: true }
  | { readonly spare: ArrayBuffer };

/** To the page. */
export type Reply =
  | { readonly number: number; readonly pixels: ArrayBuffer | null }
  | { readonly number: number; readonly code: string; readonly message: string };

/** The part of a worker's global scope that is used; the project's types are those of a page. */
export interface Scope {
  onmessage: ((event: MessageEvent<Order>) => void) | null;
  postMessage(reply: Reply, transfer: Transferable[]): void;
}

export function serve(scope: Scope): void {
  const desks = new Map<number, Desk>();
  const spares = new Spares();
  scope.onmessage = ({ data: order }) => {
    if ("spare" in order) {
      spares.give(order.spare);
      return;
    }
    if ("close" in order) {
      desks.delete(order.view);
      return;
    }
    const desk = desks.get(order.view) ?? new Desk(spares);
    desks.set(order.view, desk);
    const { number, job } = order;
    desk.run(job).then(
      (pixels) => {
        const buffer = pixels?.buffer ?? null;
        scope.postMessage({ number, pixels: buffer }, buffer === null ? [] : [buffer]);
      },
      (error: unknown) => {
        scope.postMessage({ number, ...failureOf(error) }, []);
      },
    );
  };
}
