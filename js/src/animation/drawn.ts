/** A frame of an animation on its way to the screen: decoded, or what it failed with. */
import { type Decoded, type DecodedFrame, FrameDecoder } from "../frames/decoder.js";
import { failureOf } from "../frames/failure.js";
import type { PlayerChannel } from "./line.js";

/** A frame that could not be drawn. */
export interface FrameError {
  readonly index: number;
  readonly code: string;
  readonly message: string;
}

/** A frame that can be painted. */
export type Picture = DecodedFrame;

export type Drawn = Decoded;

/** The part of `FrameDecoder` that a player uses. */
export type Decoder = Pick<FrameDecoder, "decode" | "has" | "close">;

/** Decodes the frames of a channel. */
export function decoderOf(channel: PlayerChannel): Decoder {
  return new FrameDecoder((id) => channel.call("base", [id]));
}

/** What stands for a frame that failed with an exception. */
export function failedDrawn(index: number, error: unknown): Drawn & { error: FrameError } {
  return { index, error: { index, ...failureOf(error) } };
}

/** Whether it builds on a frame that is gone: the next one is another matter. */
export function isBaseless(drawn: Drawn): boolean {
  return "error" in drawn && drawn.error.code === "kcomm.no_frame";
}
