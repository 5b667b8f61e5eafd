/** From a picture of the page to an encoded frame. */
import { KcommError } from "../errors.js";

type AnyCanvas = OffscreenCanvas | HTMLCanvasElement;

/** Draws sources of pixels into one canvas that is kept, and encodes it as JPEG. */
export class JpegEncoder {
  #canvas: AnyCanvas | null = null;
  #context: OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D | null = null;

  /**
   * @param source what to draw, scaled to the whole of the frame
   * @param width pixels of the frame
   * @param height pixels of the frame
   */
  draw(source: CanvasImageSource, width: number, height: number): void {
    this.#prepare(width, height).drawImage(source, 0, 0, width, height);
  }

  /**
   * Encodes what was drawn last.
   *
   * @param quality from 0 to 1
   */
  async encode(quality: number): Promise<Uint8Array> {
    const canvas = this.#canvas;
    if (canvas === null) throw new KcommError("kcomm.camera_failed", "nothing was drawn yet");
    return new Uint8Array(await (await toJpeg(canvas, quality)).arrayBuffer());
  }

  #prepare(
    width: number,
    height: number,
  ): OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D {
    this.#canvas ??= makeCanvas();
    const canvas = this.#canvas;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    // The pixels are read back for each frame: keep them in main memory.
    this.#context ??= canvas.getContext("2d", { alpha: false, willReadFrequently: true }) as
      | OffscreenCanvasRenderingContext2D
      | CanvasRenderingContext2D
      | null;
    if (this.#context === null) {
      throw new KcommError("kcomm.camera_failed", "this browser can't paint on a canvas");
    }
    return this.#context;
  }
}

function makeCanvas(): AnyCanvas {
  if (typeof OffscreenCanvas !== "undefined") return new OffscreenCanvas(1, 1);
  return document.createElement("canvas");
}

function toJpeg(canvas: AnyCanvas, quality: number): Promise<Blob> {
  if ("convertToBlob" in canvas) return canvas.convertToBlob({ type: "image/jpeg", quality });
  return new Promise((resolve, reject) => {
    const done = (blob: Blob | null) => {
      if (blob !== null) resolve(blob);
      else reject(new KcommError("kcomm.camera_failed", "the browser could not encode a frame"));
    };
    canvas.toBlob(done, "image/jpeg", quality);
  });
}

/**
 * The largest size with the source's aspect that fits in a box; never larger than the source.
 *
 * @returns width and height in whole pixels, at least 1
 */
export function fitInto(
  source: { width: number; height: number },
  box: { width: number; height: number },
): { width: number; height: number } {
  const scale = Math.min(1, box.width / source.width, box.height / source.height);
  return {
    width: Math.max(1, Math.round(source.width * scale)),
    height: Math.max(1, Math.round(source.height * scale)),
  };
}
