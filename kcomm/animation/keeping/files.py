"""Files that are there as a whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kcomm.errors import BadArgumentsError, KcommError


class WriteError(KcommError, OSError):
    """A file could not be written."""

    default_code = "kcomm.write_failed"


def path_of(path: object) -> Path:
    """Return a path that was given as text or path-like, with ``~`` filled in, or raise."""
    try:
        given = os.fspath(path)  # type: ignore[call-overload]  # what is no path is told of below
    except TypeError:
        given = None
    if not isinstance(given, str) or not given:
        raise BadArgumentsError(f"path is text or a pathlib.Path, not {path!r}")
    return Path(given).expanduser()


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """Give a path to write to, which takes the place of `path` at the end of the block, and only then.

    Whatever ends the block early (an exception, an interrupted cell), nothing is left of what was written,
    and a file that was there before is as it was.

    Parameters
    ----------
    path : Path
        Where the file shall be; its folder must exist.

    Yields
    ------
    Path
        In the same folder and with the same suffix.

    Raises
    ------
    WriteError
        If there can be no such file, or the block failed to write it.
    """
    target = Path(os.path.realpath(path))  # a link stays one
    check_place(target)
    beside = target.with_name(f".{target.stem[:100]}-{secrets.token_hex(4)}{target.suffix}")
    try:
        # Made here, so that a place that can't be written to shows before the first frame is drawn.
        with telling(path):
            beside.touch(exist_ok=False)
        yield beside
        with telling(path):
            os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def check_place(path: Path) -> None:
    """Raise `WriteError` if a path is a folder, or lies in none."""
    if path.is_dir():
        raise WriteError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise WriteError(f"there is no folder {path.parent}: make it first")


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn failures of the file system into `WriteError`, which name the file and say why."""
    try:
        yield
    except KcommError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno == errno.ENOSPC:
            why = "there is no space left on the device"
        raise WriteError(f"{path} can't be written: {why}") from error
