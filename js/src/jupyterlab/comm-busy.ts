/**
 * Which kernels the page shows as busy, and whether because of a comm message.
 *
 * While one is, comm messages must not become untracked: JupyterLab would skip the `idle` that belongs to the `busy` it shows, and show a kernel at
 * rest as busy, since some widget's callback happened to run when a channel of ours woke up.
 */
import type { Kernel, KernelMessage } from "@jupyterlab/services";
import type { ISignal } from "@lumino/signaling";

/** What is used of a kernel connection. */
export type StatusKernel = Pick<
  Kernel.IKernelConnection,
  "status" | "statusChanged" | "iopubMessage" | "disposed"
>;

/** What is used of an `ISessionContext`: its kernel comes, and changes. */
export interface KernelContext {
  readonly session: { readonly kernel: StatusKernel | null } | null;
  readonly kernelChanged: ISignal<unknown, unknown>;
}

/** Watches the kernels of the page's panels. */
export class CommBusy {
  readonly #watched = new Set<StatusKernel>();
  readonly #busy = new Set<StatusKernel>();

  /** `onClear` is called whenever a kernel is not busy with a comm message any more. */
  constructor(readonly onClear: () => void) {}

  /** Whether some kernel is shown as busy because of a comm message. */
  get isShown(): boolean {
    return this.#busy.size > 0;
  }

  /** Whether some kernel is shown as busy because of a cell. */
  get hasCell(): boolean {
    return [...this.#watched].some((kernel) => kernel.status === "busy" && !this.#busy.has(kernel));
  }

  /** Watches a panel's kernel, and each that takes its place. */
  watchContext(context: KernelContext): void {
    const look = () => {
      const kernel = context.session?.kernel;
      if (kernel) this.#watch(kernel);
    };
    look();
    context.kernelChanged.connect(look);
  }

  #watch(kernel: StatusKernel): void {
    if (this.#watched.has(kernel)) return;
    this.#watched.add(kernel);
    // JupyterLab emits this after it has shown the status.
    kernel.iopubMessage.connect((_, message) => {
      if (message.header.msg_type !== "status") return;
      const { execution_state: state } = message.content as KernelMessage.IStatusMsg["content"];
      const { msg_type: cause } = message.parent_header as KernelMessage.IHeader;
      const isComm = cause === "comm_msg" || cause === "comm_open";
      if (state === "busy" && isComm && kernel.status === "busy") this.#busy.add(kernel);
      else this.#clear(kernel);
    });
    kernel.statusChanged.connect((_, status) => {
      if (status !== "busy") this.#clear(kernel);
    });
    kernel.disposed.connect(() => {
      this.#watched.delete(kernel);
      this.#clear(kernel);
    });
  }

  #clear(kernel: StatusKernel): void {
    if (this.#busy.delete(kernel)) this.onClear();
  }
}
