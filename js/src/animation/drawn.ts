/** A frame of an animation on its way to the screen: decoded, or what it failed with. */
import { KcommError } from "../errors.js";
import { decode, type Pixels } from "../frames/decode.js";
import { isFailed, readFrame } from "../frames/frame.js";

/** A frame that could not be drawn. */
export interface FrameError {
  readonly index: number;
  readonly code: string;
  readonly message: string;
}

export type Drawn =
  | { readonly index: number; readonly pixels: Pixels }
  | { readonly index: number; readonly error: FrameError };

/** Decodes what came for a frame. Only what is no frame at all rejects, with `kcomm.bad_value`. */
export async function decodeDrawn(value: unknown): Promise<Drawn> {
  const frame = readFrame(value);
  const { index } = frame;
  if (isFailed(frame)) return { index, error: { index, ...frame.error } };
  try {
    return { index, pixels: await decode(frame) };
  } catch (error) {
    return failedDrawn(index, error);
  }
}

/** What stands for a frame that failed with an exception. */
export function failedDrawn(index: number, error: unknown): Drawn & { error: FrameError } {
  if (error instanceof KcommError) {
    return { index, error: { index, code: error.code, message: error.message } };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { index, error: { index, code: "kcomm.bad_value", message } };
}

/** Gives the memory of pixels that are not painted back. */
export function discard(drawn: Drawn): void {
  if ("pixels" in drawn && "close" in drawn.pixels) drawn.pixels.close();
}
