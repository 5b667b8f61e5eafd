"""Notebooks in which each contender shows the same animation, a page for each of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.bench import Bench, BenchPage
from benchmarks.figures import Case
from benchmarks.setups import BOTH

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

#: Wide enough that the largest figure is shown in its own size.
VIEWPORT: ViewportSize = {"width": 2100, "height": 1700}
KCOMM = "kcomm"
EXECUTED = "execute and savefig"
#: As their manuals have it.
PEERS = ("ipympl", "jupyter_rfb", "ipywidgets.Image", EXECUTED)
#: With matplotlib's blitting written out by the user.
BY_HAND = ("ipympl, blit by hand", "jupyter_rfb, blit by hand", "ipywidgets.Image, blit by hand")
#: Packages whose versions the results name.
PACKAGES = ("matplotlib", "ipympl", "jupyter_rfb", "ipywidgets", "pillow", "simplejpeg")
#: Counts frames after some milliseconds, for some: of each view its rate and what else there is to say.
Count = Callable[[int, int], list[dict[str, float]]]
#: Milliseconds until a frame is there at all.
PATIENCE = 30_000


@dataclass(frozen=True)
class Show:
    """What a cell shows: a contender's animation at a size in pixels, and more that it is told."""

    kind: str
    size: tuple[int, int]
    settings: str = ""
    views: int = 1

    @property
    def cells(self) -> list[str]:
        """The cells: the first one makes it, each further one shows it again."""
        call = f"show({self.key!r}, {self.kind!r}, {self.size[0]}, {self.size[1]}, {self.settings})"
        return [call, *[f"shown[{self.key!r}].player"] * (self.views - 1)]

    @property
    def key(self) -> str:
        """What the kernel knows it by."""
        return f"{self.kind} {self.size[0]}x{self.size[1]} {self.settings} {self.views}"


class Stage:
    """A page in which a contender shows its animation, in one cell or several for each show.

    Parameters
    ----------
    bench : Bench
        Opens the page.
    shows : sequence of Show
        In order; all by one kernel.
    far, is_rushed : bool
        As for `Bench.open_notebook`.
    """

    def __init__(
        self, bench: Bench, shows: Sequence[Show], *, far: bool = False, is_rushed: bool = False
    ) -> None:
        self._cells: dict[Show, list[int]] = {}
        cells: list[str] = []
        for show in shows:
            self._cells[show] = [len(cells) + i for i in range(1, 1 + show.views)]
            cells += show.cells
        self.page = open_page(bench, cells, far=far, is_rushed=is_rushed)
        for show, numbers in self._cells.items():
            for number in numbers:
                self.page.notebook.run(number)
            # Scaled pictures would cost less: of each the one that is measured is the figure's.
            found = self.page.call("shows", numbers[0], PATIENCE)
            if tuple(found) != show.size:
                raise ValueError(f"{found[0]} x {found[1]} pixels are shown in place of {show.size}")
        self.page.set_far()

    @contextmanager
    def playing(self, show: Show, warming: int) -> Iterator[Count]:
        """Play for some milliseconds, then within the block; what it gives counts in each cell's view."""
        numbers = self._cells[show]

        def count(waiting: int, ms: int) -> list[dict[str, float]]:
            found: list[dict[str, float]] = self.page.call("count", numbers, waiting, ms)
            return found

        self.page.call("shows", numbers[0], PATIENCE)
        self.start(show)
        try:
            count(warming, 1)
            yield count
        finally:
            self.stop(show)

    def count(self, show: Show, warming: int, ms: int) -> list[dict[str, float]]:
        """Play for some milliseconds; return what each cell's view painted."""
        with self.playing(show, warming) as count:
            return count(0, ms)

    def play_on(self, show: Show, frames: int) -> int:
        """Play until so many more frames were painted; return how many there were in the time there is."""
        self.start(show)
        try:
            painted: int = self.page.call("countTo", self._cells[show][0], frames)
        finally:
            self.stop(show)
        return painted

    def samples(self, show: Show, count: int) -> list[tuple[int, str]]:
        """Play, and return some of the frames that were painted: their numbers and hashes."""
        number = self._cells[show][0]
        self.page.call("shows", number, PATIENCE)
        self.start(show)
        try:
            return [(phase, digest) for phase, digest in self.page.call("samples", number, count)]
        finally:
            self.stop(show)

    def count_exact(self, show: Show, count: int) -> tuple[int, int]:
        """Return how many of the frames that were painted equal full draws, and of how many."""
        found = self.samples(show, count)
        phases = [phase for phase, _ in found]
        width, height = show.size
        drawn = self.page.notebook.evaluate(f"hashes({width}, {height}, {phases})")
        return sum(digest == own for (_, digest), own in zip(found, drawn, strict=True)), len(found)

    def start(self, show: Show) -> None:
        """Play."""
        if show.kind == EXECUTED:
            self.page.call("execute", show.key, self._cells[show][0])
        else:
            self.page.notebook.execute(f"shown[{show.key!r}].start()")

    def stop(self, show: Show) -> None:
        """Pause."""
        if show.kind == EXECUTED:
            self.page.call("stopExecuting")
        else:
            self.page.notebook.execute(f"shown[{show.key!r}].stop()")


class Contest:
    """Measures contenders in turns; one that can't be measured has its error in place of figures."""

    def __init__(self) -> None:
        self.failed: dict[str, str] = {}

    def turn(self, contender: str, cases: Sequence[Case], work: Callable[[], None]) -> Callable[[], None]:
        """Return what does the work, once and for all cases, unless the contender failed before."""

        def run() -> None:
            if contender not in self.failed:
                try:
                    work()
                except Exception as error:
                    self.failed[contender] = describe(error)
            if contender in self.failed:
                for case in cases:
                    case.fail(contender, self.failed[contender])

        return run


def open_page(bench: Bench, cells: Sequence[str], *, far: bool = False, is_rushed: bool = False) -> BenchPage:
    """Open a notebook of cells that show contenders."""
    for package in PACKAGES:
        bench.note_version(package)
    page = bench.open_notebook(
        BOTH,
        "animation_side.py",
        "animation.js",
        cells=cells,
        far=far,
        viewport=VIEWPORT,
        is_rushed=is_rushed,
    )
    page.call("open", page.notebook.path)
    return page


def describe(error: Exception) -> str:
    """Return an error's message on one line, without the colours of tracebacks."""
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines() or [type(error).__name__]
    # A traceback of the kernel tells at its end what happened, an error of the page at its beginning.
    line = lines[-1] if "Traceback" in str(error) or "Cell" in lines[0] else lines[0]
    return f"failed: {line[:160]}"


def sum_of(found: Sequence[dict[str, Any]], key: str) -> float:
    """Return the sum over views."""
    return float(sum(view[key] for view in found))
