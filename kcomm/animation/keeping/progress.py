"""How far a long piece of work has come, for people to see."""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

#: Seconds between two lines of the text that stands in where tqdm is missing.
_INTERVAL = 0.5


class Progress(Protocol):
    """What tqdm's bars and their stand-ins have in common."""

    def update(self, n: float = 1, /) -> object:
        """Take note that `n` more are done."""
        ...


@contextmanager
def progress_bar(total: int, what: str, shown: bool) -> Iterator[Progress]:
    """Show a bar while the block runs: tqdm's if there is one, else a line of text.

    Parameters
    ----------
    total : int
        How many frames there will be.
    what : str
        What is done with them.
    shown : bool
        Whether anything is shown at all.
    """
    if not shown:
        yield Silent()
        return
    try:
        with warnings.catch_warnings():
            # In a notebook without ipywidgets it warns, and shows text, which is what is wanted there.
            warnings.simplefilter("ignore")
            from tqdm.auto import tqdm
    except ImportError:
        text = Text(total, what)
        try:
            yield text
        finally:
            text.end()
        return
    with tqdm(total=total, desc=what, unit="frame") as bar:
        yield bar


class Silent:
    """Shows nothing."""

    def update(self, n: float = 1, /) -> None:
        """Do nothing."""


class Text:
    """One line on the standard error stream, written anew twice a second at most."""

    def __init__(self, total: int, what: str) -> None:
        self._total = total
        self._what = what
        self._done = 0.0
        self._next = time.monotonic()

    def update(self, n: float = 1, /) -> None:
        """Take note that `n` more are done."""
        self._done += n
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _INTERVAL
            self._show()

    def end(self) -> None:
        """Show the last state, and end the line."""
        self._show()
        sys.stderr.write("\n")
        sys.stderr.flush()

    def _show(self) -> None:
        sys.stderr.write(f"\r{self._what}: {self._done:.0f} of {self._total} frames")
        sys.stderr.flush()
