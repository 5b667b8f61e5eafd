/** A view on the whole screen. */

/** Whether this page may take the screen: not in every frame of another page. */
export function hasFullScreen(): boolean {
  return document.fullscreenEnabled === true;
}

export function isFullScreen(element: Element): boolean {
  return document.fullscreenElement === element;
}

/**
 * Takes the screen, or gives it back.
 *
 * @throws Error if the browser does not let it
 */
export async function toggleFullScreen(element: Element): Promise<void> {
  if (isFullScreen(element)) await document.exitFullscreen();
  else await element.requestFullscreen({ navigationUI: "hide" });
}
