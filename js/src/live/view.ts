/** The webcam view as it stands in a cell's output: the processed picture, and controls below it. */
import type { Channel, Listener } from "../channel.js";
import type { Content, ViewSpec } from "../content.js";
import { drawIcon, iconButton, make, relabel, setText } from "../elements.js";
import { Screen } from "../frames/screen.js";
import { Visibility } from "../frames/visible.js";
import { cameras } from "./camera.js";
import { WebcamLoop } from "./loop.js";

/** Makes the view of a webcam. */
export function webcamView(spec: ViewSpec, poster: string | null): Content {
  return new WebcamView(spec, poster);
}

class WebcamView implements Content {
  readonly node: HTMLElement;
  readonly listeners: Readonly<Record<string, Listener>>;
  readonly #screen: Screen;
  readonly #loop: WebcamLoop;
  readonly #visibility: Visibility;
  readonly #video = make("video", {
    class: "kcomm-Inset",
    muted: true,
    playsinline: true,
    hidden: true,
    "aria-label": "Camera",
  });
  readonly #invitation: HTMLButtonElement;
  readonly #invitationText = make("span", {}, "Start camera");
  readonly #note = make("div", { class: "kcomm-Note", role: "status", hidden: true });
  readonly #controls: HTMLFieldSetElement;
  readonly #toggle: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;
  readonly #inset: HTMLButtonElement;
  readonly #devices = make("select", {
    class: "kcomm-Select kcomm-Devices",
    "aria-label": "Camera device",
    title: "Camera",
    hidden: true,
  });
  readonly #figures = make("output", {
    class: "kcomm-Time",
    "aria-label": "Frames a second, delay",
  });
  /** The devices are listed once for each start: names come with the permission. */
  #listed = false;

  constructor(spec: ViewSpec, poster: string | null) {
    const label = spec.title || "Camera";
    this.#video.muted = true; // The attribute alone does not do it for an element made by a script.
    this.#screen = new Screen(label);
    this.#screen.reserve(spec.width, spec.height);
    if (poster !== null) this.#screen.poster(poster);
    this.#visibility = new Visibility(this.#screen.canvas);
    this.#loop = new WebcamLoop({
      video: this.#video,
      paint: (pixels, index) => this.#screen.paint(pixels, index),
      changed: () => this.#update(),
      visible: (signal) => this.#visibility.wait(signal),
    });
    const loop = this.#loop;
    const start = () => void loop.start();
    this.#invitation = make(
      "button",
      { type: "button", class: "kcomm-Invitation", disabled: true },
      drawIcon("camera"),
      this.#invitationText,
    );
    this.#invitation.addEventListener("click", start);
    this.#toggle = iconButton("Start", "play", () => {
      if (loop.state.state === "running") loop.pause();
      else start();
    });
    this.#stop = iconButton("Stop", "stop", () => loop.stop());
    this.#inset = iconButton("Show the camera's own picture", "inset", () => this.#showInset());
    this.#devices.addEventListener("change", () => void loop.choose(this.#devices.value));
    this.#controls = make(
      "fieldset",
      { class: "kcomm-Controls", disabled: true },
      make(
        "div",
        { class: "kcomm-Row" },
        this.#toggle,
        this.#stop,
        this.#devices,
        this.#figures,
        this.#inset,
      ),
    );
    this.node = make(
      "div",
      {
        class: "kcomm-Webcam",
        role: "group",
        "aria-label": label,
        "data-lm-suppress-shortcuts": "true",
      },
      make("div", { class: "kcomm-Stage" }, this.#screen.canvas, this.#video, this.#invitation),
      this.#note,
      this.#controls,
    );
    this.listeners = { control: (command: unknown) => loop.control(command) };
    this.#update();
  }

  async attach(channel: Channel): Promise<void> {
    this.#controls.disabled = false;
    this.#invitation.disabled = false;
    await this.#loop.attach(channel);
  }

  detach(): void {
    this.#controls.disabled = true;
    this.#invitation.disabled = true;
    this.#loop.detach();
  }

  dispose(): void {
    this.#loop.detach();
    this.#visibility.dispose();
  }

  #showInset(): void {
    this.#video.hidden = !this.#video.hidden;
    this.#inset.setAttribute("aria-pressed", String(!this.#video.hidden));
  }

  #update(): void {
    const { state, starting, info } = this.#loop;
    const mode = state.state;
    this.node.dataset.state = starting ? "starting" : mode;
    this.node.dataset.mirror = String(info.mirror);
    this.#invitation.hidden = mode !== "idle";
    setText(this.#invitationText, starting ? "Waiting for the camera …" : "Start camera");
    if (mode === "running") relabel(this.#toggle, "Pause", "pause");
    else relabel(this.#toggle, "Start", "play");
    this.#stop.disabled = mode === "idle" && !starting;
    this.#inset.disabled = mode === "idle";
    this.#note.hidden = state.error === null;
    if (state.error !== null) {
      setText(this.#note, state.error.message);
      this.#note.dataset.code = state.error.code;
    }
    setText(this.#figures, figures(state.state, state.rate, state.delay));
    if (mode === "idle") this.#listed = false;
    else if (!this.#listed) void this.#list();
  }

  async #list(): Promise<void> {
    this.#listed = true;
    const found = await cameras();
    const options = found.map(({ deviceId, label }, i) =>
      make("option", { value: deviceId }, label || `Camera ${i + 1}`),
    );
    this.#devices.replaceChildren(...options);
    this.#devices.value = this.#loop.deviceId;
    this.#devices.hidden = found.length === 0;
  }
}

function figures(mode: string, rate: number, delay: number): string {
  if (mode === "paused") return "paused";
  if (mode === "idle" || rate === 0) return "";
  return `${rate.toFixed(0)} fps · ${delay.toFixed(0)} ms`;
}
