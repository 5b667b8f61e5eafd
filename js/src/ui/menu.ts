/** Buttons that stand in the row where there is room, and in a menu of their own where there is not. */
import { iconButton, make } from "../elements.js";
import type { Help } from "./help.js";

export class Menu {
  /** Opens and closes the menu; stands there only while the row is narrow. */
  readonly opener: HTMLButtonElement;
  readonly node: HTMLElement;

  constructor(...buttons: HTMLButtonElement[]) {
    this.opener = iconButton("More", "more", () => this.toggle(!this.isOpen));
    this.opener.classList.add("kcomm-More");
    this.opener.setAttribute("aria-expanded", "false");
    this.node = make("div", { class: "kcomm-Menu" }, ...buttons);
    this.node.addEventListener("click", () => this.toggle(false));
    for (const part of [this.node, this.opener]) {
      part.addEventListener("focusout", (event) => this.#left(event.relatedTarget));
    }
  }

  get isOpen(): boolean {
    return this.node.hasAttribute("data-open");
  }

  toggle(isOpen: boolean): void {
    const hadFocus = this.node.contains(document.activeElement);
    this.node.toggleAttribute("data-open", isOpen);
    this.opener.setAttribute("aria-expanded", String(isOpen));
    if (!isOpen && hadFocus && this.opener.offsetParent !== null) this.opener.focus();
  }

  #left(to: EventTarget | null): void {
    const isHere = to instanceof Node && (this.node.contains(to) || this.opener.contains(to));
    if (!isHere) this.toggle(false);
  }
}

/** CSS pixels below which some buttons go into a menu: with a mouse, and with fingers, for which buttons are larger. */
export interface Narrow {
  readonly fine: number;
  readonly coarse: number;
}

/** Keeps `data-narrow` on an element in which there is not room for all; returns what ends that. */
export function markNarrow(element: HTMLElement, narrow: Narrow): () => void {
  const observer = new ResizeObserver(() => {
    const below = matchMedia("(pointer: coarse)").matches ? narrow.coarse : narrow.fine;
    element.toggleAttribute("data-narrow", element.clientWidth < below);
  });
  observer.observe(element);
  return () => observer.disconnect();
}

/** Closes what is open, the uppermost first; returns whether there was something. */
export function closeOpen(help: Help, menu: Menu): boolean {
  if (help.isShown) help.toggle();
  else if (menu.isOpen) menu.toggle(false);
  else return false;
  return true;
}
