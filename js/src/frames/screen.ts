/** The canvas that frames are painted on. */
import { type Pixels, sizeOf } from "./decode.js";
import { release } from "./spares.js";

/**
 * A canvas with one pixel for each of the frame's, whatever the size it is shown at: frames drawn for a high-density screen stay sharp, since the
 * browser scales them once, by compositing.
 */
export class Screen {
  readonly canvas = document.createElement("canvas");
  readonly #context: CanvasRenderingContext2D;

  /** @param label what a screen reader says of the picture */
  constructor(label: string) {
    this.canvas.className = "kcomm-Screen";
    this.canvas.setAttribute("role", "img");
    this.canvas.setAttribute("aria-label", label);
    const context = this.canvas.getContext("2d");
    if (context === null) throw new Error("this browser can't paint on a canvas");
    this.#context = context;
  }

  /** Gives the picture its place before the first frame came. CSS pixels. */
  reserve(width: number, height: number): void {
    if (this.canvas.dataset.index !== undefined) return;
    this.canvas.width = width;
    this.canvas.height = height;
    this.showAt(width);
  }

  /** Shows a still picture until the first frame comes. */
  poster(address: string): void {
    const image = new Image();
    image.addEventListener("load", () => {
      if (this.canvas.dataset.index !== undefined) return;
      this.canvas.width = image.naturalWidth;
      this.canvas.height = image.naturalHeight;
      this.#context.drawImage(image, 0, 0);
      this.canvas.dataset.poster = "";
    });
    image.src = address;
  }

  /** Sets the width in CSS pixels; narrower outputs scale it down. */
  showAt(width: number): void {
    this.canvas.style.width = `${width}px`;
  }

  /** Whether the picture has another form than the place that was reserved for it. */
  #isReshaped(width: number, height: number): boolean {
    const { canvas } = this;
    return Math.abs(width * canvas.height - height * canvas.width) > width + height;
  }

  /** Paints, and gives the memory of the pixels back: they can't be painted again. */
  paint(pixels: Pixels, index: number): void {
    const { canvas } = this;
    const { width, height } = sizeOf(pixels);
    if (canvas.width !== width || canvas.height !== height) {
      if (this.#isReshaped(width, height)) this.showAt(width);
      canvas.width = width;
      canvas.height = height;
    }
    if (pixels instanceof ImageData) {
      this.#context.putImageData(pixels, 0, 0);
    } else {
      this.#context.globalCompositeOperation = "copy"; // Transparent pixels replace what was there.
      this.#context.drawImage(pixels, 0, 0, width, height);
    }
    release(pixels);
    canvas.dataset.index = String(index);
    // What styles ask for: one that asked for the index would be looked at again for each frame.
    if (canvas.dataset.painted === undefined) canvas.dataset.painted = "";
  }
}
