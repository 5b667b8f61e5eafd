"""What pages that are linked tell each other: what a user did at one of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from kcomm.errors import BadArgumentsError
from kcomm.frames.checks import is_number, is_positive

#: Whether the value of an action makes sense, and what it is to be.
_VALUES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "play": (lambda value: True, "anything"),
    "reverse": (lambda value: True, "anything"),
    "pause": (lambda value: True, "anything"),
    "step": (lambda value: value is None or _is_finite(value), "a finite number, or missing"),
    "seek": (lambda value: _is_finite(value), "a finite number"),
    "speed": (lambda value: is_positive(value), "a finite number above 0"),
    "fps": (lambda value: value == "max" or is_positive(value), "a finite number above 0, or 'max'"),
    "loop": (lambda value: isinstance(value, bool) or value == "bounce", "True, False or 'bounce'"),
}


def is_action(action: Any) -> bool:
    """Return whether pages tell others of it; what a newer one may tell is ignored."""
    return isinstance(action, str) and action in _VALUES


def check_command(command: dict[str, Any]) -> None:
    """Raise `BadArgumentsError` if the value of a command does not fit its action."""
    action, value = command["action"], command.get("value")
    makes_sense, wanted = _VALUES[action]
    if not makes_sense(value):
        raise BadArgumentsError(f"the value of the command '{action}' is {wanted}, not {value!r}")


def _is_finite(value: Any) -> bool:
    return is_number(value) and math.isfinite(value)
