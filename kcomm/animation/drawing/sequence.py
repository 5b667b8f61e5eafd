"""The data of frames by number: random access to what matplotlib only walks through."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Protocol

import numpy as np

from kcomm.errors import KcommError

#: Frame data kept of a sequence that can only be walked through, for steps back.
KEPT = 100
#: Frame data passed over in one go; an endless generator must not be walked through for ever.
MAX_SKIPPED = 1_000_000
#: Numbers of frames are below this: JavaScript's are exact up to there.
END: Final = 2**53

_is_wanted: ContextVar[Callable[[], bool]] = ContextVar("kcomm_frame_is_wanted")


class FrameRangeError(KcommError, IndexError):
    """There is no frame of that number, or no more."""

    default_code = "kcomm.bad_arguments"


class FrameData(Protocol):
    """What each frame is made from."""

    @property
    def count(self) -> int | None:
        """The number of frames; None while it is not known, or if there is no end."""
        ...

    @property
    def can_rewind(self) -> bool:
        """Whether the first frame can be asked for again at any time."""
        ...

    def get(self, index: int) -> Any:
        """Return the data of a frame, or raise `FrameRangeError`."""
        ...


class Fixed:
    """A sequence: every frame at any time."""

    can_rewind = True

    def __init__(self, items: Sequence[Any] | np.ndarray[Any, Any]) -> None:
        self._items = items

    @property
    def count(self) -> int:
        """The number of frames."""
        return len(self._items)

    def get(self, index: int) -> Any:
        """Return the data of a frame."""
        check_index(index, self.count)
        return self._items[index]


class Counted:
    """The numbers from 0 on, with no end."""

    can_rewind = True
    count = None

    def get(self, index: int) -> int:
        """Return the number itself."""
        check_index(index, None)
        return index


class Walked:
    """What an iterator gives, one after the other; the last few are kept.

    Parameters
    ----------
    begin : callable
        Returns a new iterator from the first item on.
    can_rewind : bool
        Whether `begin` can be called more than once.
    kept : int
        The number of items that are kept.
    """

    def __init__(self, begin: Callable[[], Iterator[Any]], *, can_rewind: bool, kept: int = KEPT) -> None:
        self._begin = begin
        self._iterator = begin()
        self.can_rewind = can_rewind
        self._kept_count = kept
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._next = 0
        self._failure: Exception | None = None
        self.count: int | None = None

    def get(self, index: int) -> Any:
        """Return the data of a frame, walking there if need be."""
        check_index(index, self.count)
        if index in self._kept:
            return self._kept[index]
        if index < self._next:
            self._rewind(index)
        if self._failure is not None:
            # To ask on would look as if there were no more frames: a generator that raised has ended.
            failure = self._failure
            raise KcommError(
                f"the frames end with number {self._next - 1}: what gives them raised "
                f"{type(failure).__name__}: {failure}",
                code="kcomm.handler_error",
            ) from failure
        if index - self._next > MAX_SKIPPED:
            raise FrameRangeError(
                f"frame {index} is {index - self._next} frames ahead; frames that come from a generator are "
                f"walked through one by one, at most {MAX_SKIPPED} at once"
            )
        is_wanted = _is_wanted.get(None)
        for _ in range(index + 1 - self._next):
            # The figure is locked all the while; what may take minutes is not done for nobody.
            if is_wanted is not None and not is_wanted():
                raise FrameRangeError(f"nobody waits for frame {index} any more; the next is {self._next}")
            self._advance()
        return self._kept[index]

    def _advance(self) -> None:
        try:
            item = next(self._iterator)
        except StopIteration:
            self.count = self._next
            raise FrameRangeError(
                f"the frames end with number {self._next - 1}" if self._next else "there are no frames"
            ) from None
        except Exception as error:
            self._failure = error
            raise
        except BaseException as error:  # an interrupted cell
            if self.can_rewind:
                self._restart()
            else:
                self._failure = RuntimeError(f"it was interrupted by {type(error).__name__}")
            raise
        self._kept[self._next] = item
        self._next += 1
        if len(self._kept) > self._kept_count:
            self._kept.popitem(last=False)

    def _rewind(self, index: int) -> None:
        if not self.can_rewind:
            first = next(iter(self._kept), self._next)
            raise FrameRangeError(
                f"frame {index} is gone: the frames come from an iterator that can't begin again, and "
                f"only those from {first} on are kept; give the animation a generator function, a list, "
                "or save_count="
            )
        self._restart()

    def _restart(self) -> None:
        self._iterator = self._begin()
        self._kept.clear()
        self._next = 0
        self._failure = None


class Cut:
    """The first frames of others.

    Parameters
    ----------
    data : FrameData
        The others.
    count : int
        How many.
    """

    def __init__(self, data: FrameData, count: int) -> None:
        self._data = data
        self._count = count
        self.can_rewind = data.can_rewind

    @property
    def count(self) -> int:
        """The number of frames."""
        known = self._data.count
        return self._count if known is None else min(known, self._count)

    def get(self, index: int) -> Any:
        """Return the data of a frame."""
        check_index(index, self.count)
        return self._data.get(index)


@contextmanager
def walking_while(is_wanted: Callable[[], bool]) -> Iterator[None]:
    """Have whoever walks to a far frame within the block give up once it is not wanted any more."""
    before = _is_wanted.set(is_wanted)
    try:
        yield
    finally:
        _is_wanted.reset(before)


def check_index(index: int, count: int | None) -> None:
    """Raise unless there can be a frame of that number."""
    if not 0 <= index < (END if count is None else count):
        there = f"; the frames are 0 to {count - 1}" if count else ""
        if index >= END:
            there = f"; their numbers are below 2**53{there}"
        raise FrameRangeError(f"there is no frame {index}{there}")


def of_func_animation(anim: Any) -> FrameData:
    """Return the data of a FuncAnimation's frames.

    Matplotlib keeps what it was given only inside the function that makes a new iterator of it, so that is
    where this looks; where it finds nothing it knows, it walks through such iterators.
    """
    make = anim._iter_gen
    if make is itertools.count:
        return Counted()
    if not getattr(make, "__qualname__", "").startswith("FuncAnimation.__init__."):
        return Walked(lambda: iter(make()), can_rewind=True)  # the user's generator function
    given = _given_to(make)
    if isinstance(given, (int, np.integer)):
        return Fixed(range(int(given)))
    if isinstance(given, (Sequence, np.ndarray)):
        return Fixed(given)
    if hasattr(given, "__len__"):
        return Fixed(list(given))
    if given is None or iter(given) is given:
        # If matplotlib took the first item for its own first drawing, that is kept in its tee.
        items = getattr(anim, "_tee_from", None)
        once = iter(items if items is not None else make())
        return Walked(lambda: once, can_rewind=False, kept=max(setting_of(anim, "save_count") or 0, KEPT))
    return Walked(lambda: iter(given), can_rewind=True)


def setting_of(anim: Any, name: str) -> Any:
    """Return what an animation was made with; matplotlib before 3.7 kept it without the underscore."""
    settings = vars(anim)
    return settings.get(f"_{name}", settings.get(name))


def _given_to(make: Any) -> Any:
    """Return the `frames` that FuncAnimation was given, or None if it can't be told."""
    if make.__defaults__:
        return make.__defaults__[0]
    names = make.__code__.co_freevars
    if "frames" in names and make.__closure__:
        return make.__closure__[names.index("frames")].cell_contents
    return None
