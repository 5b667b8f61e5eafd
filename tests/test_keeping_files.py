"""Files of other formats: what `Player.save` writes, read back."""

from __future__ import annotations

import builtins
import os
import signal
import sys
from typing import Any

import imageio_ffmpeg
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import psutil
import pytest
from matplotlib.animation import FFMpegWriter, PillowWriter
from PIL import Image

import kcomm
from kcomm import view
from kcomm.animation import FrameRangeError
from kcomm.animation.keeping.progress import Text
from kcomm.animation.keeping.writing import durations
from kcomm.frames.pixels import to_rgba
from kcomm.transport.memory import MemoryHost
from tests.animations import Sweep
from tests.recorded import Page, full_draw

NOISE = np.random.default_rng(0).integers(0, 256, (6, 40, 60, 4), np.uint8)
LOSSLESS = [".apng", ".webp"]


@pytest.fixture(autouse=True)
def host(monkeypatch):
    monkeypatch.setattr(view, "outputs", view.Outputs())
    with MemoryHost() as memory:
        yield memory


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def ffmpeg():
    with mpl.rc_context({"animation.ffmpeg_path": imageio_ffmpeg.get_ffmpeg_exe()}):
        yield


@pytest.fixture
def no_ffmpeg():
    with mpl.rc_context({"animation.ffmpeg_path": "no-such-program"}):
        yield


def bars(i):
    """A bar of 4 pixels that moves by 2: few colours, and another picture each time."""
    pixels = np.zeros((48, 64, 3), np.uint8)
    pixels[:, 2 * i : 2 * i + 4] = (255, 128, 0)
    pixels[: 1 + i] = (0, 0, 200)
    return pixels


def player(frames=8, **options):
    return kcomm.animate(bars, frames=frames, **options)


def read(path):
    """Return the frames of a moving picture, as RGBA, and the milliseconds of each."""
    with Image.open(path) as image:
        shown, times = [], []
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            image.load()
            times.append(image.info.get("duration"))
            shown.append(np.asarray(image.convert("RGBA")))
        return shown, times


def program_of(folder):
    """Return the program that writes a video into a folder."""
    (found,) = [child for child in psutil.Process().children() if str(folder) in str(child.cmdline())]
    return found


def read_video(path):
    """Return the frames of a video as RGB, and what is known of it."""
    frames = imageio_ffmpeg.read_frames(str(path), pix_fmt="rgb24")
    meta = next(frames)
    width, height = meta["size"]
    return [np.frombuffer(data, np.uint8).reshape(height, width, 3) for data in frames], meta


