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
    if isinstance(error, KcommError):
        code, text = error.code, error.message
    else:
        code, text = "kcomm.handler_error", f"{type(error).__name__}: {error}"
    return {"index": index, "error": {"code": code, "message": _valid(f"frame {index}: {text}")}}


def _valid(text: str) -> str:
    # Lone surrogates, as in names of files, can't be sent; and some messages hold whole arrays.
    return text[:_LONGEST].encode(errors="replace").decode()
