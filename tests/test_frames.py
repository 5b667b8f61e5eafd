"""Pixels, codecs, the choice among them, and frames on the wire."""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess
import sys
import zlib
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.figure import Figure
from PIL import Image
from skimage import data

import kcomm
from kcomm.animation.drawing.figures import adopt
from kcomm.errors import BadArgumentsError, BadValueError, TooLargeError
from kcomm.frames import CODECS, Frame, choose, to_pixels
from kcomm.frames.failures import FailureLog, describe
from kcomm.frames.pixels import MAX_PIXELS, to_rgba, without_alpha

SHAPES = [(5, 7), (5, 7, 3), (5, 7, 4), (1, 1), (1, 9, 3)]
LOSSLESS = [codec for codec in CODECS.values() if codec.LOSSLESS]


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def plot():
    figure = Figure(figsize=(6.4, 4.8), dpi=100)
    axes = figure.subplots()
    axes.plot(np.sin(np.linspace(0, 6, 200)))
    axes.set_title("A plot")
    return adopt(figure).grab()


class TestPixels:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_uint8_is_taken_as_it_is(self, shape):
        image = noise(shape)
        assert to_pixels(image) is image

    def test_one_channel_is_grey(self):
        assert to_pixels(noise((5, 7, 1))).shape == (5, 7)

    def test_bool_is_black_and_white(self):
        image = np.array([[True, False]])
        assert to_pixels(image).tolist() == [[255, 0]]

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f8", "longdouble"])
    def test_floats_run_from_0_to_1(self, dtype):
        image = np.array([[0, 0.5, 1]], dtype)
        assert to_pixels(image).tolist() == [[0, 128, 255]]

    def test_every_level_survives_as_float(self):
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
        assert (to_pixels(levels / 255) == levels).all()

    def test_rounding_above_1_is_forgiven(self):
        assert to_pixels(np.array([[1 + 1e-7, -1e-7]])).tolist() == [[255, 0]]

    @pytest.mark.parametrize("step", [-1, 2])
    def test_views_become_contiguous(self, step):
        image = noise((6, 8, 3))[:, ::step]
        pixels = to_pixels(image)
        assert pixels.flags.c_contiguous
        assert (pixels == image).all()

    @pytest.mark.parametrize(
        ("mode", "shape"),
        [
            ("1", (5, 7)),
            ("L", (5, 7)),
            ("RGB", (5, 7, 3)),
            ("RGBA", (5, 7, 4)),
            ("P", (5, 7, 3)),
            ("LA", (5, 7, 4)),
            ("CMYK", (5, 7, 3)),
            ("I;16", (5, 7)),
        ],
    )
    def test_pillow_images(self, mode, shape):
        pixels = to_pixels(Image.new(mode, (7, 5)))
        assert pixels.shape == shape
        assert pixels.dtype == np.uint8

    def test_transparent_palette_keeps_its_alpha(self):
        image = Image.new("P", (2, 1), 0)
        image.info["transparency"] = 0
        assert to_pixels(image)[0, 0, 3] == 0

    @pytest.mark.parametrize(
        ("image", "said"),
        [
            ("text", "got str"),
            ([[1, 2]], "got list"),
            (np.zeros(5, np.uint8), r"not \(5,\)"),
            (np.zeros((3, 5, 7), np.uint8), "moveaxis"),
            (np.zeros((5, 7, 2), np.uint8), r"not \(5, 7, 2\)"),
            (np.zeros((5, 7), np.int64), "int64"),
            (np.zeros((5, 7), complex), "complex"),
            (np.full((5, 7), 300.0), "from 300 to 300"),
            (np.full((5, 7), np.nan), "nan"),
            (np.full((5, 7), np.inf), "inf"),
            (np.zeros((0, 7), np.uint8), "7 x 0"),
            (np.zeros((5, 0, 3)), "0 x 5"),
            (Image.new("F", (2, 2)), "'F'"),
        ],
    )
    def test_errors_name_what_was_wrong(self, image, said):
        with pytest.raises(BadValueError, match=said) as caught:
            to_pixels(image)
        assert caught.value.code == "kcomm.bad_value"

    def test_too_many_pixels(self):
        image = np.broadcast_to(np.uint8(0), (10_000, MAX_PIXELS // 10_000 + 1))
        with pytest.raises(TooLargeError, match="at most 50"):
            to_pixels(image)

    def test_transparency_is_laid_over_white(self):
        image = np.array([[[10, 20, 30, 0], [10, 20, 30, 255], [0, 0, 0, 128]]], np.uint8)
        assert without_alpha(image).tolist() == [[[255] * 3, [10, 20, 30], [127] * 3]]


class TestEncode:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_png_gives_the_same_array_back(self, shape):
        image = noise(shape)
        decoded = kcomm.decode(kcomm.encode(image, "png"))
        assert decoded.shape == image.shape
        assert (decoded == image).all()

    @pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7, 4)])
    def test_webp_of_quality_1_gives_the_same_array_back(self, shape):
        image = noise(shape)
        if image.shape[2] == 4:
            image[0, 0, 3] = 0  # colours under full transparency too
        assert (kcomm.decode(kcomm.encode(image, "webp", 1)) == image).all()

    def test_bool_and_float(self):
        mask = noise((5, 7)) > 127
        assert (kcomm.decode(kcomm.encode(mask, "png")) == mask * 255).all()
        image = noise((5, 7, 3))
        assert (kcomm.decode(kcomm.encode(image / 255, "png")) == image).all()

    @pytest.mark.parametrize("name", ["jpeg", "jpg"])
    def test_jpeg_is_what_pillow_writes(self, name):
        image = data.astronaut()
        out = io.BytesIO()
        Image.fromarray(image).save(out, "JPEG", quality=81)
        encoded = kcomm.encode(image, name, 0.85)
        assert encoded == out.getvalue()
        assert (kcomm.decode(encoded) == np.asarray(Image.open(io.BytesIO(encoded)))).all()

    def test_the_same_image_gives_the_same_bytes(self):
        image = noise((40, 60, 3))
        for name in ("jpeg", "png", "webp"):
            assert kcomm.encode(image, name) == kcomm.encode(image.copy(), name)

    def test_grey_jpeg_stays_grey(self):
        assert kcomm.decode(kcomm.encode(noise((16, 16)), "jpeg")).shape == (16, 16)

    def test_quality_matters(self):
        sizes = [len(kcomm.encode(data.astronaut(), "jpeg", quality)) for quality in (0, 0.5, 1)]
        assert sizes == sorted(sizes)
        assert sizes[0] < sizes[2] / 4

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    def test_any_bytes_are_decoded(self, kind):
        encoded = kcomm.encode(noise((5, 7)), "png")
        assert kcomm.decode(kind(encoded)).shape == (5, 7)
        assert kcomm.decode(np.frombuffer(encoded, np.uint8)).shape == (5, 7)

    def test_decoded_pixels_may_be_changed(self):
        kcomm.decode(kcomm.encode(noise((5, 7)), "png"))[0, 0] = 1

    @pytest.mark.parametrize("quality", [-0.1, 1.1, 85, "high", True, float("nan")])
    def test_quality_out_of_range(self, quality):
        with pytest.raises(BadArgumentsError, match="from 0 to 1"):
            kcomm.encode(noise((5, 7)), "jpeg", quality)

    def test_unknown_format(self):
        names: list[object] = ["gif", ["png"], {}, None]
        for name in names:
            with pytest.raises(BadArgumentsError, match="jpeg, png, webp"):
                kcomm.encode(noise((5, 7)), cast("str", name))

    def test_a_size_that_the_format_cannot_hold(self):
        with pytest.raises(BadValueError, match="70000 x 1 pixels as jpeg"):
            kcomm.encode(np.zeros((1, 70_000), np.uint8), "jpeg")

    @pytest.mark.parametrize(
        ("given_data", "said"),
        [
            (b"", "0 bytes"),
            (b"GIF89a" + bytes(30), "jpeg, png, webp"),
            (kcomm.encode(noise((50, 50)), "png")[:200], "broken or ends too early"),
            (kcomm.encode(noise((50, 50)), "jpeg")[:900], "broken or ends too early"),
            ("text", "got str"),
            (None, "got NoneType"),
            (np.zeros((2, 2), np.uint8), r"shape \(2, 2\)"),
        ],
    )
    def test_what_is_no_image(self, given_data, said):
        with pytest.raises(BadValueError, match=said):
            kcomm.decode(given_data)

    @given(st.binary(max_size=200), st.integers(0, 60))
    def test_broken_files_raise_nothing_else(self, junk, at):
        for name in ("png", "jpeg", "webp"):
            whole = kcomm.encode(np.zeros((8, 8, 3), np.uint8), name)
            with contextlib.suppress(BadValueError):
                kcomm.decode(whole[:at] + junk + whole[at + len(junk) :])

    @pytest.mark.filterwarnings("error")  # Pillow's own limits, of which it warns or raises
    @pytest.mark.parametrize("side", [8_000, 10_000, 20_000, 60_000])
    def test_a_bomb_is_refused(self, side):
        header = kcomm.encode(np.zeros((1, 1), np.uint8), "png")
        size = side.to_bytes(4, "big") * 2
        chunk = b"IHDR" + size + header[24:29]
        bomb = header[:12] + chunk + zlib.crc32(chunk).to_bytes(4, "big") + header[33:]
        with pytest.raises(TooLargeError, match="megapixels"):
            kcomm.decode(bomb)


