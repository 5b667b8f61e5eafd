/** Focus that would be lost. */

/**
 * Gives the focus of a part that goes, or is disabled, to the view around it, so that its keys go on working.
 *
 * @param part must still be there, and enabled: some browsers take the focus at once
 * @param view what gets it; by default the nearest around the part that can
 */
export function passFocus(
  part: HTMLElement,
  view = part.parentElement?.closest<HTMLElement>("[tabindex]"),
): void {
  if (part.contains(document.activeElement)) view?.focus({ preventScroll: true });
}

/** Enables or disables a part; the view around it has its focus meanwhile. */
export function enable(part: HTMLFieldSetElement | HTMLButtonElement, isEnabled: boolean): void {
  if (part.disabled === !isEnabled) return;
  if (!isEnabled) passFocus(part);
  part.disabled = !isEnabled;
}

/** Shows or hides a part; the view around it has its focus then. */
export function show(part: HTMLElement, isShown: boolean): void {
  if (part.hidden === !isShown) return;
  if (!isShown) passFocus(part);
  part.hidden = !isShown;
}
