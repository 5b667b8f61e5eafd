/** Finds the panel of JupyterLab or Notebook 7 that an element is in, and that panel's kernel. */
import type { JupyterFrontEnd } from "@jupyterlab/application";
import type { Session } from "@jupyterlab/services";
import type { Widget } from "@lumino/widgets";
import type { HostFinder } from "../connect.js";
import type { KernelConnection } from "../transport/kernel-message.js";

/** What kcomm uses of an `ISessionContext`. */
export interface SessionContext {
  readonly ready: Promise<void>;
  readonly session: Session.ISessionConnection | null;
}

/** The areas of a shell in which panels with outputs can be. */
const AREAS = ["main", "right", "left", "down"];

/** The kernel of a panel, once its session is ready. */
export async function kernelOf(context: SessionContext): Promise<KernelConnection | null> {
  await context.ready;
  return context.session?.kernel ?? null;
}

/** Finds hosts among the panels of an application. */
export function hostFinder(app: JupyterFrontEnd): HostFinder {
  return (element) => {
    for (const panel of panels(app)) {
      const context = sessionContextOf(panel);
      const home = context && innermost(panel, element);
      if (home) {
        return {
          kernel: () => kernelOf(context),
          onGone: (callback) => watch(home, element, callback),
        };
      }
    }
    return null;
  };
}

function* panels(app: JupyterFrontEnd): Generator<Widget> {
  for (const area of AREAS) {
    try {
      yield* app.shell.widgets(area);
    } catch {
      // Notebook 7's shell has not all the areas of JupyterLab's.
    }
  }
}

/** Notebook panels have their session context themselves, console panels in `console`, documents in `context`. */
function sessionContextOf(panel: Widget): SessionContext | null {
  const { sessionContext, console, context } = panel as Widget & {
    sessionContext?: SessionContext;
    console?: { sessionContext?: SessionContext };
    context?: { sessionContext?: SessionContext };
  };
  return sessionContext ?? console?.sessionContext ?? context?.sessionContext ?? null;
}

/** The innermost widget of a panel that the element is in: as a rule the one that rendered the output. */
function innermost(panel: Widget, element: Element): Widget | null {
  let home = panel.node.contains(element) ? panel : detachedCell(panel, element);
  for (let inner = home; inner !== null; ) {
    home = inner;
    inner = null;
    for (const child of home.children()) {
      if (child.node.contains(element)) inner = child;
    }
  }
  return home;
}

/** A windowed notebook keeps cells that are scrolled away out of the document. */
function detachedCell(panel: Widget, element: Element): Widget | null {
  const { content } = panel as Widget & { content?: { widgets?: readonly Widget[] } };
  return content?.widgets?.find((cell) => cell.node.contains(element)) ?? null;
}

/**
 * Calls back once when the element's widget is disposed, or when the element is taken out of the widget. Neither happens where a cell is only detached.
 *
 * @returns what ends that
 */
function watch(home: Widget, element: Element, callback: () => void): () => void {
  const observer = new MutationObserver(() => {
    if (!home.node.contains(element)) finish();
  });
  const end = () => {
    observer.disconnect();
    home.disposed.disconnect(finish);
  };
  const finish = () => {
    end();
    callback();
  };
  home.disposed.connect(finish);
  if (home.node !== element) observer.observe(home.node, { childList: true, subtree: true });
  return end;
}
