"""Exceptions in words: whatever their own code does, telling them raises nothing."""

from __future__ import annotations


def words_of(error: BaseException) -> str:
    """Return what an exception says; what it says itself may be code that fails.

    Examples
    --------
    >>> words_of(ValueError("no such thing"))
    'no such thing'
    """
    try:
        return str(error)
    except Exception:
        return "(it can't be told in words)"


def told(error: BaseException) -> str:
    """Return the type of an exception, and what it says.

    Examples
    --------
    >>> told(ValueError("no such thing"))
    'ValueError: no such thing'
    """
    return f"{type(error).__name__}: {words_of(error)}"
