"""Deltas, QOI, and what a receiver makes of them: for any pixels, and for any bytes."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kcomm.errors import BadValueError, KcommError
from kcomm.frames import CODECS, Frame, delta, qoi, video
from kcomm.frames.decoder import Decoder
from kcomm.frames.inflate import inflate
from kcomm.frames.pixels import to_rgba

FORMS = [(), (3,), (4,)]
sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))


@st.composite
def pictures(draw: st.DrawFn, size: tuple[int, int]) -> np.ndarray:
    """Return pixels of any kind: grey, RGB or RGBA; of few colours, as in plots, or of many."""
    shape = size + draw(st.sampled_from(FORMS))
    colours = draw(st.sampled_from([st.integers(0, 255), st.sampled_from([0, 254, 255]), st.just(7)]))
    return draw(hnp.arrays(np.uint8, shape, elements=colours))


def apply(data: bytes, base: np.ndarray) -> np.ndarray:
    return delta.decode(data, base, base.shape[1], base.shape[0])


class TestDelta:
    @given(st.data())
    def test_any_pixels_come_back(self, data):
        size = data.draw(sizes)
        base, pixels = data.draw(pictures(size)), data.draw(pictures(size))
        assert (apply(delta.encode(pixels, base), base) == to_rgba(pixels)).all()

    @given(st.data())
    def test_a_few_changes_come_back(self, data):
        base = data.draw(pictures((30, 40)))
        pixels = base.copy()
        places = data.draw(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 39)), max_size=60))
        for place in places:
            pixels[place] = data.draw(st.integers(0, 255))
        assert (apply(delta.encode(pixels, base), base) == to_rgba(pixels)).all()

    @pytest.mark.parametrize(
        "changed",
        [
            range(0),
            [199_999],
            [65_535],
            [65_536],
            [131_070],
            [131_071],
            range(65_535),
            range(65_536),
            range(131_070),
            range(131_071),
            [*range(70_000), *range(140_000, 199_000)],
            [*range(0, 200_000, 2)],
        ],
        ids=lambda places: f"{len(places)}",
    )
    def test_long_gaps_and_long_spans(self, changed):
        base = np.zeros((400, 500, 4), np.uint8)
        pixels = base.copy()
        pixels.reshape(-1, 4)[list(changed)] = 9
        assert (apply(delta.encode(pixels, base), base) == pixels).all()
        assert (apply(delta.encode(base, pixels), pixels) == base).all()

    def test_colours_under_full_transparency_come_back(self):
        base = np.zeros((9, 9, 4), np.uint8)
        pixels = base.copy()
        pixels[2:7, 3, :3] = 200
        assert (apply(delta.encode(pixels, base), base) == pixels).all()

    def test_the_base_stays_as_it_is(self):
        base = np.zeros((9, 9, 4), np.uint8)
        apply(delta.encode(base + np.uint8(1), base), base)
        assert not base.any()

    @given(st.binary(max_size=80), st.sampled_from([b"", bytes(4), b"\1\0\0\0", b"\2\0\0\0", b"\3\0\0\0"]))
    @example(b"\xff\xff\xff\xff", bytes(4))
    def test_any_bytes_are_refused_in_one_way(self, tail, head):
        with contextlib.suppress(BadValueError):
            apply(head + tail, np.zeros((3, 5, 4), np.uint8))

    @given(st.data())
    def test_damaged_data_are_refused_in_one_way(self, data):
        base = np.zeros((20, 30, 4), np.uint8)
        pixels = base.copy()
        pixels[3:9, 4:20] = np.arange(16, dtype=np.uint8)[:, np.newaxis]
        whole = data.draw(st.sampled_from([delta.encode(pixels, base), qoi.encode(pixels)]))
        damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))] + data.draw(st.binary(max_size=9)))
        for _ in range(data.draw(st.integers(0, 3)) if damaged else 0):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        with contextlib.suppress(BadValueError):
            apply(bytes(damaged), base)
        with contextlib.suppress(BadValueError):
            qoi.decode(bytes(damaged), 30, 20)


class TestQoi:
    @given(st.data())
    def test_any_pixels_come_back(self, data):
        pixels = data.draw(pictures(data.draw(sizes)))
        height, width = pixels.shape[:2]
        for name in ("qoi", "qoiz"):
            codec = CODECS[name]
            assert (codec.decode(codec.encode(pixels, 1.0), width, height) == to_rgba(pixels)).all()

    def test_a_head_that_promises_gigabytes(self):
        huge = b"qoif" + (2**31).to_bytes(4, "big") * 2 + b"\4\0" + bytes(7) + b"\1"
        with pytest.raises(BadValueError, match="no QOI file of 5 x 3"):
            qoi.decode(huge, 5, 3)

    def test_a_file_that_is_too_short_for_its_pixels(self):
        whole = qoi.encode(np.zeros((62, 62, 4), np.uint8))
        with pytest.raises(BadValueError, match="ends too early"):
            qoi.decode(whole[:14] + whole[-9:], 62, 62)


class TestInflate:
    def test_what_ends_too_early_or_goes_on(self):
        whole = CODECS["zlib"].encode(np.zeros((3, 5), np.uint8), 1.0)
        assert len(inflate(whole, 60)) == 60
        for broken, said in [(whole[:-1], "too early"), (whole + b"x", "1 bytes follow"), (b"xx", "broken")]:
            with pytest.raises(BadValueError, match=said):
                inflate(broken, 60)
        with pytest.raises(BadValueError, match="more than the 59 bytes"):
            inflate(whole, 59)


ODD = st.one_of(st.none(), st.integers(-2, 9), st.floats(), st.text(max_size=3), st.binary(max_size=30))


@st.composite
def messages(draw: st.DrawFn) -> object:
    """Return frame messages of which a few things are odd."""
    codec = draw(st.sampled_from([*CODECS, "delta", *video.NAMES, "av1"]))
    message: dict[str, object] = {
        "index": draw(st.integers(0, 2)),
        "width": draw(st.integers(1, 3)),
        "height": draw(st.integers(1, 3)),
        "codec": codec,
        "data": draw(st.binary(max_size=40)),
        "id": draw(st.sampled_from([None, 1, 2])),
        "base": draw(st.sampled_from([None, 1])) if codec == "delta" else None,
        "after": draw(st.sampled_from([None, 0, 1])) if codec in video.NAMES else None,
        "ms": {},
    }
    message.update(draw(st.dictionaries(st.sampled_from([*message, "key"]), ODD, max_size=2)))
    if draw(st.booleans()):
        message["key"] = {**message, "codec": "raw", "id": 1, "base": None}
    return message


@given(st.lists(messages(), max_size=4))
def test_any_messages_are_refused_in_one_way(received):
    decoder = Decoder(lambda number: received[0])
    codes = set()
    for message in received:
        try:
            decoder.decode(message)
        except KcommError as error:
            codes.add(error.code)
    assert codes <= {"kcomm.bad_value", "kcomm.too_large", "kcomm.no_frame"}
    assert len(decoder.has()) <= 4


class TestMessages:
    def key(self, **more):
        pixels = np.full((2, 3, 4), 5, np.uint8)
        return Frame.of(pixels).encoded("raw").to_message() | {"id": 1} | more

    def delta(self, **more):
        return {"index": 1, "width": 3, "height": 2, "codec": "delta", "data": bytes(8), "base": 1} | more

    def test_numbers_travel(self):
        assert Frame.from_message(self.key()).id == 1
        frame = Frame.from_message(self.delta())
        assert (frame.base, frame.id) == (1, None)
        assert vars(Frame.from_message(frame.to_message())) == vars(frame)
        assert "id" not in frame.to_message()

    def test_a_delta_has_no_pixels_of_its_own(self):
        with pytest.raises(BadValueError, match="only a Decoder that holds frame id 1"):
            _ = Frame.from_message(self.delta()).pixels

    def test_a_decoder_without_a_sender(self):
        with pytest.raises(BadValueError, match="builds on frame id 1, which is not held"):
            Decoder().decode(self.delta())

    def test_nothing_of_what_is_held_can_be_changed_from_outside(self):
        decoder = Decoder()
        pixels = decoder.decode(self.key(codec="qoi", data=qoi.encode(np.full((2, 3, 4), 5, np.uint8))))
        with pytest.raises(ValueError, match="read-only"):
            pixels[:] = 0
        assert (decoder.decode(self.delta()) == 5).all()
