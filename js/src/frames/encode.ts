/** From a picture of the page to the bytes of a frame: image files and plain pixels. It runs in workers, too. */
import { KcommError } from "../errors.js";

type AnyCanvas = OffscreenCanvas | HTMLCanvasElement;
type AnyContext = OffscreenCanvasRenderingContext2D | CanvasRenderingContext2D;

/** What can be drawn: from a camera, in whatever form the browser gives it. */
export type Picture = VideoFrame | ImageBitmap | HTMLVideoElement;

export interface Extent {
  readonly width: number;
  readonly height: number;
}

/** The size at which a picture is shown. */
export function extentOf(picture: Picture): Extent {
  if ("displayWidth" in picture) {
    return { width: picture.displayWidth, height: picture.displayHeight };
  }
  if ("videoWidth" in picture) return { width: picture.videoWidth, height: picture.videoHeight };
  return { width: picture.width, height: picture.height };
}

/** A canvas that is kept: pictures are scaled on it, and read or encoded. */
export class Easel {
  #canvas: AnyCanvas | null = null;
  #context: AnyContext | null = null;

  /** Draws a picture, scaled to this size. */
  draw(picture: Picture, { width, height }: Extent): AnyCanvas {
    const context = this.#prepare(width, height);
    context.drawImage(picture, 0, 0, width, height);
    return this.#canvas as AnyCanvas;
  }

  /**
   * Encodes what was drawn last as a file.
   *
   * @param codec "jpeg" or "webp"
   * @param quality from 0 to 1
   * @throws KcommError `kcomm.camera_failed` if the browser can't
   */
  async encode(codec: "jpeg" | "webp", quality: number): Promise<Uint8Array<ArrayBuffer>> {
    const canvas = this.#canvas;
    if (canvas === null) throw failed("nothing was drawn yet");
    const type = `image/${codec}`;
    const blob = await toBlob(canvas, type, quality);
    // Browsers that lack an encoder write PNG instead.
    if (blob.type !== "" && blob.type !== type) throw failed(`this browser writes no ${codec}`);
    return new Uint8Array(await blob.arrayBuffer());
  }

  /** What was drawn last: rows of RGBA. */
  read(): Uint8ClampedArray {
    const { width, height } = this.#canvas ?? { width: 0, height: 0 };
    if (this.#context === null) throw failed("nothing was drawn yet");
    return this.#context.getImageData(0, 0, width, height).data;
  }

  #prepare(width: number, height: number): AnyContext {
    this.#canvas ??= makeCanvas();
    const canvas = this.#canvas;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    // The pixels are read back for each frame: keep them in main memory.
    this.#context ??= canvas.getContext("2d", {
      alpha: false,
      willReadFrequently: true,
    }) as AnyContext | null;
    if (this.#context === null) throw failed("this browser can't paint on a canvas");
    return this.#context;
  }
}

/** Rows of RGB, exactly as the browser would paint them. */
export async function readRgb(picture: Picture, size: Extent, easel: Easel): Promise<Uint8Array> {
  const whole = isWhole(picture, size) ? await copyRgbx(picture) : null;
  const rgba = whole ?? drawn(picture, size, easel);
  const rgb = new Uint8Array(size.width * size.height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = rgba[from] as number;
    rgb[to + 1] = rgba[from + 1] as number;
    rgb[to + 2] = rgba[from + 2] as number;
  }
  return rgb;
}

/**
 * Rows of grey: the camera's own luma, brought to the full range from 0 to 255. Where the browser does not give it, it is computed of the colours
 * with the weights of BT.601.
 */
export async function readGrey(picture: Picture, size: Extent, easel: Easel): Promise<Uint8Array> {
  const luma = isWhole(picture, size) ? await copyLuma(picture) : null;
  if (luma !== null) return luma;
  const rgba = drawn(picture, size, easel);
  const grey = new Uint8Array(size.width * size.height);
  for (let from = 0, to = 0; to < grey.length; from += 4, to += 1) {
    const [red, green, blue] = [rgba[from], rgba[from + 1], rgba[from + 2]] as number[];
    grey[to] =
      (299 * (red as number) + 587 * (green as number) + 114 * (blue as number) + 500) / 1000;
  }
  return grey;
}

/** Whether a picture is a video frame of this size, whose memory can be used as it is. */
export function isWhole(picture: Picture, { width, height }: Extent): picture is VideoFrame {
  if (!("visibleRect" in picture)) return false;
  const { visibleRect, displayWidth, displayHeight } = picture;
  return (
    displayWidth === width &&
    displayHeight === height &&
    visibleRect?.width === width &&
    visibleRect.height === height
  );
}

function drawn(picture: Picture, size: Extent, easel: Easel): Uint8ClampedArray {
  easel.draw(picture, size);
  return easel.read();
}

/** Rows of four bytes a pixel; null: the browser does not convert. */
async function copyRgbx(frame: VideoFrame): Promise<Uint8Array | null> {
  const options = { format: "RGBX", colorSpace: "srgb" } as const;
  try {
    const data = new Uint8Array(frame.allocationSize(options));
    const [layout] = await frame.copyTo(data, options);
    const width = frame.visibleRect?.width ?? 0;
    return layout?.offset === 0 && layout.stride === 4 * width ? data : null;
  } catch {
    return null; // It came with newer browsers; they say so by failing.
  }
}

async function copyLuma(frame: VideoFrame): Promise<Uint8Array | null> {
  const { format, visibleRect, colorSpace } = frame;
  if (visibleRect === null || !(format?.startsWith("I4") || format === "NV12")) return null;
  const { width, height } = visibleRect;
  const data = new Uint8Array(frame.allocationSize());
  const [luma] = await frame.copyTo(data);
  if (luma === undefined) return null;
  const grey = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const at = luma.offset + row * luma.stride;
    grey.set(data.subarray(at, at + width), row * width);
  }
  if (colorSpace.fullRange) return grey;
  for (let i = 0; i < grey.length; i++) grey[i] = FULL_RANGE[grey[i] as number] as number;
  return grey;
}

/** From the range of 16 to 235, which video has, to all. */
const FULL_RANGE = Uint8ClampedArray.from({ length: 256 }, (_, i) => ((i - 16) * 255) / 219);

function makeCanvas(): AnyCanvas {
  if (typeof OffscreenCanvas !== "undefined") return new OffscreenCanvas(1, 1);
  return document.createElement("canvas");
}

function toBlob(canvas: AnyCanvas, type: string, quality: number): Promise<Blob> {
  if ("convertToBlob" in canvas) return canvas.convertToBlob({ type, quality });
  return new Promise((resolve, reject) => {
    const done = (blob: Blob | null) => {
      if (blob !== null) resolve(blob);
      else reject(failed("the browser could not encode a frame"));
    };
    canvas.toBlob(done, type, quality);
  });
}

function failed(message: string): KcommError {
  return new KcommError("kcomm.camera_failed", message);
}

/**
 * The largest size with the source's aspect that fits in a box; never larger than the source.
 *
 * @param step sides are multiples of it, at least one
 * @returns width and height in pixels
 */
export function fitInto(source: Extent, box: Extent, step = 1): Extent {
  const scale = Math.min(1, box.width / source.width, box.height / source.height);
  const side = (length: number) => {
    const scaled = length * scale;
    return Math.max(
      step,
      step === 1 ? Math.round(scaled) : Math.floor(scaled / step + 1e-6) * step,
    );
  };
  return { width: side(source.width), height: side(source.height) };
}
