"""The frames that go into a file: which, and one after the other."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

from kcomm.animation.drawing.prefetch import PooledSource, Rendered
from kcomm.animation.drawing.sequence import FrameRangeError, check_index
from kcomm.animation.drawing.sources import Source
from kcomm.errors import BadArgumentsError, KcommError
from kcomm.frames import Pixels
from kcomm.frames.checks import is_whole
from kcomm.words import told


def numbers_of(frames: Any, count: int | None) -> range:
    """Return the numbers of the frames that were asked for.

    Parameters
    ----------
    frames : int, range or None
        How many from the first on, or which; None for all there are.
    count : int or None
        How many there are; None if there is no end, or it is not known.

    Raises
    ------
    BadArgumentsError
        If it is none of these, or nothing, or all of what has no end.
    FrameRangeError
        If there are no such frames.
    """
    if frames is None:
        if count is None:
            raise BadArgumentsError(
                "this animation has no end, or does not know it: say how many frames to keep, as in "
                "frames=200"
            )
        return range(count)
    if is_whole(frames):
        frames = range(int(frames))
    if not isinstance(frames, range):
        raise BadArgumentsError(f"frames is a whole number, a range or None, not {frames!r}")
    if not frames:
        raise BadArgumentsError("there must be at least one frame")
    check_index(min(frames), count)
    check_index(max(frames), count)
    return frames


def taken(source: Source, numbers: range, scale: float = 1.0) -> Iterator[Pixels]:
    """Draw frames in order, and yield their pixels; what ends before is ended there.

    Raises
    ------
    KcommError
        ``kcomm.handler_error`` with the frame's number and the reason, if one could not be drawn.
    """
    begun = _begun(source, numbers, scale) if isinstance(source, PooledSource) else None
    for number in numbers:
        try:
            pixels = source.draw(number, scale) if begun is None else next(begun)
        except FrameRangeError:
            # Frames from a generator show only at their end that there are no more.
            if number == numbers[0] or source.count is None or number < source.count:
                raise
            return
        except KcommError as error:
            raise KcommError(f"frame {number}: {error.message}", code=error.code) from error
        except Exception as error:
            raise KcommError(
                f"frame {number} could not be drawn: {told(error)}",
                code="kcomm.handler_error",
            ) from error
        yield pixels


def _begun(source: PooledSource, numbers: range, scale: float) -> Iterator[Pixels]:
    """Draw frames in order, as many at a time as the executor takes."""
    waiting: deque[Future[Rendered]] = deque()
    left = iter(numbers)
    try:
        while True:
            for number in itertools.islice(left, source.depth - len(waiting)):
                waiting.append(source.begin(number, scale, exact=True, budget=None))
            if not waiting:
                return
            yield source.take(waiting.popleft()).pixels
    finally:
        for future in waiting:
            future.cancel()