class TestCodecs:
    @pytest.mark.parametrize("codec", LOSSLESS, ids=lambda codec: codec.NAME)
    @given(image=hnp.arrays(np.uint8, st.sampled_from(SHAPES)))
    def test_lossless_codecs_lose_nothing(self, codec, image):
        height, width = image.shape[:2]
        decoded = codec.decode(codec.encode(image, 0.5), width, height)
        assert (to_rgba(decoded) == to_rgba(image)).all()

    def test_zlib_is_the_deflated_rgba_rows(self):
        image = noise((5, 7, 3))
        assert zlib.decompress(CODECS["zlib"].encode(image, 1)) == to_rgba(image).tobytes()

    @pytest.mark.parametrize("name", CODECS)
    def test_another_size_than_announced(self, name):
        codec = CODECS[name]
        with pytest.raises(BadValueError):
            codec.decode(codec.encode(noise((5, 7, 3)), 1), 8, 5)

    @pytest.mark.parametrize("name", CODECS)
    def test_broken_data(self, name):
        with pytest.raises(BadValueError):
            CODECS[name].decode(b"\x00broken", 8, 5)

    def test_zlib_takes_no_more_than_was_announced(self):
        with pytest.raises(BadValueError, match="more than the 140 bytes"):
            CODECS["zlib"].decode(zlib.compress(bytes(50_000_000)), 7, 5)

    def test_auto_is_lossless_for_plots(self):
        assert choose(plot()).NAME == "qoi"

    @pytest.mark.parametrize("photograph", [data.astronaut, data.chelsea, data.coffee, data.camera])
    def test_auto_is_jpeg_for_photographs(self, photograph):
        image = photograph()
        assert choose(image).NAME == "jpeg"
        assert choose(to_rgba(image)).NAME == "jpeg"

    def test_auto_keeps_transparency(self):
        image = to_rgba(data.astronaut())
        image[0, 0, 3] = 254
        assert choose(image).NAME == "qoi"

    @pytest.mark.parametrize("shape", [(1, 1), (1, 1, 4), (1, 500, 3), (500, 1)])
    def test_auto_of_small_pictures(self, shape):
        assert choose(noise(shape)).NAME in CODECS

    @pytest.mark.parametrize("name", ["h264", "", None, ["jpeg"]])
    def test_unknown_codec(self, name):
        with pytest.raises(BadArgumentsError, match="zlib, qoi, qoiz, jpeg, png, webp, raw"):
            choose(noise((5, 7)), name)


