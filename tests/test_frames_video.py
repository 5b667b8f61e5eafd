"""Video: what is encoded comes back, and what was lost or damaged is never made up."""

from __future__ import annotations

import builtins
import contextlib
import functools
import gc
import importlib.util
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

from kcomm.errors import BadArgumentsError, BadValueError, KcommError
from kcomm.frames import Frame, video
from kcomm.frames.choice import check_codec, check_live_codec
from kcomm.frames.decoder import PATIENCE, Decoder, decodable
from kcomm.frames.encoder import Encoder
from kcomm.frames.pixels import to_rgba
from kcomm.frames.video_decoder import VideoDecoder
from kcomm.frames.video_encoder import VideoEncoder

WIDTH, HEIGHT = 160, 120
#: Mean levels that a photograph may be off, and those by which two pictures of the sequence differ at least.
NEAR, FAR = 8, 20


def photograph(index: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Return a picture that is unlike the others of its sequence."""
    window = data.astronaut()[37 * index % 300 :, 71 * index % 250 :]
    return np.ascontiguousarray(window[:height, :width])


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a[..., :3].astype(int) - b[..., :3]).mean())


#: Encodes pictures that end where memory ends that may be read.
GUARDED = """
import ctypes, mmap
import numpy as np
from kcomm.frames import Frame
from kcomm.frames.video_encoder import VideoEncoder

def guarded(*shape):
    size = int(np.prod(shape))
    pages = -(-size // mmap.PAGESIZE)
    memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    whole = np.frombuffer(memory, np.uint8)
    end = ctypes.c_void_p(whole.ctypes.data + pages * mmap.PAGESIZE)
    assert ctypes.CDLL(None).mprotect(end, mmap.PAGESIZE, 0) == 0
    return whole[pages * mmap.PAGESIZE - size : pages * mmap.PAGESIZE].reshape(shape)

for width in (2, 24, 34, 64, 640, 854):
    for channels in ((), (3,), (4,)):
        pixels = guarded(34, width, *channels)
        pixels[:] = 255
        VideoEncoder("h264").encode(Frame(width, 34, None, pixels, 0))
print("done")
"""


@functools.cache
def stream(codec: str, keys: tuple[int, ...] = (0, 6, 9), count: int = 14) -> tuple[Frame, ...]:
    """Return the frames of a sequence."""
    encoder = Encoder(codec)
    frames = []
    for index in range(count):
        if index in keys:
            encoder.want_key()
        frames.append(encoder.encode(Frame.of(photograph(index), index=index)))
    return tuple(frames)


class TestEncoder:
    @pytest.mark.parametrize("codec", video.NAMES)
    def test_each_frame_is_one_packet_at_once(self, codec):
        frames = stream(codec)
        assert [frame.after for frame in frames] == [None, 0, 1, 2, 3, 4, None, 6, 7, None, 9, 10, 11, 12]
        assert {frame.codec for frame in frames} == {codec}
        decoder = VideoDecoder()
        for index, frame in enumerate(frames):
            assert distance(decoder.decode(frame), photograph(index)) < NEAR

    def test_indices_may_skip_some(self):
        encoder = VideoEncoder("h264")
        picture = Frame.of(photograph(0))
        assert [encoder.encode(replace(picture, index=i)).after for i in (4, 6, 7, 20)] == [None, 4, 6, 7]

    @pytest.mark.parametrize("index", [0, 6, 7])
    def test_indices_that_go_back_begin_anew(self, index):
        encoder = VideoEncoder("h264")
        encoder.encode(Frame.of(photograph(0), index=7))
        assert encoder.encode(Frame.of(photograph(0), index=index)).after is None

    @pytest.mark.parametrize("codec", video.NAMES)
    @pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (33, 17), (641, 480), (64, 48)], ids=str)
    def test_any_size(self, codec, size):
        width, height = size
        pixels = np.full((height, width, 3), (200, 100, 50), np.uint8)
        encoder, decoder = VideoEncoder(codec, 1.0), VideoDecoder()
        for index in range(2):
            frame = encoder.encode(Frame.of(pixels, index=index))
            assert (frame.width, frame.height) == size
            decoded = decoder.decode(frame)
            assert decoded.shape == pixels.shape
            assert decoded.flags.c_contiguous
            assert np.abs(decoded.astype(int) - pixels).max() <= 4

    def test_a_change_of_size_begins_with_a_key_frame(self):
        encoder, decoder = VideoEncoder("h264"), VideoDecoder()
        sizes = [(160, 120), (160, 120), (80, 60), (80, 60), (160, 120)]
        frames = [encoder.encode(Frame.of(photograph(0, *size), index=i)) for i, size in enumerate(sizes)]
        assert [frame.after for frame in frames] == [None, 0, None, 2, None]
        for frame in frames:
            assert distance(decoder.decode(frame), photograph(0, frame.width, frame.height)) < NEAR

    @pytest.mark.parametrize("codec", video.NAMES)
    @pytest.mark.parametrize(
        "colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 100, 50), (0, 0, 0), (255, 255, 255)], ids=str
    )
    def test_colours_survive(self, codec, colour):
        pixels = np.full((48, 64, 3), colour, np.uint8)
        decoded = VideoDecoder().decode(VideoEncoder(codec, 1.0).encode(Frame.of(pixels)))
        assert np.abs(decoded.astype(int) - pixels).max() <= 3

    def test_grey_and_transparent_pictures(self):
        ramp = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis], 64, axis=0)
        decoded = VideoDecoder().decode(VideoEncoder("h264", 1.0).encode(Frame.of(ramp)))
        assert np.abs(decoded.astype(int) - ramp[..., np.newaxis]).max() <= 6
        clear = np.zeros((64, 64, 4), np.uint8)
        decoded = VideoDecoder().decode(VideoEncoder("h264", 1.0).encode(Frame.of(clear)))
        assert (decoded >= 253).all()

    def test_quality_costs_bytes(self):
        sizes = []
        for quality in (0.0, 0.4, 0.85, 1.0):
            encoder = VideoEncoder("h264", quality)
            frames = [encoder.encode(Frame.of(photograph(i), index=i)) for i in range(4)]
            sizes.append(sum(len(frame.data) for frame in frames))
        assert sizes == sorted(sizes)
        assert sizes[-1] > 3 * sizes[0]

    @pytest.mark.parametrize("codec", video.NAMES)
    def test_a_budget_is_kept_on_average(self, codec):
        encoder, decoder, budget = VideoEncoder(codec), VideoDecoder(), 1500
        frames = [encoder.encode(Frame.of(photograph(i), index=i), budget) for i in range(40)]
        free = VideoEncoder(codec)
        unbounded = [free.encode(Frame.of(photograph(i), index=i)) for i in range(40)]
        late = [len(frame.data) for frame in frames[10:]]
        assert np.mean(late) <= budget < np.mean([len(frame.data) for frame in unbounded[10:]])
        # It was begun anew once, when the budget was found not to suffice.
        assert sum(frame.after is None for frame in frames) == 2
        for frame in frames:
            decoder.decode(frame)

    def test_a_budget_that_suffices_changes_nothing(self):
        with_budget, without = VideoEncoder("h264"), VideoEncoder("h264")
        for i in range(5):
            frame = Frame.of(photograph(i), index=i)
            assert with_budget.encode(frame, 1_000_000).data == without.encode(frame).data

    @pytest.mark.parametrize("codec", video.NAMES)
    def test_a_budget_that_changes_costs_few_key_frames(self, codec):
        encoder, decoder = VideoEncoder(codec), VideoDecoder()
        budgets = [None, *[900, 2500, 700, 4000] * 10, *[0] * 40, *[10**6] * 40, None]
        keys = []
        for index, budget in enumerate(budgets):
            frame = encoder.encode(Frame.of(photograph(index), index=index), budget)
            decoder.decode(frame)
            if frame.after is None:
                keys.append(index)
        assert keys[0] == 0
        assert len(keys) >= 3  # The bound came, became tighter, and was given up.
        assert (np.diff(keys[1:]) >= 30).all()

    @pytest.mark.parametrize("codec", ["h264", "vp9"])
    @pytest.mark.parametrize("ample", [2_000_000, 2**40])
    def test_a_budget_that_grows_beyond_all_bounds(self, codec, ample):
        encoder, random = VideoEncoder(codec), np.random.default_rng(0)
        pictures = [random.integers(0, 256, (96, 128, 3), np.uint8) for _ in range(42)]
        frames = [Frame.of(picture, index=index) for index, picture in enumerate(pictures)]
        tight = [encoder.encode(frame, 700) for frame in frames[:-2]]
        assert len(encoder.encode(frames[-2], ample).data) > 3 * len(tight[-1].data)
        assert encoder.encode(frames[-1], ample).after == frames[-2].index

    def test_a_key_frame_on_request_from_another_thread(self):
        encoder = VideoEncoder("h264")
        encoder.encode(Frame.of(photograph(0), index=0))
        thread = threading.Thread(target=encoder.want_key)
        thread.start()
        thread.join()
        afters = [encoder.encode(Frame.of(photograph(i), index=i)).after for i in (1, 2)]
        assert afters == [None, 1]

    def test_what_was_closed_is_freed_and_begins_anew(self):
        encoder, decoder = VideoEncoder("h264"), VideoDecoder()
        decoder.decode(encoder.encode(Frame.of(photograph(0), index=0)))
        encoder.close()
        decoder.close()
        assert (encoder._context, decoder._context) == (None, None)
        frame = encoder.encode(Frame.of(photograph(1), index=1))
        assert frame.after is None
        assert distance(decoder.decode(frame), photograph(1)) < NEAR

    def test_what_is_too_large_for_the_codec(self):
        wide = np.zeros((16, 20_000, 3), np.uint8)
        encoder = VideoEncoder("h264")
        with pytest.raises(BadValueError, match="frame 3, 20000 x 16, can't be encoded as h264"):
            encoder.encode(Frame.of(wide, index=3))
        assert encoder.encode(Frame.of(photograph(0), index=4)).after is None

    @pytest.mark.skipif(sys.platform != "linux", reason="pages are guarded in Linux's way")
    def test_nothing_is_read_beyond_the_pixels(self):
        done = subprocess.run([sys.executable, "-c", GUARDED], capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr

    def test_nothing_refers_to_an_encoder_that_is_gone(self):
        encoder = Encoder("h264")
        encoder.encode(Frame.of(photograph(0)))
        gone = weakref.ref(encoder)
        del encoder
        gc.collect()
        assert gone() is None


class TestChoice:
    def choose(self, picture, codecs, **options):
        return Encoder(codecs=codecs, **options).encode(Frame.of(picture)).codec

    @pytest.mark.parametrize(
        ("codecs", "expected"),
        [
            (None, "jpeg"),
            (["h264", "vp9", "jpeg"], "h264"),
            (["vp9", "jpeg"], "vp9"),
            (["jpeg", "raw"], "jpeg"),
            (["webp", "raw"], "webp"),
            (["raw"], "raw"),
        ],
    )
    def test_photographs(self, codecs, expected):
        assert self.choose(photograph(0), codecs) == expected

    def test_plots_and_what_is_transparent_stay_lossless(self):
        plot = np.zeros((HEIGHT, WIDTH), np.uint8)
        assert self.choose(plot, decodable()) == "qoi"
        clear = to_rgba(photograph(0))
        clear[0, 0, 3] = 0
        assert self.choose(clear, decodable()).startswith("qoi")
        assert self.choose(plot, ["h264", "zlib"]) == "zlib"
        assert self.choose(plot, ["h264", "png", "qoi"]) == "png"

    def test_pyav_is_looked_for_with_the_first_frame(self, monkeypatch):
        asked: list[str] = []

        def can_encode(name: str) -> bool:
            asked.append(name)
            return False

        monkeypatch.setattr(video, "can_encode", can_encode)
        encoder = Encoder(codecs=["h264", "jpeg"])
        encoder.want_key()
        assert asked == []
        assert encoder.encode(Frame.of(data.astronaut())).codec == "jpeg"
        assert asked == ["h264"]

    def test_small_pictures_are_no_video(self):
        assert self.choose(photograph(0, 31, 100), decodable()) == "jpeg"

    def test_a_receiver_that_reads_nothing_of_it(self):
        with pytest.raises(
            BadValueError, match=r"reads none of zlib, png, webp, raw, jpeg, but only \['av1'\]"
        ):
            self.choose(photograph(0), ["av1"])

    def test_exact_frames_in_between(self):
        encoder, decoder = Encoder(codecs=decodable()), Decoder()
        for index in range(6):
            is_exact = index in (2, 5)
            frame = encoder.encode(Frame.of(photograph(index), index=index), exact=is_exact)
            assert (frame.codec != "h264") == is_exact
            pixels = decoder.decode(frame.to_message())
            assert (distance(pixels, photograph(index)) == 0) == is_exact
        # The video goes on from where it was.
        assert encoder.encode(Frame.of(photograph(6), index=6)).after == 4

    @pytest.mark.parametrize("codec", ["h264", "vp9"])
    def test_a_codec_that_was_asked_for(self, codec):
        assert self.choose(photograph(0), None, codec=codec) == codec
        assert self.choose(np.zeros((HEIGHT, WIDTH), np.uint8), decodable(), codec=codec) == codec
        # The receiver can't read it.
        assert self.choose(photograph(0), ["jpeg", "zlib"], codec=codec) == "jpeg"
        exact = Encoder(codec, codecs=["png", codec]).encode(Frame.of(photograph(0)), exact=True)
        assert exact.codec == "png"

    def test_rows_are_exact_if_they_can_be(self):
        photo = photograph(0)
        for codec, picture, is_kept in [
            ("rgb", photo, True),
            ("rgb", to_rgba(photo), True),
            ("grey", photo[..., 0], True),
            ("grey", photo, False),
        ]:
            frame = Encoder(codec).encode(Frame.of(picture), exact=True)
            assert (frame.codec == codec) == is_kept
            assert (to_rgba(Decoder().decode(frame.to_message())) == to_rgba(picture)).all()

    def test_names(self):
        assert [check_live_codec(name) for name in ("auto", "h264", "vp9", "rgb")][1:3] == ["h264", "vp9"]
        for check in (check_codec, check_live_codec):
            with pytest.raises(BadArgumentsError, match="no codec 'av1'"):
                check("av1")
            with pytest.raises(BadArgumentsError, match="no codec"):
                check(cast(Any, ["jpeg"]))
        # Frames of animations are asked for in any order.
        with pytest.raises(BadArgumentsError, match="no codec 'h264'"):
            check_codec("h264")

    def test_a_codec_that_was_left_out_of_ffmpeg(self, monkeypatch):
        monkeypatch.setattr(video.package(), "codecs_available", {"h264", "vp9", "libvpx-vp9"})
        assert self.choose(photograph(0), ["h264", "jpeg"]) == "jpeg"
        assert self.choose(photograph(0), decodable()) == "vp9"
        with pytest.raises(BadValueError, match="built without libx264"):
            VideoEncoder("h264").encode(Frame.of(photograph(0)))


class TestWithoutPyAV:
    @pytest.fixture(autouse=True)
    def no_av(self, monkeypatch):
        real = builtins.__import__

        def without(name, *args, **options):
            if name == "av" or name.startswith("av."):
                raise ImportError("No module named 'av'")
            return real(name, *args, **options)

        monkeypatch.setattr(builtins, "__import__", without)
        for name in [name for name in sys.modules if name == "av" or name.startswith("av.")]:
            monkeypatch.delitem(sys.modules, name)

    def test_photographs_are_jpeg(self):
        assert Encoder(codecs=["h264", "jpeg"]).encode(Frame.of(photograph(0))).codec == "jpeg"

    def test_what_is_missing_is_named(self):
        asked: list[None] = []
        decoder = Decoder(on_key_wanted=lambda: asked.append(None))
        for attempt in (lambda: Encoder("h264"), lambda: decoder.decode(stream("h264")[0].to_message())):
            with pytest.raises(KcommError, match=r"pip install 'kcomm\[video\]'") as caught:
                attempt()
            assert caught.value.code == "kcomm.missing_extra"
            assert isinstance(caught.value, ImportError)
        assert not asked  # Another key frame would not help.

    def test_what_can_be_decoded(self, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        assert decodable()[:2] == ["jpeg", "webp"]


def test_what_can_be_decoded():
    assert decodable()[:6] == ["h264", "vp9", "jpeg", "webp", "rgb", "grey"]


class TestDecoder:
    def test_a_frame_keeps_what_is_known_about_it(self):
        message = {**stream("h264")[0].to_message(), "captured": 12.5, "ms": {"encode": 2.0}}
        frame = Decoder().read(message)
        assert (frame.codec, frame.after, frame.captured, frame.ms) == (None, None, 12.5, {"encode": 2.0})
        assert distance(frame.pixels, photograph(0)) < NEAR

    def test_video_has_no_pixels_of_its_own(self):
        frame = Frame.from_message(stream("h264")[1].to_message())
        assert (frame.after, frame.codec) == (0, "h264")
        with pytest.raises(BadValueError, match="frame 1 is of the video codec h264: only a Decoder"):
            _ = frame.pixels

    def test_sizes_that_take_no_memory(self):
        # The stream says 160 x 120, the message that it is tiny: FFmpeg's own limit refuses it.
        small = replace(stream("h264")[0], width=2, height=2)
        with pytest.raises(BadValueError, match="frame 0, 2 x 2, can't be decoded as h264"):
            VideoDecoder().decode(small)
        with pytest.raises(BadValueError, match="megapixels"):
            Decoder().decode({**stream("h264")[0].to_message(), "width": 10**5, "height": 10**5})

    def test_a_failing_wish_is_told(self):
        def fail():
            raise RuntimeError("the channel is closed")

        with pytest.raises(RuntimeError, match="closed"):
            Decoder(on_key_wanted=fail).decode(stream("h264")[1].to_message())

    def test_a_key_frame_that_is_broken_is_not_asked_for_all_the_time(self):
        now, asked = 0.0, []
        decoder = Decoder(on_key_wanted=lambda: asked.append(now), clock=lambda: now)
        broken = {**stream("h264")[0].to_message(), "data": b"nothing of that kind"}
        for step in range(30):
            now = step * 0.1
            with pytest.raises(BadValueError):
                decoder.decode(broken)
        assert len(asked) == 3
        assert np.diff(asked).min() >= PATIENCE


# --- losses and damage -------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", video.NAMES)
@settings(max_examples=25, deadline=None)
@given(fates=st.lists(st.sampled_from(["comes", "comes", "lost", "twice", "late"]), min_size=14, max_size=14))
def test_losses_yield_missing_pictures_and_no_wrong_ones(codec, fates):
    """Frames get lost, come twice or too late: a picture that is shown is the right one."""
    frames, held, arriving = stream(codec), [], []
    for frame, fate in zip(frames, fates, strict=True):
        if fate == "late":
            held.append(frame)
            continue
        arriving += {"comes": [frame], "lost": [], "twice": [frame, frame]}[fate]
        if held:
            arriving.append(held.pop(0))
    asked: list[None] = []
    decoder = Decoder(on_key_wanted=lambda: asked.append(None), clock=lambda: 0.0)
    last = None
    for frame in arriving:
        if frame.after is not None and frame.after != last:
            with pytest.raises(KcommError, match="not decoded just before") as caught:
                decoder.decode(frame.to_message())
            assert caught.value.code == "kcomm.no_frame"
            assert asked
            continue
        assert distance(decoder.decode(frame.to_message()), photograph(frame.index)) < NEAR
        last = frame.index
    key = Encoder(codec).encode(Frame.of(photograph(3)))
    assert distance(decoder.decode(key.to_message()), photograph(3)) < NEAR


def test_pictures_of_the_sequence_are_told_apart():
    pictures = [photograph(i) for i in range(14)]
    assert min(distance(a, b) for i, a in enumerate(pictures) for b in pictures[:i]) > FAR


@st.composite
def damaged(draw: st.DrawFn, frame: Frame) -> Frame:
    """Return a frame with damaged data, or that claims to be another."""
    changed = bytearray(frame.data)
    for _ in range(draw(st.integers(0, 4))):
        changed[draw(st.integers(0, len(changed) - 1))] = draw(st.integers(0, 255))
    begin = draw(st.integers(0, 3))
    end = draw(st.integers(0, len(changed)))
    if draw(st.booleans()):
        changed = changed[begin:end] if draw(st.booleans()) else changed + changed[:end]
    width, height = draw(st.sampled_from([(WIDTH, HEIGHT), (WIDTH, HEIGHT), (159, 119), (320, 240), (1, 1)]))
    after = draw(st.sampled_from([frame.after, frame.after, None]))
    codec = draw(st.sampled_from([frame.codec, frame.codec, *video.NAMES]))
    return replace(frame, data=bytes(changed), width=width, height=height, after=after, codec=codec)


@pytest.mark.parametrize("codec", video.NAMES)
@settings(max_examples=60, deadline=None)
@given(random=st.data())
def test_damage_is_refused_in_documented_ways_and_passes(codec, random):
    frames, decoder = stream(codec), Decoder()
    for frame in frames[:5]:
        with contextlib.suppress(BadValueError, KcommError):
            pixels = decoder.decode(random.draw(damaged(frame)).to_message())
            assert pixels.dtype == np.uint8
    for frame in frames[6:9]:
        assert distance(decoder.decode(frame.to_message()), photograph(frame.index)) < NEAR
