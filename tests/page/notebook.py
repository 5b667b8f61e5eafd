"""A notebook in a page, for tests to drive: run cells, read outputs, ask the kernel."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.page.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Error, Locator, Page

#: Milliseconds to wait for what a kernel does when a test says nothing else.
TIMEOUT = 60_000.0

#: Errors that come without kcomm too; the last two are Notebook 7.6 loading its own parts.
NOISE = re.compile(
    r"favicon|ResizeObserver loop"
    r"|reading 'schema'\)[\s\S]*notebook_core|'filebrowser:open-path' not registered"
)

#: Helpers in the page; `window.jupyterapp` is there because the server's settings say so.
SCRIPT = """
() => {
  if (window.kcommTests) return;
  const app = () => window.jupyterapp;
  const widgets = () => [...app().shell.widgets("main")];
  const panel = (path) => widgets().find((w) => w.context?.path === path && w.sessionContext);
  const cell = (path, i) => {
    const found = panel(path)?.content.widgets[i];
    if (!found) throw new Error(`no cell ${i} in ${path}`);
    return found;
  };
  const runs = new Map();
  window.kcommTests = {
    panel,
    cell,
    ready(path) {
      const p = panel(path);
      return !!p?.context.isReady && p.sessionContext.isReady
        && p.sessionContext.session?.kernel?.status === "idle";
    },
    kernelId: (path) => panel(path).sessionContext.session?.kernel?.id ?? null,
    status: (path) => panel(path).sessionContext.session?.kernel?.status ?? "none",
    run(path, i) {
      const p = panel(path);
      app().shell.activateById(p.id);
      p.content.deselectAll();
      p.content.activeCellIndex = i;
      void p.content.scrollToItem?.(i);
      const key = `${path}#${i}`;
      runs.set(key, false);
      const command = "notebook:run-cell";
      void app().commands.execute(command).finally(() => runs.set(key, true));
    },
    ran: (path, i) => runs.get(`${path}#${i}`) === true,
    outputs: (path, i) => cell(path, i).model.outputs.toJSON(),
    async scroll(path, i) {
      await panel(path).content.scrollToItem(i);
    },
    async execute(path, code, expression) {
      const kernel = panel(path).sessionContext.session.kernel;
      const future = kernel.requestExecute({
        code,
        silent: true,
        store_history: false,
        stop_on_error: false,
        user_expressions: expression ? { value: expression } : {},
      });
      const reply = (await future.done).content;
      future.dispose();
      return reply;
    },
  };
}
"""


class KernelError(AssertionError):
    """What ran in the kernel raised; the message is the traceback."""


class Notebook:
    """A notebook that is open in a page. Made by the fixture ``open_notebook``.

    Attributes
    ----------
    page
        Playwright's page.
    path
        The notebook's path below the server's root.
    console
        ``(type, text)`` of every console message so far.
    page_errors
        Text of every uncaught exception in the page so far.
    """

    def __init__(self, server: Server, page: Page, path: str, artefacts: Path) -> None:
        self.server = server
        self.page = page
        self.path = path
        self.artefacts = artefacts
        self.console: list[tuple[str, str]] = []
        self.page_errors: list[str] = []
        page.on("console", self._on_console)
        page.on("pageerror", self._on_page_error)

    # -- opening ----------------------------------------------------------------------

    def open(self, app: str = "lab", host: str = "127.0.0.1", url: str | None = None) -> None:
        """Open the notebook in the page, and wait until its kernel is idle.

        Parameters
        ----------
        app
            ``"lab"`` for JupyterLab, ``"notebook"`` for Notebook 7.
        host
            The name by which the browser reaches the server.
        url
            The address of what stands before the server, such as a proxy.
        """
        if app == "lab":
            # A workspace of its own, or JupyterLab would restore the last test's tabs.
            space = re.sub(r"\W", "-", self.path)
            place = f"lab/workspaces/{space}/tree/{self.path}"
        else:
            place = f"notebooks/{self.path}"
        url = (url or self.server.url).replace("127.0.0.1", host)
        self.page.goto(f"{url}/{place}?token={self.server.token}")
        self.wait_ready()

    def save(self) -> None:
        """Save the notebook, outputs included."""
        self._eval("kcommTests.panel(path).context.save().then(() => undefined)")

    def reload(self) -> None:
        """Reload the page, as its user would, and wait until the kernel is idle."""
        self.page.reload()
        self.wait_ready()

    def open_beside(self, cells: Sequence[str], name: str, share_kernel: bool = False) -> Notebook:
        """Open one more notebook in this JupyterLab page, on the same kernel if asked to."""
        write_notebook(self.server.root / name, cells)
        other = Notebook(self.server, self.page, name, self.artefacts)
        kernel = {"id": self.kernel_id} if share_kernel else None
        self.page.evaluate(
            "([path, kernel]) => window.jupyterapp.commands"
            ".execute('docmanager:open', kernel ? { path, kernel } : { path })"
            ".then(() => undefined)",
            [name, kernel],
        )
        other.wait_ready()
        return other

    def wait_ready(self, timeout: float = TIMEOUT) -> None:
        """Wait until the notebook is there and its kernel idle."""
        self.page.wait_for_function("() => window.jupyterapp?.shell", timeout=timeout)
        self.page.evaluate(SCRIPT)
        self.wait_for("kcommTests.ready(path)", timeout)

    # -- cells ------------------------------------------------------------------------

    def run(self, index: int, wait: bool = True, timeout: float = TIMEOUT) -> str:
        """Run a cell as its user would; return its text when waited for.

        Raises
        ------
        KernelError
            If the cell raised.
        """
        self._call("run", index)
        return self.wait(index, timeout) if wait else ""

    def run_all(self, timeout: float = TIMEOUT) -> None:
        """Run every code cell, one after the other."""
        kinds = self._eval("kcommTests.panel(path).content.widgets.map((c) => c.model.type)")
        for index, kind in enumerate(kinds):
            if kind == "code":
                self.run(index, timeout=timeout)

    def wait(self, index: int, timeout: float = TIMEOUT) -> str:
        """Wait until a cell that was run has finished; return its text."""
        self.wait_for(f"kcommTests.ran(path, {index})", timeout)
        for output in self.outputs(index):
            if output["output_type"] == "error":
                raise KernelError("\n".join(output["traceback"]) or output["ename"])
        return self.text(index)

    def outputs(self, index: int) -> list[dict[str, Any]]:
        """Return a cell's outputs in the notebook format."""
        outputs: list[dict[str, Any]] = self._call("outputs", index)
        return outputs

    def text(self, index: int) -> str:
        """Return what a cell printed, showed as text and returned, one after the other."""
        return "".join(_text(output) for output in self.outputs(index))

    def output(self, index: int) -> Locator:
        """Return a cell's output area, scrolled into view (out of it, it may not exist)."""
        self._call("scroll", index)
        panel = self._eval("kcommTests.panel(path).id")
        return self.page.locator(f'[id="{panel}"] [data-windowed-list-index="{index}"] .jp-Cell-outputArea')

    # -- the kernel -------------------------------------------------------------------

    @property
    def kernel_id(self) -> str:
        """The id of the notebook's kernel."""
        kernel: str = self._eval("kcommTests.kernelId(path)")
        return kernel

    @property
    def connection_file(self) -> Path:
        """The kernel's connection file, for a client of jupyter_client."""
        return self.server.runtime / f"kernel-{self.kernel_id}.json"

    def execute(self, code: str) -> None:
        """Run code in the kernel, outside every cell; waits for running cells to end."""
        self._kernel(code, None)

    def evaluate(self, expression: str) -> Any:
        """Return an expression's value in the kernel; it must be one that JSON can say."""
        reply = self._kernel("", f"__import__('json').dumps({expression})")
        value = reply["user_expressions"]["value"]
        if value["status"] != "ok":
            raise KernelError("\n".join(value["traceback"]))
        return json.loads(ast.literal_eval(value["data"]["text/plain"]))

    def interrupt(self) -> None:
        """Interrupt the kernel."""
        self.server.api("POST", f"kernels/{self.kernel_id}/interrupt")

    def restart(self) -> None:
        """Restart the kernel from the page, and wait until it is idle."""
        self._eval("kcommTests.panel(path).sessionContext.restartKernel().then(() => undefined)")
        self.wait_ready()

    # -- looking at the page ----------------------------------------------------------

    def wait_for(self, condition: str, timeout: float = TIMEOUT) -> None:
        """Wait until an expression in the page is true; ``path`` is the notebook's path."""
        self.page.wait_for_function(f"(path) => {condition}", arg=self.path, timeout=timeout)

    def screenshot(self, name: str) -> Path:
        """Take a picture of the page and keep it with the artefacts."""
        path = self.artefacts / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def errors(self) -> list[str]:
        """Return uncaught exceptions and console errors, without JupyterLab's own noise."""
        logged = [text for kind, text in self.console if kind == "error"]
        return [text for text in self.page_errors + logged if not NOISE.search(text)]

    # -- inside -----------------------------------------------------------------------

    def _on_console(self, message: ConsoleMessage) -> None:
        self.console.append((message.type, f"{message.text} ({message.location['url']})"))

    def _on_page_error(self, error: Error) -> None:
        self.page_errors.append(error.stack or str(error))

    def _eval(self, expression: str) -> Any:
        return self.page.evaluate(f"(path) => {expression}", self.path)

    def _call(self, helper: str, index: int) -> Any:
        return self._eval(f"kcommTests.{helper}(path, {index})")

    def _kernel(self, code: str, expression: str | None) -> dict[str, Any]:
        reply: dict[str, Any] = self.page.evaluate(
            "([path, code, expression]) => kcommTests.execute(path, code, expression)",
            [self.path, code, expression],
        )
        if reply["status"] != "ok":
            raise KernelError("\n".join(reply.get("traceback", [])) or reply["status"])
        return reply


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook of code cells; a cell that begins with ``%%markdown`` becomes one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "cells": [_cell(number, source) for number, source in enumerate(cells)],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def _cell(number: int, source: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"id": f"cell-{number}", "metadata": {}, "source": source}
    if source.startswith("%%markdown\n"):
        return {**cell, "cell_type": "markdown", "source": source.removeprefix("%%markdown\n")}
    return {**cell, "cell_type": "code", "execution_count": None, "outputs": []}


def _text(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return _joined(output["text"])
    return _joined(output.get("data", {}).get("text/plain", ""))


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
