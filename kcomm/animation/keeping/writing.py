"""Animations as files of other formats: pictures through Pillow, videos through matplotlib's writers."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from kcomm.animation.keeping.files import WriteError, new_file, telling
from kcomm.animation.keeping.progress import Progress
from kcomm.errors import BadArgumentsError, KcommError
from kcomm.frames import Pixels
from kcomm.frames.pixels import to_rgba, without_alpha
from kcomm.frames.poster import image_of

if TYPE_CHECKING:
    from matplotlib.animation import AbstractMovieWriter
    from PIL import Image

#: Formats of moving pictures that Pillow writes, with its options. WebP and APNG keep every pixel.
MOVING: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    ".gif": ("GIF", {}),
    ".apng": ("PNG", {}),
    ".webp": ("WEBP", {"lossless": True, "quality": 75, "method": 4}),
}
#: Formats of single pictures, for a file a frame.
STILL: Final[dict[str, str]] = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tiff": "TIFF",
}
VIDEO: Final[frozenset[str]] = frozenset((".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ogv"))

#: What ffmpeg is asked for where matplotlib's default, H.264, does not fit.
_FFMPEG: Final[dict[str, dict[str, Any]]] = {
    ".webm": {"codec": "libvpx-vp9", "extra_args": ["-pix_fmt", "yuv420p", "-crf", "24", "-b:v", "0"]},
    ".ogv": {"codec": "libtheora", "extra_args": ["-pix_fmt", "yuv420p", "-q:v", "8"]},
}
#: Milliseconds that the times of a format are counted in.
_TICKS: Final[dict[str, int]] = {"GIF": 10, "PNG": 1, "WEBP": 1}
#: Players show what a GIF wants shown for less than this for ten times as long.
_SHORTEST_GIF: Final = 20


class NoWriterError(KcommError):
    """What writes files of this kind is not installed."""

    default_code = "kcomm.no_writer"


class Animation:
    """What is to be written.

    Parameters
    ----------
    frames : iterator of ndarray
        The pixels of each frame, drawn as they are taken.
    numbers : range
        Their numbers; there may turn out to be fewer frames.
    fps : float
        Frames a second.
    loop : bool
        Whether players begin again at the end, in formats that can say so.
    bar : Progress
        Is told of each frame.
    """

    def __init__(
        self, frames: Iterator[Pixels], numbers: range, *, fps: float, loop: bool, bar: Progress
    ) -> None:
        self._frames = frames
        self._bar = bar
        self.numbers = numbers
        self.fps = fps
        self.loop = loop

    def __iter__(self) -> Iterator[Pixels]:
        """Yield the frames, and tell the bar of each when it is done with."""
        for pixels in self._frames:
            yield pixels
            self._bar.update()


def write_animation(path: Path, animation: Animation, writer: Any = None, **options: Any) -> None:
    """Write a file in the format that its suffix names.

    Parameters
    ----------
    path : Path
        A pattern such as ``frame-%04d.png`` makes a file of each frame.
    animation : Animation
        The frames.
    writer : str or matplotlib.animation.AbstractMovieWriter, optional
        One of matplotlib's writers, or its name. By default Pillow for pictures and ffmpeg for videos.
    **options
        For Pillow's ``save``, or for the class of the named writer.
    """
    suffix = path.suffix.lower()
    if writer is None and suffix in STILL and "%" in path.name:
        _write_stills(path, animation, options)
    elif writer is None and suffix in MOVING:
        _write_moving(path, animation, suffix, options)
    else:
        _write_video(path, animation, _writer_of(writer, suffix, animation.fps, options))


def check_format(path: Path, writer: Any) -> None:
    """Raise, before anything is drawn, if nothing here writes files of that name."""
    suffix = path.suffix.lower()
    if writer is None and suffix in STILL and "%" in path.name:
        try:
            distinct = path.name % 1 != path.name % 2
        except (TypeError, ValueError):
            distinct = False
        if not distinct:
            raise BadArgumentsError(f"{path.name!r} is no pattern for numbered files, as frame-%04d.png is")
    elif writer is None and suffix not in MOVING and suffix not in VIDEO:
        hint = ""
        if suffix in STILL:
            hint = f": for a file of each frame put their number in the name (frame-%04d{suffix})"
        known = ", ".join(sorted((".html", *MOVING, *VIDEO)))
        raise BadArgumentsError(
            f"{path.name!r} does not say in which format to write an animation{hint}; there are: {known}"
        )


# --- pictures, through Pillow --------------------------------------------------------------------


def _write_stills(pattern: Path, animation: Animation, options: dict[str, Any]) -> None:
    kind = STILL[pattern.suffix.lower()]
    if kind == "WEBP":
        options = {**MOVING[".webp"][1], "exact": True, **options}
    # In this order: the first is asked for one more at the end, and tells the bar of the last.
    for pixels, number in zip(animation, animation.numbers, strict=False):
        shown = without_alpha(pixels) if kind == "JPEG" else pixels
        path = pattern.with_name(pattern.name % number)
        with new_file(path) as beside:
            _save(path, image_of(shown, palette=kind == "PNG"), beside, kind, options)


def _write_moving(path: Path, animation: Animation, suffix: str, options: dict[str, Any]) -> None:
    kind, usual = MOVING[suffix]
    with new_file(path) as beside:
        images = [_moving_image(pixels, kind) for pixels in animation]
        _check_sizes(images)
        settings: dict[str, Any] = {**usual, "duration": durations(len(images), animation.fps, kind)}
        if animation.loop or kind != "GIF":  # a GIF that says nothing is played once
            settings["loop"] = 0 if animation.loop else 1
        settings.update(options)
        _save(path, images[0], beside, kind, {**settings, "save_all": True, "append_images": images[1:]})


def _moving_image(pixels: Pixels, kind: str) -> Image.Image:
    from PIL import Image

    if kind != "GIF":
        return image_of(pixels, palette=False)
    image = image_of(pixels)
    # What Pillow would do itself, but with all frames in memory at four times the size until then.
    return image if image.mode != "RGB" else image.convert("P", palette=Image.Palette.ADAPTIVE)


def durations(count: int, fps: float, kind: str) -> list[int]:
    """Return the milliseconds of each frame: multiples of the format's tick, right in sum."""
    tick = _TICKS[kind]
    period = max(1000 / fps, _SHORTEST_GIF) if kind == "GIF" else 1000 / fps
    ends = [round(number * period / tick) * tick for number in range(count + 1)]
    return [max(tick, end - begin) for begin, end in itertools.pairwise(ends)]


