/**
 * What carries the packets of one channel. On a Jupyter kernel this is a comm; in tests it is a fake link.
 *
 * A transport knows nothing of what is in a packet. It may lose, repeat or reorder packets, but never damages one.
 */

/** A packet to send: the header, then the attachments. Each is exactly as long as what it holds of its header; attachments may be views. */
export type Packet = readonly Uint8Array[];

/** A buffer as it arrives: JupyterLab gives DataViews. */
export type ReceivedBuffer = ArrayBuffer | ArrayBufferView;

/** The other end, or the path itself, as a channel hears of it. A transport calls these; it must not call them before `open` returned. */
export interface TransportListener {
  /** A packet came. */
  onPacket(buffers: readonly ReceivedBuffer[]): void;
  /** The peer closed the path (`comm_close`), with a last packet or with none. Nothing comes after it. */
  onClose(buffers: readonly ReceivedBuffer[]): void;
  /** The path broke without a word of the peer, e.g. since the kernel was restarted. Nothing comes after it. */
  onLost(message: string): void;
  /** The path does not carry anything for now. What was sent last may be lost; what is sent meanwhile may come in one go. */
  onDown(): void;
  /** The path carries packets again. */
  onUp(): void;
}

export interface Transport {
  /**
   * Opens the path. For an opener `packet` is its first packet, which rides on `comm_open`; an acceptor's path is open already, and it has none.
   */
  open(listener: TransportListener, packet: Packet | null): void;
  /** Sends a packet. Nothing is thrown for a path that is down: a packet may be lost. */
  send(packet: Packet): void;
  /** Ends the path (`comm_close`) with a last packet, or with none. Later sends do nothing. */
  close(packet: Packet | null): void;
}
