/**
 * kcomm for pages: the library that bundled front ends import, and `window.kcomm` where the JupyterLab extension is installed.
 */
export { version } from "../package.json";
export type {
  Arguments,
  CallOptions,
  ChannelOptions,
  ClosedReason,
  EmitOptions,
  Handler,
  HandlerContext,
  Listener,
  Stream,
  StreamHandler,
  StreamOptions,
} from "./channel.js";
export { Channel, openChannel } from "./channel.js";
export type { ConnectOptions } from "./connect.js";
export { connect } from "./connect.js";
export { KcommError } from "./errors.js";
export type { NdArray, TypedArray } from "./ndarray.js";
export { isNdarray, ndarray } from "./ndarray.js";
export type { KernelConnection } from "./transport/kernel-message.js";
export type {
  Packet,
  ReceivedBuffer,
  Transport,
  TransportListener,
} from "./transport/transport.js";
