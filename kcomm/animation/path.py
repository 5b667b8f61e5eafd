"""In which order frames are played: to an end, round and round, or to and fro."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from kcomm.errors import BadArgumentsError

#: What happens at the ends: False: it stops; True: it goes on from the other end; "bounce": it turns round.
Loop: TypeAlias = bool | Literal["bounce"]


@dataclass(frozen=True)
class Position:
    """A frame of a run, and how far and in which direction the next one is."""

    index: int
    step: int


def check_loop(loop: Any) -> Loop:
    """Return what is to happen at the ends, or raise."""
    if loop == "bounce":
        return "bounce"
    if isinstance(loop, str):
        raise BadArgumentsError(f'loop is True, False or "bounce", not {loop!r}')
    return bool(loop)


def following(position: Position, count: int | None, loop: Loop) -> Position | None:
    """Return the next position of a run, or None at its end."""
    return within(Position(position.index + position.step, position.step), count, loop)


def within(position: Position, count: int | None, loop: Loop) -> Position | None:
    """Return where a run that reaches beyond an end goes on, or None if it does not.

    Parameters
    ----------
    position : Position
        Its index may be that of no frame.
    count : int or None
        The number of frames; None while it is not known, or if there is no end.
    loop : bool or "bounce"
        What happens at the ends.

    Examples
    --------
    >>> within(Position(5, 1), 5, True)
    Position(index=0, step=1)
    >>> within(Position(5, 1), 5, "bounce")
    Position(index=3, step=-1)
    """
    index, step = position.index, position.step
    if index >= 0 and (count is None or index < count):
        return position
    if not loop or count == 0:
        return None
    if count is None:  # before the first of frames without end
        return Position(-index, -step) if loop == "bounce" else None
    if loop != "bounce":
        return Position(index % count, step)
    if count == 1:
        return Position(0, step)
    # As on a strip that is folded at the ends: every other piece of it runs backwards.
    fold, rest = divmod(index, count - 1)
    return Position(count - 1 - rest, -step) if fold % 2 else Position(rest, step)
