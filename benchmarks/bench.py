"""Notebooks to measure in: real servers, each with the settings of a setup, and pages in Chromium."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.setups import Setup
from tests.network.shaped import FAR, NEAR, ShapedLink
from tests.page.browser import HELP, find_browser
from tests.page.conftest import FLAGS, VIEWPORT
from tests.page.notebook import Notebook, write_notebook
from tests.page.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HERE = Path(__file__).parent
#: Milliseconds for one measurement in a page.
PATIENCE = 180_000


class Bench:
    """What subjects measure with; servers, kernels and pages end with the block.

    Parameters
    ----------
    repetitions : int
        How often every contender has its turn.

    Attributes
    ----------
    versions : dict
        Those of programs that took part, beside Python and its packages.

    Examples
    --------
    >>> with Bench(repetitions=7) as bench:  # doctest: +SKIP
    ...     page = bench.open(STOCK)
    ...     page.call("calls", "kcomm", 20)
    [49.1, 48.3, ...]
    """

    def __init__(self, repetitions: int) -> None:
        self.repetitions = repetitions
        self.versions: dict[str, str] = {}
        self._stack = ExitStack()
        self._browser: Browser | None = None
        self._servers: dict[Setup, Server] = {}
        self._pages = 0

    def __enter__(self) -> Bench:
        self.home = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def turns(self, contenders: Iterable[Callable[[], object]], at_most: int | None = None) -> None:
        """Let every contender measure once, then again, until all repetitions are done.

        Every second round goes backwards: whoever comes first may find caches cold, or a page asleep.
        """
        every = list(contenders)
        for _ in range(min(self.repetitions, at_most or self.repetitions)):
            for contender in every:
                contender()
            every.reverse()

    def open(self, setup: Setup, *, far: bool = False) -> BenchPage:
        """Open a notebook whose kernel and page are ready to be measured.

        Parameters
        ----------
        setup : Setup
            The server's settings; pages of one setup share a server.
        far : bool
            Whether the page is on the far end of a slow link, once it is ready.
        """
        server = self._serve(setup)
        self._pages += 1
        name = f"bench-{self._pages}.ipynb"
        write_notebook(server.root / name, [(HERE / "kernel_side.py").read_text(encoding="utf-8")])
        page = self._get_browser().new_context(viewport=VIEWPORT).new_page()
        page.set_default_timeout(PATIENCE)
        link = self._stack.enter_context(ShapedLink(server.url, NEAR)) if far else None
        notebook = Notebook(Linked(server, link.url) if link else server, page, name, self.home)
        notebook.open()
        notebook.run(0)
        page.evaluate((HERE / "page.js").read_text(encoding="utf-8"))
        opened = BenchPage(page, notebook)
        opened.call("open", name)
        if link:
            link.conditions = FAR
        return opened

    def _serve(self, setup: Setup) -> Server:
        if setup in self._servers:
            return self._servers[setup]
        home = self.home / f"server-{len(self._servers)}"
        setup.write(home)
        server = Server(home)
        self._stack.callback(server.stop)
        server.start()
        self._servers[setup] = server
        return server

    def _get_browser(self) -> Browser:
        if self._browser is None:
            from playwright.sync_api import sync_playwright

            executable = find_browser()
            if executable is None:
                raise SystemExit(HELP)
            playwright = self._stack.enter_context(sync_playwright())
            is_root = hasattr(os, "geteuid") and os.geteuid() == 0
            args = [*FLAGS, *(["--no-sandbox"] if is_root else [])]
            self._browser = playwright.chromium.launch(executable_path=executable, args=args)
            self._stack.callback(self._browser.close)
            self.versions["Chromium"] = self._browser.version
        return self._browser


class Linked(Server):
    """A running server as a page at the other end of a link sees it."""

    def __init__(self, server: Server, url: str) -> None:
        vars(self).update(vars(server))
        self.url = url


class BenchPage:
    """A page that is ready: `page.js` is loaded, a raw comm and a channel are open."""

    def __init__(self, page: Page, notebook: Notebook) -> None:
        self.page = page
        self.notebook = notebook

    def call(self, function: str, *args: Any) -> Any:
        """Call a function of `page.js`, and return what it gives back."""
        return self.page.evaluate(f"args => bench.{function}(...args)", list(args))
