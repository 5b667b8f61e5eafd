"""The encoder of a sequence, and the page that receives what it makes, with frames lost on the way."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain, cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import data

import kcomm
from kcomm.errors import BadArgumentsError, KcommError
from kcomm.frames import Frame, choice
from kcomm.frames.decoder import Decoder
from kcomm.frames.encoder import Encoder
from kcomm.frames.keys import Key, KeyStore
from kcomm.frames.pixels import to_rgba
from kcomm.frames.thrift import RETRY, Thrift
from kcomm.frames.video_decoder import VideoDecoder
from kcomm.frames.video_encoder import VideoEncoder


def dot(at: int, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    """Return a white picture with a few pixels of another colour."""
    pixels = np.full((*size, 4), 255, np.uint8)
    pixels[at % size[0], 3:9, :3] = at % 251
    return pixels


def noise(seed: int = 0, size: tuple[int, int] = (60, 80)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 4), np.uint8)


def photograph() -> np.ndarray:
    return data.astronaut()[100:340, 100:420]


def encode_all(encoder: Encoder, pictures, **options) -> list[Frame]:
    return [encoder.encode(Frame.of(picture, index=i), **options) for i, picture in enumerate(pictures)]


def kept(encoder: Encoder, frame: Frame) -> object:
    """Return the encoded form of a key that is kept."""
    assert frame.id is not None
    found = encoder.key(frame.id)
    return None if found is None else found.data


class TestDeltas:
    def test_a_key_then_deltas(self):
        frames = encode_all(Encoder(), map(dot, range(20)))
        assert [frame.codec for frame in frames[1:]] == ["delta"] * 19
        assert frames[0].id is not None
        assert {frame.base for frame in frames[1:]} == {frames[0].id}
        assert [frame.index for frame in frames] == list(range(20))
        assert all("encode" in frame.ms for frame in frames)
        assert max(len(frame.data) for frame in frames[1:]) < len(frames[0].data)

    def test_a_frame_that_did_not_change_takes_a_few_bytes(self):
        frames = encode_all(Encoder(), [dot(0)] * 2)
        assert len(frames[1].data) == 8

    def test_when_everything_changes_each_frame_is_whole(self):
        frames = encode_all(Encoder(), map(noise, range(4)), exact=True)
        assert [frame.base for frame in frames] == [None] * 4
        assert len({frame.id for frame in frames}) == 4

    def test_what_moves_keeps_its_key(self):
        frames = encode_all(Encoder(), map(dot, range(500)))
        assert sum(frame.id is not None for frame in frames) == 1

    def test_what_grows_gets_a_new_key_when_it_pays(self):
        pixels = np.full((200, 200, 4), 255, np.uint8)
        colours = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
        pictures = []
        for row in range(100):
            pixels[row, :, :3] = colours[row]
            pictures.append(pixels.copy())
        frames = encode_all(Encoder(), pictures)
        keys = [frame.index for frame in frames if frame.id is not None]
        assert 3 <= len(keys) <= 30
        worst = max(len(frame.data) for frame in frames if frame.base is not None)
        assert worst < len(frames[-1].data) or len(keys) > 3

    def test_each_size_has_a_key_of_its_own(self):
        small, large = dot(0), np.repeat(np.repeat(dot(0), 2, axis=0), 2, axis=1)
        frames = encode_all(Encoder(), [small, large] * 4)
        assert [frame.index for frame in frames if frame.id is not None] == [0, 1]
        assert [frame.base for frame in frames[2:]] == [frames[0].id, frames[1].id] * 3

    def test_keys_of_many_sizes_are_not_kept_for_good(self):
        sizes = [np.zeros((20 + i, 20, 4), np.uint8) for i in range(4)]
        frames = encode_all(Encoder(), [*sizes, sizes[0]])
        assert all(frame.id is not None for frame in frames)

    def test_after_a_reset_nothing_builds_on_what_was(self):
        encoder = Encoder()
        first, _ = encode_all(encoder, [dot(0), dot(1)])
        encoder.reset()
        again = encoder.encode(Frame.of(dot(2)))
        assert again.base is None
        assert again.id != first.id
        assert kept(encoder, first) is None
        assert kept(encoder, again) == again.data

    @pytest.mark.parametrize("channels", [0, slice(3), slice(4)], ids=["grey", "rgb", "rgba"])
    def test_any_form_of_pixels(self, channels):
        decoder = Decoder()
        pictures = [np.ascontiguousarray(dot(i)[..., channels]) for i in range(4)]
        frames = encode_all(Encoder(), pictures)
        assert [frame.codec == "delta" for frame in frames] == [False, True, True, True]
        for picture, frame in zip(pictures, frames, strict=True):
            assert (decoder.decode(frame.to_message()) == to_rgba(picture)).all()


class TestChoice:
    def test_plots_are_exact_and_photographs_are_not(self):
        encoder = Encoder()
        plot, photo = encode_all(encoder, [dot(0), photograph()])
        assert plot.id is not None
        assert (photo.codec, photo.id, photo.base) == ("jpeg", None, None)

    def test_exact_is_exact_for_photographs_too(self):
        for codec in ("auto", "jpeg", "webp"):
            frame = Encoder(codec).encode(Frame.of(photograph()), exact=True)
            assert (Decoder().decode(frame.to_message()) == to_rgba(photograph())).all()

    def test_transparency_is_exact(self):
        pixels = to_rgba(photograph())
        pixels[0, 0, 3] = 254
        frame = Encoder().encode(Frame.of(pixels))
        assert (Decoder().decode(frame.to_message()) == pixels).all()

    @pytest.mark.parametrize("codec", ["zlib", "qoi", "qoiz", "png", "jpeg", "webp", "raw"])
    def test_a_codec_that_was_asked_for_is_used(self, codec):
        frames = encode_all(Encoder(codec), [dot(0), dot(1)])
        assert [(frame.codec, frame.base) for frame in frames] == [(codec, None)] * 2

    def test_unknown_codecs_and_qualities(self):
        with pytest.raises(BadArgumentsError, match="no codec 'av1'"):
            Encoder("av1")
        with pytest.raises(BadArgumentsError, match="from 0 to 1"):
            Encoder(quality=85)

    def test_an_opaque_rgba_photograph_is_the_jpeg_of_its_rgb(self):
        photo = photograph()
        frames = encode_all(Encoder(), [photo, to_rgba(photo)])
        assert frames[0].data == frames[1].data


class TestBudget:
    def test_lossy_frames_keep_to_it(self):
        photo = Frame.of(photograph())
        whole = len(Encoder().encode(photo).data)
        for share in (0.9, 0.6, 0.45):
            assert len(Encoder().encode(photo, budget=int(whole * share)).data) <= whole * share

    def test_below_the_lowest_quality_frames_go_all_the_same(self):
        frame = Encoder().encode(Frame.of(photograph()), budget=1)
        assert frame.codec == "jpeg"
        assert frame.data == Frame.of(photograph()).encoded("jpeg", 0.85 * 0.29).data

    def test_quality_comes_back_with_the_budget(self):
        encoder = Encoder()
        photo = Frame.of(photograph())
        best = len(encoder.encode(photo).data)
        assert len(encoder.encode(photo, budget=best // 3).data) < best
        sizes = [len(encoder.encode(photo, budget=best * 3).data) for _ in range(5)]
        assert sizes == sorted(sizes)
        assert sizes[-1] == best

    def test_lossless_frames_take_the_time_to_be_small(self):
        generous = encode_all(Encoder(), map(noise_of_few_colours, range(3)), budget=10**9)
        tight = encode_all(Encoder(), map(noise_of_few_colours, range(3)), budget=0)
        assert sum(len(frame.data) for frame in tight) <= sum(len(frame.data) for frame in generous)
        assert {frame.codec for frame in tight} <= {"qoiz", "delta"}
        decoder = Decoder()
        for i, frame in enumerate(tight):
            assert (decoder.decode(frame.to_message()) == noise_of_few_colours(i)).all()


def noise_of_few_colours(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).choice(np.array([0, 255], np.uint8), (60, 80, 4))


@st.composite
def moves(draw: st.DrawFn) -> list[tuple[np.ndarray, bool, bool, bool]]:
    """Return pictures; whether each arrives, is drawn exactly, and on a new page."""
    kinds = st.sampled_from(["dot", "dot", "dot", "noise", "small", "same"])
    steps = []
    for i, kind in enumerate(draw(st.lists(kinds, min_size=1, max_size=25))):
        picture = {
            "dot": dot(i),
            "noise": noise(i),
            "small": dot(i, (20, 30)),
            "same": dot(0),
        }[kind]
        steps.append((picture, draw(st.booleans()), draw(st.booleans()), draw(st.integers(0, 9)) == 0))
    return steps


@settings(max_examples=60, deadline=None)
@given(moves(), st.booleans())
def test_whatever_is_lost_what_arrives_is_right(steps, tells):
    """A page that hears of some frames only paints each as it was drawn, asking for bases it lacks."""
    encoder = Encoder()

    def fetch(number: int):
        key = encoder.key(number)
        if key is None:
            raise KcommError("it is gone", code="kcomm.no_frame")
        return key.to_message()

    page = Decoder(fetch)
    for index, (picture, arrives, exact, is_new) in enumerate(steps):
        if is_new:
            page = Decoder(fetch)
        frame = encoder.encode(Frame.of(picture, index=index), exact=exact)
        if not arrives:
            continue
        message = frame.to_message()
        if tells and frame.base is not None and frame.base not in page.has():
            message["key"] = fetch(frame.base)
        pixels = page.decode(message)
        if exact or frame.codec != "jpeg":
            assert (to_rgba(pixels) == to_rgba(picture)).all()
        assert len(page.has()) <= 4


class TestKeys:
    def key(self, size=100):
        return Key(1, 4, 4, np.zeros(16, np.uint32), size)

    def test_equal_deltas_wear_no_key_out(self):
        key = self.key()
        for _ in range(10_000):
            key.take(90)
        assert not key.is_worn

    def test_what_returns_to_the_key_now_and_then_does_not_either(self):
        key = self.key()
        for at in range(10_000):
            key.take(30 if at % 50 else 0)
        assert not key.is_worn

    def test_deltas_that_grow_do_when_they_have_cost_another_key(self):
        key = self.key(100)
        costs = [100]
        for size in range(0, 400, 4):
            assert not key.is_worn
            key.take(size)
            costs.append(size)
            if key.is_worn:
                break
        # Within a small factor of the best time, when a delta costs as much as a frame on average.
        best = next(n for n in range(2, 99) if sum(costs[:n]) / n <= (n - 2) * 4)
        assert best < len(costs) < 3 * best

    def frame(self, number, size=10):
        return Frame(1, 1, "raw", bytes(size), id=number)

    def test_the_store_is_bounded_in_number(self):
        store = KeyStore(most=3)
        for number in range(10):
            store.add(self.frame(number))
        assert [store.get(number) is not None for number in range(10)] == [False] * 7 + [True] * 3

    def test_the_store_is_bounded_in_bytes_but_keeps_the_newest(self):
        store = KeyStore(most_bytes=25)
        for number in range(10):
            store.add(self.frame(number))
        assert (len(store), store.nbytes) == (2, 20)
        store.add(self.frame(10, 1000))
        assert (len(store), store.nbytes) == (1, 1000)

    def test_keys_that_are_asked_for_stay(self):
        store = KeyStore(most=2)
        store.add(self.frame(1))
        store.add(self.frame(2))
        assert store.get(1) is not None
        store.add(self.frame(3))
        assert store.get(2) is None
        assert store.get(1) is not None

    def test_no_growth_over_many_keys(self):
        encoder = Encoder()
        encode_all(encoder, (noise(i, (8, 8)) for i in range(1000)), exact=True)
        numbers = [number for number in range(1, 1001) if encoder.key(number) is not None]
        assert numbers == list(range(1000 - 63, 1001))


class Ticks:
    """A clock that goes on by what each try of deflating is to take."""

    def __init__(self, *took: float) -> None:
        self._times = chain.from_iterable((0.0, seconds) for seconds in cycle(took))
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return next(self._times)


class TestThrift:
    zeros = bytes(100_000)  # deflating saves 2.5 ms on the way
    noise = np.random.default_rng(0).bytes(100_000)

    def test_deflates_what_pays(self):
        thrift = Thrift(Ticks(0.001))
        for _ in range(5):
            assert len(thrift.deflate(self.zeros) or self.zeros) < 1000

    def test_leaves_what_does_not_and_tries_again_rarely(self):
        clock = Ticks(0.1)
        thrift = Thrift(clock)
        for _ in range(2 * RETRY + 1):
            assert thrift.deflate(self.zeros) is None
        assert clock.asked == 2 * 3

    def test_what_does_not_get_smaller_is_left(self):
        assert Thrift(Ticks(0.0)).deflate(self.noise) is None
        assert Thrift(Ticks(0.0)).deflate(self.noise, budget=0) is None

    def test_a_content_that_changes_is_found_out(self):
        thrift = Thrift(Ticks(0.001))
        for _ in range(10):
            thrift.deflate(self.noise)
        found = [thrift.deflate(self.zeros) is not None for _ in range(RETRY + 1)]
        assert found[-1]

    def test_a_tight_link_decides_for_itself(self):
        thrift = Thrift(Ticks(0.1))
        assert thrift.deflate(self.zeros) is None
        assert thrift.deflate(self.zeros, budget=100_001) is None
        assert thrift.deflate(self.zeros, budget=99_999) is not None

    def test_small_things_are_not_worth_a_look(self):
        clock = Ticks(0.0)
        assert Thrift(clock).deflate(bytes(200), budget=0) is None
        assert clock.asked == 0


def test_without_qoi_frames_are_deflated_rows_and_deltas():
    code = """