def _check_sizes(images: list[Image.Image]) -> None:
    for number, image in enumerate(images):
        if image.size != images[0].size:
            raise _size_error(number, image.size, images[0].size)


def _size_error(number: int, size: tuple[int, ...], first: tuple[int, ...]) -> BadArgumentsError:
    return BadArgumentsError(
        f"frame {number} is {size[0]} x {size[1]}, but the first is {first[0]} x {first[1]}: "
        "in such a file all have one size (.html and numbered files take any)"
    )


def _save(path: Path, image: Image.Image, beside: Path, kind: str, options: dict[str, Any]) -> None:
    try:
        with telling(path):
            image.save(beside, kind, **options)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise WriteError(f"Pillow can't write {path} with {options_text(options)}: {error}") from error


def options_text(options: dict[str, Any]) -> str:
    """Return options for people to read."""
    told = {key: value for key, value in options.items() if key not in ("append_images", "duration")}
    return ", ".join(f"{key}={value!r}" for key, value in told.items()) or "no options"


# --- videos, through matplotlib's writers --------------------------------------------------------


def _writer_of(writer: Any, suffix: str, fps: float, options: dict[str, Any]) -> AbstractMovieWriter:
    try:
        from matplotlib import animation as mpl
    except ImportError as error:
        raise NoWriterError(
            f"{suffix} files are written by matplotlib's writers, and it is not installed: "
            "pip install kcomm[animation]"
        ) from error
    if isinstance(writer, mpl.AbstractMovieWriter):
        if options:
            raise BadArgumentsError(
                f"a writer that is made already takes no options: give them to it ({options_text(options)})"
            )
        return writer
    name = "ffmpeg" if writer is None else writer
    if not isinstance(name, str):
        raise BadArgumentsError(f"writer is one of matplotlib's writers or its name, not {writer!r}")
    if not mpl.writers.is_available(name):
        raise _missing(name, suffix, sorted(mpl.writers.list()))
    if writer is None:
        options = {**_FFMPEG.get(suffix, {}), **options}
    try:
        make: Any = mpl.writers[name]  # its types know only whole numbers of frames a second
        made: AbstractMovieWriter = make(fps=fps, **options)
    except TypeError as error:
        raise BadArgumentsError(f"matplotlib's writer {name!r}: {error}") from error
    return made


