/**
 * Packets as raw comm messages over any kernel connection of JupyterLab or Notebook 7.
 *
 * JupyterLab's own comms are not used: `createComm` throws on a page's second connection to a kernel (two notebooks that share it), and a comm's
 * subshell starts after its first messages. Sending works on every connection, and `anyMessage` fires for every message of the kernel,
 * before JupyterLab queues it behind slower handlers.
 */
import type { Kernel, KernelMessage } from "@jupyterlab/services";
import { KcommError } from "../errors.js";
import { PROTOCOL_VERSION } from "../protocol/greetings.js";
import { noteTraffic } from "./activity.js";
import { exactBuffers, type KernelConnection, sendShell, uuid } from "./kernel-message.js";
import { leaseSubshell, type SubshellLease } from "./subshells.js";
import type { Packet, Transport, TransportListener } from "./transport.js";

/** After comm_close the subshell must live until the kernel has read it: on the control channel its deletion would overtake. */
const CLOSE_GRACE = 2000;
/**
 * Messages that only the kernel process itself sends, each with its session id in the header. (The server makes up `status` and `stream` messages with a session of its own.)
 */
const SENT_BY_KERNEL = new Set(["comm_msg", "comm_close", "execute_input", "kernel_info_reply"]);

/** Makes ready what a channel needs on this connection; the comm itself is opened by `Transport.open`. */
export async function labTransport(kernel: KernelConnection, target: string): Promise<Transport> {
  return new LabTransport(kernel, target, await leaseSubshell(kernel));
}

class LabTransport implements Transport {
  readonly #commId = uuid();
  #listener: TransportListener | null = null;
  /** The kernel process that answered; null until it has. */
  #kernelSession: string | null = null;
  #isDown = false;
  #ended = false;

  constructor(
    readonly kernel: KernelConnection,
    readonly target: string,
    readonly subshell: SubshellLease,
  ) {}

  open(listener: TransportListener, packet: Packet | null): void {
    if (packet === null) {
      throw new KcommError("kcomm.protocol_error", "in a page a comm is opened, never accepted");
    }
    this.#listener = listener;
    if (this.kernel.isDisposed) {
      queueMicrotask(() => this.#lost("the connection to the kernel is closed"));
      return;
    }
    this.kernel.anyMessage.connect(this.#onMessage, this);
    this.kernel.statusChanged.connect(this.#onStatus, this);
    this.kernel.connectionStatusChanged.connect(this.#onConnection, this);
    this.kernel.disposed.connect(this.#onDisposed, this);
    // JupyterLab keeps what is sent while it is not connected, so it is never too early for this.
    this.#post("comm_open", packet, {
      target_name: this.target,
      data: { kcomm: [PROTOCOL_VERSION] },
    });
    if (this.kernel.connectionStatus !== "connected") queueMicrotask(() => this.#onConnection());
  }

  send(packet: Packet): void {
    if (!this.#ended) this.#post("comm_msg", packet, { data: {} })?.dispose();
  }

  close(packet: Packet | null): void {
    if (this.#ended) return;
    this.#end();
    if (this.#listener === null) {
      this.subshell.release(); // It was never opened.
      return;
    }
    const future = this.#post("comm_close", packet ?? [], { data: {} });
    if (future === null) {
      this.subshell.release();
      return;
    }
    const timer = setTimeout(() => future.dispose(), CLOSE_GRACE);
    const done = () => {
      clearTimeout(timer);
      this.subshell.release();
    };
    future.done.then(done, done);
  }

  /** Sends one comm message; null if the kernel is dead, of which the listener then hears. */
  #post(type: string, packet: Packet, content: object): Kernel.IShellFuture | null {
    noteTraffic();
    const parts = {
      type,
      content: { comm_id: this.#commId, ...content },
      buffers: exactBuffers(packet),
      subshell: this.subshell.id,
    };
    try {
      const future = sendShell(this.kernel, parts);
      if (type === "comm_open") future.dispose();
      return future;
    } catch (error) {
      queueMicrotask(() => this.#lost(`the kernel can't be reached: ${String(error)}`));
      return null;
    }
  }

  /** Returns at once, as a signal's slot must; errors are the session's own matter. */
  #onMessage(_: unknown, { msg, direction }: Kernel.IAnyMessageArgs): void {
    if (direction !== "recv") return;
    const type: string = msg.header.msg_type;
    if (!SENT_BY_KERNEL.has(type)) return;
    if (this.#kernelSession !== null && msg.header.session !== this.#kernelSession) {
      this.#lost("the kernel was restarted");
      return;
    }
    if (type !== "comm_msg" && type !== "comm_close") return;
    const content = msg.content as KernelMessage.ICommMsgMsg["content"];
    if (content.comm_id !== this.#commId) return;
    this.#kernelSession = msg.header.session;
    const buffers = msg.buffers ?? [];
    const listener = this.#listener;
    if (type === "comm_msg") {
      noteTraffic();
      listener?.onPacket(buffers);
      return;
    }
    this.#end();
    this.subshell.release();
    listener?.onClose(buffers);
  }

  #onStatus(_: unknown, status: Kernel.Status): void {
    if (status === "restarting" || status === "autorestarting") {
      this.#lost("the kernel was restarted");
    } else if (status === "dead") {
      this.#lost("the kernel died or was shut down");
    }
  }

  /** What is sent while there is no connection is queued, and what was sent last may be lost. */
  #onConnection(): void {
    const isDown = this.kernel.connectionStatus !== "connected";
    if (this.#ended || isDown === this.#isDown) return;
    this.#isDown = isDown;
    if (isDown) this.#listener?.onDown();
    else this.#listener?.onUp();
  }

  #onDisposed(): void {
    this.#lost("the connection to the kernel was closed");
  }

  #lost(message: string): void {
    if (this.#ended) return;
    this.#end();
    this.subshell.release();
    this.#listener?.onLost(message);
  }

  #end(): void {
    this.#ended = true;
    this.kernel.anyMessage.disconnect(this.#onMessage, this);
    this.kernel.statusChanged.disconnect(this.#onStatus, this);
    this.kernel.connectionStatusChanged.disconnect(this.#onConnection, this);
    this.kernel.disposed.disconnect(this.#onDisposed, this);
  }
}
