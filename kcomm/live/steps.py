"""What a process is: one function or several, what each is called, and what each is given."""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, TypeAlias, Union, get_args, get_origin

from kcomm.errors import BadArgumentsError
from kcomm.frames import Frame

#: Takes an image, or an image and its `Frame`; returns an image, or an image and data. Or several of these.
Process: TypeAlias = Callable[..., Any] | Sequence[Callable[..., Any]]

#: Stages of a frame's way, by which a step's time could be taken for another's.
_STAGES = frozenset(
    {"capture", "camera_encode", "wait", "decode", "process", "encode", "show", "paint", "delay"}
)
_BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_USAGE = "a process is called as f(image), or as f(image, frame) with the image's kcomm.Frame"


@dataclass(frozen=True)
class Step:
    """One function that images run through.

    Parameters
    ----------
    function : callable
        Plain or ``async``.
    name : str
        What messages and statistics call it.
    frame : str or None
        How it is given the `Frame`: None if not at all, "" as its second argument, else the parameter's name.
    is_async : bool
        Whether it is an ``async def``; another one may return something to await all the same.
    """

    function: Callable[..., Any]
    name: str
    frame: str | None
    is_async: bool

    def __call__(self, image: Any, frame: Frame) -> Any:
        """Call the function."""
        if self.frame is None:
            return self.function(image)
        if self.frame == "":
            return self.function(image, frame)
        return self.function(image, **{self.frame: frame})


def check_process(process: Any) -> Process | None:
    """Return a process that can be called, several as a tuple, or raise.

    Parameters
    ----------
    process : callable, sequence of callable, or None
        What `kcomm.webcam` was given.

    Raises
    ------
    BadArgumentsError
        If it is something else, or a function that can be called neither with an image nor with an image and
        its frame.

    Examples
    --------
    >>> check_process([abs, abs])
    (<built-in function abs>, <built-in function abs>)
    """
    checked: Process | None = tuple(process) if isinstance(process, (list, tuple)) else process
    steps_of(checked)
    return checked


def steps_of(process: Any) -> tuple[Step, ...]:
    """Return the steps of a process, each with a name of its own, or raise as `check_process` does."""
    if process is None:
        return ()
    functions = process if isinstance(process, (list, tuple)) else [process]
    for function in functions:
        if not callable(function):
            raise BadArgumentsError(
                "process is a function that is given an ndarray and returns one, a list of such functions, "
                f"or None, not {process!r}"
            )
    names = [name_of(function) for function in functions]
    if len(names) > 1:
        names = _unique(names)
    return tuple(
        Step(function, name, frame_parameter(function), is_async(function))
        for function, name in zip(functions, names, strict=True)
    )


def name_of(function: Any) -> str:
    """Return what people call a function; of a partial one that of the whole."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def is_async(function: Any) -> bool:
    """Whether a function is an ``async def``, or an object that is called as one."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # it is called as this; whether it can be is known
    )


def frame_parameter(function: Callable[..., Any]) -> str | None:
    """Return how a function is given the `Frame`.

    The first parameter is the image. The frame is what another parameter asks for that is annotated `Frame`,
    or named ``frame``, or has no default. So ``f(image, sigma=1)``, ``f(image, *args)`` and a function whose
    signature is unknown, as of many that are written in C, get the image only.

    Parameters
    ----------
    function : callable
        Its signature is read as `inspect.signature` does: through ``functools.partial`` and
        ``functools.wraps``, and without the ``self`` of bound methods.

    Returns
    -------
    str or None
        None: not at all; "": as the second argument; else as the keyword argument of that name.

    Raises
    ------
    BadArgumentsError
        If it takes no image, or needs more than an image and a frame.

    Examples
    --------
    >>> frame_parameter(lambda image, frame: image)
    ''
    >>> frame_parameter(lambda image, sigma=1.0: image) is None
    True
    >>> frame_parameter(lambda image, sigma=1.0, *, frame: image)
    'frame'
    """
    parameters = _parameters_of(function)
    if parameters is None:
        return None
    _check_image(function, parameters)
    first, others = parameters[0], parameters[1:]
    wanted = [p for p in others if _asks_for_frame(p)]
    needed = [p for p in others if p.default is Parameter.empty and not _is_variadic(p)]
    if not wanted:
        wanted = needed[:1]
    missing = [p.name for p in needed if p not in wanted]
    if missing or len(wanted) > 1:
        extra = ", ".join(missing or [p.name for p in wanted[1:]])
        raise BadArgumentsError(
            f"{name_of(function)} has no value for {extra}: {_USAGE}; "
            "bind what else it needs with functools.partial, or give it a default"
        )
    if not wanted:
        return None
    is_second = first.kind in _BY_POSITION and wanted[0] is others[0] and wanted[0].kind in _BY_POSITION
    if wanted[0].kind is Parameter.POSITIONAL_ONLY and not is_second:
        raise BadArgumentsError(
            f"{name_of(function)} takes the frame by position, and not as its second argument: {_USAGE}"
        )
    return "" if is_second else wanted[0].name


def _parameters_of(function: Callable[..., Any]) -> list[Parameter] | None:
    """Return the parameters of a function; None where they are unknown."""
    try:
        # Annotations that are written as texts are read, where all of them can be.
        return list(inspect.signature(function, eval_str=True).parameters.values())
    except Exception:
        pass
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return None


def _check_image(function: Callable[..., Any], parameters: list[Parameter]) -> None:
    if not parameters or parameters[0].kind not in (*_BY_POSITION, Parameter.VAR_POSITIONAL):
        raise BadArgumentsError(f"{name_of(function)} takes no image: {_USAGE}")
    if _is_frame(parameters[0].annotation):
        raise BadArgumentsError(
            f"{name_of(function)} asks for a Frame as its first argument, which is the image: {_USAGE}"
        )
    body = inspect.unwrap(function.func if isinstance(function, functools.partial) else function)
    if inspect.isgeneratorfunction(body) or inspect.isasyncgenfunction(body):
        raise BadArgumentsError(
            f"{name_of(function)} is a generator: a process returns its image, instead of yielding it"
        )


def _asks_for_frame(parameter: Parameter) -> bool:
    if _is_variadic(parameter):
        return False
    return parameter.name == "frame" or _is_frame(parameter.annotation)


def _is_variadic(parameter: Parameter) -> bool:
    return parameter.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


def _is_frame(annotation: Any) -> bool:
    """Whether an annotation is `Frame`, or a union with it."""
    if isinstance(annotation, str):  # one that could not be read
        return any(part.strip().split(".")[-1] == "Frame" for part in annotation.split("|"))
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return _is_frame(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return any(_is_frame(choice) for choice in get_args(annotation))
    return annotation is Frame


def _unique(names: Iterable[str]) -> list[str]:
    """Return names that differ from each other and from those of a frame's stages."""
    taken = set(_STAGES)
    unique: list[str] = []
    for name in names:
        stem = f"{name} step" if name in _STAGES else name
        numbered, number = stem, 2
        while numbered in taken:
            numbered, number = f"{stem} {number}", number + 1
        taken.add(numbered)
        unique.append(numbered)
    return unique
