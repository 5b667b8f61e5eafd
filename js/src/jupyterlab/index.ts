/** The plugin for JupyterLab 4 and Notebook 7: views in outputs, and `window.kcomm` for scripts in cells. */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { PageConfig } from "@jupyterlab/coreutils";
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import type { ISignal } from "@lumino/signaling";
import type { Widget } from "@lumino/widgets";
import { setHostFinder } from "../connect.js";
import * as kcomm from "../index.js";
import { setKeeper } from "../transport/needed.js";
import { hostFinder, kernelOf, type SessionContext } from "./hosts.js";
import { keepConnected } from "./keeper.js";
import { QuietIndicators } from "./quiet.js";
import { type KernelSource, RANK, rendererFactory } from "./renderer.js";

const ID = "kcomm:plugin";
/** Where JupyterLab reads which messages leave a kernel's busy indicator alone. */
const OPTION = "untracked_message_types";

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
function serveConsoles(app: JupyterFrontEnd, quiet: QuietIndicators): void {
  const served = new WeakSet<Widget>();
  app.shell.currentChanged?.connect((_, { newValue }) => {
    const panel = newValue as
      | (Widget & { console?: { rendermime?: Registry; sessionContext?: LiveContext } })
      | null;
    const { rendermime, sessionContext } = panel?.console ?? {};
    if (!panel || !rendermime || !sessionContext || served.has(panel)) return;
    served.add(panel);
    quiet.watch(sessionContext);
    rendermime.addFactory(rendererFactory(sourceOf(sessionContext)), RANK);
  });
}

/** Follows the user's setting; where there are no settings, or not ours, the default holds. */
async function followSetting(
  quiet: QuietIndicators,
  registry: ISettingRegistry | null,
): Promise<void> {
  quiet.isEnabled = true;
  if (registry === null) return;
  try {
    const settings = await registry.load(ID);
    const read = () => {
      quiet.isEnabled = settings.get("quietIndicators").composite !== false;
    };
    settings.changed.connect(read);
    read();
  } catch (error) {
    console.warn("kcomm: its settings could not be read, so the defaults hold.", error);
  }
}

const plugin: JupyterFrontEndPlugin<void> = {
  id: ID,
  description: "Typed calls, streams and frames between a page and a Jupyter kernel",
  autoStart: true,
  optional: [ISettingRegistry],
  activate: (app: JupyterFrontEnd, settings: ISettingRegistry | null) => {
    const quiet = new QuietIndicators({
      get: () => PageConfig.getOption(OPTION),
      set: (raw) => void PageConfig.setOption(OPTION, raw),
    });
    void followSetting(quiet, settings);
    setHostFinder(hostFinder(app));
    setKeeper(keepConnected);
    window.kcomm = kcomm;
    app.docRegistry.addWidgetExtension("Notebook", {
      createNew(panel, context) {
        const { content } = panel as Widget & { content?: { rendermime?: Registry } };
        content?.rendermime?.addFactory(rendererFactory(sourceOf(context.sessionContext)), RANK);
        quiet.watch(context.sessionContext);
        return undefined;
      },
    });
    serveConsoles(app, quiet);
  },
};

export default plugin;
