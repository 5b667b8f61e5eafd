"""Checks of what people pass, shared by animations and cameras."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, Literal, TypeGuard

from kcomm.errors import BadArgumentsError


def check_quality(quality: object) -> float:
    """Return a quality between 0 and 1, or raise."""
    if not is_number(quality) or not 0 <= quality <= 1:
        raise BadArgumentsError(
            f"quality is a number from 0 to 1, as in a browser (Pillow's 85 is 0.85), not {quality!r}"
        )
    return float(quality)


def check_positive(name: str, value: object) -> float:
    """Return a finite number above 0, or raise."""
    if not is_positive(value):
        raise BadArgumentsError(f"{name} is a number above 0, not {value!r}")
    return float(value)


def check_fps(fps: object) -> float | Literal["max"]:
    """Return frames a second, or raise."""
    if isinstance(fps, str) and fps == "max":
        return "max"
    if not is_positive(fps):
        raise BadArgumentsError(f'fps is a number above 0 or "max", not {fps!r}')
    return float(fps)


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a number, NumPy's among them, which True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether a value is a whole number, NumPy's among them, which True and False are not."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_positive(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number above 0."""
    try:
        return is_number(value) and 0 < float(value) < math.inf
    except OverflowError:  # an int beyond all floats
        return False