def _missing(name: str, suffix: str, available: list[str]) -> KcommError:
    if name != "ffmpeg":
        return NoWriterError(
            f"matplotlib has no writer {name!r} here, or lacks the program that it runs; "
            f"there are: {', '.join(available)}"
        )
    return NoWriterError(
        f"{suffix} files are written by the program ffmpeg, which was not found: install it "
        "(conda install ffmpeg, apt install ffmpeg, brew install ffmpeg), or set matplotlib's "
        "rcParams['animation.ffmpeg_path']; .html, .webp, .apng and .gif need no program"
    )


def _write_video(path: Path, animation: Animation, writer: AbstractMovieWriter) -> None:
    import matplotlib

    frames = (to_rgba(without_alpha(pixels)) for pixels in animation)
    first = next(frames)
    stand_in = _stand_in(first)
    with new_file(path) as beside, matplotlib.rc_context({"savefig.bbox": None}):
        try:
            with telling(path):
                writer.setup(stand_in, str(beside), dpi=1)
            try:
                for number, pixels in enumerate(itertools.chain([first], frames)):
                    if pixels.shape != first.shape:
                        raise _size_error(number, pixels.shape[1::-1], first.shape[1::-1])
                    stand_in.pixels = pixels
                    writer.grab_frame()
            except BrokenPipeError:
                pass  # the program has ended: below it says why
            except BaseException:
                # It is stopped in the way that writers offer; what interrupted us may have ended it already.
                with suppress(Exception):
                    writer.finish()
                raise
            writer.finish()
        except subprocess.CalledProcessError as error:
            raise WriteError(f"{path} can't be written: {_complaint(error)}") from error


def _complaint(error: subprocess.CalledProcessError) -> str:
    lines = [line.strip() for line in str(error.stderr or "").splitlines() if line.strip()]
    program = Path(str(error.cmd[0])).name if error.cmd else "the program"
    return f"{program} failed: {'; '.join(lines[:2]) or f'with status {error.returncode}'}"


def _stand_in(pixels: Pixels) -> Any:
    """Return a figure whose picture is given: writers save figures, and no others than whole ones."""
    from matplotlib.figure import Figure
    from PIL import Image

    class Picture(Figure):
        pixels: Pixels

        def savefig(self, fname: Any, **settings: Any) -> None:
            # A writer may have made the figure a pixel smaller: some codecs take even sizes only.
            width, height = (round(side) for side in self.get_size_inches())
            cut = self.pixels[:height, :width]
            kind = settings.get("format") or "png"
            if kind in ("rgba", "raw"):
                fname.write(cut.tobytes())
            else:
                Image.fromarray(cut[..., :3]).save(fname, kind)

    height, width = pixels.shape[:2]
    # One pixel an inch: the sizes are whole numbers, which no multiplication can spoil.
    return Picture(figsize=(width, height), dpi=1)
