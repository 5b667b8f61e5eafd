/** Renders `application/vnd.kcomm.view+json`, for one panel's kernel. Nothing in the data is run. */
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { Widget } from "@lumino/widgets";
import { connect } from "../connect.js";
import { make } from "../elements.js";
import { KcommError } from "../errors.js";
import type { KernelConnection } from "../transport/kernel-message.js";
import { MIME_TYPE, View } from "../view.js";

/** A panel's kernel, as a view needs it. */
export interface KernelSource {
  /** Waits for a session that is being started; null: the panel has no kernel. */
  kernel(): Promise<KernelConnection | null>;
  /** Calls back whenever the panel has another kernel; gives back what ends that. */
  onChange(callback: () => void): () => void;
}

/** Lower ranks are preferred; ipywidgets' widget view has 1 in its own registry, HTML 50. */
export const RANK = 0;

/** Makes views of objects in the source's kernel. */
export function rendererFactory(source: KernelSource): IRenderMime.IRendererFactory {
  return {
    safe: true, // An untrusted output may be shown: its data can only name an object of a live kernel.
    mimeTypes: [MIME_TYPE],
    defaultRank: RANK,
    createRenderer: () => new ViewRenderer(source),
  };
}

class ViewRenderer extends Widget implements IRenderMime.IRenderer {
  #view: View | null = null;
  readonly #disconnect: () => void;

  constructor(readonly source: KernelSource) {
    super();
    this.addClass("kcomm-Output");
    this.#disconnect = source.onChange(() => this.#view?.retry());
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.#view?.dispose();
    this.#view = null;
    try {
      const view = new View(model.data[MIME_TYPE], posterOf(model), (target, options) =>
        this.#open(target, options),
      );
      this.#view = view;
      this.node.replaceChildren(view.node);
    } catch (error) {
      const message = error instanceof KcommError ? error.message : String(error);
      const note = make("div", { class: "kcomm-Note", role: "status" }, `kcomm: ${message}`);
      this.node.replaceChildren(note);
    }
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.#disconnect();
    this.#view?.dispose();
    super.dispose();
  }

  async #open(target: string, options: Parameters<typeof connect>[1]): ReturnType<typeof connect> {
    const kernel = await this.source.kernel();
    if (kernel === null) {
      throw new KcommError("kcomm.no_kernel", "this notebook has no kernel");
    }
    return connect(target, { ...options, kernel });
  }
}

/** The picture that is saved with the output. */
function posterOf(model: IRenderMime.IMimeModel): string | null {
  const data = model.data["image/png"];
  return typeof data === "string" ? `data:image/png;base64,${data}` : null;
}
