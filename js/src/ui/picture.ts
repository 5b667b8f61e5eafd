/** Copying and saving the picture that is shown: buttons, and what becomes of a click. */
import { iconButton } from "../elements.js";
import { messageOf } from "../frames/failure.js";
import { copyPicture, savePicture, whyNoCopy } from "./capture.js";
import type { Toast } from "./toast.js";

export interface PictureOptions {
  readonly canvas: HTMLCanvasElement;
  readonly title: string;
  /** Names the file of what has no title. */
  readonly kind: string;
  /** What the buttons call it. */
  readonly noun: "frame" | "picture";
  readonly toast: Toast;
}

export class PictureActions {
  readonly copyButton: HTMLButtonElement;
  readonly saveButton: HTMLButtonElement;
  readonly #options: PictureOptions;

  constructor(options: PictureOptions) {
    this.#options = options;
    const { noun } = options;
    this.copyButton = iconButton(`Copy ${noun}`, "copy", () => void this.copy(), "C");
    this.saveButton = iconButton(`Save ${noun}`, "save", () => void this.save(), "D");
    const why = whyNoCopy();
    if (why === null) return;
    this.copyButton.title = why; // It says so when it is clicked, too.
    this.copyButton.setAttribute("aria-disabled", "true");
  }

  async copy(): Promise<void> {
    const { canvas, noun, toast } = this.#options;
    const why = this.#whyNone() ?? whyNoCopy();
    try {
      if (why === null) await copyPicture(canvas);
      const index = noun === "frame" ? this.#index : null;
      toast.say(why ?? (index === null ? "Picture copied" : `Frame ${index} copied`));
    } catch (error) {
      toast.say(`Not copied: ${messageOf(error)}`);
    }
  }

  async save(): Promise<void> {
    const { canvas, title, kind, toast } = this.#options;
    const why = this.#whyNone();
    try {
      if (why === null)
        toast.say(`Saved as ${await savePicture(canvas, title, kind, this.#index)}`);
      else toast.say(why);
    } catch (error) {
      toast.say(`Not saved: ${messageOf(error)}`);
    }
  }

  /** The number of the frame that is painted; null: the still picture that is there before the first. */
  get #index(): number | null {
    const { index } = this.#options.canvas.dataset;
    return index === undefined ? null : Number(index);
  }

  #whyNone(): string | null {
    const { index, poster } = this.#options.canvas.dataset;
    return index === undefined && poster === undefined ? "There is no picture yet" : null;
  }
}
