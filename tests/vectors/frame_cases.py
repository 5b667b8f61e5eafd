"""Frames: codecs of pixels, and frames that build on each other. Written by hand, not by kcomm's encoder."""

from __future__ import annotations

import struct
import zlib
from typing import Any

from tests.vectors.wire import Json

Case = dict[str, Json]

DEFLATED, QOI = 1, 2
RED, GREEN, HALF = b"\xff\x00\x00\xff", b"\x00\xff\x00\xff", b"\x00\x00\x00\x80"
NOTHING = bytes(4)


def frame_cases() -> list[Case]:
    """Return the cases of frames.json: data, and their pixels or the error they raise."""
    return [*whole_cases(), *qoi_cases(), *delta_cases(), *broken_cases(), *broken_deltas()]


def whole_cases() -> list[Case]:
    """Return frames of rows."""
    row = RED + GREEN + HALF
    return [
        case("raw rows", "raw", row, row),
        case("deflated rows", "zlib", zlib_of(row), row),
        case(
            "rows of straight alpha under full transparency",
            "raw",
            b"\x01\x02\x03\x00" * 3,
            b"\x01\x02\x03\x00" * 3,
        ),
        case("RGB rows", "rgb", b"\xff\0\0\0\xff\0" + b"\x01\x02\x03", RED + GREEN + b"\x01\x02\x03\xff"),
        case("grey rows", "grey", b"\0\x07\xff", b"\0\0\0\xff\x07\x07\x07\xff\xff\xff\xff\xff"),
        case("two grey rows", "grey", b"\x01\x02", b"\x01\x01\x01\xff\x02\x02\x02\xff", height=2),
    ]


def qoi_cases() -> list[Case]:
    """Return QOI files with every kind of chunk."""
    return [
        case("QOI: red is one RGB chunk", "qoi", qoi(1, 1, b"\xfe\xff\x00\x00"), RED),
        case("QOI: an RGBA chunk", "qoi", qoi(1, 1, b"\xff\x00\x00\x00\x80"), HALF),
        case(
            "QOI: it begins as if the pixel before were opaque black",
            "qoi",
            qoi(3, 1, b"\xc2"),
            b"\0\0\0\xff" * 3,
        ),
        # The pixel 0, 0, 0, 0 stands at each index that was not written yet.
        case("QOI: an index that was not written", "qoi", qoi(1, 1, b"\x05"), NOTHING),
        # 3 * 255 + 11 * 255 = 3570, and 3570 mod 64 = 50.
        case(
            "QOI: an index that was",
            "qoi",
            qoi(3, 1, b"\xfe\xff\x00\x00\xfe\x00\xff\x00\x32"),
            RED + GREEN + RED,
        ),
        # 01 11 00 10: red +1, green -2 (wraps), blue 0.
        case("QOI: a small difference wraps", "qoi", qoi(1, 1, b"\x72"), b"\x01\xfe\x00\xff"),
        # Green +31; red 31 - 8 + 15, blue 31 - 8 + 0.
        case("QOI: a difference by way of green", "qoi", qoi(1, 1, b"\xbf\xf0"), b"\x26\x1f\x17\xff"),
        case("QOI: the longest run", "qoi", qoi(62, 1, b"\xfd"), b"\0\0\0\xff" * 62),
        case("QOI: rows follow each other", "qoi", qoi(2, 2, b"\xfe\xff\x00\x00\xc2"), RED * 4, height=2),
        case("QOI, deflated", "qoiz", zlib_of(qoi(1, 1, b"\xfe\xff\x00\x00")), RED),
    ]