class TestMovingPictures:
    @pytest.mark.parametrize("suffix", LOSSLESS)
    def test_every_pixel_is_kept(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        kcomm.animate(lambda i: NOISE[i], frames=6).save(path, progress=False)
        shown, _ = read(path)
        seen = NOISE[..., 3] > 0  # a moving WebP keeps no colours where nothing is to be seen
        np.testing.assert_array_equal(np.array(shown)[seen], NOISE[seen])

    @pytest.mark.parametrize("suffix", [".gif", *LOSSLESS])
    def test_few_colours_are_kept_by_all(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        player().save(path, fps=10, progress=False)
        shown, times = read(path)
        np.testing.assert_array_equal(shown, [to_rgba(bars(i)) for i in range(8)])
        assert times == [100] * 8

    @pytest.mark.parametrize("suffix", [".gif", *LOSSLESS])
    def test_a_figure(self, tmp_path, suffix):
        sweep = Sweep()
        path = tmp_path / f"a{suffix}"
        kcomm.animate(sweep.animation(frames=9)).save(path, progress=False)
        shown, _ = read(path)
        sweep(8)
        assert len(shown) == 9
        last = full_draw(sweep.figure)
        if suffix == ".gif":
            assert np.abs(shown[-1].astype(int) - last).mean() < 2
        else:
            np.testing.assert_array_equal(shown[-1], last)

    def test_many_colours_become_the_256_nearest(self, tmp_path):
        ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None], (256, 90, 3)).copy()
        ramp[..., 1] = np.arange(90)
        kcomm.animate(lambda i: np.roll(ramp, i, 0), frames=3).save(tmp_path / "a.gif", progress=False)
        shown, _ = read(tmp_path / "a.gif")
        assert np.abs(shown[0][..., :3].astype(int) - ramp).mean() < 12

    @pytest.mark.parametrize(("loop", "expected"), [(True, 0), ("bounce", 0), (False, None)])
    def test_loop(self, tmp_path, loop, expected):
        player(loop=loop).save(tmp_path / "a.gif", progress=False)
        with Image.open(tmp_path / "a.gif") as image:
            assert image.info.get("loop") == expected

    def test_options_are_those_of_pillow(self, tmp_path):
        for name, options in (("a", {}), ("b", {"lossless": False, "quality": 10})):
            kcomm.animate(lambda i: NOISE[i], frames=6).save(
                tmp_path / f"{name}.webp", progress=False, **options
            )
        assert (tmp_path / "b.webp").stat().st_size < (tmp_path / "a.webp").stat().st_size

    def test_a_part(self, tmp_path):
        player().save(tmp_path / "a.apng", frames=range(1, 8, 3), progress=False)
        shown, _ = read(tmp_path / "a.apng")
        np.testing.assert_array_equal(shown, [to_rgba(bars(i)) for i in (1, 4, 7)])

    def test_the_rate_is_that_of_the_player(self, tmp_path):
        player(fps=5, speed=2).save(tmp_path / "a.apng", progress=False)
        assert read(tmp_path / "a.apng")[1] == [100] * 8

    def test_frames_of_several_sizes(self, tmp_path):
        made = kcomm.animate(lambda i: np.zeros((10 + i, 20), np.uint8), frames=3)
        with pytest.raises(kcomm.BadArgumentsError, match="frame 1 is 20 x 11, but the first is 20 x 10"):
            made.save(tmp_path / "a.gif", progress=False)
        assert os.listdir(tmp_path) == []

    def test_what_pillow_refuses(self, tmp_path):
        with pytest.raises(kcomm.KcommError, match="Pillow can't write") as caught:
            player().save(tmp_path / "a.webp", quality="good", progress=False)
        assert caught.value.code == "kcomm.write_failed"
        assert os.listdir(tmp_path) == []


class TestDurations:
    @pytest.mark.parametrize("fps", [1, 7, 24, 29.97, 30, 50])
    @pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
    def test_they_are_right_in_sum(self, fps, kind):
        times = durations(300, fps, kind)
        assert abs(sum(times) - 300 * 1000 / fps) <= 10
        assert max(times) - min(times) <= 10
        if kind == "GIF":
            assert {time % 10 for time in times} == {0}

    def test_a_gif_is_not_so_fast_that_players_slow_it_down(self):
        assert set(durations(10, 1000, "GIF")) == {20}


class TestNames:
    def test_a_name_as_long_as_names_may_be(self, tmp_path):
        name = "\u52d5" * 83 + ".gif"  # 253 bytes
        player().save(tmp_path / name, progress=False)
        assert os.listdir(tmp_path) == [name]

    @pytest.mark.skipif(sys.platform == "win32", reason="files have no such modes there")
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
    def test_whoever_may_not_read_a_file_may_not_read_what_replaces_it(self, tmp_path, mode):
        path = tmp_path / "mine.html"
        path.touch()
        path.chmod(mode)
        player().to_html(path, progress=False)
        assert path.stat().st_size > 0
        assert path.stat().st_mode & 0o777 == mode


