/** The keys of a player. */
import type { KeyRow } from "../ui/help.js";
import type { Key } from "../ui/keys.js";

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
}

/** As help shows them. */
export const KEYS: readonly KeyRow[] = [
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
