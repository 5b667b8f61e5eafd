/**
 * Keeps JupyterLab's busy indicators still while our channels are busy.
 *
 * A kernel publishes `busy` and `idle` for every comm message, and for each of them JupyterLab draws the favicon, the toolbar and the
 * status bar anew: two thirds of a small round trip in a notebook's page. Cells, and widgets while our channels are quiet, show as ever.
 */
import { onNextTraffic, sinceTraffic } from "../transport/activity.js";
import { CommBusy, type KernelContext } from "./comm-busy.js";
import { type PageOption, UntrackedTypes } from "./untracked.js";

/** Milliseconds without a packet after which the indicators are as ever: longer than a small call takes, shorter than a user waits. */
export const QUIET_AFTER = 1000;

export class QuietIndicators {
  readonly #types: UntrackedTypes;
  readonly #commBusy = new CommBusy(() => this.#apply());
  #isEnabled = false;
  /** Runs while there is traffic: one timer, never one for each packet. */
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(option: PageOption) {
    this.#types = new UntrackedTypes(option);
  }

  /** Takes the kernel of a panel into account. */
  watch(context: KernelContext): void {
    this.#commBusy.watchContext(context);
  }

  get isEnabled(): boolean {
    return this.#isEnabled;
  }

  set isEnabled(enabled: boolean) {
    if (enabled === this.#isEnabled) return;
    this.#isEnabled = enabled;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#types.takeBack();
    onNextTraffic(enabled ? this.#begin : null);
  }

  readonly #begin = () => {
    this.#timer = setTimeout(this.#check, QUIET_AFTER);
    this.#apply();
  };

  readonly #check = () => {
    // An `idle` that comes late must not make a kernel look idle while its cell goes on.
    const rest = this.#commBusy.hasCell ? QUIET_AFTER : QUIET_AFTER - sinceTraffic();
    if (rest > 0) {
      this.#timer = setTimeout(this.#check, rest);
      return;
    }
    this.#timer = null;
    this.#types.takeBack();
    onNextTraffic(this.#begin);
  };

  #apply(): void {
    if (this.#timer !== null && !this.#commBusy.isShown) this.#types.put();
  }
}
