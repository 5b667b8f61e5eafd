"""Checks the arguments of a call against a handler's signature and annotations."""

from __future__ import annotations

import inspect
import logging
import reprlib
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

from kcomm.errors import BadArgumentsError

logger = logging.getLogger("kcomm")

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 40


class Signature:
    """What a handler takes.

    Parameters
    ----------
    function : callable
        The handler.
    given_types : type
        A parameter with one of these annotations is given the object of that type which belongs to the call,
        and is no argument of it.
    """

    def __init__(self, function: Callable[..., Any], *given_types: type) -> None:
        self._full = inspect.signature(function)
        self._hints = _get_hints(function)
        self._types = given_types
        self._given = {
            name: place
            for name in self._full.parameters
            for place, given_type in enumerate(given_types)
            if self._hints.get(name) is given_type
        }
        self._signature = self._full.replace(
            parameters=[
                parameter for name, parameter in self._full.parameters.items() if name not in self._given
            ]
        )
        self._by_position = self._get_hints_by_position()

    @property
    def takes_arguments(self) -> bool:
        """Whether there are parameters for a call to fill."""
        return bool(self._signature.parameters)

    def asks_for(self, given_type: type) -> bool:
        """Whether a parameter is given the object of that type."""
        return self._types.index(given_type) in self._given.values()

    def bind(
        self, name: str, args: Sequence[Any] | Mapping[str, Any], given: Sequence[object] = ()
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Match the arguments of a call with the parameters, and check them.

        Parameters
        ----------
        name : str
            What the handler is called.
        args : sequence or mapping
            Those of the call, by position or by name.
        given : sequence of object
            What the parameters annotated with the given types get, in the order of these types.

        Returns
        -------
        tuple of (tuple, dict)
            Positional and keyword arguments for the handler.

        Raises
        ------
        BadArgumentsError
            When there are too few or too many, or one is of the wrong type.
        """
        if self._by_position is None or isinstance(args, Mapping) or len(args) != len(self._by_position):
            return self._bind_any(name, args, given)
        # Most calls are like this one, and inspect's matching takes longer than many a handler.
        pairs = zip(self._by_position.items(), args, strict=True)
        return tuple(
            coerce(value, hint, f"{name}: the argument {parameter!r}") for (parameter, hint), value in pairs
        ), {}

    def _get_hints_by_position(self) -> dict[str, Any] | None:
        """Return the hint of each parameter, if all of them can be filled by position."""
        if self._given:
            return None
        parameters = self._signature.parameters
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        if any(parameter.kind not in kinds for parameter in parameters.values()):
            return None
        return {name: self._hints.get(name, inspect.Parameter.empty) for name in parameters}

    def _bind_any(
        self, name: str, args: Sequence[Any] | Mapping[str, Any], given: Sequence[object]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        positional, named = ([], args) if isinstance(args, Mapping) else (args, {})
        try:
            bound = self._signature.bind(*positional, **named)
        except TypeError as error:
            raise BadArgumentsError(f"{name}{self._signature}: {error}") from None
        for parameter, value in bound.arguments.items():
            if parameter not in self._hints:
                continue
            hint = self._hints[parameter]
            kind = self._signature.parameters[parameter].kind
            where = f"{name}: the argument {parameter!r}"
            if kind is inspect.Parameter.VAR_POSITIONAL:
                bound.arguments[parameter] = tuple(coerce(item, hint, where) for item in value)
            elif kind is inspect.Parameter.VAR_KEYWORD:
                bound.arguments[parameter] = {
                    key: coerce(item, hint, f"{name}: the argument {key!r}") for key, item in value.items()
                }
            else:
                bound.arguments[parameter] = coerce(value, hint, where)
        if not self._given:
            return bound.args, bound.kwargs
        arguments = dict(bound.arguments) | {key: given[place] for key, place in self._given.items()}
        whole = inspect.BoundArguments(
            self._full, {key: arguments[key] for key in self._full.parameters if key in arguments}
        )
        return whole.args, whole.kwargs


def coerce(value: Any, hint: Any, where: str) -> Any:
    """Return the value as its annotation asks for it.

    The few changes made are those that the wire makes necessary: an integer where a real is asked for
    (JavaScript has one type for both), bytes for an array and an array for bytes.

    Raises
    ------
    BadArgumentsError
        When the value is of another type; `where` begins its message.
    """
    matched, result = _match(value, hint)
    if not matched:
        raise BadArgumentsError(f"{where} must be {_describe(hint)}, not {_describe_value(value)}")
    return result


def _match(value: Any, hint: Any) -> tuple[bool, Any]:
    if type(value) is hint:
        return True, value
    if hint in (Any, object, inspect.Parameter.empty):
        return True, value
    if hint is None or hint is type(None):
        return value is None, value
    origin = get_origin(hint)
    if (
        type(origin or hint).__name__ == "TypeAliasType"
    ):  # Python 3.12's `type X = ...`; NumPy's NDArray is one
        return _match(value, (origin or hint).__value__)
    if origin in (Union, types.UnionType):
        return _match_union(value, get_args(hint))
    if origin is Literal:
        # 1 == True, but they are two values; the type first, since an array is compared item by item
        return any(type(value) is type(choice) and value == choice for choice in get_args(hint)), value
    if origin is typing.Annotated:
        return _match(value, get_args(hint)[0])
    if origin in (list, Sequence) or hint in (list, Sequence):
        return _match_list(value, get_args(hint))
    if origin is tuple or hint is tuple:
        return _match_tuple(value, get_args(hint))
    if origin in (dict, Mapping) or hint in (dict, Mapping):
        return _match_dict(value, get_args(hint))
    return _match_class(value, origin or hint)


def _match_union(value: Any, choices: tuple[Any, ...]) -> tuple[bool, Any]:
    # An exact match comes first: 1 stays an int where int | float is asked for.
    for choice in choices:
        matched, result = _match(value, choice)
        if matched and result is value:
            return True, value
    for choice in choices:
        matched, result = _match(value, choice)
        if matched:
            return True, result
    return False, value


def _match_list(value: Any, args: tuple[Any, ...]) -> tuple[bool, Any]:
    if not isinstance(value, list):
        return False, value
    return _match_items(value, [args[0]] * len(value)) if args else (True, value)


def _match_tuple(value: Any, args: tuple[Any, ...]) -> tuple[bool, Any]:
    if not isinstance(value, list):
        return False, value
    if len(args) == 2 and args[1] is Ellipsis:
        args = (args[0],) * len(value)
    if args and len(args) != len(value):
        return False, value
    matched, items = _match_items(value, args) if args else (True, value)
    return matched, tuple(items)


def _match_dict(value: Any, args: tuple[Any, ...]) -> tuple[bool, Any]:
    if not isinstance(value, dict):
        return False, value
    if not args:
        return True, value
    matched, items = _match_items(list(value.values()), [args[1]] * len(value))
    return matched, dict(zip(value, items, strict=True))


def _match_items(values: list[Any], hints: Sequence[Any]) -> tuple[bool, list[Any]]:
    pairs = [_match(item, hint) for item, hint in zip(values, hints, strict=True)]
    return all(matched for matched, _ in pairs), [item for _, item in pairs]


def _match_class(value: Any, hint: Any) -> tuple[bool, Any]:
    numpy = sys.modules.get("numpy")
    if hint is float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number, float(value) if is_number else value
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    if numpy is not None and hint is numpy.ndarray:
        if isinstance(value, bytes):
            return True, numpy.frombuffer(value, numpy.uint8)
        return isinstance(value, numpy.ndarray), value
    if hint is bytes and numpy is not None and isinstance(value, numpy.ndarray):
        is_bytes = value.dtype == numpy.uint8 and value.ndim == 1
        return is_bytes, value.tobytes() if is_bytes else value
    if typing.is_typeddict(hint):
        return isinstance(value, dict), value
    if isinstance(hint, type) and not _is_unchecked_protocol(hint):
        return isinstance(value, hint), value
    return True, value  # a typing construct that says nothing about what came over the wire


def _is_unchecked_protocol(hint: type) -> bool:
    return getattr(hint, "_is_protocol", False) and not getattr(hint, "_is_runtime_protocol", False)


def _get_hints(function: Callable[..., Any]) -> dict[str, Any]:
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return _get_each_hint(target)


def _get_each_hint(function: Callable[..., Any]) -> dict[str, Any]:
    """Read the annotations one by one, where not all of them can be."""
    hints: dict[str, Any] = {}
    for parameter, annotation in getattr(function, "__annotations__", {}).items():
        alone = types.SimpleNamespace(__annotations__={parameter: annotation})
        names = getattr(function, "__globals__", {})
        try:
            hints |= typing.get_type_hints(alone, globalns=names, localns={}, include_extras=True)
        except (NameError, TypeError, AttributeError) as error:
            name = getattr(function, "__qualname__", repr(function))
            logger.warning("the argument %r of %s is not checked: %s", parameter, name, error)
    return hints


def _describe(hint: Any) -> str:
    if hint is float:
        return "a number"
    if isinstance(hint, type) and get_origin(hint) is None:
        return hint.__name__
    return str(hint).replace("typing.", "")


def _describe_value(value: Any) -> str:
    # Not repr(): the value may be as large as a message.
    return f"{type(value).__name__} ({_REPR.repr(value)})"
