"""What processes take: a notebook's kernel, and the browser's processes that run pages."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil

from benchmarks.bench import BenchPage

MB = 1e6


@dataclass(frozen=True)
class Memory:
    """Megabytes: of the kernel, of the browser's pages, and of what JavaScript holds there."""

    kernel: float
    page: float
    script: float


class Processes:
    """The processes behind a page; of the browser there are those of all its pages.

    Parameters
    ----------
    page : BenchPage
        An open page with a running kernel.
    """

    def __init__(self, page: BenchPage) -> None:
        self._page = page
        self._kernel = psutil.Process(page.notebook.evaluate("__import__('os').getpid()"))
        self._session = page.page.context.new_cdp_session(page.page)

    def memory(self) -> Memory:
        """Return what is held once what nobody needs has been collected."""
        self._page.notebook.execute("__import__('gc').collect()")
        for _ in range(2):
            self._session.send("HeapProfiler.collectGarbage")
            time.sleep(0.2)
        heap = self._session.send("Runtime.getHeapUsage")
        held = heap["usedSize"] + heap.get("backingStorageSize", 0) + heap.get("embedderHeapUsedSize", 0)
        pages = sum(process.memory_info().rss for process in find_renderers())
        return Memory(self._kernel.memory_info().rss / MB, pages / MB, held / MB)

    def seconds(self) -> tuple[float, float]:
        """Return the processor's seconds that the kernel and the pages took so far."""
        kernel, *pages = [sum(process.cpu_times()[:2]) for process in (self._kernel, *find_renderers())]
        return kernel, sum(pages)


def find_renderers() -> list[psutil.Process]:
    """Return the processes that run pages."""
    return [process for process in psutil.Process().children(recursive=True) if is_renderer(process)]


def is_renderer(process: psutil.Process) -> bool:
    """Whether a process runs a browser's page; one that has just ended does not."""
    try:
        return any("--type=renderer" in word for word in process.cmdline())
    except psutil.Error:
        return False
