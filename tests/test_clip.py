"""The clip that the browser's camera sees: its numbers survive what is done to it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import kcomm
from tests.page.camera import FPS, FRAMES, read_number, read_number_of_edges, window_path, write_clip

SIZES = [(320, 240), (640, 480), (1280, 720)]
#: A step that meets every bit.
STEP = 11


def frames_of(clip: Path) -> list[np.ndarray]:
    with av.open(str(clip)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def scaled(pixels: np.ndarray, share: float) -> np.ndarray:
    size = int(pixels.shape[1] * share), int(pixels.shape[0] * share)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR))


def through_h264(frames: list[np.ndarray], bit_rate: int) -> Iterator[np.ndarray]:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = frames[0].shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.time_base = Fraction(1, FPS)
    encoder.bit_rate = bit_rate
    encoder.options = {"preset": "ultrafast", "tune": "zerolatency"}
    decoder = av.CodecContext.create("h264", "r")
    for number, pixels in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
        frame.pts = number
        for packet in encoder.encode(frame):
            for decoded in decoder.decode(av.Packet(bytes(packet))):
                yield decoded.to_ndarray(format="rgb24")


@pytest.fixture(scope="module", params=SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def clip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[np.ndarray]:
    path = write_clip(tmp_path_factory.mktemp("clip") / "clip.y4m", request.param)
    frames = frames_of(path)
    assert frames[0].shape == (request.param[1], request.param[0], 3)
    return frames


def test_every_frame_has_its_number(clip: list[np.ndarray]) -> None:
    assert [read_number(pixels) for pixels in clip] == list(range(FRAMES))


def test_numbers_survive_compression_scaling_and_the_edge_filter(clip: list[np.ndarray]) -> None:
    for number, pixels in list(enumerate(clip))[::STEP]:
        poor = as_jpeg(pixels, 25)
        for seen in (poor, scaled(pixels, 0.5), scaled(pixels, 0.7)):
            assert read_number(seen) == number
            assert read_number_of_edges(kcomm.edges(seen)) == number
        edges = kcomm.edges(poor)
        for seen in (as_jpeg(edges, 25), scaled(edges, 0.5)):
            assert read_number_of_edges(seen) == number


def test_numbers_survive_h264(clip: list[np.ndarray]) -> None:
    height, width = clip[0].shape[:2]
    few = clip[:20]
    for number, pixels in enumerate(through_h264(few, bit_rate=3 * width * height)):
        assert read_number(pixels) == number
        assert read_number_of_edges(kcomm.edges(pixels)) == number


def test_the_clip_goes_round_without_a_jump() -> None:
    path = window_path(320, 480)
    steps = [np.hypot(x - a, y - b) for (a, b), (x, y) in pairwise([*path, path[0]])]
    assert len(path) == FRAMES
    assert 0 < max(steps) < 30


def test_a_clip_is_written_once_and_an_older_one_replaced(tmp_path: Path) -> None:
    path = tmp_path / "clip.y4m"
    path.write_bytes(b"another one")
    write_clip(path, (320, 240))
    written = path.stat()
    write_clip(path, (320, 240))
    assert path.stat().st_mtime_ns == written.st_mtime_ns
    assert written.st_size > FRAMES * 320 * 240
