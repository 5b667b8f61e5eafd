/** Packets: `[seq, ack, [message, ...]]` and attachments (section 1 of the specification). */

import { ProtocolError } from "../errors.js";
import type { Packet as Buffers, ReceivedBuffer } from "../transport/transport.js";
import { isCount } from "./messages.js";
import { Packer } from "./msgpack/packer.js";
import { decode } from "./values.js";

/** A packet that was read: its numbers and its messages, not yet checked. */
export interface Packet {
  readonly seq: number;
  readonly ack: number;
  readonly messages: readonly unknown[];
  readonly nbytes: number;
}

/** Puts encoded messages into a packet. msgpack is concatenative: messages that were encoded one by one are joined as they are. */
export function write(
  seq: number,
  ack: number,
  bodies: readonly Uint8Array[],
  attachments: readonly Uint8Array[],
): Buffers {
  const header = new Packer();
  header.arrayHeader(3);
  header.integer(seq);
  header.integer(ack);
  header.arrayHeader(bodies.length);
  for (const body of bodies) header.raw(body);
  return [header.finish(), ...attachments];
}

/**
 * Reads a packet.
 *
 * @throws ProtocolError when the buffers are not a packet, or too large
 */
export function read(buffers: readonly ReceivedBuffer[], maxBytes: number): Packet {
  const [header, ...attachments] = buffers.map(toBytes);
  if (header === undefined) throw new ProtocolError("a packet has at least one buffer, its header");
  const nbytes = size([header, ...attachments]);
  if (nbytes > maxBytes)
    throw new ProtocolError(`a packet of ${nbytes} bytes is above the limit of ${maxBytes}`);
  const value = decode(header, attachments);
  if (!Array.isArray(value) || value.length !== 3)
    throw new ProtocolError("a header must be [seq, ack, messages]");
  const [seq, ack, messages] = value as unknown[];
  if (!isCount(seq) || !isCount(ack))
    throw new ProtocolError("seq and ack must be non-negative integers below 2^53");
  if (!Array.isArray(messages))
    throw new ProtocolError("the messages of a packet must be an array");
  if (seq > 0 && messages.length === 0) {
    throw new ProtocolError("a packet without messages has no number");
  }
  return { seq, ack, messages, nbytes };
}

/** The bytes of all buffers together. */
export function size(buffers: readonly Uint8Array[]): number {
  return buffers.reduce((total, buffer) => total + buffer.length, 0);
}

/** A view, not a copy; and always a plain Uint8Array: a Node Buffer's `slice` would not copy where one is wanted. */
function toBytes(buffer: ReceivedBuffer): Uint8Array {
  return ArrayBuffer.isView(buffer)
    ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength)
    : new Uint8Array(buffer);
}