def delta_cases() -> list[Case]:
    """Return deltas."""
    base = RED * 6
    return [
        delta_case("nothing changed", delta(), base, base),
        delta_case(
            "two spans",
            delta((1, 1, GREEN), (2, 2, HALF + GREEN)),
            base,
            RED + GREEN + RED * 2 + HALF + GREEN,
        ),
        delta_case("everything changed", delta((0, 6, GREEN * 6)), base, GREEN * 6),
        delta_case("deflated", delta((1, 2, GREEN * 2), flags=DEFLATED), base, RED + GREEN * 2 + RED * 3),
        delta_case(
            "values as QOI",
            delta((1, 2, b"\xfe\x00\xff\x00\xc0"), flags=QOI),
            base,
            RED + GREEN * 2 + RED * 3,
        ),
        delta_case(
            "values as QOI, deflated",
            delta((1, 2, b"\xfe\x00\xff\x00\xc0"), flags=DEFLATED | QOI),
            base,
            RED + GREEN * 2 + RED * 3,
        ),
        delta_case("a value that is as it was", delta((0, 1, RED)), base, base),
        delta_case(
            "a span in two pieces", delta((1, 1, GREEN), (0, 1, GREEN)), base, RED + GREEN * 2 + RED * 3
        ),
        delta_case("a gap in two pieces", delta((1, 0, b""), (1, 1, GREEN)), base, RED * 2 + GREEN + RED * 3),
        # The two examples of the specification.
        delta_case(
            "the example of the specification",
            bytes.fromhex("0000000002000000010002000100020000ff00ff0000008000000080"),
            base,
            RED + GREEN + RED * 2 + HALF * 2,
            height=3,
        ),
        delta_case(
            "the example of the specification, as QOI",
            bytes.fromhex(
                "02000000020000000100020001000200"
                "716f69660000000300000001"
                "0400"
                "fe00ff00"
                "ff00000080"
                "c0"
                "0000000000000001"
            ),
            base,
            RED + GREEN + RED * 2 + HALF * 2,
            height=3,
        ),
        delta_case("two rows", delta((2, 2, GREEN * 2)), base, RED * 2 + GREEN * 2 + RED * 2, height=2),
    ]


def broken_cases() -> list[Case]:
    """Return data of whole frames that must be refused."""
    row = RED + GREEN + HALF
    short = qoi(1, 1, b"\xfe\xff\x00\x00")
    return [
        broken("raw rows that end too early", "raw", row[:-1]),
        broken("raw rows that are too long", "raw", row + b"\0"),
        broken("RGB rows that end too early", "rgb", row[:8]),
        broken("RGB rows that are too long", "rgb", row),
        broken("grey rows that end too early", "grey", b"\0\0"),
        broken("grey rows that are too long", "grey", row),
        broken("deflated rows that end too early", "zlib", zlib_of(row[:-1])),
        broken("deflated rows that are too long", "zlib", zlib_of(row + b"\0")),
        broken("deflated rows, torn off", "zlib", zlib_of(row)[:-5]),
        broken("deflated rows with a wrong checksum", "zlib", zlib_of(row)[:-1] + b"\0"),
        broken("deflated rows that are something else", "zlib", b"\x01\x02\x03\x04"),
        broken("no data", "qoi", b""),
        broken("QOI of another format", "qoi", b"qoix" + short[4:], width=1),
        broken("QOI of another size than the frame", "qoi", qoi(2, 1, b"\xc1"), width=3),
        broken("QOI of three channels", "qoi", short[:12] + b"\x03" + short[13:], width=1),
        broken("QOI of linear colours", "qoi", short[:13] + b"\x01" + short[14:], width=1),
        broken("QOI without its end", "qoi", short[:-8], width=1),
        broken("QOI that ends before its pixels", "qoi", qoi(3, 1, b"\xfe\xff\x00\x00")),
        broken("QOI that ends within a chunk", "qoi", qoi(1, 1, b"\xfe\xff")[:-8] + END, width=1),
        broken(
            "deflated QOI that is none", "qoiz", zlib_of(b"nothing of that kind, and long enough"), width=1
        ),
        broken("deflated QOI that is a bomb", "qoiz", zlib_of(bytes(60)), width=1),
        broken("QOI that is not deflated", "qoiz", short, width=1),
    ]


