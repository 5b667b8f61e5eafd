/** Whether somebody can see an element: what is hidden or scrolled away asks for no frames. */

export class Visibility {
  #inView = true;
  readonly #observer: IntersectionObserver;
  readonly #waiting = new Set<() => void>();

  constructor(element: Element) {
    this.#observer = new IntersectionObserver((entries) => {
      this.#inView = entries.at(-1)?.isIntersecting ?? true;
      this.#wake();
    });
    this.#observer.observe(element);
    document.addEventListener("visibilitychange", this.#wake);
  }

  get visible(): boolean {
    return this.#inView && document.visibilityState === "visible";
  }

  /** Resolves when the element is visible, or the signal is aborted. */
  async wait(signal: AbortSignal): Promise<void> {
    while (!this.visible && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        this.#waiting.add(wake);
        signal.addEventListener("abort", wake);
      });
    }
  }

  dispose(): void {
    this.#observer.disconnect();
    document.removeEventListener("visibilitychange", this.#wake);
    for (const wake of this.#waiting) wake();
  }

  readonly #wake = (): void => {
    for (const wake of this.#waiting) wake();
  };
}
