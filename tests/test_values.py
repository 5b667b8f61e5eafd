"""Values: what is sent, what is refused by name, and what comes out at the other end."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import pathlib
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings

from kcomm.errors import BadValueError, ProtocolError, TooDeepError
from kcomm.protocol import values
from tests import strategies
from tests.vectors import wire
from tests.vectors.player import is_same


def encode(value: Any, depth: int = 64) -> tuple[bytes, list[bytes]]:
    body, attachments = values.encode([value], depth)
    assert body[:1] == b"\x91"
    return body[1:], attachments


def pass_through(value: Any) -> Any:
    body, attachments = encode(value)
    result = values.decode(body, attachments)
    values.check([result], 64)
    return result


def to_wire(value: Any) -> Any:
    """Return a value as the independent packer takes it."""
    if isinstance(value, np.ndarray):
        name = value.dtype.name
        data = value.astype(value.dtype.newbyteorder("<")).tobytes(order="C")
        return wire.Array(name, list(value.shape), data)
    if isinstance(value, list):
        return [to_wire(item) for item in value]
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    return value


def is_equal(actual: Any, sent: Any) -> bool:
    if isinstance(sent, list):
        return type(actual) is list and len(actual) == len(sent) and all(map(is_equal, actual, sent))
    if isinstance(sent, dict):
        pairs = zip(actual.items(), sent.items(), strict=True)
        return type(actual) is dict and all(a == b and is_equal(x, y) for (a, x), (b, y) in pairs)
    if isinstance(sent, np.ndarray):
        return is_same(actual, np.array(sent.astype(sent.dtype.newbyteorder("<"))))
    return is_same(actual, sent)


@settings(max_examples=200)
@given(strategies.values)
def test_what_is_written_is_what_an_independent_packer_writes(value):
    attachments: list[bytes] = []
    body = wire.pack(to_wire(value), attachments)
    assert encode(value) == (body, attachments)


@settings(max_examples=200)
@given(strategies.values)
def test_what_an_independent_packer_wrote_is_read(value):
    attachments: list[bytes] = []
    body = wire.pack(to_wire(value), attachments)
    assert is_equal(values.decode(body, attachments), value)


# --- sending ---------------------------------------------------------------------------------------


class Colour(enum.IntEnum):
    RED = 3


class Text(str):
    __slots__ = ()


class Real(float):
    __slots__ = ()


class Point(collections.namedtuple("Point", "x y")):
    __slots__ = ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2), [1, 2]),
        (Point(1, 2), [1, 2]),
        (Colour.RED, 3),
        (Text("a"), "a"),
        (Real(2.5), 2.5),
        ({Text("k"): 1}, {"k": 1}),
        (collections.OrderedDict(a=1), {"a": 1}),
        (collections.defaultdict(int, a=1), {"a": 1}),
        (bytearray(b"ab"), b"ab"),
        (memoryview(b"abcd")[::2], b"ac"),
        (memoryview(bytearray(6)).cast("h"), bytes(6)),
        (np.bool_(True), True),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.float16(0.5), 0.5),
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.str_("a"), "a"),
        (np.bytes_(b"a"), b"a"),
    ],
    ids=lambda value: f"{type(value).__name__}",
)
def test_relatives_are_sent_as_what_they_are(value, expected):
    result = pass_through(value)
    assert result == expected
    assert type(result) is type(expected)


class Unknown:
    pass


NUMPY_ONLY = [np.longdouble(1), np.clongdouble(1), np.complex64(1), np.datetime64("2020"), np.timedelta64(1)]
REFUSED: list[tuple[Any, str]] = [
    (object(), "object"),
    (Unknown(), "Unknown"),
    ({1, 2}, "set.*send a list"),
    (frozenset(), "frozenset"),
    (1j, "complex.*real and imaginary"),
    (datetime.datetime(2020, 1, 1), "datetime.*isoformat"),
    (datetime.date(2020, 1, 1), "date"),
    (decimal.Decimal(1), "Decimal"),
    (pathlib.PurePosixPath("/"), "PurePosixPath"),
    (len, "builtin_function_or_method"),
    (lambda: None, "function.*register a method"),
    (range(3), "range"),
    ((i for i in [1]), "generator"),
    (np.ma.masked_array([1], [True]), "masked array.*filled"),
    (np.array([object()]), "dtype object"),
    (np.array(["a"]), "dtype <U1"),
    (np.array([b"a"]), r"dtype \|S1"),
    (np.array([(1, 2)], [("a", "i4"), ("b", "i4")]), "dtype"),
    (np.array([1j]), "dtype complex128"),
    (np.array([1], np.longdouble), "dtype float128|dtype longdouble|dtype float96"),
    (np.array(["2020"], "M8[D]"), "dtype datetime64"),
    (np.zeros((1,) * 33) if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else {1}, "33 dimensions|set"),
    (np.void(b"ab"), "void"),
    *((value, f"numpy.{value.dtype.name.split('[')[0]}") for value in NUMPY_ONLY),
]


@pytest.mark.parametrize(("value", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_refused_by_name(value, text):
    with pytest.raises(BadValueError, match=text) as caught:
        encode(value)
    assert caught.value.code == "kcomm.bad_value"


def test_an_object_array_of_numbers_is_refused():
    with pytest.raises(BadValueError, match="dtype object"):
        encode(np.array([1, 2], dtype=object))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, {"b": {1}}]}, r"value at a\[1\]\.b is of type set"),
        ([[], [0, 1j]], r"value at \[1\]\[1\] is of type complex"),
        ({1: 2}, "value has the key 1: the keys of a map must be str, not int"),
        ({"a": {None: 2}}, "value at a has the key None"),
        ({b"k": 2}, "the keys of a map must be str, not bytes"),
        ({"__proto__": 2}, "'__proto__', which is not safe in JavaScript"),
        ({"a": {"constructor": 2}}, "value at a has the key 'constructor'"),
        ("\ud800", "lone surrogate"),
        ({"\udfff": 1}, "lone surrogate"),
        (np.str_("\ud800"), "lone surrogate"),
        (2**64, "integer of 65 bits.*send it as text"),
        (-(2**63) - 1, "integer of 64 bits"),
    ],
)
def test_refused_with_its_place(value, text):
    with pytest.raises(BadValueError, match=text):
        encode(value)


def nested(depth: int, leaf: Any = None) -> Any:
    value = leaf
    for _ in range(depth):
        value = [value]
    return value


def test_depth_is_counted_from_scalars():
    assert encode(1, 0) == (b"\1", [])
    assert encode(nested(5), 5)
    assert encode({"a": [{}]}, 3)
    assert encode(np.zeros((1, 1, 1)), 0)
    for value, limit in [([], 0), ({}, 0), (nested(6), 5), ({"a": [{}]}, 2)]:
        with pytest.raises(TooDeepError, match="nested too deeply") as caught:
            encode(value, limit)
        assert caught.value.code == "kcomm.too_deep"


def test_a_value_that_holds_itself_is_too_deep_whatever_the_other_end_takes():
    endless: list[Any] = []
    endless.append(endless)
    loop: dict[str, Any] = {}
    loop["a"] = loop
    for value in (endless, loop):
        for limit in (64, 10**9):
            with pytest.raises(TooDeepError):
                encode(value, limit)


def test_what_changes_after_encoding_does_not_change_what_is_sent():
    array, data, items = np.zeros(2000, np.uint8), bytearray(2000), [1]
    body, attachments = encode([array, data, items])
    before = body, [bytes(attachment) for attachment in attachments]
    array[:] = 1
    data[:] = bytes([1]) * 2000
    items.append(2)
    assert (body, [bytes(attachment) for attachment in attachments]) == before


# --- receiving -------------------------------------------------------------------------------------


def test_a_received_array_is_read_only_and_views_its_attachment():
    attachment = bytes(range(200)) * 8
    body, _ = encode(np.frombuffer(attachment, np.uint8))
    array = values.decode(body, [memoryview(attachment)])
    assert isinstance(array, np.ndarray)
    assert np.shares_memory(array, np.frombuffer(attachment, np.uint8))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1


def test_a_received_array_is_read_only_when_its_buffer_is_not():
    array = values.decode(encode(np.zeros(2000, np.uint8))[0], [bytearray(2000)])
    assert not array.flags.writeable


def test_bytes_are_bytes_whatever_buffer_they_came_in():
    body, attachments = encode(bytes(2000))
    for kind in (bytes, bytearray, memoryview):
        result = values.decode(body, [kind(attachments[0])])
        assert type(result) is bytes
        assert result == bytes(2000)


def test_dtypes_are_native_names():
    for kind in strategies.DTYPES:
        assert pass_through(np.zeros(2, f">{kind}")).dtype == np.dtype(kind)


def test_check_finds_what_is_wrong_at_any_depth():
    bad = wire.Raw(wire.pack_ext(7, b"a"))
    for value in (bad, [bad], {"a": [1, {"b": bad}]}):
        tree = values.decode(wire.pack(value), [])
        with pytest.raises(BadValueError, match="ext type 7 is not known"):
            values.check([tree], 64)


def test_check_counts_depth_as_the_encoder_does():
    for depth in range(6):
        tree = values.decode(wire.pack(nested(depth, {})), [])
        values.check([0, tree], depth + 1)
        with pytest.raises(TooDeepError):
            values.check([0, tree], depth)


def test_a_timestamp_is_refused():
    tree = values.decode(msgpack.packb([msgpack.Timestamp(1, 2)]), [])
    with pytest.raises(BadValueError, match="ext type -1"):
        values.check(tree, 64)


def test_a_shape_that_can_not_be_addressed_is_a_bad_value():
    payload = b"\x93" + wire.pack("int8") + wire.pack([2**40, 2**40, 0]) + wire.pack(b"")
    tree = values.decode(wire.pack_ext(1, payload), [])
    with pytest.raises(BadValueError, match="shape"):
        values.check([tree], 64)


@pytest.mark.parametrize(
    ("data", "attachments", "text"),
    [
        (b"", [], "not valid msgpack"),
        (b"\xc1", [], "not valid msgpack"),
        (b"\x92\x01", [], "not valid msgpack"),
        (b"\x01\x02", [], "not valid msgpack"),
        (b"\x01", [b"a"], "an attachment has no reference"),
        (encode(np.zeros(2000))[0], [], "a reference has no attachment"),
    ],
)
def test_what_is_no_value_at_all_is_a_protocol_error(data, attachments, text):
    with pytest.raises(ProtocolError, match=text):
        values.decode(data, attachments)
