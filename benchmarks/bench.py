"""Notebooks to measure in: real servers, each with the settings of a setup, and pages in Chromium."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.setups import Setup
from tests.network.shaped import FAR, NEAR, ShapedLink
from tests.page.browser import HELP, find_browser
from tests.page.conftest import FLAGS, VIEWPORT
from tests.page.notebook import Notebook, write_notebook
from tests.page.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright, ViewportSize

HERE = Path(__file__).parent
#: Milliseconds for one measurement in a page.
PATIENCE = 180_000
#: A browser without a display's rate.
RUSH = ["--disable-frame-rate-limit", "--disable-gpu-vsync"]


class Bench:
    """What subjects measure with; servers, kernels and pages end with the block.

    Parameters
    ----------
    repetitions : int
        How often every contender has its turn.
    is_long : bool
        Whether to measure what takes many minutes, too.

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

    def __init__(self, repetitions: int, *, is_long: bool = False) -> None:
        self.repetitions = repetitions
        self.is_long = is_long
        self.versions: dict[str, str] = {}
        self._stack = ExitStack()
        self._playwright: Playwright | None = None
        self._browsers: dict[tuple[str, ...], Browser] = {}
        self._servers: dict[Setup, Server] = {}
        self._pages = 0

    def __enter__(self) -> Bench:
        self.home = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    def note_version(self, package: str) -> None:
        """Take down the version of a package that takes part."""
        try:
            self.versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            self.versions[package] = "missing"

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
        opened = self.open_notebook(setup, "kernel_side.py", "page.js", far=far)
        opened.call("open", opened.notebook.path)
        opened.set_far()
        return opened

    def open_notebook(
        self,
        setup: Setup,
        kernel_side: str,
        page_side: str,
        *,
        cells: Sequence[str] = (),
        far: bool = False,
        viewport: ViewportSize = VIEWPORT,
        is_rushed: bool = False,
        camera: Path | None = None,
        init: str = "",
    ) -> BenchPage:
        """Open a notebook whose first cell has run.

        Parameters
        ----------
        setup : Setup
            The server's settings; pages of one setup share a server.
        kernel_side, page_side : str
            Files beside this one: what the first cell holds, and what the page loads.
        cells : sequence of str
            The other cells.
        far : bool
            Whether a link is between the page and the server, which is slow from `BenchPage.set_far` on.
        viewport : dict
            The page's size in pixels.
        is_rushed : bool
            Whether its browser repaints as often as it can, whatever a display would do.
        camera : Path, optional
            What its browser's camera sees, as YUV4MPEG2; nobody is asked whether it may be used.
        init : str
            A file beside this one that runs before the page's own scripts.
        """
        server = self._serve(setup)
        self._pages += 1
        name = f"bench-{self._pages}.ipynb"
        write_notebook(server.root / name, [(HERE / kernel_side).read_text(encoding="utf-8"), *cells])
        flags = [*(RUSH if is_rushed else []), *(camera_flags(camera) if camera else [])]
        context = self._get_browser(flags).new_context(viewport=viewport)
        if init:
            context.add_init_script(path=HERE / init)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        link = self._stack.enter_context(ShapedLink(server.url, NEAR)) if far else None
        notebook = Notebook(Linked(server, link.url) if link else server, page, name, self.home)
        notebook.open()
        notebook.run(0)
        page.evaluate((HERE / page_side).read_text(encoding="utf-8"))
        return BenchPage(page, notebook, link)

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

    def _get_browser(self, flags: Sequence[str]) -> Browser:
        key = tuple(flags)
        if key not in self._browsers:
            executable = find_browser()
            if executable is None:
                raise SystemExit(HELP)
            is_root = hasattr(os, "geteuid") and os.geteuid() == 0
            args = [*FLAGS, *(["--no-sandbox"] if is_root else []), *flags]
            browser = self._get_playwright().chromium.launch(executable_path=executable, args=args)
            self._stack.callback(browser.close)
            self._browsers[key] = browser
            self.versions["Chromium"] = browser.version
        return self._browsers[key]

    def _get_playwright(self) -> Playwright:
        if self._playwright is None:
            from playwright.sync_api import sync_playwright

            self._playwright = self._stack.enter_context(sync_playwright())
        return self._playwright


def camera_flags(clip: Path) -> list[str]:
    """Return the browser's options by which its camera sees a clip."""
    return [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
    ]


class Linked(Server):
    """A running server as a page at the other end of a link sees it."""

    def __init__(self, server: Server, url: str) -> None:
        vars(self).update(vars(server))
        self.url = url


class BenchPage:
    """A page that is ready to be measured: its script is loaded."""

    def __init__(self, page: Page, notebook: Notebook, link: ShapedLink | None = None) -> None:
        self.page = page
        self.notebook = notebook
        self._link = link

    def set_far(self) -> None:
        """Let what follows go over a slow link, if the page was opened on one."""
        if self._link:
            self._link.conditions = FAR

    def close(self) -> None:
        """Close the page and its notebook's kernel."""
        kernel = self.notebook.kernel_id
        self.page.context.close()
        self.notebook.server.api("DELETE", f"kernels/{kernel}")

    def call(self, function: str, *args: Any) -> Any:
        """Call a function of the page's script, and return what it gives back."""
        return self.page.evaluate(f"args => bench.{function}(...args)", list(args))
