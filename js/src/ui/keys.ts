/** The keys that are pressed in a view, and how they get along with those of the page around it. */

export type Key = Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey">;

/** Whether JupyterLab may act on a key that is pressed in a view: cells are run and notebooks saved as ever, but no key of the view's, and no letter, edits cells. */
export function isForPage({ key, shiftKey, ctrlKey, metaKey, altKey }: Key): boolean {
  return ctrlKey || metaKey || altKey || (shiftKey && key === "Enter");
}

/** Whether the element that has the focus uses the key itself. */
export function isForElement(key: string, element: EventTarget | null): boolean {
  if (element instanceof HTMLSelectElement) return key !== "?" && key !== "Escape";
  if (element instanceof HTMLButtonElement) return key === " " || key === "Enter";
  return false;
}

/** Whether a key that is held down acts again and again. */
function isRepeated(key: string): boolean {
  return /^(Arrow.*|[,.<>])$/.test(key);
}

/** JupyterLab looks for this attribute, on the element or around it, before it acts on a key. */
const SUPPRESS = "data-lm-suppress-shortcuts";

/**
 * Listens to the keys that are pressed in an element; returns what ends that.
 *
 * @param actionOf what a key does; null: nothing
 * @param close closes what is open; returns whether there was something
 */
export function listenToKeys(
  node: HTMLElement,
  actionOf: (key: Key) => (() => void) | null,
  close: () => boolean,
): () => void {
  const sort = (event: KeyboardEvent) => {
    if (node.contains(event.target as Node)) node.toggleAttribute(SUPPRESS, !isForPage(event));
  };
  const press = (event: KeyboardEvent) => {
    if (isForPage(event) || isForElement(event.key, event.target)) return;
    if (event.key === "Escape") {
      if (!close()) return;
    } else {
      const action = actionOf(event);
      if (action === null) return;
      if (!event.repeat || isRepeated(event.key)) action();
    }
    event.preventDefault();
    event.stopPropagation();
  };
  node.setAttribute(SUPPRESS, "");
  // Before anybody else hears of it: JupyterLab listens at the document.
  window.addEventListener("keydown", sort, { capture: true });
  node.addEventListener("keydown", press);
  return () => {
    window.removeEventListener("keydown", sort, { capture: true });
    node.removeEventListener("keydown", press);
  };
}
