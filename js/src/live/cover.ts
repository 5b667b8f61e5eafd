/** What stands on the pictures: the invitation to start, that it waits or is paused, and what failed. */
import { drawIcon, iconButton, make, setText } from "../elements.js";
import { show } from "../ui/focus.js";
import { statusAround } from "../ui/status.js";
import type { WebcamModel } from "./model.js";
import { explain } from "./wording.js";

export class Cover {
  readonly node: HTMLElement;
  readonly invitation: HTMLButtonElement;
  readonly #text = make("span", {}, "Start camera");
  readonly #paused = make(
    "div",
    { class: "kcomm-Badge", hidden: true },
    drawIcon("pause"),
    "Paused",
  );
  readonly #title = make("strong");
  readonly #hint = make("span");
  readonly #note: HTMLElement;
  /** What nobody wants to read again. */
  #dismissed = "";
  #isAsked = false;
  #hasSource = false;

  constructor(readonly model: WebcamModel) {
    this.invitation = make(
      "button",
      { type: "button", class: "kcomm-Invitation", disabled: true },
      drawIcon("camera"),
      this.#text,
    );
    this.invitation.addEventListener("click", () => void model.start());
    this.#note = make(
      "div",
      { class: "kcomm-Note", hidden: true },
      make("span", { class: "kcomm-Note-text" }, this.#title, " ", this.#hint),
      iconButton("Dismiss", "close", () => this.#dismiss()),
    );
    this.node = make(
      "div",
      { class: "kcomm-Cover" },
      this.invitation,
      this.#paused,
      statusAround(this.#note),
    );
  }

  update(): void {
    const { state, starting, info } = this.model;
    const isIdle = state.state === "idle";
    show(this.invitation, isIdle);
    if (this.#hasSource !== (info.source !== null)) this.#drawIcon();
    this.#paused.hidden = state.state !== "paused";
    if (!starting) setText(this.#text, info.source === null ? "Start camera" : "Start");
    else if (!this.#isAsked) void this.#await();
    this.#isAsked = starting;
    this.#say();
  }

  #drawIcon(): void {
    this.#hasSource = this.model.info.source !== null;
    const icon = drawIcon(this.#hasSource ? "play" : "camera");
    this.invitation.firstElementChild?.replaceWith(icon);
  }

  /** The browser may be asking the user, who then should look there. */
  async #await(): Promise<void> {
    setText(this.#text, "Waiting for the camera …");
    const permission = await cameraPermission();
    if (!this.model.starting) return;
    if (permission === "prompt") setText(this.#text, "Allow the camera in your browser …");
  }

  #say(): void {
    const { error } = this.model.state;
    if (error === null) this.#dismissed = "";
    const { title, text } = error === null ? { title: "", text: "" } : explain(error);
    const isShown = error !== null && this.#dismissed !== title + text;
    show(this.#note, isShown);
    if (!isShown) return;
    this.#note.dataset.code = error.code;
    setText(this.#title, title);
    setText(this.#hint, text);
  }

  #dismiss(): void {
    this.#dismissed = (this.#title.textContent ?? "") + (this.#hint.textContent ?? "");
    show(this.#note, false);
  }
}

/** Whether the browser will ask the user for the camera; "unknown" where it does not tell. */
async function cameraPermission(): Promise<PermissionState | "unknown"> {
  try {
    return (await navigator.permissions.query({ name: "camera" as PermissionName })).state;
  } catch {
    return "unknown"; // Firefox has no such name, and insecure pages no permissions.
  }
}
