/** The buttons, selects and the slider of a webcam view. */
import { drawIcon, type IconName, iconButton, make, press, relabel, setText } from "../elements.js";
import { enable, show } from "../ui/focus.js";
import { Menu, markNarrow } from "../ui/menu.js";
import type { Device, WebcamModel } from "./model.js";
import type { Show } from "./state.js";
import { deviceName, readout, SHOW_NAMES, SHOWS, sizeName, sizesOf } from "./wording.js";

/** CSS pixels below which some buttons go into a menu: with a mouse, and with fingers. */
const NARROW = { fine: 400, coarse: 520 };

const SHOW_ICONS: Readonly<Record<Show, IconName>> = {
  result: "single",
  both: "beside",
  overlay: "overlay",
};

export class Controls {
  /** A fieldset: disabling it disables all. */
  readonly node: HTMLFieldSetElement;
  readonly menu: Menu;
  readonly #toggle: HTMLButtonElement;
  readonly #stop: HTMLButtonElement;
  readonly #layout: HTMLButtonElement;
  readonly #mirror: HTMLButtonElement;
  readonly #devices = select("Camera device", "kcomm-Devices");
  readonly #sizes = select("Resolution", "kcomm-Sizes");
  readonly #source = make("span", { class: "kcomm-Source", hidden: true });
  readonly #opacity = make("input", {
    type: "range",
    class: "kcomm-Opacity",
    "aria-label": "Opacity of the result",
    title: "Opacity of the result",
    min: "0",
    max: "1",
    step: "0.05",
    hidden: true,
  });
  // Nothing reads it out while it changes several times a second.
  readonly #readout = make("output", {
    class: "kcomm-Time",
    "aria-label": "Frames a second, delay",
    "aria-live": "off",
  });
  readonly #second: HTMLElement;
  /** The id of the camera that is, or was, in use. */
  #device = "";
  readonly #unmark: () => void;

  /** @param extras buttons that are not for the camera */
  constructor(
    readonly model: WebcamModel,
    ...extras: HTMLButtonElement[]
  ) {
    this.#toggle = iconButton("Start", "play", () => this.toggle(), "Space");
    this.#stop = iconButton("Stop", "stop", () => model.stop(), "S");
    this.#layout = iconButton("Layout", "single", () => this.nextLayout());
    this.#mirror = iconButton("Mirror", "mirror", () => this.toggleMirror(), "M");
    this.#devices.addEventListener("change", () => void model.choose(this.#devices.value));
    this.#sizes.addEventListener("change", () => this.#resize());
    this.#opacity.addEventListener("input", () =>
      model.set({ opacity: this.#opacity.valueAsNumber }),
    );
    this.menu = new Menu(this.#mirror, ...extras);
    this.#second = make(
      "div",
      { class: "kcomm-Row" },
      this.#devices,
      this.#source,
      this.#sizes,
      make("span", { class: "kcomm-Gap" }),
      this.#opacity,
    );
    this.node = make(
      "fieldset",
      { class: "kcomm-Controls", disabled: true },
      make(
        "div",
        { class: "kcomm-Row" },
        this.#toggle,
        this.#stop,
        this.#readout,
        this.#layout,
        this.menu.opener,
        this.menu.node,
      ),
      this.#second,
    );
    this.#unmark = markNarrow(this.node, NARROW);
  }

  dispose(): void {
    this.#unmark();
  }

  /** Starts, or pauses what runs. */
  toggle(): void {
    if (this.model.state.state === "running") this.model.pause();
    else void this.model.start();
  }

  /** Takes the next layout; returns its name. */
  nextLayout(): string {
    const { show } = this.model.settings;
    const next = SHOWS[(SHOWS.indexOf(show) + 1) % SHOWS.length] as Show;
    this.model.set({ show: next });
    return SHOW_NAMES[next];
  }

  toggleMirror(): void {
    this.model.set({ mirror: !this.model.settings.mirror });
  }

  /** @param silent milliseconds since the last picture */
  update(silent: number): void {
    const { state, starting, settings, info } = this.model;
    const isRunning = state.state === "running";
    relabel(this.#toggle, isRunning ? "Pause" : "Start", isRunning ? "pause" : "play", "Space");
    const isOff = state.state === "idle" && !starting;
    enable(this.#stop, !isOff);
    this.#showLayout(settings.show);
    press(this.#mirror, settings.mirror);
    setText(this.#readout, readout(state, silent));
    show(this.#opacity, settings.show === "overlay");
    if (this.#opacity.valueAsNumber !== settings.opacity) {
      this.#opacity.value = String(settings.opacity);
    }
    this.#showSource(info.source);
    if (info.source === null) {
      this.#showDevices();
      this.#showSizes();
    }
    this.#second.hidden = Array.from(this.#second.children).every(
      (part) => (part as HTMLElement).hidden || part.className === "kcomm-Gap",
    );
  }

  #showLayout(show: Show): void {
    const title = `Layout: ${SHOW_NAMES[show]} (L)`;
    if (this.#layout.title === title) return;
    this.#layout.title = title;
    this.#layout.replaceChildren(drawIcon(SHOW_ICONS[show]));
  }

  /** A source in the kernel is what it is: there is nothing to choose. */
  #showSource(source: string | null): void {
    this.#source.hidden = source === null;
    if (source === null) return;
    this.#devices.hidden = true;
    this.#sizes.hidden = true;
    setText(this.#source, source);
    this.#source.title = source;
  }

  #showDevices(): void {
    const { devices } = this.model;
    const chosen = this.#chosen();
    this.#device = chosen?.id ?? this.#device;
    offer(
      this.#devices,
      devices.map(({ id, label }, i) => [id, deviceName(label, i)]),
      this.#device,
    );
    this.#devices.hidden = devices.length < 2;
    this.#devices.title = chosen?.label || "Camera";
  }

  /** The camera in use, or chosen: Python may have named it by its label. One that was stopped is still the one. */
  #chosen(): Device | undefined {
    const { devices, deviceId } = this.model;
    return (
      devices.find(({ id }) => id === deviceId) ??
      devices.find(({ label }) => label !== "" && label === deviceId) ??
      devices.find(({ id }) => id === this.#device)
    );
  }

  #showSizes(): void {
    const sizes = sizesOf(this.model).map(sizeName);
    offer(
      this.#sizes,
      sizes.map((name) => [name, name]),
      sizeName(this.model.size ?? this.model.info),
    );
    this.#sizes.hidden = false;
  }

  #resize(): void {
    const chosen = sizesOf(this.model).find((size) => sizeName(size) === this.#sizes.value);
    if (chosen !== undefined) void this.model.resize(chosen);
  }
}

function select(label: string, name: string): HTMLSelectElement {
  return make("select", {
    class: `kcomm-Select ${name}`,
    "aria-label": label,
    title: label,
    hidden: true,
  });
}

/** Sets the options only where they change: that would close a list that is open. What is no option is not chosen: the list would be blank. */
function offer(
  list: HTMLSelectElement,
  options: readonly (readonly [value: string, text: string])[],
  chosen: string,
): void {
  const all = JSON.stringify(options);
  if (list.dataset.options !== all) {
    list.dataset.options = all;
    list.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
  }
  const isOffered = options.some(([value]) => value === chosen);
  if (isOffered && list.value !== chosen) list.value = chosen;
}
