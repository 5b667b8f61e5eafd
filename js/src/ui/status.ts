/** What is read out when it changes. */
import { make } from "../elements.js";

/** A region around a box that comes and goes: one that is hidden itself, and comes with its text, is often not read out. It takes no room while the box is hidden. */
export function statusAround(box: HTMLElement): HTMLElement {
  return make("div", { class: "kcomm-Status", role: "status" }, box);
}
