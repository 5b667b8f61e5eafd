/** The frames that stand in a page, for a recording. */
import { BLOCK_TYPE, type Recording } from "./recorded.js";

/**
 * Takes the blocks of frames out of the page as they come, while the browser still reads the rest.
 *
 * @param failed called once, if a block is broken or missing: nothing after it can be shown
 */
export function collect(
  recording: Recording,
  root: ParentNode & Node,
  failed: (error: unknown) => void,
): void {
  let isOver = false;
  const end = () => {
    isOver = true;
    observer.disconnect();
    recording.end(); // Whoever waits for a frame that will not come is told so.
  };
  const take = (isWhole: boolean) => {
    if (isOver) return;
    try {
      takeBlocks(recording, root, isWhole);
      if (isWhole) end();
    } catch (error) {
      end();
      failed(error);
    }
  };
  const observer = new MutationObserver(() => take(false));
  observer.observe(root, { childList: true });
  document.addEventListener("DOMContentLoaded", () => take(true));
}

function takeBlocks(recording: Recording, root: ParentNode, isWhole: boolean): void {
  const selector = `script[type="${BLOCK_TYPE}"]`;
  for (const element of root.querySelectorAll<HTMLScriptElement>(selector)) {
    // The text of the last one may still be on its way, unless something follows it.
    if (!isWhole && element.nextSibling === null) return;
    recording.add(Number(element.dataset.first), Number(element.dataset.count), element.text);
    element.remove();
  }
}