class TestStills:
    def test_a_file_for_each_frame(self, tmp_path):
        player().save(tmp_path / "frame-%03d.png", frames=range(2, 8, 2), progress=False)
        assert sorted(os.listdir(tmp_path)) == ["frame-002.png", "frame-004.png", "frame-006.png"]
        for number in (2, 4, 6):
            (shown,), _ = read(tmp_path / f"frame-{number:03d}.png")
            np.testing.assert_array_equal(shown, to_rgba(bars(number)))

    def test_frames_of_several_sizes(self, tmp_path):
        kcomm.animate(lambda i: np.zeros((10 + i, 20), np.uint8), frames=3).save(
            tmp_path / "%d.png", progress=False
        )
        assert read(tmp_path / "2.png")[0][0].shape == (12, 20, 4)

    @pytest.mark.parametrize(("suffix", "loss"), [("jpg", 12), ("webp", 0), ("tiff", 0)])
    def test_other_formats(self, tmp_path, suffix, loss):
        player().save(tmp_path / f"%d.{suffix}", progress=False)
        (shown,), _ = read(tmp_path / f"5.{suffix}")
        assert np.abs(shown.astype(int) - to_rgba(bars(5))).mean() <= loss

    @pytest.mark.parametrize("name", ["a%.png", "a%s%d.png", "a%%.png"])
    def test_what_is_no_pattern(self, tmp_path, name):
        with pytest.raises(kcomm.BadArgumentsError, match="is no pattern for numbered files"):
            player().save(tmp_path / name, progress=False)


@pytest.mark.usefixtures("ffmpeg")
class TestVideos:
    @pytest.mark.parametrize("suffix", [".mp4", ".webm", ".mov", ".mkv"])
    def test_frames(self, tmp_path, suffix):
        path = tmp_path / f"a{suffix}"
        player().save(path, fps=8, progress=False)
        shown, meta = read_video(path)
        assert (len(shown), meta["fps"], os.listdir(tmp_path)) == (8, 8, [path.name])
        for number, pixels in enumerate(shown):
            assert np.abs(pixels.astype(int) - bars(number)).mean() < 12

    def test_a_lossless_codec_shows_that_the_pixels_are_the_same(self, tmp_path):
        path = tmp_path / "a.mkv"
        player().save(path, codec="ffv1", extra_args=["-pix_fmt", "bgr0"], progress=False)
        np.testing.assert_array_equal(read_video(path)[0], [bars(i) for i in range(8)])

    def test_odd_sizes_lose_a_row_and_a_column_where_the_codec_has_no_such(self, tmp_path):
        kcomm.animate(lambda i: bars(i)[:47, :63], frames=4).save(tmp_path / "a.mp4", progress=False)
        shown, _ = read_video(tmp_path / "a.mp4")
        assert shown[0].shape == (46, 62, 3)
        assert np.abs(shown[3].astype(int) - bars(3)[:46, :62]).mean() < 12

    def test_transparency_is_laid_over_white(self, tmp_path):
        kcomm.animate(lambda i: np.zeros((32, 32, 4), np.uint8), frames=2).save(
            tmp_path / "a.mp4", progress=False
        )
        assert read_video(tmp_path / "a.mp4")[0][0].mean() > 250

    def test_a_writer_by_name(self, tmp_path):
        player().save(tmp_path / "a.gif", writer="pillow", fps=10, progress=False)
        assert len(read(tmp_path / "a.gif")[0]) == 8
        player().save(tmp_path / "a.mp4", writer="ffmpeg_file", progress=False)
        assert len(read_video(tmp_path / "a.mp4")[0]) == 8

    @pytest.mark.parametrize("make", [PillowWriter, FFMpegWriter])
    def test_a_writer(self, tmp_path, make):
        player().save(tmp_path / "a.gif", writer=make(fps=10), progress=False)
        assert len(read(tmp_path / "a.gif")[0]) == 8

    def test_a_writer_takes_no_options(self, tmp_path):
        with pytest.raises(kcomm.BadArgumentsError, match=r"takes no options.*bitrate=5"):
            player().save(tmp_path / "a.gif", writer=PillowWriter(fps=10), bitrate=5, progress=False)

    def test_wrong_options_of_a_writer(self, tmp_path):
        with pytest.raises(kcomm.BadArgumentsError, match="colour"):
            player().save(tmp_path / "a.mp4", colour=5, progress=False)

    def test_matplotlibs_tight_box_does_not_matter(self, tmp_path):
        with mpl.rc_context({"savefig.bbox": "tight"}):
            player().save(tmp_path / "a.mp4", progress=False)
        assert len(read_video(tmp_path / "a.mp4")[0]) == 8

    def test_what_ffmpeg_complains_about_is_told(self, tmp_path):
        with pytest.raises(kcomm.KcommError, match="Unknown encoder 'nonsense'") as caught:
            player().save(tmp_path / "a.mp4", codec="nonsense", progress=False)
        assert caught.value.code == "kcomm.write_failed"
        assert os.listdir(tmp_path) == []

    def test_ffmpeg_that_ends_before_its_time(self, tmp_path):
        """It is killed while it is fed: what it says then is told, and nothing is left."""

        def frame(i):
            if i == 200:
                program_of(tmp_path).kill()
            return np.full((480, 640), i % 256, np.uint8)

        with pytest.raises(kcomm.KcommError, match="failed: with status -9"):
            kcomm.animate(frame, frames=2000).save(tmp_path / "a.mp4", progress=False)
        assert os.listdir(tmp_path) == []

    @pytest.mark.usefixtures("interruptible")
    def test_an_interrupted_cell(self, tmp_path):
        def frame(i):
            if i == 5:  # as a terminal does: all that belongs to it is interrupted
                program_of(tmp_path).send_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)
            return bars(i)

        with pytest.raises(KeyboardInterrupt):
            kcomm.animate(frame, frames=9).save(tmp_path / "a.mp4", progress=False)
        assert os.listdir(tmp_path) == []

    def test_frames_of_several_sizes(self, tmp_path):
        made = kcomm.animate(lambda i: np.zeros((10 + 2 * i, 20), np.uint8), frames=3)
        with pytest.raises(kcomm.BadArgumentsError, match="frame 1 is 20 x 12, but the first is 20 x 10"):
            made.save(tmp_path / "a.mp4", progress=False)


