/** A view on the whole screen. */
import { iconButton, relabel } from "../elements.js";

/** The button that lets a view take the screen, and give it back; hidden where the page may not take it, as in some frames of other pages. */
export class FullScreen {
  readonly button: HTMLButtonElement;
  readonly #node: () => HTMLElement;
  readonly #failed: (error: unknown) => void;

  /**
   * @param node gives the view's element, which has the focus afterwards
   * @param failed called when the browser does not let it
   */
  constructor(node: () => HTMLElement, failed: (error: unknown) => void) {
    this.#node = node;
    this.#failed = failed;
    this.button = iconButton("Full screen", "full", () => void this.toggle(), "F");
    this.button.hidden = !isAllowed();
    document.addEventListener("fullscreenchange", this.#changed);
  }

  /** What takes the screen: all of the view, with what it says of its connection. */
  get element(): HTMLElement {
    const node = this.#node();
    return node.closest<HTMLElement>(".kcomm-View") ?? node;
  }

  get isFull(): boolean {
    return document.fullscreenElement === this.element;
  }

  async toggle(): Promise<void> {
    if (!isAllowed()) return;
    try {
      if (this.isFull) await document.exitFullscreen();
      else await this.element.requestFullscreen({ navigationUI: "hide" });
      this.#node().focus({ preventScroll: true });
    } catch (error) {
      this.#failed(error);
    }
  }

  dispose(): void {
    document.removeEventListener("fullscreenchange", this.#changed);
  }

  readonly #changed = (): void => {
    const { isFull } = this;
    const label = isFull ? "Leave full screen" : "Full screen";
    relabel(this.button, label, isFull ? "window" : "full", "F");
  };
}

function isAllowed(): boolean {
  return document.fullscreenEnabled === true;
}
