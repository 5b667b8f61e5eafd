"""Interrupts of the kernel, in processes that draw frames for a player or process a webcam's.

Jupyter sends SIGINT to the kernel and to all processes that it began. One that waits for its next task would
end by it, and the whole pool with it, though the interrupt was meant for whatever cell was running.
"""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

#: The function of `concurrent.futures.process` that takes tasks in turn, its name for the one at work, and
#: that one's for what is called. Where they are called otherwise interrupts pass over all tasks.
_LOOP = "_process_worker"
_ITEM = "call_item"
_FUNCTION = "fn"

#: What interrupts pass over in this process: a pool may work for several.
_spared: set[Any] = set()


def submit(executor: Executor, task: Callable[..., T], *args: Any) -> Future[T]:
    """Submit a task that calls `outlive_interrupts`; processes that this begins wait for it undisturbed.

    A fork pool begins all its processes with the first task, and only the one that takes it comes to prepare
    itself. So they begin with SIGINT held back.
    """
    if not isinstance(executor, ProcessPoolExecutor):
        return executor.submit(task, *args)
    context: Any = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "forkserver":
        from multiprocessing.forkserver import ensure_running

        # It passes on to everybody's processes what it was begun with.
        ensure_running()
    with _held_back():
        return executor.submit(task, *args)


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
    _spared.add(task)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: _interrupt(frame))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


@contextmanager
def _held_back() -> Iterator[None]:
    """Hold SIGINT back in this thread, and in the processes that it begins."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where a new process inherits nothing of the kind
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interrupt(frame: Any) -> None:
    """Interrupt a task of others. Where none is seen there may be one of kcomm's, or nothing at work."""
    while frame is not None and frame.f_code.co_name != _LOOP:
        frame = frame.f_back
    item = None if frame is None else frame.f_locals.get(_ITEM)
    function = getattr(item, _FUNCTION, None)
    if function is not None and all(function is not spared for spared in _spared):
        raise KeyboardInterrupt
