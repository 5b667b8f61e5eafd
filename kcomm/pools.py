"""Functions that executors call: what can be sent to them, and what is said when it can't or they break."""

from __future__ import annotations

import functools
import io
import os
import pickle
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from typing import Any, ClassVar, Final

from kcomm.errors import BadArgumentsError, KcommError, RemoteError
from kcomm.words import told, words_of

_REMEDY: Final = (
    "move it to a module of its own and import it from there, or use an executor that sends functions by "
    "value, such as loky.get_reusable_executor() or dask.distributed's client.get_executor()"
)
#: Decorators, one around the other, that are looked through.
_LONGEST_CHAIN: Final = 64
#: Constants that look the same in every process.
_PLAIN: Final = (type(None), type(...), bool, int, float, complex, str, bytes)
#: Where the standard library turns what it sends to a process, or back, into bytes.
_SENDING: Final = os.path.join("multiprocessing", "reduction.py")


class PoolError(KcommError):
    """An executor could not call a function, whatever the function does."""

    default_code: ClassVar[str] = "kcomm.pool_broken"


def check_executor(option: str, executor: object) -> Executor:
    """Return an executor, or raise; `option` is what it was passed as."""
    if not isinstance(executor, Executor):
        raise BadArgumentsError(
            f"{option} is a concurrent.futures.Executor, such as ProcessPoolExecutor(4) or "
            f"dask.distributed's client.get_executor(), not {type(executor).__name__}"
        )
    return executor


def workers_of(executor: Executor) -> int | None:
    """Return how many calls an executor makes at a time; None if it doesn't say."""
    workers = getattr(executor, "_max_workers", None)
    return workers if isinstance(workers, int) and workers > 0 else None


def check_sendable(function: Callable[..., Any], executor: Executor) -> None:
    """Raise if a pool of processes can't be sent a function; others say so themselves, or take any."""
    if not isinstance(executor, ProcessPoolExecutor):
        return
    finder = _Finder()
    try:
        finder.dump(function)
    except Exception as error:
        raise BadArgumentsError(
            f"{_qualified(function)} can't be sent to the processes of a ProcessPoolExecutor "
            f"({words_of(error)}): {_REMEDY}"
        ) from error
    context: Any = getattr(executor, "_mp_context", None)
    method = context.get_start_method() if context is not None else "fork"
    if finder.found and method != "fork" and not _main_can_be_imported():
        raise BadArgumentsError(
            f"{', '.join(sorted(finder.found))} is defined in the notebook, and processes begun with "
            f"{method!r} know nothing of that: {_REMEDY}"
        )


def code_of(function: Any, executor: Executor) -> bytes | None:
    """Return what tells a function of the notebook from one of the same name that was defined later.

    None for other functions, and for executors that send the function itself, perhaps to another version of
    Python.
    """
    return _code_of(function) if isinstance(executor, ProcessPoolExecutor) else None


def check_code(function: Any, code: bytes | None, remedy: str) -> None:
    """Raise, in the process of a pool, if a function is not the one that `code_of` was given."""
    if code is not None and code != _code_of(function):
        raise PoolError(
            f"{_qualified(function)} was defined anew since the pool began its processes, which still "
            f"have the old one: {remedy}"
        )


def explain(error: BaseException, functions: Sequence[Any], executor: Executor, remedy: str) -> BaseException:
    """Return an error that says what to do where the executor's own does not.

    Parameters
    ----------
    error : BaseException
        What the future raised.
    functions : sequence of callable
        What the executor was to call.
    executor : concurrent.futures.Executor
        Which one it was.
    remedy : str
        Says how another executor comes into use: "make a new executor and ...".
    """
    if isinstance(error, BrokenExecutor) or type(error).__name__ in ("KilledWorker", "LostWorkerError"):
        suspects = [function for function in functions if _is_of_main(function)]
        stale = ""
        if suspects:
            stale = f", or {_names_of(suspects)} was defined after the pool had begun its processes"
        return PoolError(
            f"the {type(executor).__name__} is broken: one of its workers died (killed, out of "
            f"memory, crashed{stale}). {remedy[:1].upper()}{remedy[1:]}: {words_of(error)}"
        )
    if not isinstance(executor, ThreadPoolExecutor) and _is_of_pickle(error):
        return BadArgumentsError(
            f"{_names_of(functions)}, or what it returned, can't be sent to or from another process "
            f"({words_of(error)}): {_REMEDY}"
        )
    return closed(error, executor, remedy) if isinstance(error, CancelledError) else error


