"""What every test shares: markers by folder, and an order that suits Playwright."""

from __future__ import annotations

import os
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from kcomm.transport.memory import MemoryHost

#: A slow machine is no defect, and CI must find the same on every run.
settings.register_profile("kcomm", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("kcomm")

HERE = Path(__file__).parent
#: Playwright's loop stays "running" in the main thread, where no other can then start,
#: so whatever drives a browser comes after everything else.
ORDER = {"unit": 0, "kernel": 1, "wheel": 2, "page": 3}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder, and sort them by kind."""
    for item in items:
        if not item.path.is_relative_to(HERE):
            continue
        folder = item.path.relative_to(HERE).parts[0]
        if folder in ("kernel", "page"):
            item.add_marker(folder)

    def kind(item: pytest.Item) -> int:
        return max(order for name, order in ORDER.items() if name == "unit" or marked(item, name))

    def marked(item: pytest.Item, name: str) -> bool:
        return item.get_closest_marker(name) is not None

    items.sort(key=kind)


@pytest.fixture
def host() -> Iterator[MemoryHost]:
    """Where targets are found: this process, with no kernel."""
    with MemoryHost() as memory:
        yield memory


@pytest.fixture
def tidy() -> Iterator[None]:
    """No warning, and no figure left."""
    from matplotlib import pyplot

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    pyplot.close("all")


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, as in a kernel; jobs in the background are begun with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
