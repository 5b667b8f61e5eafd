/** The two pictures: the camera's and the result, in one of three layouts. */
import { make } from "../elements.js";
import { type Pixels, sizeOf } from "../frames/decode.js";
import { Screen } from "../frames/screen.js";
import type { Size } from "./model.js";
import type { Settings, Show } from "./state.js";

/** Width by height of a picture's place: what is wider or higher stands in it with bars. */
const HIGHEST = 0.75;
const WIDEST = 4;
/** Milliseconds that a camera's next picture is waited for. */
const PATIENCE = 100;

export class Pictures {
  readonly node: HTMLElement;
  readonly result: Screen;
  /** The browser's camera. */
  readonly video = make("video", {
    class: "kcomm-Video",
    muted: true,
    playsinline: true,
    "aria-label": "Camera",
  });
  /** The pictures of a source in the kernel; the camera's last one in a pause. */
  readonly #input = new Screen("Camera");
  #show: Show = "result";
  #hasVideo = true;
  /** Whether the camera's picture is to stand still, and whether it does. */
  #isHeld = false;
  #isFrozen = false;
  /** Of the camera, and of the newest result. */
  #taken: Size;
  #made: Size | null = null;

  constructor(label: string, size: Size) {
    this.#taken = size;
    this.result = new Screen(label);
    this.result.reserve(size.width, size.height);
    this.video.muted = true; // The attribute alone does not do it for an element made by a script.
    this.video.addEventListener("resize", () => {
      this.take({ width: this.video.videoWidth, height: this.video.videoHeight });
    });
    this.#input.canvas.classList.replace("kcomm-Screen", "kcomm-Input");
    this.node = make(
      "div",
      { class: "kcomm-Pictures" },
      make("div", { class: "kcomm-Pane kcomm-mod-taken" }, this.video, this.#input.canvas),
      make(
        "div",
        { class: "kcomm-Pane kcomm-mod-made" },
        this.result.canvas,
        make("div", { class: "kcomm-Waiting" }, "Waiting for the first picture …"),
      ),
    );
    this.#shape();
  }

  paint(pixels: Pixels, index: number): void {
    const { width, height } = sizeOf(pixels); // Painting may close it.
    this.result.paint(pixels, index);
    if (this.#made?.width === width && this.#made.height === height) return;
    this.#made = { width, height };
    this.#shape();
  }

  paintInput(pixels: Pixels, index: number): void {
    this.take(sizeOf(pixels));
    this.#input.paint(pixels, index);
  }

  /** Takes note of the size of the camera's pictures. */
  take({ width, height }: Size): void {
    if (width === 0 || (this.#taken.width === width && this.#taken.height === height)) return;
    this.#taken = { width, height };
    this.#shape();
  }

  /** @param hasVideo whether the pictures are those of the browser's camera */
  arrange({ show, opacity, mirror }: Settings, hasVideo: boolean): void {
    const { style, dataset } = this.node;
    dataset.show = show;
    dataset.mirror = String(mirror);
    style.setProperty("--kcomm-opacity", String(opacity));
    this.#hasVideo = hasVideo;
    this.#choose();
    if (show === this.#show) return;
    this.#show = show;
    this.#shape();
  }

  /** Lets the camera's picture stand still, as that of a result does in a pause, or go on. */
  hold(isHeld: boolean): void {
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    if (isHeld && this.#hasVideo) void this.#freeze();
    else if (!isHeld) this.#setFrozen(false);
  }

  async #freeze(): Promise<void> {
    await nextPicture(this.video); // The result of the same one is on its way.
    const still = await createImageBitmap(this.video).catch(() => null); // The camera has gone.
    if (still === null) return;
    if (!this.#isHeld) {
      still.close();
      return;
    }
    this.#input.paint(still, 0);
    this.#setFrozen(true);
  }

  #setFrozen(isFrozen: boolean): void {
    this.#isFrozen = isFrozen;
    this.#choose();
  }

  #choose(): void {
    const isLive = this.#hasVideo && !this.#isFrozen;
    this.video.hidden = !isLive;
    this.#input.canvas.hidden = isLive;
  }

  #shape(): void {
    const aspect = aspectOf(this.#show, this.#taken, this.#made);
    this.node.style.setProperty("--kcomm-aspect", aspect.toFixed(4));
  }
}

/** Resolves at a video's next picture; soon, if none comes or the browser does not tell. */
function nextPicture(video: HTMLVideoElement): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, PATIENCE);
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(() => resolve());
  });
}

/** Width by height of a picture's place. A result that stands alone may make it lower, never higher: that would move what is below. */
export function aspectOf(show: Show, taken: Size, made: Size | null): number {
  const camera = taken.width / taken.height;
  const aspect =
    show === "result" && made !== null ? Math.max(camera, made.width / made.height) : camera;
  return Math.min(WIDEST, Math.max(HIGHEST, aspect));
}
