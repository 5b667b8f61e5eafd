"""Frames that a function draws elsewhere: in the processes, threads or machines of an executor.

A frame is encoded where it is drawn, and only its bytes travel. Pixels of 640 x 480 are 1.2 MB, and taking
them from another process costs the kernel more than a plot's few kilobytes that need no encoding any more.
"""

from __future__ import annotations

import io
import itertools
import os
import pickle
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, NamedTuple

from kcomm.animation.drawing.interrupts import outlive_interrupts
from kcomm.animation.drawing.sequence import check_index
from kcomm.animation.drawing.sources import Picture, picture_of
from kcomm.errors import BadArgumentsError, KcommError, RemoteError
from kcomm.frames import Frame, Pixels
from kcomm.frames.encoder import Encoder

#: Frames under way where nobody says how many workers there are. Credit keeps them fewer in most cases.
_DEPTH: Final = 16

_REMEDY: Final = (
    "move it to a module of its own and import it from there, or use an executor that sends functions by "
    "value, such as loky.get_reusable_executor() or dask.distributed's client.get_executor()"
)


class PoolError(KcommError):
    """An executor could not draw a frame, whatever the function does."""

    default_code: ClassVar[str] = "kcomm.pool_broken"


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
        if not isinstance(executor, Executor):
            raise BadArgumentsError(
                "prefetch is a concurrent.futures.Executor, such as ProcessPoolExecutor(4) or "
                f"dask.distributed's client.get_executor(), not {type(executor).__name__}"
            )
        check_sendable(function, executor)
        self._function = function
        self._executor = executor
        # Other executors send the function itself, perhaps to another version of Python.
        self._code = _code_of(function) if isinstance(executor, ProcessPoolExecutor) else None
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
        workers = getattr(self._executor, "_max_workers", None)
        return 2 * workers if isinstance(workers, int) and workers > 0 else _DEPTH

    def begin(self, index: int, scale: float, *, exact: bool, budget: int | None) -> Future[Rendered]:
        """Have a frame drawn and encoded; `take` returns it when that is done."""
        check_index(index, self.count)
        options = (self.codec, self.quality, exact, budget)
        task = Task(self._function, index, scale, *options, self._code, next(self._numbers))
        try:
            return self._executor.submit(render, task)
        except Exception as error:
            explained = self._explain(error)
            raise self._closed(error) if explained is error else explained from error

    def take(self, done: Future[Rendered]) -> Frame:
        """Return a frame that was begun, or raise what went wrong."""
        try:
            rendered = done.result()
        except (Exception, CancelledError) as error:
            explained = self._explain(error)
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

    def _explain(self, error: BaseException) -> BaseException:
        """Return an error that says what to do where the executor's own does not."""
        name = _name_of(self._function)
        if isinstance(error, BrokenExecutor) or type(error).__name__ in ("KilledWorker", "LostWorkerError"):
            stale = ""
            if _is_of_main(self._function):
                stale = f", or {name} was defined after the pool had begun its processes"
            return PoolError(
                f"the {type(self._executor).__name__} is broken: one of its workers died (killed, out of "
                f"memory, crashed{stale}). Make a new executor and call kcomm.animate with it again: {error}"
            )
        if isinstance(error, CancelledError):
            return self._closed(error)
        if isinstance(error, pickle.PicklingError) or (
            isinstance(error, (TypeError, AttributeError)) and "pickle" in str(error)
        ):
            return BadArgumentsError(
                f"{name}, or what it returned, can't be sent to or from another process ({error}): {_REMEDY}"
            )
        return error

    def _closed(self, error: BaseException) -> PoolError:
        reason = f" ({type(error).__name__}: {error})" if str(error) else ""
        return PoolError(
            f"the {type(self._executor).__name__} takes no frames any more{reason}: keep it open while the "
            "player is used, or make a new one and call kcomm.animate with it again",
            code="kcomm.pool_closed",
        )


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
    if task.code is not None and task.code != _code_of(task.function):
        raise PoolError(
            f"{_name_of(task.function)} was defined anew since the pool began its processes, which still "
            "have the old one: make a new executor and call kcomm.animate with it again"
        )
    begun = time.perf_counter()
    try:
        picture = _call(task)
    except Exception as error:
        raise _sendable(error)  # noqa: B904  # the same one, or what can be told of it
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


def _sendable(error: Exception) -> Exception:
    """Return the error, or one that says the same: a pool breaks over an error that it can't unpickle."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RemoteError(f"{type(error).__name__}: {error}", data={"type": type(error).__name__})
    return error


def check_sendable(function: Callable[[int], Any], executor: Executor) -> None:
    """Raise if a pool of processes can't be sent a function; others say so themselves, or take any."""
    if not isinstance(executor, ProcessPoolExecutor):
        return
    finder = _Finder()
    try:
        finder.dump(function)
    except Exception as error:
        raise BadArgumentsError(
            f"{_name_of(function)} can't be sent to the processes of a ProcessPoolExecutor ({error}): "
            f"{_REMEDY}"
        ) from error
    context: Any = getattr(executor, "_mp_context", None)
    method = context.get_start_method() if context is not None else "fork"
    if finder.found and method != "fork" and not _main_can_be_imported():
        raise BadArgumentsError(
            f"{', '.join(sorted(finder.found))} is defined in the notebook, and processes begun with "
            f"{method!r} know nothing of that: {_REMEDY}"
        )


class _Finder(pickle.Pickler):
    """Pickles to nowhere, and finds what is pickled as a name in ``__main__``."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), pickle.HIGHEST_PROTOCOL)
        self.found: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        """Look at a function or class, and leave it to pickle."""
        if _is_of_main(value) and hasattr(value, "__qualname__"):
            self.found.add(value.__qualname__)
        return NotImplemented


def _main_can_be_imported() -> bool:
    """Whether another process can run what is ``__main__`` here: a script or a module, and no notebook."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    return bool(getattr(spec, "name", None) or getattr(main, "__file__", None))


def _is_of_main(value: Any) -> bool:
    return getattr(value, "__module__", None) == "__main__"


def _code_of(function: Any) -> bytes | None:
    """Return what tells a function of the notebook from one of the same name that was defined later."""
    code = getattr(function, "__code__", None)
    if code is None or not _is_of_main(function):
        return None
    return repr(_told(code)).encode(errors="replace")


def _told(const: Any) -> Any:
    """Return what tells one constant of a function from another, the same in every process."""
    if hasattr(const, "co_code"):
        return const.co_code, const.co_names, [_told(inner) for inner in const.co_consts]
    if isinstance(const, (tuple, frozenset)):
        return sorted(repr(_told(item)) for item in const) if isinstance(const, frozenset) else const
    return const


def _name_of(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _renew_locks() -> None:
    """Free the locks that some thread held when the process was forked: here it does not exist."""
    global _turn
    _turn = threading.RLock()
    figures: Any = sys.modules.get("kcomm.animation.drawing.figures")
    if figures is not None:
        figures._drawing = threading.RLock()
        figures._locks_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_locks)
