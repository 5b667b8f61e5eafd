"""A folder of images as a source of frames."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kcomm.cameras.source import Item, SourceError
from kcomm.errors import BadArgumentsError, BadValueError
from kcomm.frames import Frame, Pixels, to_pixels
from kcomm.frames.checks import check_positive
from kcomm.frames.pixels import check_size, to_rgb

_NUMBERS = re.compile(r"(\d+)")


class ImageFolder:
    """The images in a folder, as a source of frames.

    Parameters
    ----------
    path : str or path-like
        The folder. Its files with the suffix of a format that Pillow reads are shown, in the natural order of
        their names (``2.png`` before ``10.png``); other and hidden files and folders within are passed over.
    fps : float or None, default: 10
        Images a second; None: as many as are used.
    loop : bool, default: True
        Whether it begins anew after the last one. The folder is then read again, so new files are seen.

    Attributes
    ----------
    name : str
        The name of the folder.
    is_live : bool
        False.

    Raises
    ------
    BadArgumentsError
        If there is no such folder, or `fps` is not a number above 0.

    Notes
    -----
    Frames are (H, W, 3) RGB of uint8, turned as their EXIF data say; sizes may differ. What is transparent is
    laid over white; of a moving image the first frame is shown. A file that can't be read is told by its
    name, and the next one shown. Only one image at a time is in memory.

    Examples
    --------
    >>> kcomm.webcam(kcomm.edges, source=kcomm.cameras.ImageFolder("slides", fps=1))  # doctest: +SKIP
    """

    is_live = False

    def __init__(self, path: str | os.PathLike[str], *, fps: float | None = 10.0, loop: bool = True) -> None:
        # Now, since a notebook may change its folder before this is opened.
        self.path = Path(path).expanduser().absolute()
        if not self.path.is_dir():
            what = "is not a folder" if self.path.exists() else "does not exist"
            raise BadArgumentsError(f"an ImageFolder is a folder of images; {self.path} {what}")
        self.name = self.path.name
        self.fps = None if fps is None else check_positive("fps", fps)
        self.loop = bool(loop)

    def open(self) -> None:
        """See that there are images.

        Raises
        ------
        SourceError
            ``kcomm.source_failed`` if there are none, or the folder can't be read.
        """
        self._list()

    def frames(self) -> Iterator[Item]:
        """Yield the images; a `BadValueError` for a file that can't be read.

        Raises
        ------
        SourceError
            ``kcomm.source_failed`` if there are no images left, or none of them could be read.
        """
        index = 0
        is_first = True
        while self.loop or is_first:
            is_first = False
            paths = self._list()
            failed: BadValueError | None = None
            shown = 0
            for path in paths:
                try:
                    pixels = read_image(path)
                except BadValueError as error:
                    failed = error
                    yield error
                    continue
                yield Frame.of(pixels, index=index)
                index += 1
                shown += 1
            if not shown:
                reason = failed.message if failed is not None else ""
                raise SourceError(
                    f"none of the {len(paths)} images in {self.path} could be read; of the last: {reason}"
                ) from failed

    def close(self) -> None:
        """Do nothing: no file is open between two frames."""

    def _list(self) -> list[Path]:
        """Return the paths of the images, in their natural order."""
        try:
            with os.scandir(self.path) as entries:
                names = [entry.name for entry in entries if _is_shown(entry)]
        except OSError as error:
            raise SourceError(f"the folder {self.path} can't be read: {error.strerror}") from error
        if not names:
            raise SourceError(
                f"there are no images in {self.path}; shown are files with the suffixes of formats that "
                "Pillow reads, such as .jpg, .png, .tif and .webp, and not those of folders within"
            )
        return [self.path / name for name in sorted(names, key=natural_key)]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self.path)!r})"


def natural_key(name: str) -> list[tuple[int, int | str]]:
    """Return a key that sorts names as people do: by numbers where they have some, without regard to case.

    Examples
    --------
    >>> sorted(["a10.png", "A9.png", "a1.png"], key=natural_key)
    ['a1.png', 'A9.png', 'a10.png']
    """
    parts = _NUMBERS.split(name.casefold())
    # Equal but for case, or for leading zeros: still always the same order.
    return [*((0, int(part)) if part.isdecimal() else (1, part) for part in parts), (1, name)]


def read_image(path: Path) -> Pixels:
    """Return the pixels of an image file, (H, W, 3), turned as its EXIF data say.

    Raises
    ------
    BadValueError
        If it is not one, or can't be read; the message names the file.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as image:
            check_size(*image.size)
            turned: Any = ImageOps.exif_transpose(image)
            return to_rgb(to_pixels(turned))
    except BadValueError as error:
        raise BadValueError(f"{path.name} can't be shown: {error.message}", code=error.code) from error
    except Image.DecompressionBombError as error:
        raise BadValueError(f"{path.name} can't be shown: {error}", code="kcomm.too_large") from error
    # Pillow's readers raise what their parsers meet: SyntaxError, ValueError, struct.error, ...
    except Exception as error:
        raise BadValueError(f"{path.name} can't be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # Pillow's own words repeat the whole path.
    text = str(error)
    return "it is not an image" if text.startswith("cannot identify") else text or type(error).__name__


def _is_shown(entry: os.DirEntry[str]) -> bool:
    suffix = os.path.splitext(entry.name)[1].lower()
    return suffix in _suffixes() and not entry.name.startswith(".") and entry.is_file()


@functools.cache
def _suffixes() -> frozenset[str]:
    """Return the suffixes of formats that Pillow reads."""
    from PIL import Image

    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in Image.OPEN)
