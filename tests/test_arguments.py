"""Arguments: matched with the parameters of a handler, checked against its annotations."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import logging
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NewType, Optional, TypedDict, TypeVar, Union

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from kcomm.arguments import Signature, coerce
from kcomm.errors import BadArgumentsError
from tests import strategies


class Channel:
    """Stands for the channel's class."""


class Flow:
    """Stands for the flow's class."""


def bind(function: Callable[..., Any], *args: Any, **named: Any) -> Any:
    """Call a handler as a call of the other end would."""
    signature = Signature(function, Channel)
    positional, keywords = signature.bind("f", named or list(args), ["the channel"])
    return function(*positional, **keywords)


def everything(*args, **named):
    return args, named


# --- matching --------------------------------------------------------------------------------------


def test_by_position_and_by_name():
    def f(a, b=2, *, c=3):
        return a, b, c

    assert bind(f, 1) == (1, 2, 3)
    assert bind(f, 1, 5) == (1, 5, 3)
    assert bind(f, a=1, c=5) == (1, 2, 5)


@pytest.mark.parametrize(
    ("args", "named", "text"),
    [
        ((), {}, r"f\(a, b=2\): missing a required argument: 'a'"),
        ((1, 2, 3), {}, r"f\(a, b=2\): too many positional arguments"),
        ((), {"b": 1}, "missing a required argument: 'a'"),
        ((), {"a": 1, "x": 2}, "unexpected keyword argument 'x'"),
    ],
)
def test_a_wrong_number_is_told_with_the_signature(args, named, text):
    def f(a, b=2):
        return a, b

    with pytest.raises(BadArgumentsError, match=text) as caught:
        bind(f, *args, **named)
    assert caught.value.code == "kcomm.bad_arguments"


def test_any_number():
    def f(first: int, *rest: float, **named: str):
        return first, rest, named

    assert bind(f, 1, 2, 3.5) == (1, (2.0, 3.5), {})
    assert bind(f, first=1, x="y") == (1, (), {"x": "y"})
    with pytest.raises(BadArgumentsError, match="argument 'rest' must be a number, not str"):
        bind(f, 1, "2")
    with pytest.raises(BadArgumentsError, match="argument 'x' must be str, not int"):
        bind(f, first=1, x=2)


def test_the_channel_is_given_and_is_no_argument():
    def first(channel: Channel, a: int):
        return channel, a

    def last(a, /, b, *, channel: Channel):
        return a, b, channel

    def middle(a, channel: Channel, b=5):
        return a, channel, b

    assert bind(first, 1) == ("the channel", 1)
    assert bind(first, a=1) == ("the channel", 1)
    assert bind(last, 1, 2) == (1, 2, "the channel")
    assert bind(middle, 1) == (1, "the channel", 5)
    assert bind(middle, 1, 2) == (1, "the channel", 2)
    with pytest.raises(BadArgumentsError, match="too many"):
        bind(first, 1, 2)
    with pytest.raises(BadArgumentsError, match="unexpected keyword argument 'channel'"):
        bind(first, a=1, channel=2)


def test_the_channel_before_any_number():
    def f(channel: Channel, *rest, **named):
        return channel, rest, named

    assert bind(f, 1, 2) == ("the channel", (1, 2), {})
    assert bind(f, a=1) == ("the channel", (), {"a": 1})


def test_takes_arguments():
    assert not Signature(lambda: None, Channel).takes_arguments
    assert Signature(lambda a: None, Channel).takes_arguments

    def f(channel: Channel):
        return channel

    assert not Signature(f, Channel).takes_arguments


def test_several_types_are_given():
    def f(flow: Flow, a: int, channel: Channel):
        return flow, a, channel

    signature = Signature(f, Channel, Flow)
    positional, named = signature.bind("f", [1], ["the channel", "the flow"])
    assert f(*positional, **named) == ("the flow", 1, "the channel")
    assert signature.asks_for(Flow)
    assert not Signature(everything, Channel, Flow).asks_for(Flow)


