"""Sources of frames: one contract for all of them, and what each does with its own files."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import imageio_ffmpeg
import numpy as np
import psutil
import pytest
import skimage.data
from PIL import Image

import kcomm
from kcomm import BadArgumentsError, BadValueError, Frame, KcommError
from kcomm.cameras import ImageFolder, Source, VideoFile, as_source
from kcomm.cameras.images import natural_key
from kcomm.cameras.pacing import LATEST, Pace
from kcomm.cameras.source import Item
from kcomm.frames import to_pixels

HEIGHT, WIDTH, COUNT = 96, 128, 12


def picture(number: int) -> np.ndarray:
    """Return a photograph with its number as eight blocks along the upper edge."""
    pixels = skimage.data.astronaut()[:HEIGHT, 160 : 160 + WIDTH].copy()
    for bit in range(8):
        pixels[:16, 16 * bit : 16 * bit + 16] = 255 if number >> bit & 1 else 0
    return pixels


def number_of(pixels: np.ndarray) -> int:
    """Return the number of a picture, also after lossy compression."""
    return sum(int(pixels[8, 16 * bit + 8].mean() > 127) << bit for bit in range(8))


def write_images(folder: Path) -> Path:
    folder.mkdir()
    for number in range(COUNT):
        suffix = "jpg" if number % 2 else "png"
        Image.fromarray(picture(number)).save(folder / f"picture {number}.{suffix}", quality=90)
    return folder


def write_video(
    path: Path, times: list[int] | None = None, rotation: int = 0, codec: str = "libx264"
) -> Path:
    """Write pictures at 20 a second, or at these times in milliseconds."""
    times = times if times is not None else [50 * number for number in range(COUNT)]
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=20)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


class Numbers:
    """A source as its user would write it."""

    name, fps, is_live = "numbers", 20.0, False

    def open(self) -> None:
        self.number = 0

    def frames(self) -> Iterator[Item]:
        while True:
            yield picture(self.number)
            self.number = (self.number + 1) % COUNT

    def close(self) -> None:
        self.number = -1


MAKE: dict[str, Callable[[Path], Source]] = {
    "images": lambda folder: ImageFolder(write_images(folder / "images")),
    "video": lambda folder: VideoFile(write_video(folder / "video.mp4")),
    "user": lambda folder: Numbers(),
}


@pytest.fixture(params=list(MAKE))
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    return MAKE[request.param](tmp_path)


def pixels_of(item: Item) -> np.ndarray:
    assert not isinstance(item, Exception), item
    return item.pixels if isinstance(item, Frame) else to_pixels(item)


def numbers_of(source: Source, count: int | None = None) -> list[int]:
    """Return the numbers of the frames, from opened to closed."""
    try:
        source.open()
        return [number_of(pixels_of(item)) for item in islice(source.frames(), count)]
    finally:
        source.close()


def items_of(source: Source, count: int | None = None) -> list[Item]:
    source.open()
    try:
        return list(islice(source.frames(), count))
    finally:
        source.close()


def open_files() -> set[str]:
    return {file.path for file in psutil.Process().open_files()}


# --- what holds for every source -----------------------------------------------------------------


def test_it_is_a_source(source: Source) -> None:
    assert isinstance(source, Source)
    assert as_source(source) is source
    assert source.name
    assert source.is_live is False
    assert repr(source)


def test_frames_come_in_order_and_begin_anew(source: Source) -> None:
    assert numbers_of(source, 2 * COUNT + 3) == [*range(COUNT), *range(COUNT), 0, 1, 2]


def test_frames_are_rgb_and_fresh(source: Source) -> None:
    first, second = (pixels_of(item) for item in items_of(source, 2))
    for pixels in (first, second):
        assert pixels.shape == (HEIGHT, WIDTH, 3)
        assert pixels.dtype == np.uint8
        assert pixels.flags.writeable
        assert pixels.flags.c_contiguous
    assert not np.shares_memory(first, second)
    assert np.abs(first.astype(int) - picture(0)).mean() < 6


def test_it_can_be_opened_again(source: Source) -> None:
    assert numbers_of(source, 5) == [0, 1, 2, 3, 4]
    assert numbers_of(source, 3) == [0, 1, 2]


def test_it_has_a_rate_while_it_is_open(source: Source) -> None:
    source.open()
    assert source.fps == pytest.approx(10 if isinstance(source, ImageFolder) else 20)
    source.close()


def test_nothing_stays_open(source: Source, tmp_path: Path) -> None:
    before = open_files()
    source.open()
    frames = source.frames()
    next(frames)
    del frames
    source.close()
    source.close()  # once too often does no harm
    assert open_files() <= before


def test_it_is_used_on_a_thread_of_its_own(source: Source) -> None:
    numbers: list[int] = []
    thread = threading.Thread(target=lambda: numbers.extend(numbers_of(source, 4)))
    thread.start()
    thread.join(30)
    assert numbers == [0, 1, 2, 3]


# --- what people pass ----------------------------------------------------------------------------


def test_a_path_becomes_a_source(tmp_path: Path) -> None:
    folder = as_source(str(write_images(tmp_path / "images")))
    video = as_source(write_video(tmp_path / "video.mp4"))
    assert isinstance(folder, ImageFolder)
    assert isinstance(video, VideoFile)
    assert (folder.name, video.name) == ("images", "video.mp4")


def test_a_path_is_meant_where_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "images")
    monkeypatch.chdir(tmp_path)
    source = as_source("images")
    monkeypatch.chdir("/")
    assert numbers_of(source, 1) == [0]


class Incomplete:
    name, fps, is_live = "incomplete", None, True

    def open(self) -> None: ...


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no/such.mp4", "source is the path of a folder or a file; .*no/such.mp4 does not exist"),
        (7, "source is the path of a folder of images or of a video file, or an object with .* not int"),
        (np.zeros((4, 4)), "not ndarray"),
        (Numbers, r"not a class: pass Numbers\(...\)"),
        (Incomplete(), "this Incomplete lacks frames, close"),
    ],
    ids=["path", "number", "array", "class", "incomplete"],
)
def test_what_is_no_source_is_said_at_once(value: Any, message: str) -> None:
    with pytest.raises(BadArgumentsError, match=message):
        as_source(value)


@pytest.mark.parametrize("fps", [0, -1, "fast", float("nan")])
def test_a_rate_that_is_none(fps: Any, tmp_path: Path) -> None:
    with pytest.raises(BadArgumentsError, match="fps is a number above 0"):
        ImageFolder(tmp_path, fps=fps)


# --- when frames are due -------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def waits(source: Any, items: list[Item], work: float = 0.0) -> list[float]:
    """Return how long is waited with each item, when every one takes some work."""
    clock = Clock()
    pace = Pace(source, clock)
    found = []
    for item in items:
        found.append(pace.until(item))
        clock.now += found[-1] + work
    return [round(seconds, 6) for seconds in found]


def frame_at(pts: float) -> Frame:
    return Frame.of(np.zeros((1, 1), np.uint8), pts=pts)


def a_source(fps: float | None, is_live: bool = False) -> Any:
    source: Any = Numbers()
    source.fps, source.is_live = fps, is_live
    return source


def test_the_rate_counts_where_frames_have_no_time() -> None:
    image = np.zeros((1, 1), np.uint8)
    assert waits(a_source(4.0), [image] * 3) == [0, 0.25, 0.25]
    assert waits(a_source(4.0), [image] * 3, work=0.1) == [0, 0.15, 0.15]
    assert waits(a_source(None), [image] * 3) == [0, 0, 0]
    assert waits(a_source(4.0, is_live=True), [image] * 3) == [0, 0, 0]


def test_times_count_where_frames_have_them() -> None:
    frames: list[Item] = [frame_at(pts) for pts in (3.0, 3.1, 3.5, 3.4, 3.6)]
    assert waits(a_source(4.0), frames) == [0, 0.1, 0.4, 0, 0.2]


def test_lateness_is_made_up_for_but_not_a_pause() -> None:
    clock = Clock()
    pace = Pace(a_source(10.0), clock)
    image = np.zeros((1, 1), np.uint8)
    assert pace.until(image) == 0
    clock.now += 0.15  # half a frame late
    assert pace.until(image) == 0
    assert pace.until(image) == pytest.approx(0.05)
    clock.now += LATEST + 60
    assert pace.until(image) == 0
    assert pace.until(image) == pytest.approx(0.1)


def test_a_failed_frame_takes_its_time_too() -> None:
    assert waits(a_source(4.0), [BadValueError("no"), BadValueError("no")]) == [0, 0.25]


# --- folders of images ---------------------------------------------------------------------------


def test_names_are_in_their_natural_order() -> None:
    names = ["b1", "a10.png", "A9.png", "a1.png", "a01.png", "7", "11", "²"]
    assert sorted(names, key=natural_key) == ["7", "11", "a01.png", "a1.png", "A9.png", "a10.png", "b1", "²"]


def test_only_images_are_shown(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "folder.png").mkdir()
    assert numbers_of(ImageFolder(folder, loop=False)) == list(range(COUNT))


def test_a_file_that_cannot_be_read_is_named_and_passed_over(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "images")
    data = (folder / "picture 1.jpg").read_bytes()
    (folder / "picture 1.jpg").write_bytes(data[: len(data) // 2])
    (folder / "picture 2.png").write_bytes(b"no image at all")
    items = items_of(ImageFolder(folder, loop=False))
    failed = [item for item in items if isinstance(item, Exception)]
    assert [type(error) for error in failed] == [BadValueError, BadValueError]
    assert str(failed[0]).startswith("picture 1.jpg can't be read: image file is truncated")
    assert str(failed[1]) == "picture 2.png can't be read: it is not an image [kcomm.bad_value]"
    shown = [number_of(pixels_of(item)) for item in items if not isinstance(item, Exception)]
    assert shown == [0, *range(3, COUNT)]


def test_images_too_large_are_named(tmp_path: Path) -> None:
    Image.new("1", (10_000, 6000)).save(tmp_path / "wall.png")
    Image.new("L", (4, 4)).save(tmp_path / "x.png")
    error, _ = items_of(ImageFolder(tmp_path, loop=False))
    assert isinstance(error, BadValueError)
    assert error.code == "kcomm.too_large"
    assert "wall.png can't be shown: the image is 10000 x 6000, 60 megapixels" in str(error)


def test_a_folder_of_which_nothing_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    source = ImageFolder(tmp_path)
    source.open()
    frames = source.frames()
    assert isinstance(next(frames), BadValueError)
    with pytest.raises(KcommError, match=r"none of the 1 images .* a.png can't be read") as caught:
        next(frames)
    assert caught.value.code == "kcomm.source_failed"


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(KcommError, match=f"there are no images in {tmp_path}") as caught:
        ImageFolder(tmp_path).open()
    assert caught.value.code == "kcomm.source_failed"


def test_a_folder_that_went_away(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    source = ImageFolder(folder)
    folder.rmdir()
    with pytest.raises(KcommError, match="can't be read: No such file") as caught:
        source.open()
    assert caught.value.code == "kcomm.source_failed"


def test_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadArgumentsError, match="file is not a folder"):
        ImageFolder(tmp_path / "file")


def test_new_images_are_seen_in_the_next_round(tmp_path: Path) -> None:
    Image.fromarray(picture(1)).save(tmp_path / "1.png")
    source = ImageFolder(tmp_path)
    source.open()
    frames = source.frames()
    assert number_of(pixels_of(next(frames))) == 1
    Image.fromarray(picture(2)).save(tmp_path / "2.png")
    assert [number_of(pixels_of(next(frames))) for _ in range(2)] == [1, 2]


def test_images_are_turned_as_their_exif_data_say(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn it a quarter to the right
    Image.fromarray(picture(5)).save(tmp_path / "1.png", exif=exif)
    (item,) = items_of(ImageFolder(tmp_path, loop=False))
    assert np.array_equal(pixels_of(item), np.rot90(picture(5), -1))


def test_sizes_and_modes_may_differ(tmp_path: Path) -> None:
    Image.new("L", (3, 2), 7).save(tmp_path / "1.png")
    Image.new("RGBA", (5, 4), (0, 0, 0, 0)).save(tmp_path / "2.png")
    Image.new("P", (2, 2), 0).save(tmp_path / "3.gif")
    Image.fromarray(np.full((2, 2), 0xFFFF, np.uint16)).save(tmp_path / "4.tif")
    grey, clear, palette, deep = (pixels_of(item) for item in items_of(ImageFolder(tmp_path, loop=False)))
    assert (grey.shape, clear.shape, palette.shape, deep.shape) == (
        (2, 3, 3),
        (4, 5, 3),
        (2, 2, 3),
        (2, 2, 3),
    )
    assert (grey == 7).all()
    assert (clear == 255).all()
    assert (deep == 255).all()


# --- video files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec"),
    [("a.mp4", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9"), ("a.avi", "mjpeg")],
)
def test_kinds_of_files(name: str, codec: str, tmp_path: Path) -> None:
    if codec == "mjpeg":
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", write_video(tmp_path / "b.mp4")]
        subprocess.run([*command, "-c:v", "mjpeg", "-q:v", "2", tmp_path / name], check=True, timeout=60)
    else:
        write_video(tmp_path / name, codec=codec)
    assert numbers_of(VideoFile(tmp_path / name, loop=False)) == list(range(COUNT))


def test_frames_have_the_times_of_the_file(tmp_path: Path) -> None:
    times = [40, 60, 200, 201, 900]
    source = VideoFile(write_video(tmp_path / "a.mkv", times))
    frames = items_of(source, 7)
    pts = [frame.pts for frame in frames if isinstance(frame, Frame)]
    assert pts[:5] == pytest.approx([0, 0.02, 0.16, 0.161, 0.86])
    # The next round follows after the last frame has had its time, and goes on at the same distances.
    assert pts[5] is not None
    assert pts[5] > 0.86
    assert pts[6] == pytest.approx(pts[5] + 0.02)
    assert [frame.index for frame in frames if isinstance(frame, Frame)] == list(range(7))


def test_a_rate_of_ones_own_counts_instead_of_the_times(tmp_path: Path) -> None:
    source = VideoFile(write_video(tmp_path / "a.mp4"), fps=5)
    source.open()
    frame = next(source.frames())
    assert isinstance(frame, Frame)
    assert (source.fps, frame.pts) == (5, None)
    source.close()


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_video_is_turned_as_it_says(rotation: int, tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", times=[0, 50], rotation=rotation)
    first, _ = items_of(VideoFile(path, loop=False))
    # FFmpeg itself is the judge.
    png = tmp_path / "a.png"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", path, "-frames:v", "1", png]
    subprocess.run(command, check=True, timeout=60)
    expected = np.asarray(Image.open(png).convert("RGB")).astype(int)
    pixels = pixels_of(first)
    assert pixels.shape == expected.shape
    assert np.abs(pixels - expected).mean() < 3
    assert pixels.flags.c_contiguous


def test_a_damaged_part_is_told_and_passed_over(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", codec="mpeg4")
    with av.open(str(path)) as container:
        packets = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    data = bytearray(path.read_bytes())
    position, size = packets[6]
    assert position is not None
    data[position : position + size + 8] = b"\xff" * (size + 8)
    path.write_bytes(bytes(data))
    items = items_of(VideoFile(path, loop=False))
    shown = [item for item in items if isinstance(item, Frame)]
    assert len(shown) >= COUNT - 2
    assert numbers_of_frames(shown[:6]) == list(range(6))
    for item in items:
        if isinstance(item, Exception):
            assert isinstance(item, BadValueError)
            assert "a.avi" in str(item)


def numbers_of_frames(frames: list[Frame]) -> list[int]:
    return [number_of(frame.pixels) for frame in frames]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.mp4", b""),
        ("a.mp4", b"no video at all" * 100),
        ("a.txt", b"words of a text\n" * 100),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"),
    ],
    ids=["empty", "garbage", "text", "playlist"],
)
def test_what_is_no_video(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    source = VideoFile(tmp_path / name)
    with pytest.raises(KcommError, match=rf"{name} (can't be opened as|is not) a video") as caught:
        source.open()
    assert caught.value.code == "kcomm.source_failed"
    source.close()


def test_sound_without_pictures(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream: Any = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(KcommError, match="is not a video: it has no pictures"):
        VideoFile(tmp_path / "a.wav").open()


def test_a_video_that_went_away(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4")
    source = VideoFile(path)
    path.unlink()
    with pytest.raises(KcommError, match=r"a.mp4 can't be opened as a video: No such file") as caught:
        source.open()
    assert caught.value.code == "kcomm.source_failed"


def test_video_files_need_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "a.mp4")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(KcommError, match=r"pip install 'kcomm\[video\]'") as caught:
        as_source(path)
    assert caught.value.code == "kcomm.missing_extra"


def test_importing_sources_loads_neither_pyav_nor_pillow() -> None:
    code = "import sys, kcomm.cameras; print({'av', 'PIL', 'skimage'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "set()"


def test_a_video_file_is_shown_when_its_cell_is_run_again(host, tmp_path):
    source = VideoFile(write_video(tmp_path / "a.mp4"))
    for _ in range(3):
        cam: Any = kcomm.webcam(source=source)
        cam.start()
        assert len(cam.frames(2)) == 2
    cam.close()


def test_opening_and_closing_a_video_leaves_alone_who_reads_it(tmp_path):
    source = VideoFile(write_video(tmp_path / "a.mp4"))
    source.open()
    frames = source.frames()
    next(frames)
    source.open()
    source.close()
    next(frames)


def test_grey_with_alpha_that_was_multiplied_in_is_an_image():
    pixels = to_pixels(Image.new("LA", (1, 1), (200, 255)).convert("La"))
    assert pixels.tolist() == [[[200, 200, 200, 255]]]
