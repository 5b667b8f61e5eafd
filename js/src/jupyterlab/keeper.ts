/** Keeps the kernel connections that channels need: asks their server whether it has the kernel, and reconnects. */
import { URLExt } from "@jupyterlab/coreutils";
import { type Kernel, ServerConnection } from "@jupyterlab/services";
import type { KernelConnection } from "../transport/kernel-message.js";
import { type Answer, Reconnector } from "./reconnect.js";

/** Milliseconds that the server may take to answer: over a network that has changed a request can hang for minutes. */
const TIMEOUT = 5000;

/** Looks after a connection until what is given back is called. */
export function keepConnected(connection: KernelConnection): () => void {
  const kernel = connection as Kernel.IKernelConnection;
  // Somebody else's connection, passed to `connect`, need not have all that JupyterLab's have.
  if (!kernel.serverSettings || typeof kernel.reconnect !== "function") return () => {};
  const reconnector = new Reconnector(kernel, (signal) => askFor(kernel, signal), window);
  return () => reconnector.dispose();
}

async function askFor(
  { id, serverSettings }: Kernel.IKernelConnection,
  signal: AbortSignal,
): Promise<Answer> {
  const url = URLExt.join(serverSettings.baseUrl, "api/kernels", encodeURIComponent(id));
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT)]);
  const { status } = await ServerConnection.makeRequest(url, { signal: limit }, serverSettings);
  return answerOf(status);
}

/** A gateway answers 5xx, and JupyterHub 424, for a server that is not running now. */
function answerOf(status: number): Answer {
  if (status === 200) return "here";
  return status === 424 || status >= 500 ? "away" : "gone";
}
