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

/** A button that shows an icon, and says its name to whoever can't see it. */
export function iconButton(label: string, icon: IconName, onClick: () => void): HTMLButtonElement {
  const button = make(
    "button",
    { type: "button", class: "kcomm-Button", "aria-label": label, title: label },
    drawIcon(icon),
  );
  button.addEventListener("click", onClick);
  return button;
}

/** Replaces the icon, name and tooltip of a button. */
export function relabel(button: HTMLButtonElement, label: string, icon: IconName): void {
  if (button.title === label) return;
  button.title = label;
  button.setAttribute("aria-label", label);
  button.replaceChildren(drawIcon(icon));
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
  camera:
    "line M3.5 7.5a2 2 0 0 1 2-2h8a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-8a2 2 0 0 1-2-2zM15.5 11l5-3.2v8.400l-5-3.2",
  inset: "line M3.5 5.5h17v13h-17zM12.5 12.5h5v3.5h-5z",
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
