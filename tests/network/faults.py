"""What a bad network does to messages, by a seed. No clock, no socket."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")
#: How many later messages go before one that is held back, at most.
FARTHEST = 6


@dataclass(frozen=True)
class Faults:
    """How often a message suffers what, from 0 to 1.

    Attributes
    ----------
    drop
        It never arrives.
    duplicate
        It arrives twice: one after the other, or the second after some later messages.
    reorder
        Up to 6 later messages arrive before it.
    delay
        It waits, and everything behind it too.
    longest
        Seconds it waits at most.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay: float = 0.0
    longest: float = 0.02


#: A network that does no harm.
NONE = Faults()
#: Far worse than a network that people would still use.
BAD = Faults(drop=0.05, duplicate=0.05, reorder=0.1, delay=0.1)


@dataclass
class Counts:
    """What was done to the messages of one direction."""

    seen: int = 0
    dropped: int = 0
    duplicated: int = 0
    reordered: int = 0
    delayed: int = 0


@dataclass
class _Held(Generic[T]):
    message: T
    left: int


@dataclass
class FaultyPath(Generic[T]):
    """The path of one connection in one direction.

    Parameters
    ----------
    seed
        The same seed gives the same faults to the same number of messages, whatever is in them.
    counts
        Where to count.
    """

    seed: str
    counts: Counts
    _held: list[_Held[T]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    @property
    def is_holding(self) -> bool:
        """Whether a message waits for later ones; `release` lets it go if there are none."""
        return bool(self._held)

    def take(self, message: T, faults: Faults) -> tuple[float, list[T]]:
        """Take a message that came.

        Returns
        -------
        (float, list)
            Seconds to wait, and then the messages to pass on.
        """
        # As many numbers for each message, so that one fault's rate does not shift another's.
        drop, duplicate, reorder, delay, wait, late = (self._random.random() for _ in range(6))
        self.counts.seen += 1
        passed: list[T] = []
        if drop < faults.drop:
            self.counts.dropped += 1
        elif reorder < faults.reorder:
            self.counts.reordered += 1
            self._hold(message, late)
        else:
            passed.append(message)
            if duplicate < faults.duplicate:
                self.counts.duplicated += 1
                if late < 0.5:
                    passed.append(message)
                else:
                    self._hold(message, 2 * late - 1)
        passed += self._go_on()
        if delay >= faults.delay:
            return 0.0, passed
        self.counts.delayed += 1
        return wait * faults.longest, passed

    def release(self) -> list[T]:
        """Return what is held back, the connection being quiet."""
        released = [held.message for held in self._held]
        self._held.clear()
        return released

    def _hold(self, message: T, far: float) -> None:
        self._held.append(_Held(message, 2 + int(far * FARTHEST)))  # One is counted off at once.

    def _go_on(self) -> list[T]:
        for held in self._held:
            held.left -= 1
        due = [held.message for held in self._held if held.left == 0]
        self._held = [held for held in self._held if held.left > 0]
        return due