def broken_deltas() -> list[Case]:
    """Return deltas that must be refused."""
    return [
        broken_delta("no head", b"\0\0\0\0\0\0\0"),
        broken_delta("unknown flags", b"\x04" + delta()[1:]),
        broken_delta("a reserved byte", b"\0\x01" + delta()[2:]),
        broken_delta("fewer spans than announced", b"\0\0\0\0\x01\0\0\0\0\0\0"),
        broken_delta("more spans than there are pixels", b"\0\0\0\0\xff\xff\xff\xff"),
        broken_delta("a span that reaches beyond the end", delta((5, 2, GREEN * 2))),
        broken_delta("a gap that reaches beyond the end", delta((7, 0, b""))),
        broken_delta("too few values", delta((1, 2, GREEN))),
        broken_delta("too many values", delta((1, 2, GREEN * 3))),
        broken_delta("values that end within one", delta((1, 1, GREEN[:2]))),
        broken_delta("values that were announced as deflated", bytes([DEFLATED]) + delta((1, 1, GREEN))[1:]),
        broken_delta("deflated and torn off", delta((1, 2, GREEN * 2), flags=DEFLATED)[:-5]),
        broken_delta("a deflated bomb", delta((0, 1, GREEN * 999), flags=DEFLATED)),
        broken_delta("a QOI file of no pixels", delta((1, 0, b""), flags=QOI)),
        broken_delta("values that are no QOI file", bytes([QOI]) + delta((1, 1, GREEN))[1:]),
        broken_delta("a QOI file of too few values", delta((1, 2, b"\xfe\x00\xff\x00"), flags=QOI)),
        {**delta_case("a base of another size", delta(), RED * 6, RED * 6), "base_width": 3, "pixels": None},
    ]


# --- sequences ---------------------------------------------------------------------------------------


def sequence_cases() -> list[Case]:
    """Return the cases of bases.json: a receiver takes one message after the other."""
    nothing = {"codec": "delta", "data": data_of(delta())}
    keys = [key(number, bytes([number]) * 4) for number in range(1, 7)]
    return [
        sequence(
            "a key, and what builds on it",
            step(keys[0], has=[1], pixels=b"\1" * 4),
            step({**nothing, "base": 1}, has=[1], pixels=b"\1" * 4),
            step({**nothing, "base": 1, "data": data_of(delta((0, 1, RED)))}, has=[1], pixels=RED),
            step({**nothing, "base": 1}, has=[1], pixels=b"\1" * 4),
        ),
        sequence(
            "the last four bases are kept, by arrival",
            *(step(frame, has=[f["id"] for f in keys[: at + 1]][-4:]) for at, frame in enumerate(keys)),
            step(keys[3], has=[3, 5, 6, 4]),
            step(keys[0], has=[5, 6, 4, 1]),
            step({**nothing, "base": 5}, has=[5, 6, 4, 1], pixels=b"\5" * 4),
        ),
        sequence(
            "a delta brings its base along",
            step({**nothing, "base": 2, "key": keys[1]}, has=[2], pixels=b"\2" * 4),
            step({**nothing, "base": 2}, has=[2], pixels=b"\2" * 4),
        ),
        sequence(
            "a base that is missing is asked for, once",
            step({**nothing, "base": 3}, asks={"3": keys[2]}, has=[3], pixels=b"\3" * 4),
            step({**nothing, "base": 3}, has=[3], pixels=b"\3" * 4),
        ),
        sequence(
            "a base that is gone",
            step(keys[0], has=[1]),
            step({**nothing, "base": 9}, asks={"9": None}, has=[1], error="kcomm.no_frame"),
            step({**nothing, "base": 1}, has=[1], pixels=b"\1" * 4),
        ),
        sequence(
            "another base than was asked for",
            step({**nothing, "base": 3}, asks={"3": keys[0]}, has=[], error="kcomm.bad_value"),
        ),
        sequence(
            "a key that is broken is not kept",
            step({**keys[0], "data": data_of(b"")}, has=[], error="kcomm.bad_value"),
            step(keys[1], has=[2], pixels=b"\2" * 4),
        ),
        sequence(
            "a number is given to other pixels",
            step(keys[0], has=[1], pixels=b"\1" * 4),
            step({**key(1, RED)}, has=[1], pixels=RED),
            step({**nothing, "base": 1}, has=[1], pixels=RED),
        ),
        sequence(
            "frames of another codec are no bases",
            *(
                step(frame, has=[], error="kcomm.bad_value", rejected=True)
                for frame in (
                    {**nothing, "id": 1, "base": 1},
                    {**nothing},
                    {**nothing, "base": -1},
                    {**keys[0], "id": 1.5},
                    {**keys[0], "base": 1},
                    {**keys[0], "key": keys[0]},
                    {**keys[0], "codec": "rgb", "data": data_of(RED[:3])},
                    {**keys[0], "codec": "grey", "data": data_of(RED[:1])},
                    {**nothing, "base": 1, "key": keys[1]},
                    {**nothing, "base": 1, "key": {**nothing, "base": 1}},
                )
            ),
        ),
    ]


