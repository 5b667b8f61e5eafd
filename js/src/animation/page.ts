/** The script of a page that plays an animation by itself: finds the frames in the page, and shows the player. */
import type { ViewSpec } from "../content.js";
import { make } from "../elements.js";
import { BLOCK_TYPE, RecordedChannel, type RecordedInfo, Recording } from "./recorded.js";
import { readInfo } from "./state.js";
import { animationView } from "./view.js";

const INFO_ID = "kcomm-info";
/** The picture that stands there until the first frame is decoded, and for good where no script runs. */
const STILL_ID = "kcomm-still";

/** Takes the blocks of frames out of the page as they come, while the browser still reads the rest. */
function collect(recording: Recording, root: ParentNode & Node): void {
  const take = (isWhole: boolean) => {
    for (const element of root.querySelectorAll<HTMLScriptElement>(
      `script[type="${BLOCK_TYPE}"]`,
    )) {
      // The text of the last one may still be on its way, unless something follows it.
      if (!isWhole && element.nextSibling === null) return;
      recording.add(Number(element.dataset.first), Number(element.dataset.count), element.text);
      element.remove();
    }
    if (isWhole) recording.end();
  };
  const observer = new MutationObserver(() => take(false));
  observer.observe(root, { childList: true });
  document.addEventListener("DOMContentLoaded", () => {
    observer.disconnect();
    take(true);
  });
}

/** Keys that nothing in the page has are the player's: there is nothing else that they could be for. */
function forwardKeys(player: HTMLElement): void {
  document.addEventListener("keydown", (event) => {
    if (event.target !== document.body) return;
    if (!player.dispatchEvent(new KeyboardEvent(event.type, event))) event.preventDefault();
  });
}

/** The player in the frame that views have in JupyterLab. */
async function show(info: RecordedInfo, recording: Recording): Promise<void> {
  const { title, width, height } = readInfo(info);
  const spec: ViewSpec = { version: 1, kind: "animation", target: "", title, width, height };
  const still = document.getElementById(STILL_ID);
  const content = animationView(spec, still?.querySelector("img")?.src ?? null);
  const view = make("main", { class: "kcomm-View", "data-kind": "animation" }, content.node);
  view.dataset.status = "live";
  view.style.setProperty("--kcomm-width", `${width}px`);
  still?.replaceWith(view);
  forwardKeys(content.node);
  await content.attach(new RecordedChannel(recording, info));
}

function begin(): void {
  const recording = new Recording();
  collect(recording, document.body);
  const info = JSON.parse(document.getElementById(INFO_ID)?.textContent ?? "null");
  show(info, recording).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    document.body.append(make("p", { role: "alert" }, `This page can't be shown: ${message}`));
  });
}

begin();
