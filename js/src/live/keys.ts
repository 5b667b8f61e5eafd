/** The keys of a webcam view. */
import type { KeyRow } from "../ui/help.js";
import type { Key } from "../ui/keys.js";

/** What keys do. */
export interface KeyActions {
  toggle(): void;
  stop(): void;
  layout(): void;
  mirror(): void;
  fullScreen(): void;
  figures(): void;
  copy(): void;
  save(): void;
  help(): void;
}

/** As help shows them. */
export const KEYS: readonly KeyRow[] = [
  ["Space", "Start or pause"],
  ["S", "Stop: the camera goes off"],
  ["L", "Result only, side by side, or overlay"],
  ["M", "Mirror"],
  ["F", "Full screen"],
  ["I", "Figures"],
  ["C", "Copy the picture"],
  ["D", "Download the picture"],
  ["?", "These keys"],
];

const ACTIONS: ReadonlyMap<string, keyof KeyActions> = new Map([
  [" ", "toggle"],
  ["s", "stop"],
  ["l", "layout"],
  ["m", "mirror"],
  ["f", "fullScreen"],
  ["i", "figures"],
  ["c", "copy"],
  ["d", "save"],
  ["?", "help"],
]);

/** What a key does in a webcam view; null: nothing. */
export function actionOf({ key }: Pick<Key, "key">): keyof KeyActions | null {
  return ACTIONS.get(key.toLowerCase()) ?? null;
}
