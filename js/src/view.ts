/** What stands in a cell's output: connects to the object it shows, and says so where it can't. */
import { animationView } from "./animation/view.js";
import type { Channel, ChannelOptions, ClosedReason } from "./channel.js";
import { type Content, type Kind, readSpec, type ViewSpec } from "./content.js";
import { make, setText } from "./elements.js";
import { KcommError } from "./errors.js";
import { webcamView } from "./live/view.js";

export const MIME_TYPE = "application/vnd.kcomm.view+json";

const KINDS: Record<Kind, (spec: ViewSpec, poster: string | null) => Content> = {
  animation: animationView,
  webcam: webcamView,
};

/** Opens a channel to a target of the kernel that the view's output belongs to. */
export type Connector = (target: string, options: ChannelOptions) => Promise<Channel>;

/**
 * `connecting`, `live`; `gone`: the kernel has no such object (restarted, or the notebook was just opened); `lost`: it may have it, but can't be reached.
 */
export type Status = "connecting" | "live" | "gone" | "lost";

const NAMES: Record<Kind, string> = { animation: "animation", webcam: "camera view" };
/** Milliseconds before each new try after the channel broke. */
const RETRIES = [0, 500, 2000];
/** A connection that held this long, in milliseconds, was a good one: the tries are counted anew. */
const STEADY = 10_000;
/** Milliseconds until "Connecting" is said: mostly it is done sooner. */
const PATIENCE = 400;

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
  readonly #message = make("div", { class: "kcomm-Message", role: "status", hidden: true });
  readonly #life = new AbortController();
  #status: Status = "connecting";
  #patience: ReturnType<typeof setTimeout> | null = null;

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
    this.node.append(this.#content.node, this.#message);
    this.#button.addEventListener("click", () => this.retry());
    window.addEventListener("pagehide", this.#leave);
    void this.#live();
  }

  get status(): Status {
    return this.#status;
  }

  /** Tries once more, if it is not connected: the notebook has another kernel, or the user asked. */
  retry(): void {
    if (this.#status === "gone" || this.#status === "lost") void this.#live();
  }

  /** The output was removed: closes the channel, and gives the camera back. */
  dispose(): void {
    window.removeEventListener("pagehide", this.#leave);
    this.#content.dispose(); // While the channel can still tell that the camera is off.
    this.#life.abort();
    if (this.#patience !== null) clearTimeout(this.#patience);
  }

  readonly #leave = (event: PageTransitionEvent): void => {
    if (!event.persisted) this.dispose();
  };

  /** Connects, again after a break, until the view is removed or the object is gone. */
  async #live(): Promise<void> {
    for (let tries = 0; !this.#life.signal.aborted; ) {
      this.#show("connecting");
      const began = performance.now();
      const reason = await this.#session().catch(asReason);
      if (this.#life.signal.aborted) return;
      if (performance.now() - began > STEADY) tries = 0;
      const wait = RETRIES[tries++];
      if (reason.code !== "kcomm.session_lost" || wait === undefined) {
        this.#end(reason);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  /** One channel, from its opening to its end. */
  async #session(): Promise<ClosedReason> {
    const { signal } = this.#life;
    const { listeners } = this.#content;
    const options = { listeners: { ...listeners }, timeout: 0, signal };
    const channel = await this.#connector(this.#spec.target, options);
    const close = () => channel.close("kcomm.closed", "the output was removed from the page");
    if (signal.aborted) close();
    signal.addEventListener("abort", close);
    try {
      this.#show("live");
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

  #end({ code, message }: ClosedReason): void {
    const name = NAMES[this.#spec.kind];
    if (code === "kcomm.unknown_target" || code === "kcomm.no_kernel") {
      this.#show("gone", `The kernel does not have this ${name} now: run the cell again.`);
    } else if (code === "kcomm.closed") {
      this.#show("gone", `This ${name} was closed in Python: run the cell again to see it.`);
    } else {
      this.#show("lost", `Disconnected: ${message}.`);
    }
  }

  #show(status: Status, message = ""): void {
    this.#status = status;
    this.node.dataset.status = status;
    if (this.#patience !== null) clearTimeout(this.#patience);
    this.#patience = null;
    if (status === "connecting") {
      this.#patience = setTimeout(() => this.#say("Connecting to the kernel …"), PATIENCE);
    }
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
