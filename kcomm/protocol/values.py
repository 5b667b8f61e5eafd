"""Values on the wire (section 2 of the specification): msgpack, with arrays and long bytes as ext type 1."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgpack

from kcomm.errors import BadValueError, ProtocolError, TooDeepError

if TYPE_CHECKING:
    import numpy as np

Buffer: TypeAlias = bytes | bytearray | memoryview
#: Where a value is in what is sent: its key or index, and where that is which holds it; None: at the top.
#: It is put into words only for an error.
Path: TypeAlias = "tuple[Path, str | int] | None"

ARRAY_EXT = 1
#: Up to this size array data travel inside the header: a buffer of its own costs more than the copy.
INLINE_LIMIT = 1024
MAX_DIMENSIONS = 32  # NumPy 1.x's own limit

ITEM_SIZES = {
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "float16": 2,
    "float32": 4,
    "float64": 8,
    "bytes": 1,
}
UNSAFE_KEYS = frozenset({"__proto__", "constructor"})

#: Whatever the peer accepts: the encoder calls itself, and a value that holds itself has no depth.
_MAX_SENT_DEPTH = 500
#: Characters of a path that an error tells.
_MAX_PATH = 80
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1
#: What the packer takes as it is, whatever its value.
_AS_IT_IS = frozenset({type(None), bool, float})
_SCALARS = frozenset({type(None), bool, int, float, str, bytes})
_HINTS = {
    "set": "send a list",
    "frozenset": "send a list",
    "complex": "send its real and imaginary parts",
    "datetime": "send its .isoformat() or .timestamp()",
    "date": "send its .isoformat()",
    "DataFrame": "send its columns as arrays",
    "Series": "send .to_numpy()",
    "Tensor": "send .numpy()",
    "Image": "send kcomm.encode(image) or numpy.asarray(image)",
    "Path": "send str(path)",
    "PosixPath": "send str(path)",
    "function": "register a method instead",
}


class Invalid:
    """Stands in a decoded tree for something that could not be read; it fails its message only.

    It is no exception, since those keep the frames they passed through: a packet may hold a million of it.
    """

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message


# --- sending ---------------------------------------------------------------------------------------


def encode(fields: Sequence[Any], depth_limit: int) -> tuple[bytes, list[bytes]]:
    """Encode the fields of a message; return its bytes and its attachments.

    Mutable data are copied: what is changed afterwards does not change what is sent.
    """
    attachments: list[bytes] = []
    depth = min(depth_limit, _MAX_SENT_DEPTH)
    try:
        plain = [_plain(field, None, depth, attachments) for field in fields]
    except RecursionError:  # a lower limit of Python's, in a caller that is deep itself
        raise TooDeepError("value is nested too deeply") from None
    body: bytes = msgpack.packb(plain)
    return body, attachments


def _plain(value: Any, path: Path, depth: int, attachments: list[bytes]) -> Any:
    """Turn a value into what the packer takes as it is, or say why it can't be sent."""
    kind = type(value)
    if kind is str:
        return _text(value, path)
    if kind is int:
        return _integer(value, path)
    if kind in _AS_IT_IS:
        return value
    if kind is list or kind is tuple:
        _check_depth(depth, path)
        return [
            item if type(item) in _AS_IT_IS else _plain(item, (path, i), depth - 1, attachments)
            for i, item in enumerate(value)
        ]
    if kind is dict:
        return _map(value, path, depth, attachments)
    return _special(value, path, depth, attachments)


