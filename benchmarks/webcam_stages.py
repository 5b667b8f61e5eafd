"""Notebooks in which a contender processes the frames of a camera, and what is seen in them."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from playwright.sync_api import Error as PlaywrightError

from benchmarks.bench import Bench
from benchmarks.processes import Processes
from benchmarks.setups import BOTH
from tests.page.camera import BITS, BLOCK, READER, WIDTH, write_clip

if TYPE_CHECKING:
    from playwright.sync_api import ViewportSize

#: Wide enough that the largest picture is shown in its own size.
VIEWPORT: ViewportSize = {"width": 1800, "height": 1100}
KCOMM = "kcomm"
PEERS = ("cookbook", "Panel")
CONTENDERS = (KCOMM, *PEERS)
#: What the camera itself gives, as a contender of its own in tables.
CAMERA = "camera"
#: Where each of them shows its result.
SELECTORS = {KCOMM: "canvas.kcomm-Screen", "cookbook": "img", "Panel": "img"}
PACKAGES = ("anywidget", "av", "ipywidgets", "panel", "pillow", "scikit-image")
#: Milliseconds until a contender that was started has painted something; and until it is started again, once.
PATIENCE, HOPE = 30_000, 8_000
#: Delays that tell what the next one is about.
LAST = 5
Process = Literal["edges", "keep"]
#: The number of a frame, and when: milliseconds of the page's clock.
Event = Sequence[float]


@dataclass(frozen=True)
class Seen:
    """What was seen of a contender within some time.

    Attributes
    ----------
    figures : mapping
        ``rate``, ``camera``, ``display`` a second; ``frames`` that were painted; bytes ``up`` and ``down``.
    size : (int, int)
        Pixels of what was painted last.
    kernel, page : float
        Seconds of the processor that the kernel and the browser's pages took.
    painted, read : sequence of (number, time)
        Frames as they were painted and as the camera gave them, from the very beginning.
    """

    figures: Mapping[str, float]
    size: tuple[int, ...]
    kernel: float
    page: float
    painted: Sequence[Event] = field(repr=False)
    read: Sequence[Event] = field(repr=False)

    @property
    def frames(self) -> float:
        """How many frames were painted within the time."""
        return self.figures["frames"]

    def delays(self) -> list[tuple[float, float]]:
        """Return when frames were painted within the time, and milliseconds since the camera gave them."""
        since, until = self.figures["since"], self.figures["until"]
        return [(time, delay) for time, delay in delays(self.read, self.painted) if since < time <= until]


class Stage:
    """A page in which a contender shows the camera.

    Parameters
    ----------
    bench : Bench
        Opens the page.
    kind : str
        The contender.
    size : (int, int)
        The only pictures that the camera has, in pixels.
    far : bool
        Whether the page is on the far end of a slow link.
    settings : mapping, optional
        What the contender has other than by default.
    """

    def __init__(
        self,
        bench: Bench,
        kind: str,
        size: tuple[int, int],
        *,
        far: bool = False,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        for package in PACKAGES:
            bench.note_version(package)
        self._kind = kind
        width, height = size
        page = bench.open_notebook(
            BOTH,
            "webcam_side.py",
            "webcam.js",
            cells=[f"show({kind!r}, {width}, {height}, **{settings or {}!r})"],
            far=far,
            viewport=VIEWPORT,
            camera=clip_of(bench.home, size),
            init="webcam_setup.js",
        )
        self.page = page
        page.page.evaluate(f"() => {{ window.readNumber = {READER}; }}")
        options = {"width": width, "height": height, "bits": BITS, "share": BLOCK / WIDTH}
        page.call("open", page.notebook.path, options)
        page.notebook.run(1)
        page.call("look", 1)
        self.processes = Processes(page)
        page.set_far()

    def close(self) -> None:
        """Close the page."""
        self.page.close()

    @contextmanager
    def running(self, process: Process, warming: int, *, is_read: bool) -> Iterator[None]:
        """Have it run within the block, which begins some milliseconds after the first painted frames."""
        self.page.call("look", 1)
        selector = SELECTORS[self._kind]
        options = {"selector": selector, "isEdges": process == "edges", "isRead": is_read}
        try:
            try:
                self._begin(process, options, warming, HOPE)
            except PlaywrightError:
                # Now and then Panel loses the message that starts it.
                self._end()
                self._begin(process, options, warming, PATIENCE)
            yield
        finally:
            self._end()

    def _begin(self, process: Process, options: Mapping[str, object], warming: int, patience: int) -> None:
        self.page.call("execute", f"shown.start({process!r})", PATIENCE)
        self.page.call("begin", 1, options, warming, patience)

    def _end(self) -> None:
        self.page.call("end")
        self.page.call("execute", "shown.stop()", PATIENCE)

    def watch(self, process: Process, warming: int, window: int, *, is_read: bool) -> Seen:
        """Run for some milliseconds, and return what was seen in the last `window` of them."""
        with self.running(process, warming, is_read=is_read):
            before = self.processes.seconds()
            figures = self.page.call("count", window)
            size = tuple(figures.pop("size"))
            kernel, page = (now - then for now, then in zip(self.processes.seconds(), before, strict=True))
            events = self.page.call("end")
        return Seen(figures, size, kernel, page, events["painted"], events["seen"])


def clip_of(home: Path, size: tuple[int, int]) -> Path:
    """Return what the camera of a size sees."""
    return write_clip(home / f"camera-{size[0]}x{size[1]}.y4m", size)


def delays(read: Sequence[Event], painted: Sequence[Event]) -> list[tuple[float, float]]:
    """Return when each frame was painted, and how long after the camera gave it.

    The numbers of frames go round, so that a painted one may be from this round or from one before: it is the
    one whose delay is nearest to those of the last few. So a delay is followed however large it gets, if it
    begins with less than a round, and a number that was not read right does not disturb those of others.

    Parameters
    ----------
    read, painted : sequence of (number, time)
        What the camera gave and what was painted, each in order, with times in milliseconds.
    """
    given: dict[float, list[float]] = {}
    for number, time in read:
        given.setdefault(number, []).append(time)
    found: list[tuple[float, float]] = []
    last: deque[float] = deque([0.0], maxlen=LAST)
    for number, time in painted:
        expected = statistics.median(last)
        possible = [time - when for when in given.get(number, []) if when <= time]
        if possible:
            delay = min(possible, key=lambda delay: abs(delay - expected))
            found.append((time, delay))
            last.append(delay)
    return found


def percentile(figures: Sequence[float], share: float) -> float:
    """Return the figure below which a share of all lies."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def median(figures: Sequence[float]) -> float:
    """Return the median.

    Raises
    ------
    ValueError
        If there are no figures.
    """
    if not figures:
        raise ValueError("no painted frame could be found among the camera's")
    return statistics.median(figures)
