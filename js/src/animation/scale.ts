/** At how many pixels a picture is shown: frames are drawn for just these. */

const MIN = 0.25;
const MAX = 4;
/** Milliseconds without a change after which the picture is drawn at its new size. */
const QUIET = 200;

/**
 * What the figure's dots per inch are to be multiplied with.
 *
 * @param shown width of the picture as it is shown, in CSS pixels
 * @param ratio device pixels in a CSS pixel
 * @param width pixels of the figure at scale 1
 * @returns such that the frame has a whole number of pixels, one for each of the screen's
 */
export function scaleFor(shown: number, ratio: number, width: number): number {
  if (!(shown > 0 && ratio > 0 && width > 0)) return 1;
  const scale = Math.max(1, Math.round(shown * ratio)) / width;
  return Math.min(MAX, Math.max(MIN, scale));
}

/** Follows the size at which an element is shown, and the density of the screen that it is on. */
export class ScaleWatch {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #query: MediaQueryList | null = null;
  readonly #observer: ResizeObserver;

  /** @param onChange called some time after the last of several changes */
  constructor(
    element: Element,
    readonly onChange: () => void,
  ) {
    this.#observer = new ResizeObserver(this.look);
    this.#observer.observe(element);
    this.#watchRatio();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#observer.disconnect();
    this.#query?.removeEventListener("change", this.#onRatio);
  }

  /** Something has changed: calls back once all is quiet. */
  readonly look = (): void => {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.onChange, QUIET);
  };

  readonly #onRatio = (): void => {
    this.look();
    this.#watchRatio();
  };

  /** A query tells of one ratio only: that it is not that any more. */
  #watchRatio(): void {
    this.#query?.removeEventListener("change", this.#onRatio);
    this.#query = matchMedia(`(resolution: ${devicePixelRatio}dppx)`);
    this.#query.addEventListener("change", this.#onRatio);
  }
}
