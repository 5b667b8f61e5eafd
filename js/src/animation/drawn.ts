/** A frame of an animation on its way to the screen: decoded, or what it failed with. */
import { KcommError } from "../errors.js";
import { type Decoded, type DecodedFrame, FrameDecoder } from "../frames/decoder.js";
import { release } from "../frames/spares.js";
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
  if (error instanceof KcommError) {
    return { index, error: { index, code: error.code, message: error.message } };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { index, error: { index, code: "kcomm.bad_value", message } };
}

/** Whether it builds on a frame that is gone: the next one is another matter. */
export function isBaseless(drawn: Drawn): boolean {
  return "error" in drawn && drawn.error.code === "kcomm.no_frame";
}

/** Gives the memory of pixels that are not painted back. */
export function discard(drawn: Drawn | null): void {
  if (drawn !== null && "pixels" in drawn) release(drawn.pixels);
}