def sequence(name: str, *steps: Case) -> Case:
    """Return a case; the indexes count, and what is not named is one pixel of the codec raw."""
    for index, one in enumerate(steps):
        one["frame"] = message(index, one["frame"])
    return {"name": name, "steps": list(steps)}


def message(index: int, fields: Case) -> Case:
    """Return a whole frame message."""
    inner = fields.get("key")
    more = {} if inner is None else {"key": message(0, inner)}
    return {"index": index, "width": 1, "height": 1, "ms": {}, **fields, **more}


def key(number: int, pixel: bytes) -> Case:
    """Return a key frame."""
    return {"codec": "raw", "data": data_of(pixel), "id": number}


def step(
    frame: Case,
    *,
    has: list[int],
    pixels: bytes | None = None,
    error: str | None = None,
    asks: dict[str, Case | None] | None = None,
    rejected: bool = False,
) -> Case:
    """Return a step: a frame comes; what the receiver asks for and gets; what it holds then."""
    step_: Case = {"frame": frame, "has": has}
    if asks is not None:
        step_["asks"] = {number: None if base is None else message(0, base) for number, base in asks.items()}
    if pixels is not None:
        step_["pixels"] = pixels.hex()
    if error is not None:
        step_["error"] = error
    if rejected:
        step_["rejected"] = True
    return step_


# --- bytes -------------------------------------------------------------------------------------------

#: What a QOI file ends with.
END = bytes(7) + b"\1"


def qoi(width: int, height: int, chunks: bytes) -> bytes:
    """Return a QOI file."""
    return b"qoif" + struct.pack(">IIBB", width, height, 4, 0) + chunks + END


def delta(*spans: tuple[int, int, bytes], flags: int = 0) -> bytes:
    """Return a delta of spans: gap, length, and values (or, together, the chunks of a QOI file)."""
    gaps = struct.pack(f"<{len(spans)}H", *(gap for gap, _, _ in spans))
    lengths = struct.pack(f"<{len(spans)}H", *(length for _, length, _ in spans))
    values = b"".join(value for _, _, value in spans)
    if flags & QOI:
        values = qoi(sum(length for _, length, _ in spans), 1, values)
    body = gaps + lengths + values
    return struct.pack("<B3xI", flags, len(spans)) + (zlib_of(body) if flags & DEFLATED else body)


def zlib_of(data: bytes) -> bytes:
    """Return data in the zlib format, as one stored block: libraries differ in how they deflate."""
    head = struct.pack("<BBBHH", 0x78, 0x01, 1, len(data), len(data) ^ 0xFFFF)
    return head + data + struct.pack(">I", zlib.adler32(data))


def data_of(data: bytes) -> Json:
    """Return bytes in the notation."""
    return {"$bytes": data.hex()}


def case(name: str, codec: str, data: bytes, pixels: bytes | None, *, height: int = 1, **more: Any) -> Case:
    """Return a case of a frame that is whole."""
    width = more.pop("width", None) or len(pixels or b"") // 4 // height
    return {
        "name": name,
        "codec": codec,
        "width": width,
        "height": height,
        "data": data.hex(),
        **more,
        "pixels": None if pixels is None else pixels.hex(),
    }


def broken(name: str, codec: str, data: bytes, width: int = 3) -> Case:
    """Return a case of data that can't be decoded."""
    return case(name, codec, data, None, width=width)


def delta_case(name: str, data: bytes, base: bytes, pixels: bytes | None, height: int = 1) -> Case:
    """Return a case of a delta."""
    width = len(base) // 4 // height
    return case(f"delta: {name}", "delta", data, pixels, height=height, width=width, base=base.hex())


def broken_delta(name: str, data: bytes) -> Case:
    """Return a case of a delta that can't be applied."""
    return delta_case(name, data, RED * 6, None)