class Adder:
    def __call__(self, a: int, b: int) -> int:
        return a + b

    def method(self, a: int) -> int:
        return a

    @classmethod
    def of_class(cls, a: int) -> int:
        return a

    @staticmethod
    def static(a: int) -> int:
        return a


def test_all_kinds_of_callables():
    adder = Adder()
    assert bind(adder, 1, 2) == 3
    for function in (adder.method, Adder.of_class, Adder.static):
        assert bind(function, 1) == 1
        with pytest.raises(BadArgumentsError, match="argument 'a' must be int"):
            bind(function, "1")
    with pytest.raises(BadArgumentsError, match="argument 'a' must be int"):
        bind(adder, "1", 2)
    assert bind(functools.partial(everything, 1), 2) == ((1, 2), {})

    @functools.wraps(adder.method)
    def wrapped(*args):
        return args

    assert bind(wrapped, 1) == (1,)


def test_annotations_that_can_not_be_read_are_not_checked(caplog):
    def f(b: int, a: NoSuchType):  # type: ignore[name-defined]  # noqa: F821  # on purpose
        return a

    with caplog.at_level(logging.WARNING, "kcomm"):
        assert bind(f, 1, "anything") == "anything"
        with pytest.raises(BadArgumentsError, match="argument 'b' must be int"):  # the others are
            bind(f, "x", "anything")
    assert "the argument 'a' of" in caplog.text
    assert "NoSuchType" in caplog.text


# --- annotations -----------------------------------------------------------------------------------


class Colour(enum.Enum):
    RED = "red"


class Movie(TypedDict):
    name: str


@typing.runtime_checkable
class Sized(typing.Protocol):
    def __len__(self) -> int: ...


class Drawable(typing.Protocol):
    def draw(self) -> None: ...


@dataclasses.dataclass
class Point:
    x: int


T = TypeVar("T")
UserId = NewType("UserId", int)

ACCEPTED: list[tuple[Any, Any, Any]] = [
    (int, 5, 5),
    (int, 2**64 - 1, 2**64 - 1),
    (float, 5, 5.0),
    (float, 0.5, 0.5),
    (bool, True, True),
    (str, "a", "a"),
    (bytes, b"a", b"a"),
    (None, None, None),
    (Any, {1}, {1}),
    (object, 5, 5),
    (list, [1, "a"], [1, "a"]),
    (list[int], [1, 2], [1, 2]),
    (list[float], [1, 2.5], [1.0, 2.5]),
    (list[list[float]], [[1], []], [[1.0], []]),
    (Sequence[float], [1], [1.0]),
    (typing.Sequence[float], [1], [1.0]),
    (typing.List[float], [1], [1.0]),  # noqa: UP006  # still written by many
    (tuple, [1, 2], (1, 2)),
    (tuple[int, str], [1, "a"], (1, "a")),
    (tuple[float, ...], [1, 2], (1.0, 2.0)),
    (dict, {"a": 1}, {"a": 1}),
    (dict[str, float], {"a": 1}, {"a": 1.0}),
    (Mapping[str, float], {"a": 1}, {"a": 1.0}),
    (Optional[int], None, None),  # noqa: UP045
    (int | None, 5, 5),
    (int | float, 5, 5),
    (float | int, 5, 5),
    (float | None, 5, 5.0),
    (Union[str, float], 5, 5.0),  # noqa: UP007
    (list[float] | None, [1], [1.0]),
    (Literal["a", "b"], "b", "b"),
    (Literal[1, None], None, None),
    (Annotated[float, "metres"], 5, 5.0),
    (UserId, 5, 5),
    (T, "anything", "anything"),
    (Movie, {"name": "x"}, {"name": "x"}),
    (Sized, "text", "text"),
    (Drawable, "not checked", "not checked"),
]


