/**
 * Kernel messages as plain objects. `KernelMessage.createMessage` of @jupyterlab/services would do the same, but this library's
 * bundle stands alone and may import only that package's types.
 */
import type { Kernel, KernelMessage } from "@jupyterlab/services";
import type { Packet } from "./transport.js";

/** What kcomm uses of a JupyterLab kernel connection. */
export type KernelConnection = Pick<
  Kernel.IKernelConnection,
  | "id"
  | "clientId"
  | "username"
  | "status"
  | "connectionStatus"
  | "info"
  | "isDisposed"
  | "disposed"
  | "statusChanged"
  | "connectionStatusChanged"
  | "anyMessage"
  | "sendShellMessage"
  | "sendControlMessage"
>;

/** A random (version 4) UUID. `crypto.randomUUID` exists on secure origins only; many Jupyter servers are not one. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [8, 12, 16, 20, 32].map((end, i) => hex.slice([0, 8, 12, 16, 20][i], end)).join("-");
}

/**
 * The packet's buffers as ArrayBuffers that hold nothing else. JupyterLab's serializer computes offsets from a view's length but copies the whole
 * buffer under it, so a view of a part would be misread.
 */
export function exactBuffers(packet: Packet): ArrayBuffer[] {
  return packet.map((bytes) =>
    bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength
      ? bytes.buffer
      : bytes.slice().buffer,
  );
}

export interface MessageParts {
  type: string;
  channel: "shell" | "control";
  content: unknown;
  buffers?: ArrayBuffer[];
  subshell?: string | null;
}

function message(kernel: KernelConnection, parts: MessageParts): unknown {
  return {
    channel: parts.channel,
    header: {
      date: new Date().toISOString(),
      msg_id: uuid(),
      msg_type: parts.type,
      session: kernel.clientId,
      username: kernel.username,
      subshell_id: parts.subshell ?? null,
      version: "5.2",
    },
    parent_header: {},
    metadata: {},
    content: parts.content,
    buffers: parts.buffers ?? [],
  };
}

/** Sends a comm message. The caller disposes the future: some never see their `idle`. */
export function sendShell(
  kernel: KernelConnection,
  parts: Omit<MessageParts, "channel">,
): Kernel.IShellFuture {
  return kernel.sendShellMessage(
    message(kernel, { ...parts, channel: "shell" }) as KernelMessage.IShellMessage,
    false,
    true,
  );
}

/** Sends a request on the control channel, which a kernel answers while a cell runs. */
export function sendControl(
  kernel: KernelConnection,
  parts: Omit<MessageParts, "channel">,
): Kernel.IControlFuture {
  return kernel.sendControlMessage(
    message(kernel, { ...parts, channel: "control" }) as KernelMessage.IControlMessage,
    true,
    true,
  );
}
