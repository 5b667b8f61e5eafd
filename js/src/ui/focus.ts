/** Focus that would be lost. */

/** Gives the focus of a button that goes, or is disabled, to the view around it, so that its keys go on working. */
export function passFocus(button: HTMLButtonElement): void {
  if (document.activeElement !== button) return;
  button.parentElement?.closest<HTMLElement>("[tabindex]")?.focus({ preventScroll: true });
}