def closed(error: BaseException, executor: Executor, remedy: str) -> PoolError:
    """Return the error of an executor that was shut down."""
    reason = f" ({told(error)})" if words_of(error) else ""
    return PoolError(
        f"the {type(executor).__name__} takes no frames any more{reason}: keep it open while it is used, or "
        f"{remedy}",
        code="kcomm.pool_closed",
    )


def sendable(error: BaseException) -> BaseException:
    """Return the error, or one that says the same: a pool breaks over an error that it can't unpickle."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RemoteError(told(error), data={"type": type(error).__name__})
    return error


def _qualified(function: Any) -> str:
    """Return the name by which a function is looked up where it is sent to; of a partial one the whole's."""
    function = _whole(function)
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _is_of_pickle(error: BaseException) -> bool:
    """Whether a value could not be sent. What the function itself raised is its own, whatever it says."""
    remote = getattr(error.__cause__, "tb", None)  # the traceback as it was in the other process
    if isinstance(remote, str) and _SENDING not in remote:
        return False
    text = words_of(error)
    return isinstance(error, pickle.PicklingError) or (
        # Some are told in Python's own words; the latter are Python 3.13's.
        isinstance(error, (TypeError, AttributeError)) and ("pickle" in text or "get local object" in text)
    )


def _names_of(functions: Sequence[Any]) -> str:
    return " or ".join(_qualified(function) for function in functions)


class _Finder(pickle.Pickler):
    """Pickles to nowhere, and finds what is pickled as a name in ``__main__``."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), pickle.HIGHEST_PROTOCOL)
        self.found: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        """Look at a function or class, and leave it to pickle."""
        if _is_of_main(value) and hasattr(value, "__qualname__"):
            self.found.add(value.__qualname__)
        return NotImplemented


def _main_can_be_imported() -> bool:
    """Whether another process can run what is ``__main__`` here: a script or a module, and no notebook."""
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    return bool(getattr(spec, "name", None) or getattr(main, "__file__", None))


def _is_of_main(value: Any) -> bool:
    return getattr(value, "__module__", None) == "__main__"


def _whole(function: Any) -> Any:
    """Return the function that a partial one is of: that one is looked up, the rest is sent."""
    while isinstance(function, functools.partial):
        function = function.func
    return function


def _code_of(function: Any) -> bytes | None:
    parts: list[Any] = []
    seen: set[int] = set()
    function = _whole(function)
    # Decorated functions all have the code of the decorator.
    while function is not None and id(function) not in seen and len(seen) < _LONGEST_CHAIN:
        seen.add(id(function))
        if hasattr(function, "__code__") and _is_of_main(function):
            parts.append([_told(function.__code__), *_defaults_of(function)])
        function = getattr(function, "__wrapped__", None)
    return repr(parts).encode(errors="replace") if parts else None


def _defaults_of(function: Any) -> list[Any]:
    by_name = getattr(function, "__kwdefaults__", None) or {}
    return [
        _told(getattr(function, "__defaults__", None)),
        [(name, _told(value)) for name, value in sorted(by_name.items())],
    ]


def _told(const: Any) -> Any:
    """Return what tells one constant of a function from another, the same in every process."""
    if hasattr(const, "co_code"):
        return const.co_code, const.co_names, [_told(inner) for inner in const.co_consts]
    if isinstance(const, frozenset):
        return sorted(repr(_told(item)) for item in const)
    if isinstance(const, tuple):
        return tuple(_told(item) for item in const)
    # What else defaults may be is told by its kind: what it says of itself may differ between processes.
    return const if type(const) in _PLAIN else type(const).__qualname__
