/** The plugin for JupyterLab 4 and Notebook 7: views in outputs, and `window.kcomm` for scripts in cells. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import type { ISignal } from "@lumino/signaling";
import type { Widget } from "@lumino/widgets";
import { setHostFinder } from "../connect.js";
import * as kcomm from "../index.js";
import { hostFinder, kernelOf, type SessionContext } from "./hosts.js";
import { type KernelSource, RANK, rendererFactory } from "./renderer.js";

/** A session context whose kernel may change. */
interface LiveContext extends SessionContext {
  readonly kernelChanged: ISignal<unknown, unknown>;
}

interface Registry {
  addFactory(factory: IRenderMime.IRendererFactory, rank?: number): void;
}

declare global {
  interface Window {
    /** What scripts in cells use: `const channel = await kcomm.connect("calc", { element })`. */
    kcomm: typeof kcomm;
  }
}

function sourceOf(context: LiveContext): KernelSource {
  return {
    kernel: () => kernelOf(context),
    onChange(callback) {
      context.kernelChanged.connect(callback);
      return () => context.kernelChanged.disconnect(callback);
    },
  };
}

/** Consoles are no documents: they are met when they come to the front. */
function serveConsoles(app: JupyterFrontEnd): void {
  const served = new WeakSet<Widget>();
  app.shell.currentChanged?.connect((_, { newValue }) => {
    const panel = newValue as
      | (Widget & { console?: { rendermime?: Registry; sessionContext?: LiveContext } })
      | null;
    const { rendermime, sessionContext } = panel?.console ?? {};
    if (!panel || !rendermime || !sessionContext || served.has(panel)) return;
    served.add(panel);
    rendermime.addFactory(rendererFactory(sourceOf(sessionContext)), RANK);
  });
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: "kcomm:plugin",
  description: "Typed calls, streams and frames between a page and a Jupyter kernel",
  autoStart: true,
  activate: (app: JupyterFrontEnd) => {
    setHostFinder(hostFinder(app));
    window.kcomm = kcomm;
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew(panel, context) {
        const { content } = panel as Widget & { content?: { rendermime?: Registry } };
        content?.rendermime?.addFactory(rendererFactory(sourceOf(context.sessionContext)), RANK);
        return undefined;
      },
    });
    serveConsoles(app);
  },
};

export default plugin;
