"""Files that are there as a whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from kcomm.errors import BadArgumentsError, KcommError

#: Bytes that the name of a file may take.
_LONGEST: Final = 255


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
    beside = target.with_name(_name_beside(target))
    mode = _mode_of(target)
    try:
        # Made here, so that a place that can't be written to shows before the first frame is drawn.
        with telling(path):
            beside.touch(exist_ok=False)
            # Before anything is in it that not all may read.
            _give_mode(beside, mode, stat.S_IWUSR)
        yield beside
        with telling(path):
            _give_mode(beside, mode)
            os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise


def _name_beside(target: Path) -> str:
    """Return a new name like that of a file, and no longer than names may be."""
    stem, end = target.stem[:100], f"-{secrets.token_hex(4)}{target.suffix}"
    while stem and len(os.fsencode(f".{stem}{end}")) > _LONGEST:
        stem = stem[:-1]
    return f".{stem}{end}"


def _mode_of(path: Path) -> int | None:
    """Return who may read and write a file; None if there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def _give_mode(path: Path, mode: int | None, more: int = 0) -> None:
    if mode is not None:
        with suppress(OSError):  # not all file systems have modes
            path.chmod(mode | more)


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
