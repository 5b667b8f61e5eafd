"""Failures of the user's functions, frame after frame: none is swallowed, and none floods the log."""

from __future__ import annotations

import logging
import math
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from kcomm.errors import KcommError
from kcomm.words import told, words_of

#: Seconds in which an exception that repeats itself is logged once.
_QUIET = 60.0
#: Characters of a message that pages are told.
_LONGEST = 2000


class FailureLog:
    """Logs exceptions with their tracebacks; one that repeats itself once a minute.

    A function that fails does so for every frame, and thirty tracebacks a second would drown the cell, and
    trip the rate limit of the Jupyter server.

    Parameters
    ----------
    logger : logging.Logger
        Where they go.
    clock : callable, optional
        Tells the time in seconds.
    """

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        self._logger = logger
        self._clock = clock
        self._lock = threading.Lock()
        self._logged: dict[object, float] = {}

    def add(self, what: str, error: BaseException) -> None:
        """Log an exception, unless the same one was logged less than a minute ago."""
        key = type(error), str(traceback.extract_tb(error.__traceback__)[-1:])
        now = self._clock()
        with self._lock:
            if now - self._logged.get(key, -math.inf) < _QUIET:
                return
            self._logged[key] = now
        self._logger.error("%s", what, exc_info=(type(error), error, error.__traceback__))


def describe(index: int, error: BaseException) -> dict[str, Any]:
    """Return the frame that is sent in place of one that failed."""
    code, text = code_and_words(error)
    return {"index": index, "error": {"code": code, "message": _valid(f"frame {index}: {text}")}}


def code_and_words(error: BaseException) -> tuple[str, str]:
    """Return the code of an error, and what it says without it; one of others' code has kcomm's for those."""
    # A class of the user's own may be made without what kcomm's constructor sets.
    code, message = getattr(error, "code", None), getattr(error, "message", None)
    if not isinstance(error, KcommError):
        return "kcomm.handler_error", told(error)
    return code or error.default_code, words_of(error) if message is None else str(message)


def _valid(text: str) -> str:
    # Lone surrogates, as in names of files, can't be sent; and some messages hold whole arrays.
    return text[:_LONGEST].encode(errors="replace").decode()
