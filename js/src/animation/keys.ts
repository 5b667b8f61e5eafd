/** The keys of a player, and how they get along with those of the page around it. */

/** What keys do. */
export interface KeyActions {
  toggle(): void;
  step(n: number): void;
  first(): void;
  last(): void;
  faster(): void;
  slower(): void;
  loop(): void;
  fullScreen(): void;
  stats(): void;
  copy(): void;
  save(): void;
  help(): void;
  /** Whether there was something to be closed. */
  escape(): boolean;
}

type Key = Pick<KeyboardEvent, "key" | "shiftKey" | "ctrlKey" | "metaKey" | "altKey">;

/** As help shows them. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["Space", "Play or pause"],
  ["← →", "One frame back or on"],
  ["Shift ← →", "Ten frames"],
  ["Home End", "First or last frame"],
  ["< >", "Slower or faster"],
  ["L", "Loop, bounce, or stop at the end"],
  ["F", "Full screen"],
  ["S", "Figures"],
  ["C", "Copy the frame"],
  ["D", "Download the frame"],
  ["?", "These keys"],
];

/** Frames of a step with shift. */
const FAR = 10;

/** What a key does in a player; null: nothing. */
export function actionOf({ key, shiftKey }: Key): ((actions: KeyActions) => unknown) | null {
  const far = shiftKey ? FAR : 1;
  switch (key) {
    case " ":
      return (actions) => actions.toggle();
    case "ArrowLeft":
      return (actions) => actions.step(-far);
    case "ArrowRight":
      return (actions) => actions.step(far);
    case ",":
      return (actions) => actions.step(-1);
    case ".":
      return (actions) => actions.step(1);
    case "Home":
      return (actions) => actions.first();
    case "End":
      return (actions) => actions.last();
    case "<":
      return (actions) => actions.slower();
    case ">":
      return (actions) => actions.faster();
    case "?":
      return (actions) => actions.help();
    default:
      return letterAction(key.toLowerCase());
  }
}

function letterAction(letter: string): ((actions: KeyActions) => unknown) | null {
  switch (letter) {
    case "l":
      return (actions) => actions.loop();
    case "f":
      return (actions) => actions.fullScreen();
    case "s":
      return (actions) => actions.stats();
    case "c":
      return (actions) => actions.copy();
    case "d":
      return (actions) => actions.save();
    default:
      return null;
  }
}

/** Whether JupyterLab may act on a key that is pressed in a player: cells are run and notebooks saved as ever, but no key of the player's, and no letter, edits cells. */
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

/** Listens to the keys that are pressed in an element; returns what ends that. */
export function listenToKeys(node: HTMLElement, actions: KeyActions): () => void {
  const sort = (event: KeyboardEvent) => {
    if (node.contains(event.target as Node)) node.toggleAttribute(SUPPRESS, !isForPage(event));
  };
  const press = (event: KeyboardEvent) => {
    if (isForPage(event) || isForElement(event.key, event.target)) return;
    if (event.key === "Escape") {
      if (!actions.escape()) return;
    } else {
      const action = actionOf(event);
      if (action === null) return;
      if (!event.repeat || isRepeated(event.key)) action(actions);
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
