/** The script of a page that plays an animation by itself: finds the frames in the page, and shows the player. */
import type { ViewSpec } from "../content.js";
import { make } from "../elements.js";
import { messageOf } from "../frames/failure.js";
import { collect } from "./blocks.js";
import { RecordedChannel, type RecordedInfo, Recording } from "./recorded.js";
import { readInfo } from "./state.js";
import { animationView } from "./view.js";

const INFO_ID = "kcomm-info";
/** The picture that stands there until the first frame is decoded, and for good where no script runs. */
const STILL_ID = "kcomm-still";

/** Keys that nothing in the page has are the player's: there is nothing else that they could be for. */
function forwardKeys(player: HTMLElement): void {
  document.addEventListener("keydown", (event) => {
    if (event.target !== document.body) return;
    if (!player.dispatchEvent(new KeyboardEvent(event.type, event))) event.preventDefault();
  });
}

/** The player in the frame that views have in JupyterLab. */
async function show(recording: Recording): Promise<void> {
  const info: RecordedInfo = JSON.parse(document.getElementById(INFO_ID)?.textContent ?? "null");
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
  collect(recording, document.body, (error) => complain("This page is broken", error));
  show(recording).catch((error) => complain("This page can't be shown", error));
}

function complain(what: string, error: unknown): void {
  document.body.append(make("p", { role: "alert" }, `${what}: ${messageOf(error)}`));
}

begin();
