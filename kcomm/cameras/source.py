"""What a source of frames is: three methods and three attributes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeAlias, runtime_checkable

from kcomm.errors import KcommError
from kcomm.frames import Frame, Pixels

#: What a source gives: a picture, a picture with its time, or why there is none this time.
Item: TypeAlias = Pixels | Frame | Exception


@runtime_checkable
class Source(Protocol):
    """A source of frames; any class with these methods and attributes is one.

    Notes
    -----
    All of it is called on one thread, which belongs to who reads the source: `open`, `frames`, what that
    returns, and `close`, one after the other. A source needs no locks, and must not touch what belongs to the
    main thread. It may be opened again after `close`. One webcam at a time reads it; the next one waits until
    it is closed.

    The one exception: where a call hangs for more than 10 seconds, and its webcam was stopped or closed, the
    next start opens the source anew on another thread. The call that hangs is then left to itself: when it
    returns, its frames are closed, and what was opened anew is not.

    While nobody looks, and while paused, no frames are asked for. A live source should then give the newest
    when it is asked again, not what has queued up.

    Examples
    --------
    A source of one's own:

    >>> class Noise:
    ...     name, fps, is_live = "noise", 15.0, False
    ...     def open(self):
    ...         self.random = np.random.default_rng()
    ...     def frames(self):
    ...         while True:
    ...             yield self.random.integers(0, 256, (240, 320, 3), np.uint8)
    ...     def close(self):
    ...         del self.random
    >>> isinstance(Noise(), Source)
    True
    """

    @property
    def name(self) -> str:
        """What people call it: shown beside the picture, and named in errors."""
        ...

    @property
    def fps(self) -> float | None:
        """Frames a second that are asked of it; None: as many as are used. Read while the source is open."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether frames come at a rate of the source's own, as those of a camera do.

        `frames` then waits for each. What is not live (files, computed pictures) must not wait: who reads it
        keeps its time.
        """
        ...

    def open(self) -> None:
        """Take hold of what the frames come from.

        Raises
        ------
        Exception
            If that can't be; the message is shown to people. `close` is called all the same.
        """
        ...

    def frames(self) -> Iterator[Item]:
        """Yield the frames, from the first one.

        Yields
        ------
        ndarray
            An image as `kcomm.encode` takes it. It now belongs to who reads it: yield another one next time.
        Frame
            Pixels with their presentation time ``pts`` in seconds, which then counts instead of `fps`.
        Exception
            Why one frame could not be made. It is told, and the next one is asked for.

        Raises
        ------
        Exception
            What ends the source: it is told, and the source closed.
        """
        ...

    def close(self) -> None:
        """Give everything back. Called once after each `open`, also after one that failed."""
        ...


class SourceError(KcommError):
    """A source can't be opened, or has no more to give; the message names it."""

    default_code = "kcomm.source_failed"
