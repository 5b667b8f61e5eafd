"""Frames that a function draws elsewhere: in the processes, threads or machines of an executor.

A frame is encoded where it is drawn, and only its bytes travel. Pixels of 640 x 480 are 1.2 MB, and taking
them from another process costs the kernel more than a plot's few kilobytes that need no encoding any more.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import CancelledError, Future, wait
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from kcomm.animation.drawing.sequence import check_index
from kcomm.animation.drawing.sources import Picture, picture_of
from kcomm.frames import Frame, Pixels
from kcomm.frames.encoder import Encoder
from kcomm.interrupts import outlive_interrupts, submit
from kcomm.pools import (
    check_code,
    check_executor,
    check_sendable,
    closed,
    code_of,
    explain,
    sendable,
    workers_of,
)

#: Frames under way where nobody says how many workers there are. Credit keeps them fewer in most cases.
_DEPTH: Final = 16

#: How another executor comes into use.
_REMEDY: Final = "make a new executor and call kcomm.animate with it again"


class Rendered(NamedTuple):
    """What comes back from where a frame was drawn."""

    frame: Frame
    size: tuple[int, int]
    #: That of the figure, at scale 1; None if it is none.
    dpi: float | None


class PooledSource:
    """Frames that a function returns, called by an executor.

    Parameters
    ----------
    function : callable
        ``function(index)`` returns an ndarray, a figure or a PIL image.
    count : int or None
        The number of frames; None if there is no end.
    executor : concurrent.futures.Executor
        Calls it.
    """

    version = 0

    def __init__(self, function: Callable[[int], Any], count: int | None, executor: Any) -> None:
        self._executor = check_executor("prefetch", executor)
        check_sendable(function, self._executor)
        self._function = function
        self._code = code_of(function, self._executor)
        self._numbers = itertools.count()
        self.interval: float | None = None
        self.count = count
        self.repeat = count is not None
        self.size: tuple[int, int] | None = None
        self.lock = threading.RLock()
        self.title = ""
        self.scales = False
        self.dpi: float | None = None
        self.codec = "auto"
        self.quality = 0.85

    @property
    def depth(self) -> int:
        """Frames that are under way at most: one for each worker, and one that waits for it."""
        workers = workers_of(self._executor)
        return _DEPTH if workers is None else 2 * workers

    def begin(self, index: int, scale: float, *, exact: bool, budget: int | None) -> Future[Rendered]:
        """Have a frame drawn and encoded; `take` returns it when that is done."""
        check_index(index, self.count)
        options = (self.codec, self.quality, exact, budget)
        task = Task(self._function, index, scale, *options, self._code, next(self._numbers))
        try:
            return submit(self._executor, render, task)
        except Exception as error:
            explained = explain(error, [self._function], self._executor, _REMEDY)
            raise closed(error, self._executor, _REMEDY) if explained is error else explained from error

    def take(self, done: Future[Rendered]) -> Frame:
        """Return a frame that was begun, or raise what went wrong."""
        try:
            rendered = done.result()
        except (Exception, CancelledError) as error:
            explained = explain(error, [self._function], self._executor, _REMEDY)
            if explained is error:
                raise
            raise explained from error
        self.size = rendered.size
        self.dpi = rendered.dpi
        self.scales = self.scales or rendered.dpi is not None
        return rendered.frame

    def draw(self, index: int, scale: float = 1.0) -> Pixels:
        """Draw one frame, and wait for it."""
        return self.take(self.begin(index, scale, exact=True, budget=None)).pixels

    def draw_within(self, seconds: float, index: int) -> Pixels | None:
        """Draw one frame, and wait for it; None if it takes longer: the workers may be busy, or hang."""
        begun = self.begin(index, 1.0, exact=True, budget=None)
        if not wait([begun], seconds).done:
            begun.cancel()
            return None
        return self.take(begun).pixels


@dataclass(frozen=True)
class Task:
    """What is to be drawn elsewhere."""

    function: Callable[[int], Any]
    index: int
    scale: float
    codec: str
    quality: float
    exact: bool
    budget: int | None
    #: The code that the function had where it was sent from.
    code: bytes | None
    #: No two tasks are equal: Dask computes equal ones once.
    number: int


_turn = threading.RLock()
#: Functions that return no figures, by their code: their calls need no turns.
_free: set[Any] = set()


def render(task: Task) -> Rendered:
    """Draw and encode a frame, in whatever process and thread an executor calls this."""
    outlive_interrupts(render)
    check_code(task.function, task.code, _REMEDY)
    begun = time.perf_counter()
    try:
        picture = _call(task)
    except Exception as error:
        raise sendable(error)  # noqa: B904  # the same one, or what can be told of it
    frame = Frame.of(picture.pixels, index=task.index, ms={"draw": (time.perf_counter() - begun) * 1e3})
    encoder = Encoder(task.codec, task.quality)
    encoded = encoder.encode(frame, exact=task.exact, budget=task.budget)
    # Frames of other encoders have the same ids: nothing builds on this one.
    return Rendered(replace(encoded, id=None), picture.size, picture.dpi)


def _call(task: Task) -> Picture:
    """Call the function. One thread of a process makes and draws figures at a time: so pyplot needs it."""
    # Of a function that is sent by value, each call is of another object; one that is defined anew under its
    # old name is another function.
    code = getattr(task.function, "__code__", type(task.function))
    if code in _free:
        picture = picture_of(task.function(task.index), task.scale)
        if picture.dpi is not None:
            _free.discard(code)
        return picture
    with _turn:
        picture = picture_of(task.function(task.index), task.scale)
    if picture.dpi is None:
        _free.add(code)
    return picture


def _renew_locks() -> None:
    """Free the locks that some thread held when the process was forked: here it does not exist."""
    global _turn
    _turn = threading.RLock()
    figures: Any = sys.modules.get("kcomm.animation.drawing.figures")
    if figures is not None:
        figures._drawing = threading.RLock()
        figures._locks_lock = threading.Lock()
        figures._locks = weakref.WeakKeyDictionary()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
