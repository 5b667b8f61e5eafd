/** What stands in a cell's output: connects to the object it shows, and says so where it can't. */
import { animationView } from "./animation/view.js";
import type { Channel, ClosedReason } from "./channel.js";
import type { ConnectOptions } from "./connect.js";
import { type Content, type Kind, readSpec, type ViewSpec } from "./content.js";
import { make, setText } from "./elements.js";
import { KcommError } from "./errors.js";
import type { Link } from "./link.js";
import { webcamView } from "./live/view.js";
import { passFocus } from "./ui/focus.js";
import { statusAround } from "./ui/status.js";
import { describeBreak, describeEnd, describeWait, isDown } from "./wording.js";

export const MIME_TYPE = "application/vnd.kcomm.view+json";

const KINDS: Record<Kind, (spec: ViewSpec, poster: string | null) => Content> = {
  animation: animationView,
  webcam: webcamView,
};

/** Opens a channel to a target of the kernel that the view's output belongs to. */
export type Connector = (
  target: string,
  options: Omit<ConnectOptions, "element" | "kernel">,
) => Promise<Channel>;

/**
 * `connecting`, `live`; `gone`: the kernel has no such object (restarted, or the notebook was just opened); `lost`: it may have it, but can't be reached.
 */
export type Status = "connecting" | "live" | "gone" | "lost";

const NAMES: Record<Kind, string> = { animation: "animation", webcam: "camera view" };
/** Milliseconds before each new try after the channel broke. */
const RETRIES = [0, 500, 2000];
/** A connection that held this long, in milliseconds, was a good one: the tries are counted anew. */
const STEADY = 10_000;
/** Milliseconds until it is said what a view waits for: mostly it comes sooner. */
const PATIENCE = 400;
/** Milliseconds after which a kernel that seems idle is likely busy after all: its status tells of other requests than cells, too. */
const LONG = 3000;

export class View {
  readonly node = make("div", { class: "kcomm-View", "data-status": "connecting" });
  readonly #spec: ViewSpec;
  readonly #content: Content;
  readonly #connector: Connector;
  readonly #text = make("span", { class: "kcomm-Message-text" });
  readonly #button = make(
    "button",
    { type: "button", class: "kcomm-Retry", hidden: true },
    "Reconnect",
  );
  readonly #message = make("div", { class: "kcomm-Message", hidden: true });
  readonly #life = new AbortController();
  #status: Status = "connecting";
  #link: Link = "ready";
  #wasLive = false;
  /** Whether to try once more if what is tried now fails: it may be meant for a kernel that there was before. */
  #isAsked = false;
  /** While it connects: whether it says nothing yet of what it waits for, says so, or has waited for long. */
  #patience: "silent" | "said" | "long" = "silent";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param data the output's view data, which are not trusted
   * @param poster address of a picture of the first frame, or null
   * @throws KcommError `kcomm.bad_value` if the data describe no view
   */
  constructor(data: unknown, poster: string | null, connector: Connector) {
    this.#spec = readSpec(data);
    this.#connector = connector;
    this.#content = KINDS[this.#spec.kind](this.#spec, poster);
    this.#message.append(this.#text, this.#button);
    this.node.dataset.kind = this.#spec.kind;
    this.node.style.setProperty("--kcomm-width", `${this.#spec.width}px`);
    this.node.append(this.#content.node, statusAround(this.#message));
    this.#button.addEventListener("click", () => this.retry());
    window.addEventListener("pagehide", this.#leave);
    void this.#live();
  }

  get status(): Status {
    return this.#status;
  }

  /** Tries once more, if it is not connected: the notebook has another kernel, or the user asked. */
  retry(): void {
    if (this.#status === "connecting") this.#isAsked = true;
    else if (this.#status !== "live") void this.#live();
  }

  /** The output was removed: closes the channel, and gives the camera back. */
  dispose(): void {
    window.removeEventListener("pagehide", this.#leave);
    this.#content.dispose(); // While the channel can still tell that the camera is off.
    this.#life.abort();
    clearTimeout(this.#timer);
  }

  /** The page is left, and its channels close by themselves: only the camera must be given back before. */
  readonly #leave = (event: PageTransitionEvent): void => {
    if (!event.persisted) this.#content.dispose();
  };

  /** Connects, again after a break, until the view is removed or the object is gone. */
  async #live(): Promise<void> {
    const { signal } = this.#life;
    for (let tries = 0; !signal.aborted; ) {
      this.#wait();
      this.#isAsked = false;
      const began = performance.now();
      const reason = await this.#session().catch(asReason);
      if (signal.aborted || reason.code === "kcomm.left") return;
      if (this.#isAsked) continue;
      if (performance.now() - began > STEADY) tries = 0;
      const delay = RETRIES[tries++];
      if (reason.code !== "kcomm.session_lost" || delay === undefined) {
        const { status, text } = describeEnd(reason, NAMES[this.#spec.kind]);
        this.#show(status, text);
        return;
      }
      await sleep(delay, signal);
    }
  }

  /** One channel, from its opening to its end. */
  async #session(): Promise<ClosedReason> {
    const { signal } = this.#life;
    const { listeners } = this.#content;
    const onLink = (link: Link) => this.#take(link);
    const options = { listeners: { ...listeners }, timeout: 0, signal, onLink };
    const channel = await this.#connector(this.#spec.target, options);
    const close = () => channel.close("kcomm.closed", "the output was removed from the page");
    if (signal.aborted) close();
    signal.addEventListener("abort", close);
    try {
      this.#wasLive = true;
      this.#isAsked = false;
      this.#show("live", describeBreak(this.#link));
      await this.#content.attach(channel).catch((error) => {
        if (!channel.isOpen) return; // The reason is told below.
        channel.close("kcomm.closed", "the view could not start");
        throw error;
      });
      return await channel.closed;
    } finally {
      signal.removeEventListener("abort", close);
      this.#content.detach();
    }
  }

  /** Says how the page stands to the kernel, where that is in the way. */
  #take(link: Link): void {
    if (isDown(link) !== isDown(this.#link)) this.#content.reach?.(!isDown(link));
    this.#link = link;
    if (this.#status === "live") this.#say(describeBreak(link));
    else if (this.#status === "connecting") this.#sayWait();
    this.node.toggleAttribute("data-down", this.#status === "live" && isDown(link));
  }

  #wait(): void {
    this.#show("connecting", "");
    this.#patience = "silent";
    this.#timer = setTimeout(() => {
      this.#patience = "said";
      this.#sayWait();
      this.#timer = setTimeout(() => {
        this.#patience = "long";
        this.#sayWait();
      }, LONG);
    }, PATIENCE);
  }

  #sayWait(): void {
    if (this.#patience === "silent") return;
    this.#say(describeWait(this.#link, this.#wasLive, this.#patience === "long"));
  }

  #show(status: Status, message: string): void {
    clearTimeout(this.#timer);
    this.#status = status;
    this.node.dataset.status = status;
    this.node.toggleAttribute("data-down", status === "live" && isDown(this.#link));
    if (status !== "lost") passFocus(this.#button, this.#content.node);
    this.#say(message);
    this.#button.hidden = status !== "lost";
  }

  #say(message: string): void {
    setText(this.#text, message);
    this.#message.hidden = message === "";
  }
}

function asReason(error: unknown): ClosedReason {
  if (error instanceof KcommError) return { code: error.code, message: error.message };
  return { code: "kcomm.bad_value", message: String(error) };
}

/** Resolves after `ms` milliseconds, or when the signal is aborted. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal.addEventListener("abort", finish);
  });
}