def _special(value: Any, path: Path, depth: int, attachments: list[bytes]) -> Any:
    """Take subclasses, bytes and NumPy's types; refuse the rest."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        if len(data) <= INLINE_LIMIT:
            return data
        return _array_ext("bytes", [len(data)], data, attachments)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            return _ndarray(numpy, value, path, attachments)
        if isinstance(value, numpy.generic):
            return _numpy_scalar(numpy, value, path)
    if isinstance(value, int):
        return _integer(int(value), path)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return _text(str.__str__(value), path)
    if isinstance(value, (list, tuple)):
        return _plain(list(value), path, depth, attachments)
    if isinstance(value, dict):
        return _map(value, path, depth, attachments)
    raise _refused(value, path)


def _map(value: dict[Any, Any], path: Path, depth: int, attachments: list[bytes]) -> dict[str, Any]:
    _check_depth(depth, path)
    plain = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise BadValueError(
                f"{_where(path)}has the key {key!r}: the keys of a map must be str, not {type(key).__name__}"
            )
        if key in UNSAFE_KEYS:
            raise BadValueError(f"{_where(path)}has the key {key!r}, which is not safe in JavaScript")
        plain[_text(str.__str__(key), path)] = _plain(item, (path, key), depth - 1, attachments)
    return plain


def _text(value: str, path: Path) -> str:
    # isascii() is a flag of the string: the common case costs nothing.
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BadValueError(
                f"{_where(path)}is text with a lone surrogate, which is not valid Unicode"
            ) from None
    return value


def _integer(value: int, path: Path) -> int:
    if not _INT_MIN <= value <= _INT_MAX:
        raise BadValueError(
            f"{_where(path)}is an integer of {value.bit_length()} bits; "
            "integers go from -2**63 to 2**64 - 1: send it as text"
        )
    return value


def _numpy_scalar(numpy: Any, value: Any, path: Path) -> Any:
    if isinstance(value, numpy.str_):
        return _text(str(value), path)
    if value.dtype.kind not in "biuf" or value.dtype.name not in ITEM_SIZES:
        raise _refused(value, path, f"numpy.{value.dtype.name}")
    return value.item()


def _ndarray(
    numpy: Any, array: np.ndarray[Any, Any], path: Path, attachments: list[bytes]
) -> msgpack.ExtType:
    if isinstance(array, numpy.ma.MaskedArray):
        raise BadValueError(f"{_where(path)}is a masked array: send .filled() or .data and .mask")
    if array.dtype.kind not in "biuf" or array.dtype.name not in ITEM_SIZES:
        raise BadValueError(
            f"{_where(path)}is an array of dtype {array.dtype}, which JavaScript has no form for; "
            "use bool, int8 to uint64, float16, float32 or float64"
        )
    if array.ndim > MAX_DIMENSIONS:
        raise BadValueError(f"{_where(path)}is an array of {array.ndim} dimensions; at most {MAX_DIMENSIONS}")
    little = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return _array_ext(array.dtype.name, list(array.shape), little.tobytes(), attachments)


def _array_ext(dtype: str, shape: list[int], data: bytes, attachments: list[bytes]) -> msgpack.ExtType:
    if len(data) <= INLINE_LIMIT:
        return msgpack.ExtType(ARRAY_EXT, msgpack.packb([dtype, shape, data]))
    attachments.append(data)
    return msgpack.ExtType(ARRAY_EXT, msgpack.packb([dtype, shape]))


def _check_depth(depth: int, path: Path) -> None:
    if depth <= 0:
        raise TooDeepError(f"{_where(path)}is nested too deeply")


def _where(path: Path) -> str:
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    text = "".join(reversed(steps)).lstrip(".")
    return f"value at {text[:_MAX_PATH]} " if text else "value "


def _refused(value: Any, path: Path, name: str | None = None) -> BadValueError:
    name = name or type(value).__qualname__
    hint = _HINTS.get(type(value).__name__, "send None, bool, int, float, str, bytes, list, dict or an array")
    return BadValueError(f"{_where(path)}is of type {name}, which can't be sent: {hint}")


# --- receiving -------------------------------------------------------------------------------------


def decode(data: Buffer, attachments: Sequence[Buffer]) -> Any:
    """Decode msgpack whose references stand for the attachments, in order.

    What is wrong with a value stands in the tree as `Invalid`; `check` finds it.

    Raises
    ------
    ProtocolError
        When the bytes are not msgpack, or the attachments do not match the references.
    """
    rest = iter(attachments)
    missing = False
    invalid: dict[str, Invalid] = {}

    def ext_hook(code: int, payload: Buffer) -> Any:
        nonlocal missing
        if code != ARRAY_EXT:
            message = f"ext type {code} is not known"
            return invalid.setdefault(message, Invalid(message))
        try:
            return _read_array(payload, rest)
        except BadValueError as error:
            return invalid.setdefault(error.message, Invalid(error.message))
        except StopIteration:
            missing = True
            return None

    try:
        value = msgpack.unpackb(
            data,
            ext_hook=ext_hook,
            object_pairs_hook=_read_map,
            strict_map_key=False,
            unicode_errors="replace",
        )
    except (ValueError, TypeError, RecursionError, OverflowError, msgpack.UnpackException) as error:
        raise ProtocolError(f"not valid msgpack: {error or type(error).__name__}") from None
    if missing:
        raise ProtocolError("a reference has no attachment")
    if next(rest, None) is not None:
        raise ProtocolError("an attachment has no reference")
    return value


def check(fields: Sequence[Any], depth_limit: int) -> None:
    """Raise `BadValueError` if anything in the fields of a message could not be read."""
    level: list[Any] = list(fields)
    for _ in range(depth_limit + 1):
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind in _SCALARS:
                continue
            if kind is list:
                below.extend(item)
                # An empty list has a depth of its own, too.
                below.append(None)
            elif kind is dict:
                below.extend(item.values())
                below.append(None)
            elif kind is Invalid:
                raise BadValueError(item.message)
            elif kind is msgpack.Timestamp:
                raise BadValueError("ext type -1 is not known")
        if not below:
            return
        level = below
    raise TooDeepError(f"the value is nested more than {depth_limit} levels deep")


def _read_map(pairs: list[tuple[Any, Any]]) -> Any:
    for key, _ in pairs:
        if type(key) is not str:
            return Invalid(f"a map key is {type(key).__name__}, not text")
        if key in UNSAFE_KEYS:
            return Invalid(f"the map key {key!r} is not allowed")
    return dict(pairs)


def _read_array(payload: Buffer, attachments: Iterator[Buffer]) -> Any:
    try:
        fields = msgpack.unpackb(payload, max_map_len=0, max_ext_len=0)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException):
        raise BadValueError("the payload of ext type 1 is not valid msgpack") from None
    if not isinstance(fields, list) or len(fields) not in (2, 3):
        raise BadValueError("the payload of ext type 1 must be [dtype, shape] or [dtype, shape, data]")
    data = fields[2] if len(fields) == 3 else next(attachments)
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise BadValueError("the data of an array must be bytes")
    dtype, shape = fields[0], fields[1]
    _check_array(dtype, shape, memoryview(data).nbytes)
    if dtype == "bytes":
        return bytes(data)
    return _to_ndarray(dtype, shape, data)


def _check_array(dtype: Any, shape: Any, nbytes: int) -> None:
    if type(dtype) is not str or dtype not in ITEM_SIZES:
        raise BadValueError(f"the dtype {str(dtype)[:40]!r} is not known")
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise BadValueError("a shape must be a list of non-negative integers")
    if len(shape) > MAX_DIMENSIONS or (dtype == "bytes" and len(shape) != 1):
        raise BadValueError(f"{dtype} can't have {len(shape)} dimensions")
    expected = math.prod(shape) * ITEM_SIZES[dtype]
    if expected != nbytes:
        raise BadValueError(
            f"an array of {dtype} with the shape {shape} has {expected} bytes, but {nbytes} came"
        )


def _to_ndarray(dtype: str, shape: list[int], data: Buffer) -> np.ndarray[Any, Any]:
    import numpy as np

    if dtype == "bool" and data and int(np.frombuffer(data, np.uint8).max()) > 1:
        raise BadValueError("an array of bool has a byte that is neither 0 nor 1")
    try:
        flat = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"))
        array = flat.reshape(shape)
    except ValueError as error:  # a 0 among sizes beyond what NumPy can address
        raise BadValueError(f"the shape {shape} can't be had: {error}") from None
    array.flags.writeable = False
    return array
