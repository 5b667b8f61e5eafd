/** As much of a document as the views' parts take, for tests in Node: a tree, attributes, events, and the focus. No styles. */
import { vi } from "vitest";

export class FakeElement extends EventTarget {
  parentElement: FakeElement | null = null;
  readonly childNodes: (FakeElement | string)[] = [];
  readonly attributes = new Map<string, string>();
  readonly styles = new Map<string, string>();
  value = "";
  nodeType = 1;

  constructor(
    readonly tagName: string,
    readonly page: FakeDocument,
  ) {
    super();
  }

  get children(): FakeElement[] {
    return this.childNodes.filter((node) => typeof node !== "string");
  }

  get firstElementChild(): FakeElement | null {
    return this.children[0] ?? null;
  }

  get textContent(): string {
    return this.childNodes
      .map((node) => (typeof node === "string" ? node : node.textContent))
      .join("");
  }

  set textContent(text: string) {
    this.replaceChildren(...(text === "" ? [] : [text]));
  }

  get style() {
    return {
      setProperty: (name: string, value: string) => void this.styles.set(name, value),
      getPropertyValue: (name: string) => this.styles.get(name) ?? "",
    };
  }

  get dataset(): Record<string, string | undefined> {
    const nameOf = (key: string) => `data-${key.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
    return new Proxy(
      {},
      {
        get: (_, key: string) => this.attributes.get(nameOf(key)),
        set: (_, key: string, value) => Boolean(this.attributes.set(nameOf(key), String(value))),
      },
    );
  }

  get classList() {
    const names = () => (this.getAttribute("class") ?? "").split(" ").filter(Boolean);
    const write = (all: string[]) => this.setAttribute("class", all.join(" "));
    return {
      add: (name: string) => write([...names(), name]),
      replace: (old: string, name: string) => write(names().map((n) => (n === old ? name : n))),
      contains: (name: string) => names().includes(name),
    };
  }

  get className(): string {
    return this.getAttribute("class") ?? "";
  }

  set className(name: string) {
    this.setAttribute("class", name);
  }

  get hidden(): boolean {
    return this.hasAttribute("hidden");
  }

  set hidden(isHidden: boolean) {
    this.toggleAttribute("hidden", isHidden);
  }

  get disabled(): boolean {
    return this.hasAttribute("disabled");
  }

  set disabled(isDisabled: boolean) {
    this.toggleAttribute("disabled", isDisabled);
  }

  get ariaLive(): string | null {
    return this.getAttribute("aria-live");
  }

  set ariaLive(value: string) {
    this.setAttribute("aria-live", value);
  }

  get valueAsNumber(): number {
    return Number(this.value);
  }

  get options(): FakeElement[] {
    return this.children;
  }

  get offsetParent(): FakeElement | null {
    return this.isShown ? this.parentElement : null;
  }

  get isShown(): boolean {
    return !this.hidden && (this.parentElement?.isShown ?? true);
  }

  getContext() {
    return { putImageData() {}, drawImage() {} };
  }

  getAttribute(name: string): string | null {
    return this.attributes.get(name) ?? null;
  }

  setAttribute(name: string, value: string): void {
    this.attributes.set(name, value);
    if (name === "value") this.value = value;
  }

  hasAttribute(name: string): boolean {
    return this.attributes.has(name);
  }

  removeAttribute(name: string): void {
    this.attributes.delete(name);
  }

  toggleAttribute(name: string, isThere = !this.hasAttribute(name)): boolean {
    if (isThere) this.attributes.set(name, "");
    else this.attributes.delete(name);
    return isThere;
  }

  append(...nodes: (FakeElement | string)[]): void {
    for (const node of nodes) {
      if (typeof node !== "string") {
        node.remove();
        node.parentElement = this;
      }
      this.childNodes.push(node);
    }
  }

  remove(): void {
    const siblings = this.parentElement?.childNodes ?? [];
    const at = siblings.indexOf(this);
    if (at >= 0) siblings.splice(at, 1);
    this.parentElement = null;
  }

  replaceWith(node: FakeElement): void {
    const parent = this.parentElement;
    if (parent === null) return;
    const at = parent.childNodes.indexOf(this);
    this.remove();
    node.remove();
    node.parentElement = parent;
    parent.childNodes.splice(at, 0, node);
  }

  replaceChildren(...nodes: (FakeElement | string)[]): void {
    for (const child of this.children) child.parentElement = null;
    this.childNodes.length = 0;
    this.append(...nodes);
    if (this.tagName === "select") this.value = this.children[0]?.value ?? "";
  }

  contains(other: unknown): boolean {
    return other === this || this.children.some((child) => child.contains(other));
  }

  /** Of a tag, a class, or an attribute. */
  matches(selector: string): boolean {
    if (selector.startsWith(".")) return this.classList.contains(selector.slice(1));
    const [, name, , value] = /^\[([\w-]+)(="(.*)")?\]$/.exec(selector) ?? [];
    if (name === undefined) return this.tagName === selector;
    return this.hasAttribute(name) && (value === undefined || this.getAttribute(name) === value);
  }

  closest(selector: string): FakeElement | null {
    return this.matches(selector) ? this : (this.parentElement?.closest(selector) ?? null);
  }

  querySelector(selector: string): FakeElement | null {
    for (const child of this.children) {
      const found = child.matches(selector) ? child : child.querySelector(selector);
      if (found !== null) return found;
    }
    return null;
  }

  /** A button, by its name. */
  button(name: string): FakeElement {
    const found = this.querySelector(`[aria-label="${name}"]`);
    if (found === null) throw new Error(`there is no button ${name}`);
    return found;
  }

  /** What can't be seen, or is disabled, takes no focus. */
  focus(): void {
    const isOff = this.disabled || this.closest("fieldset")?.disabled === true;
    const takesIt = this.tagName === "button" || this.hasAttribute("tabindex");
    if (takesIt && !isOff && this.isShown) this.page.focused = this;
  }

  click(): void {
    this.dispatchEvent(new Event("click"));
  }

  getBoundingClientRect() {
    return { width: 0, height: 0 };
  }
}

/** An element that loses its place loses the focus. */
export class FakeDocument extends EventTarget {
  focused: FakeElement | null = null;
  fullscreenEnabled = false;
  fullscreenElement = null;
  visibilityState = "visible";
  readonly body: FakeElement;

  constructor() {
    super();
    this.body = new FakeElement("body", this);
  }

  get activeElement(): FakeElement {
    const { focused, body } = this;
    const isOff = focused?.disabled || focused?.closest("fieldset")?.disabled;
    return focused === null || !focused.isShown || isOff ? body : focused;
  }

  createElement(tag: string): FakeElement {
    return new FakeElement(tag, this);
  }

  createElementNS(_: string, tag: string): FakeElement {
    return new FakeElement(tag, this);
  }
}

/** Has the globals of a page stand for this document. */
export function fakeDom(): FakeDocument {
  const page = new FakeDocument();
  const observer = class {
    observe(): void {}
    disconnect(): void {}
  };
  const query = { matches: false, addEventListener() {}, removeEventListener() {} };
  const listening = new EventTarget();
  for (const [name, value] of Object.entries({
    document: page,
    window: listening,
    Element: FakeElement,
    HTMLElement: FakeElement,
    Node: FakeElement,
    Image: class extends EventTarget {},
    ResizeObserver: observer,
    IntersectionObserver: observer,
    MutationObserver: observer,
    matchMedia: () => query,
    devicePixelRatio: 1,
    isSecureContext: false,
    navigator: {},
  })) {
    vi.stubGlobal(name, value);
  }
  return page;
}
