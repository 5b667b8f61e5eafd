/** A JupyterLab kernel connection with a kernel at its other end, as far as comms and subshells go. */
import { acceptChannel, type Channel } from "../../src/channel.js";
import type { KernelConnection } from "../../src/transport/kernel-message.js";
import type { Packet, Transport, TransportListener } from "../../src/transport/transport.js";

/** A lumino signal. */
export class FakeSignal<T> {
  readonly #slots: { slot: (sender: unknown, args: T) => void; self: unknown }[] = [];

  connect(slot: (sender: unknown, args: T) => void, self?: unknown): boolean {
    this.#slots.push({ slot, self });
    return true;
  }

  disconnect(slot: (sender: unknown, args: T) => void, self?: unknown): boolean {
    const at = this.#slots.findIndex((entry) => entry.slot === slot && entry.self === self);
    if (at >= 0) this.#slots.splice(at, 1);
    return at >= 0;
  }

  emit(args: T): void {
    for (const { slot, self } of [...this.#slots]) slot.call(self, null, args);
  }

  get size(): number {
    return this.#slots.length;
  }
}

export interface Sent {
  channel: "shell" | "control";
  header: { msg_id: string; msg_type: string; session: string; subshell_id: string | null };
  content: Record<string, unknown>;
  buffers: ArrayBuffer[];
}

interface FakeFuture {
  onReply: (reply: unknown) => void;
  done: Promise<void>;
  isDisposed: boolean;
  dispose(): void;
}

export type KernelOptions = {
  /** How it takes create_subshell_request; "none": it does not name the feature, and answers nothing. */
  subshells?: "some" | "none" | "silent";
};

export class FakeKernel {
  readonly id = "k1";
  readonly clientId = "page";
  readonly username = "me";
  status = "idle";
  connectionStatus = "connected";
  isDisposed = false;
  readonly disposed = new FakeSignal<void>();
  readonly statusChanged = new FakeSignal<string>();
  readonly connectionStatusChanged = new FakeSignal<string>();
  readonly anyMessage = new FakeSignal<unknown>();
  readonly info: Promise<{ supported_features?: string[] }>;
  /** All that the page sent, and the futures it got. */
  readonly sent: Sent[] = [];
  readonly futures: FakeFuture[] = [];
  readonly subshells = new Set<string>();
  /** Called with the kernel's end of each channel. */
  readonly targets = new Map<string, (channel: Channel) => void>();
  /** A kernel that reads nothing that the page sends on the shell channel. */
  isMute = false;
  /** What JupyterLab keeps while it is not connected. */
  readonly #pending: Sent[] = [];
  readonly #comms = new Map<string, TransportListener>();
  #process = "kernel-1";
  #lastSubshell = 0;

  constructor(readonly options: KernelOptions = {}) {
    const supported_features = options.subshells === "none" ? [] : ["kernel subshells"];
    this.info = Promise.resolve({ supported_features });
  }

  get connection(): KernelConnection {
    return this as unknown as KernelConnection;
  }

  messages(type: string): Sent[] {
    return this.sent.filter(({ header }) => header.msg_type === type);
  }

  sendShellMessage(message: Sent): FakeFuture {
    if (this.status === "dead") throw new Error("Kernel is dead");
    const future = this.#take(message);
    if (this.connectionStatus === "connected") this.#read(message);
    else this.#pending.push(message);
    return future;
  }

  sendControlMessage(message: Sent): FakeFuture {
    const future = this.#take(message);
    if (message.header.msg_type === "create_subshell_request") {
      if (this.options.subshells === "silent") return this.futures.pop() as FakeFuture;
      const subshell_id = `s${++this.#lastSubshell}`;
      this.subshells.add(subshell_id);
      queueMicrotask(() => future.onReply({ content: { status: "ok", subshell_id } }));
    } else if (message.header.msg_type === "delete_subshell_request") {
      this.subshells.delete(message.content.subshell_id as string);
    }
    return future;
  }

  /** As a restart does: the kernel's process is another one, and the page sees a status. */
  restart(status = "restarting"): void {
    this.#comms.clear();
    this.subshells.clear();
    this.setStatus(status);
  }

  /** As a restart that another page asked for does: this one sees no status. */
  restartUnseen(): void {
    this.#comms.clear();
    this.#process = "kernel-2";
    this.emit("execute_input", {}, []);
  }

  /** Without a connection, what the kernel sends is lost, and what the page sends waits. */
  setConnection(status: string): void {
    this.connectionStatus = status;
    this.connectionStatusChanged.emit(status);
    if (status !== "connected") return;
    for (const message of this.#pending.splice(0)) this.#read(message);
  }

  setStatus(status: string): void {
    this.status = status;
    this.statusChanged.emit(status);
  }

  dispose(): void {
    this.isDisposed = true;
    this.disposed.emit();
  }

  /** A message of the kernel, as the page gets it: each buffer a DataView. */
  emit(type: string, content: object, packet: Packet): void {
    if (this.connectionStatus !== "connected") return;
    const header = { msg_type: type, session: this.#process };
    const buffers = packet.map((bytes) => new DataView(bytes.slice().buffer));
    this.anyMessage.emit({ direction: "recv", msg: { header, content, buffers } });
  }

  #read(message: Sent): void {
    if (this.isMute) return;
    const { comm_id } = message.content as { comm_id: string };
    const comm = this.#comms.get(comm_id);
    switch (message.header.msg_type) {
      case "comm_open":
        this.#open(comm_id, message);
        break;
      case "comm_msg":
        queueMicrotask(() => comm?.onPacket(message.buffers));
        break;
      case "comm_close":
        queueMicrotask(() => comm?.onClose(message.buffers));
        this.#comms.delete(comm_id);
    }
  }

  #take(message: Sent): FakeFuture {
    this.sent.push(message);
    const future: FakeFuture = {
      onReply: () => {},
      done: Promise.resolve(),
      isDisposed: false,
      dispose() {
        this.isDisposed = true;
      },
    };
    if (message.channel === "control") future.done = new Promise(() => {});
    this.futures.push(future);
    return future;
  }

  #open(comm_id: string, message: Sent): void {
    const serve = this.targets.get(message.content.target_name as string);
    if (serve === undefined) {
      queueMicrotask(() => this.emit("comm_close", { comm_id, data: {} }, []));
      return;
    }
    const transport: Transport = {
      open: (listener) => {
        this.#comms.set(comm_id, listener);
        queueMicrotask(() => listener.onPacket(message.buffers));
      },
      send: (packet) => this.emit("comm_msg", { comm_id, data: {} }, packet),
      close: (packet) => this.emit("comm_close", { comm_id, data: {} }, packet ?? []),
    };
    void acceptChannel(transport, { epoch: this.#process }).then(serve);
  }
}

/** A kernel that has the target `calc`, with a method `add`. */
export function calculator(options: KernelOptions = {}): FakeKernel {
  const kernel = new FakeKernel(options);
  kernel.targets.set("calc", (channel) => channel.handle("add", (a: number, b: number) => a + b));
  return kernel;
}
