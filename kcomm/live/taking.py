"""Waiting for results in a cell: the first one, or several in a row."""

from __future__ import annotations

import time

import numpy as np

from kcomm.errors import KcommError, WouldBlockError
from kcomm.frames import Frame, Pixels
from kcomm.live.results import PATIENCE
from kcomm.live.service import WebcamService
from kcomm.runtime import get_runtime
from kcomm.words import told, words_of


def take_snapshot(service: WebcamService, timeout: float) -> Pixels:
    """Return a copy of the newest result's pixels; wait for the first one, if it can come."""
    outlet, journal = service.journal.outlet, service.journal
    can_wait = service.state == "running" and not get_runtime().is_current
    # From a source nothing is drawn while nobody looks: the newest result may be from long ago.
    oldest = time.monotonic() - PATIENCE if can_wait and service.source is not None else 0.0

    def is_settled() -> bool:
        has_come = outlet.newest is not None and outlet.published >= oldest
        return has_come or journal.error is not None or service.state != "running"

    if can_wait:
        outlet.wait(is_settled, timeout)
    newest = outlet.newest
    if newest is not None and outlet.published >= oldest:
        return np.array(newest.image)
    if journal.error is not None:
        reason = _failure(journal.error)
    elif service.state != "running":
        reason = _idle(service)
    else:
        reason = f"none came within {timeout:g} s: {_hint(service)}"
    message = f"there is no {'new picture' if newest is not None else 'picture yet'}; {reason}"
    raise KcommError(message, code="kcomm.no_frame") from journal.error


def take_frames(service: WebcamService, count: int, timeout: float) -> list[Frame]:
    """Wait for results in a row."""
    service.check_open()
    if get_runtime().is_current:
        raise WouldBlockError(
            "frames() would block the loop that frames come on: use `async for` and results()"
        )
    results = []
    if service.state == "running":
        results = service.journal.outlet.collect(count, lambda: service.state == "idle", timeout)
    if len(results) == count:
        return [result.frame for result in results]
    error = service.journal.error
    if error is not None:
        reason = _failure(error)
    elif service.state != "running":
        reason = _idle(service)
    else:
        reason = f"that took more than {timeout:g} s: {_hint(service)}"
    raise KcommError(f"{len(results)} of {count} frames came; {reason}", code="kcomm.no_frame") from error


def _failure(error: BaseException) -> str:
    said = words_of(error) if isinstance(error, KcommError) else told(error)
    return f"the last error was: {said}"


def _idle(service: WebcamService) -> str:
    if service.is_closed:
        return "the webcam was closed: make a new one"
    if service.source is not None:
        return f"{service.source.name} does not run, or has ended: call start()"
    return "the camera does not run: show the webcam in a cell, and start it"


def _hint(service: WebcamService) -> str:
    if service.source is not None:
        return f"does {service.source.name} give frames, and does the function return?"
    return (
        "is it shown in a page, and was the camera allowed? "
        "Without subshells in the front end, frames come only when the cell has ended"
    )