import sys
sys.modules["qoi"] = None
import numpy as np
from kcomm.errors import BadArgumentsError
from kcomm.frames import CODECS, Frame, choose
from kcomm.frames.decoder import Decoder
from kcomm.frames.encoder import Encoder
first = np.full((60, 80, 4), 255, np.uint8)
second = first.copy()
second[3:20, 5:60] = 7
encoder, decoder = Encoder(), Decoder()
for pixels in (first, second):
    frame = encoder.encode(Frame.of(pixels))
    assert (decoder.decode(frame.to_message()) == pixels).all()
    print(frame.codec)
print(choose(first).NAME)
try:
    CODECS["qoi"].encode(first, 1.0)
except BadArgumentsError as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "zlib",
        "delta",
        "zlib",
        "the codec 'qoi' needs the package qoi: pip install qoi",
    ]


class TestVideoAsASource:
    """A camera's pictures come as video: decoded, most neighbours are equal, as in plots."""

    @pytest.fixture
    def decoded(self):
        encoder, decoder = VideoEncoder("h264", 0.1), VideoDecoder()
        picture = data.astronaut()
        for i in range(4):
            frame = encoder.encode(Frame.of(np.roll(picture, 2 * i, axis=1), index=i))
            pixels = decoder.decode(frame)
        return pixels

    def test_it_is_sent_as_a_photograph(self, decoded):
        assert choice.is_flat(decoded)
        live = Encoder(codecs=["jpeg", "qoi", "qoiz", "delta"])
        assert live.encode(Frame.of(decoded)).codec == "jpeg"
        assert live.encode(Frame.of(kcomm.edges(decoded))).codec == "jpeg"

    def test_masks_made_of_it_are_sent_as_they_are(self, decoded):
        mask = decoded[..., 0] > 128
        sent = Encoder(codecs=["jpeg", "qoi", "qoiz", "delta"]).encode(Frame.of(mask))
        assert sent.codec in ("qoi", "qoiz")

    def test_mosaics_are_sent_as_they_are(self, decoded):
        mosaic = np.kron(decoded[::9, ::9], np.ones((9, 9, 1), np.uint8))
        sent = Encoder(codecs=["jpeg", "qoi", "qoiz", "delta"]).encode(Frame.of(mosaic))
        assert sent.codec in ("qoi", "qoiz")

    def test_what_is_transparent_too(self, decoded):
        half = np.dstack([decoded, np.full(decoded.shape[:2], 128, np.uint8)])
        sent = Encoder(codecs=["jpeg", "qoi", "qoiz", "delta"]).encode(Frame.of(half))
        assert sent.codec in ("qoi", "qoiz")

    @pytest.mark.parametrize("width", [1, 2, 16, 17, 18])
    def test_narrow_pictures(self, width):
        assert choice.is_drawn(np.zeros((4, width), np.uint8))