class TestDpi:
    def test_figures_are_drawn_larger_and_left_as_they_are(self, tmp_path):
        sweep = Sweep()
        made = kcomm.animate(sweep.animation(frames=3))
        made.save(tmp_path / "%d.png", dpi=150, progress=False)
        assert sweep.figure.dpi == 50
        (shown,), _ = read(tmp_path / "2.png")
        sweep(2)
        sweep.figure.dpi = 150
        np.testing.assert_array_equal(shown, full_draw(sweep.figure))

    def test_a_page_too(self, tmp_path):
        sweep = Sweep()
        kcomm.animate(sweep.animation(frames=3)).save(tmp_path / "a.html", dpi=100, progress=False)
        assert Page(tmp_path / "a.html").info["width"] == 200

    def test_a_function_that_returns_figures(self, tmp_path):
        asked = []

        def frame(i):
            asked.append(i)
            return Sweep().figure

        made = kcomm.animate(frame, frames=2)
        made._repr_mimebundle_()
        made.save(tmp_path / "%d.png", dpi=100, progress=False)
        assert asked == [0, 0, 1]  # one was shown
        assert read(tmp_path / "1.png")[0][0].shape == (100, 200, 4)
        assert plt.get_fignums() == []

    def test_arrays_have_none(self, tmp_path):
        with pytest.raises(kcomm.BadArgumentsError, match="dpi is for figures"):
            player().save(tmp_path / "a.gif", dpi=100)

    @pytest.mark.parametrize("dpi", [0, -5, "100", True, float("nan")])
    def test_what_is_none(self, tmp_path, dpi):
        with pytest.raises(kcomm.BadArgumentsError, match="dpi is a number above 0"):
            player().save(tmp_path / "a.gif", dpi=dpi)