@pytest.mark.parametrize(("hint", "value", "expected"), ACCEPTED, ids=[str(hint) for hint, _, _ in ACCEPTED])
def test_accepted(hint, value, expected):
    result = coerce(value, hint, "f: the argument 'a'")
    assert result == expected
    assert repr(result) == repr(expected)


REFUSED: list[tuple[Any, Any, str]] = [
    (int, 0.5, r"must be int, not float \(0.5\)"),
    (int, 2.0, "must be int, not float"),
    (int, True, "must be int, not bool"),
    (int, "5", "must be int, not str"),
    (int, None, "must be int, not NoneType"),
    (float, "5", "must be a number, not str"),
    (float, True, "must be a number, not bool"),
    (bool, 1, "must be bool, not int"),
    (str, b"a", "must be str, not bytes"),
    (str, 5, r"must be str, not int \(5\)"),
    (bytes, "a", "must be bytes, not str"),
    (None, 0, "must be None, not int"),
    (list, "abc", "must be list, not str"),
    (list, {"a": 1}, "must be list, not dict"),
    (list[int], [1, "a"], r"must be list\[int\], not list"),
    (list[list[int]], [[1], ["a"]], "must be list"),
    (Sequence[int], "abc", "must be .*Sequence"),
    (tuple[int, str], [1], r"must be tuple\[int, str\]"),
    (tuple[int, str], ["a", 1], r"must be tuple\[int, str\]"),
    (tuple[int, ...], [1, "a"], "must be tuple"),
    (dict[str, int], {"a": "b"}, r"must be dict\[str, int\]"),
    (dict, [1], "must be dict, not list"),
    (int | None, "a", r"must be int \| None, not str"),
    (Literal["a", "b"], "c", r"must be Literal\['a', 'b'\], not str \('c'\)"),
    (Literal[1], True, "must be Literal"),
    (Annotated[int, "x"], "a", "must be .*int"),
    (Movie, [1], "must be Movie, not list"),
    (Sized, 5, "must be Sized, not int"),
    (Point, {"x": 1}, "must be Point, not dict"),
    (Colour, "red", "must be Colour, not str"),
    (set, [1], "must be set, not list"),
    (Callable[[], int], "a", "must be .*Callable"),
    (np.ndarray, [1], "must be ndarray, not list"),
    (npt.NDArray[np.uint8], 5, "must be .*(ndarray|NDArray)"),
    (bytes, np.zeros(3), "must be bytes, not ndarray"),
    (bytes, np.zeros((2, 2), np.uint8), "must be bytes, not ndarray"),
    (int, np.zeros(3), "must be int, not ndarray"),
    (Literal["a"], np.zeros(3), "must be Literal"),
]


@pytest.mark.parametrize(("hint", "value", "text"), REFUSED, ids=[f"{h}-{v}" for h, v, _ in REFUSED])
def test_refused_with_the_name_of_the_parameter(hint, value, text):
    with pytest.raises(BadArgumentsError, match=text) as caught:
        coerce(value, hint, "f: the argument 'a'")
    assert caught.value.message.startswith("f: the argument 'a' must be")


def test_a_long_value_is_told_in_short():
    with pytest.raises(BadArgumentsError) as caught:
        coerce("x" * 10_000, int, "f: the argument 'a'")
    assert len(caught.value.message) < 120


def test_bytes_and_arrays_stand_for_each_other():
    array = coerce(b"\1\2", np.ndarray, "f")
    assert array.dtype == np.uint8
    assert array.tolist() == [1, 2]
    assert coerce(np.array([1, 2], np.uint8), bytes, "f") == b"\1\2"
    given = np.zeros((2, 3))
    assert coerce(given, npt.NDArray[np.float64], "f") is given
    assert coerce(given, np.ndarray | None, "f") is given


HINTS = [hint for hint, _, _ in ACCEPTED + REFUSED]


@given(strategies.values)
def test_any_value_for_any_annotation(value):
    for hint in HINTS:
        with contextlib.suppress(BadArgumentsError):
            coerce(value, hint, "f")
