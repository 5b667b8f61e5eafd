"""What people may give as a source."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any

from kcomm.cameras.images import ImageFolder
from kcomm.cameras.source import Source
from kcomm.cameras.video import VideoFile
from kcomm.errors import BadArgumentsError

_METHODS = ("open", "frames", "close")
_ATTRIBUTES = ("name", "fps", "is_live")


def as_source(value: Any) -> Source:
    """Return a source of frames from what people give.

    Parameters
    ----------
    value : Source, str or path-like
        A source is returned as it is; the path of a folder becomes an `ImageFolder`, that of a file a
        `VideoFile`.

    Returns
    -------
    Source
        Not opened yet.

    Raises
    ------
    BadArgumentsError
        If it is none of these; the message says what is missing.

    Examples
    --------
    >>> as_source("holiday.mp4")  # doctest: +SKIP
    VideoFile('holiday.mp4')
    """
    if isinstance(value, (str, os.PathLike)):
        path = Path(value).expanduser()
        if not path.exists():
            raise BadArgumentsError(
                f"source is the path of a folder or a file; {path.absolute()} does not exist"
            )
        return ImageFolder(path) if path.is_dir() else VideoFile(path)
    if inspect.isclass(value):
        raise BadArgumentsError(f"source is a source of frames, not a class: pass {value.__name__}(...)")
    missing = [name for name in _METHODS if not callable(getattr(value, name, None))]
    missing += [name for name in _ATTRIBUTES if not hasattr(value, name)]
    if len(missing) == len(_METHODS) + len(_ATTRIBUTES):
        raise BadArgumentsError(
            "source is the path of a folder of images or of a video file, or an object with the methods of "
            f"kcomm.cameras.Source, not {type(value).__name__}"
        )
    if missing:
        raise BadArgumentsError(
            f"a source has {', '.join((*_METHODS, *_ATTRIBUTES))} (see kcomm.cameras.Source); "
            f"this {type(value).__name__} lacks {', '.join(missing)}"
        )
    source: Source = value
    return source
