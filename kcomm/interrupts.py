"""Interrupts of the kernel, in processes that draw frames for a player or process a webcam's.

Jupyter sends SIGINT to the kernel and to all processes that it began. One that waits for its next task would
end by it, and the whole pool with it, though the interrupt was meant for whatever cell was running.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable
from typing import Any

#: The function of `concurrent.futures.process` that takes tasks in turn, and its name for the one at work.
_LOOP = "_process_worker"
_ITEM = "call_item"


def outlive_interrupts(task: Callable[..., Any]) -> None:
    """Have interrupts pass over this process while it waits, or calls `task`; other tasks are interrupted.

    Parameters
    ----------
    task : callable
        What was given to ``ProcessPoolExecutor.submit``.
    """
    is_child = multiprocessing.parent_process() is not None
    if not is_child or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: _interrupt(frame, task))


def _interrupt(frame: Any, task: Callable[..., Any]) -> None:
    while frame is not None and frame.f_code.co_name != _LOOP:
        frame = frame.f_back
    if frame is not None:
        item = frame.f_locals.get(_ITEM)
        if item is None or getattr(item, "fn", None) is task:
            return
    raise KeyboardInterrupt