class TestFailures:
    @pytest.mark.parametrize(
        ("name", "words"),
        [
            ("a", "does not say in which format"),
            ("a.xyz", r"there are: \.apng, \.avi, \.gif, \.html"),
            ("a.png", r"put their number in the name \(frame-%04d\.png\)"),
        ],
    )
    def test_formats(self, tmp_path, name, words):
        drawn: list[int] = []
        with pytest.raises(kcomm.BadArgumentsError, match=words):
            kcomm.animate(drawn.append, frames=3).save(tmp_path / name)
        assert drawn == []

    @pytest.mark.usefixtures("no_ffmpeg")
    def test_without_ffmpeg(self, tmp_path):
        with pytest.raises(kcomm.KcommError, match=r"ffmpeg, which was not found: install it") as caught:
            player().save(tmp_path / "a.mp4", progress=False)
        assert caught.value.code == "kcomm.no_writer"
        assert os.listdir(tmp_path) == []

    def test_a_writer_that_there_is_not(self, tmp_path):
        with pytest.raises(kcomm.KcommError, match="no writer 'nonsense'") as caught:
            player().save(tmp_path / "a.mp4", writer="nonsense", progress=False)
        assert caught.value.code == "kcomm.no_writer"

    def test_what_is_no_writer(self, tmp_path):
        with pytest.raises(kcomm.BadArgumentsError, match="one of matplotlib's writers or its name"):
            player().save(tmp_path / "a.mp4", writer=7, progress=False)

    def test_a_page_takes_no_options(self, tmp_path):
        with pytest.raises(kcomm.BadArgumentsError, match="no such options: quality"):
            player().save(tmp_path / "a.html", quality=5)

    def test_frames(self, tmp_path):
        with pytest.raises(FrameRangeError, match="the frames are 0 to 7"):
            player().save(tmp_path / "a.gif", frames=9)
        with pytest.raises(kcomm.BadArgumentsError, match="frames=200"):
            kcomm.animate(bars).save(tmp_path / "a.gif")

    @pytest.mark.parametrize("fps", [0, "max", -1, float("inf")])
    def test_rates(self, tmp_path, fps):
        with pytest.raises(kcomm.BadArgumentsError, match="fps is a number above 0"):
            player().save(tmp_path / "a.gif", fps=fps)

    def test_a_frame_that_fails(self, tmp_path):
        def frame(i):
            return bars(i) if i < 3 else "three"

        with pytest.raises(kcomm.KcommError, match=r"frame 3: the function returned str"):
            kcomm.animate(frame, frames=5).save(tmp_path / "a.gif", progress=False)
        assert os.listdir(tmp_path) == []


class TestProgress:
    def test_a_bar(self, tmp_path, capsys):
        player().save(tmp_path / "a.gif")
        shown = capsys.readouterr().err
        assert "a.gif" in shown
        assert "8/8" in shown

    def test_a_bar_counts_the_last_of_single_pictures_too(self, tmp_path, capsys):
        player().save(tmp_path / "%d.png")
        assert "8/8" in capsys.readouterr().err

    def test_text_where_tqdm_is_missing(self, tmp_path, capsys, monkeypatch):
        real = builtins.__import__

        def without(name: str, *args: Any, **kwargs: Any) -> Any:
            if name.startswith("tqdm"):
                raise ImportError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without)
        monkeypatch.delitem(sys.modules, "tqdm.auto", raising=False)
        player().save(tmp_path / "a.gif")
        assert capsys.readouterr().err.endswith("\ra.gif: 8 of 8 frames\n")

    def test_text_is_not_written_for_every_frame(self, capsys):
        text = Text(1000, "a.gif")
        for _ in range(1000):
            text.update()
        assert capsys.readouterr().err.count("\r") < 100

    def test_none(self, tmp_path, capsys):
        player().save(tmp_path / "a.gif", progress=False)
        assert capsys.readouterr() == ("", "")