class TestFrame:
    def test_two_frames_are_equal_if_they_are_the_same(self):
        one, other = (Frame.of(noise((5, 7))) for _ in range(2))
        assert one == one
        assert one != other
        assert len({one, other, one}) == 2

    def test_a_message_and_back(self):
        frame = Frame.of(noise((5, 7, 4)), index=3, captured=12.5, ms={"draw": 1.0}).encoded("zlib")
        message = frame.to_message()
        assert message["codec"] == "zlib"
        assert (message["index"], message["width"], message["height"]) == (3, 7, 5)
        assert set(message["ms"]) == {"draw", "encode"}
        back = Frame.from_message(message)
        assert (back.pixels == frame.pixels).all()
        assert back.captured == 12.5

    def test_pixels_are_sent_raw(self):
        frame = Frame.of(noise((5, 7)))
        assert frame.codec is None
        assert Frame.from_message(frame.to_message()).pixels.shape == (5, 7, 4)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"index": None}, "index"),
            ({"index": True}, "index"),
            ({"width": 7.0}, "width"),
            ({"width": 0}, "no pixels"),
            ({"height": 10**9}, "megapixels"),
            ({"codec": "av1"}, "av1"),
            ({"codec": ["raw"]}, "raw"),
            ({"data": "text"}, "str"),
        ],
    )
    def test_a_message_that_is_no_frame(self, change, said):
        message = {**Frame.of(noise((5, 7))).to_message(), **change}
        with pytest.raises(BadValueError, match=said):
            Frame.from_message(message)

    def test_something_else_than_a_map(self):
        with pytest.raises(BadValueError, match="list"):
            Frame.from_message([])

    def test_odd_times_are_left_out(self):
        message = {**Frame.of(noise((5, 7))).to_message(), "ms": {"a": "x", "b": 2}, "captured": "now"}
        frame = Frame.from_message(message)
        assert frame.ms == {"b": 2.0}
        assert frame.captured is None


