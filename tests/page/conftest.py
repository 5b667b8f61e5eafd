"""Fixtures for tests in a real page: JupyterLab's server, Chromium, a notebook in it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.page.browser import HELP, find_browser
from tests.page.camera import write_clip
from tests.page.notebook import Notebook, write_notebook
from tests.page.server import INSECURE_HOST, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright, ViewportSize

FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    f"--host-resolver-rules=MAP {INSECURE_HOST} 127.0.0.1",
    # Tests look at pages that no one sees.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]
VIEWPORT: ViewportSize = {"width": 1280, "height": 900}

#: How a test's phases went, for the fixtures that tidy up after it.
REPORTS = pytest.StashKey[dict[str, pytest.TestReport]]()

OpenNotebook = Callable[..., Notebook]
OpenBrowser = Callable[[str], "Browser"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep each phase's report, so that a fixture can tell whether its test failed."""
    report: pytest.TestReport = yield  # type: ignore[assignment]  # pytest sends the result
    item.stash.setdefault(REPORTS, {})[report.when] = report
    return report  # type: ignore[return-value]  # a wrapper returns what it was sent


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """The folder for screenshots and logs: ``$KCOMM_ARTEFACTS``, else tests/artefacts."""
    default = Path(__file__).parents[1] / "artefacts"
    folder = Path(os.environ.get("KCOMM_ARTEFACTS", default))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with JupyterLab and Notebook 7, for the whole run."""
    server = Server(tmp_path_factory.mktemp("jupyter"))
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def camera_clip(request: pytest.FixtureRequest) -> Path:
    """What the browser's camera sees: a panned photograph (see camera.py)."""
    return write_clip(request.config.cache.mkdir("camera") / "clip-2.y4m")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright's synchronous interface."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def open_browser(playwright: Playwright, camera_clip: Path) -> Iterator[OpenBrowser]:
    """Chromium by what its camera does: ``"clip"``, ``"two"`` (cameras), ``"denied"`` or ``"missing"``."""
    executable = find_browser()
    if executable is None:
        pytest.fail(HELP)
    cameras = {
        "clip": [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera_clip}",
        ],
        "two": [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream=device-count=2",
        ],
        "denied": ["--use-fake-device-for-media-stream"],
        "missing": [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream=device-count=0",
        ],
    }
    browsers: dict[str, Browser] = {}

    def open_one(camera: str = "clip") -> Browser:
        if camera not in browsers:
            root = hasattr(os, "geteuid") and os.geteuid() == 0
            browsers[camera] = playwright.chromium.launch(
                executable_path=executable,
                args=[*FLAGS, *cameras[camera], *(["--no-sandbox"] if root else [])],
            )
        return browsers[camera]

    yield open_one
    for browser in browsers.values():
        browser.close()


@pytest.fixture
def camera() -> str:
    """The camera of the test's browser; override it with ``@pytest.mark.parametrize``."""
    return "clip"


@pytest.fixture
def context(
    open_browser: OpenBrowser,
    camera: str,
    lab: Server,
    artefacts: Path,
    request: pytest.FixtureRequest,
) -> Iterator[BrowserContext]:
    """A browser without memory of earlier tests; pictures of its pages if the test fails."""
    opened = open_browser(camera).new_context(viewport=VIEWPORT)
    opened.set_default_timeout(30_000)
    yield opened
    call = request.node.stash.get(REPORTS, {}).get("call")
    try:
        if call is None or call.failed:
            _keep(opened, lab, artefacts, request.node.name)
    finally:
        opened.close()
        lab.stop_kernels()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page."""
    return context.new_page()


@pytest.fixture
def open_notebook(
    lab: Server, context: BrowserContext, artefacts: Path, request: pytest.FixtureRequest
) -> OpenNotebook:
    """Open a notebook of these cells: ``open_notebook(cells, name=None, app="lab", page=None, ...)``.

    ``app`` is ``"lab"`` or ``"notebook"``; ``cells`` may be the path of an .ipynb to copy; ``host`` and
    ``url`` are as for `Notebook.open`.
    """
    stem = re.sub(r"\W+", "-", request.node.name).strip("-")
    count = 0

    def open_one(
        cells: Sequence[str] | Path,
        name: str | None = None,
        app: str = "lab",
        page: Page | None = None,
        host: str = "127.0.0.1",
        url: str | None = None,
    ) -> Notebook:
        nonlocal count
        count += 1
        path = name or f"{stem}-{count}.ipynb"
        if isinstance(cells, Path):
            shutil.copy(cells, lab.root / path)
        else:
            write_notebook(lab.root / path, cells)
        notebook = Notebook(lab, page or context.new_page(), path, artefacts)
        notebook.open(app, host, url)
        return notebook

    return open_one


def _keep(context: BrowserContext, server: Server, artefacts: Path, name: str) -> None:
    """Save what helps to understand a failure."""
    stem = "failed-" + re.sub(r"\W+", "-", name).strip("-")
    for number, page in enumerate(context.pages):
        page.screenshot(path=artefacts / f"{stem}-{number}.png")
    shutil.copy(server.log, artefacts / f"{stem}.log")
