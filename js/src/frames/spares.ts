/** Memory of frames that were painted, for frames to come: taking fresh megabytes for each one takes longer than decoding it. */

/** Buffers kept: one being written, one on its way, one on its way back. */
const MOST = 3;

export class Spares {
  #buffers: ArrayBuffer[] = [];

  get length(): number {
    return this.#buffers.length;
  }

  /** Memory for so many pixels; what is in it is left over from others. */
  take(count: number): Uint32Array<ArrayBuffer> {
    const at = this.#buffers.findIndex(({ byteLength }) => byteLength === 4 * count);
    if (at >= 0) return new Uint32Array(this.#buffers.splice(at, 1)[0] as ArrayBuffer);
    // Frames have another size now, or all are in use.
    return new Uint32Array(count);
  }

  /** Gives memory back that nobody uses any more. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === 0) return;
    this.#buffers = [buffer, ...this.#buffers].slice(0, MOST);
  }
}

const homes = new WeakMap<object, (buffer: ArrayBuffer) => void>();

/** Tells where the memory of pixels goes once they are painted. */
export function lend(pixels: ImageData, giveBack: (buffer: ArrayBuffer) => void): ImageData {
  homes.set(pixels, giveBack);
  return pixels;
}

/** Gives the memory of pixels back that were painted, or will not be. Nobody may use them afterwards. */
export function release(pixels: ImageData | ImageBitmap | VideoFrame): void {
  if ("close" in pixels) {
    pixels.close();
    return;
  }
  homes.get(pixels)?.(pixels.data.buffer as ArrayBuffer);
  homes.delete(pixels);
}
