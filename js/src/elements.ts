/** Making the few HTML elements that the views consist of. */

type Attributes = Readonly<Record<string, string | boolean>>;

/** An element with attributes and children; an attribute that is false is left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** A button that shows an icon, and says its name to whoever can't see it. `key` is one that does the same. */
export function iconButton(
  label: string,
  icon: IconName,
  onClick: () => void,
  key = "",
): HTMLButtonElement {
  const button = make("button", { type: "button", class: "kcomm-Button" });
  relabel(button, label, icon, key);
  button.addEventListener("click", onClick);
  return button;
}

/** Replaces the icon, name and tooltip of a button. */
export function relabel(button: HTMLButtonElement, label: string, icon: IconName, key = ""): void {
  if (button.getAttribute("aria-label") === label) return;
  button.title = key === "" ? label : `${label} (${key})`;
  button.setAttribute("aria-label", label);
  const name = make("span", { class: "kcomm-Button-name", "aria-hidden": "true" }, label);
  button.replaceChildren(drawIcon(icon), name);
}

/** Says whether a button that switches something is on. */
export function press(button: HTMLButtonElement, isPressed: boolean): void {
  const value = String(isPressed);
  if (button.getAttribute("aria-pressed") !== value) button.setAttribute("aria-pressed", value);
}

/** Sets text only where it changes: each change is a layout. */
export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

export type IconName = keyof typeof ICONS;

/** Outlines in a box of 24 by 24; "line" ones are stroked, the others filled. */
const ICONS = {
  previous: "M6 6h2.5v12H6zM19 6v12l-9-6z",
  reverse: "M17.5 5v14l-11-7z",
  pause: "M6.5 5.5h4v13h-4zM13.5 5.5h4v13h-4z",
  play: "M6.5 5v14l11-7z",
  next: "M5 6v12l9-6zM15.5 6H18v12h-2.5z",
  stop: "M6.5 6.5h11v11h-11z",
  loop: "line M4 12v-1.5a4 4 0 0 1 4-4h11m-3-3.5l3.2 3.5-3.2 3.5M20 12v1.5a4 4 0 0 1-4 4H5m3 3.5l-3.2-3.5 3.2-3.5",
  bounce: "line M4.500 8.500H18m-3.500-4l4 4-4 4M19.500 16H6m3.500-4l-4 4 4 4",
  stats: "line M5 19.500v-6M12 19.500v-15M19 19.500V10",
  copy: "line M9 9h10.500v10.500H9zM5 15H4.500V4.500H15V5",
  save: "line M12 4v11m-5-4.500l5 5 5-5M4.500 20h15",
  full: "line M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  window: "line M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5",
  help: "line M8 8.600a4 4 0 1 1 6 3.500c-1.400.8-2 1.600-2 3.100M12 19.500v.01",
  more: "M5 10a2 2 0 1 0 0 4a2 2 0 1 0 0-4zM12 10a2 2 0 1 0 0 4a2 2 0 1 0 0-4zM19 10a2 2 0 1 0 0 4a2 2 0 1 0 0-4z",
  close: "line M6 6l12 12M18 6L6 18",
  camera:
    "line M3.5 7.5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2zM15.5 11l5-3.2v8.400l-5-3.2",
  single: "line M3.5 5.500h17v13h-17z",
  beside: "line M3.500 6.500h7v11h-7zM13.500 6.500h7v11h-7z",
  overlay: "line M3.500 4.500h11.500v10H3.500zM9 14.500v5h11.500v-10H15",
  mirror: "line M12 3.500v17M9 7.500v9H3.500zM15 7.500v9h5.500z",
} as const;

export function drawIcon(name: IconName): SVGElement {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const path = document.createElementNS(space, "path");
  const outline: string = ICONS[name];
  const line = outline.startsWith("line ");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", line ? "kcomm-Icon kcomm-mod-line" : "kcomm-Icon");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", line ? outline.slice(5) : outline);
  svg.append(path);
  return svg;
}