class TestFailures:
    def fail(self, log, error):
        try:
            raise error
        except Exception as raised:
            log.add("drawing raised", raised)

    def test_what_repeats_itself_is_logged_once_a_minute(self, caplog):
        now = 0.0
        log = FailureLog(logging.getLogger("kcomm"), clock=lambda: now)
        for now in (0.0, 1.0, 59.0, 61.0, 70.0):  # the clock reads it
            self.fail(log, ValueError(f"at {now}"))
        self.fail(log, TypeError("another"))
        assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == [
            "at 0.0",
            "at 61.0",
            "another",
        ]

    def test_any_message_can_be_sent(self):
        message = describe(3, OSError("\udcff" + "x" * 10_000))["error"]["message"]
        assert message.startswith("frame 3: OSError: ?xxx")
        assert len(message) == 2000


class TestImports:
    """Heavy modules are imported on use."""

    def loaded(self, code):
        heavy = "('numpy', 'PIL', 'matplotlib', 'skimage', 'scipy')"
        ask = f"{code}\nimport sys\nprint(*[name for name in {heavy} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
        return done.stdout.split()

    def test_kcomm_alone(self):
        assert self.loaded("import kcomm") == []

    def test_images_need_no_more_than_pillow(self):
        assert self.loaded("import kcomm; kcomm.decode(kcomm.encode(__import__('numpy').eye(9)))") == [
            "numpy",
            "PIL",
        ]

    def test_players_and_webcams_need_no_matplotlib_and_no_scikit_image(self):
        assert self.loaded("import kcomm; kcomm.animate; kcomm.webcam; kcomm.edges") == ["numpy"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_times_that_are_not_finite_are_left_out(value):
    frame = Frame.of(np.zeros((2, 2), np.uint8)).encoded("raw", 1.0)
    message = {**frame.to_message(), "captured": value, "ms": {"decode": value, "encode": 1}}
    read = Frame.from_message(message)
    assert read.captured is None
    assert read.ms == {"encode": 1.0}
