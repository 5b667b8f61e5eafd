"""What one page can read and what it holds, and frames as they are sent to it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from kcomm.animation.store import Made
from kcomm.errors import BadValueError
from kcomm.frames import Frame
from kcomm.frames.choice import PLAIN, plain_of
from kcomm.frames.decoder import MAX_BASES


class Receiver:
    """One page, as far as frames are concerned.

    Parameters
    ----------
    has : iterable of int
        The key frames that it says it holds. What is sent to it counts as held, too: one that was lost on the
        way it asks for again.
    codecs : object
        The codecs that it says it can read; what is no list is taken for all of them.
    translate : callable
        ``translate(made, codec)`` writes a frame in another codec.
    """

    def __init__(
        self, has: Iterable[int], codecs: object, translate: Callable[[Made, str], Future[Frame]]
    ) -> None:
        self._ids: OrderedDict[int, None] = OrderedDict.fromkeys(has)
        self._codecs = codecs if isinstance(codecs, list) else None
        self._translate = translate

    async def message(self, made: Made, *, is_cached: bool) -> tuple[dict[str, Any], int]:
        """Return a frame as it is sent, with its key if the page lacks that; and the bytes of both.

        Raises
        ------
        BadValueError
            If the page can read no codec that there is.
        """
        if not self._can_read(made):
            made = Made(await asyncio.wrap_future(self._translate(made, self._plain())))
        frame = replace(made.frame, ms={}) if is_cached else made.frame
        message = frame.to_message()
        size = len(made.frame.data)
        if made.key is not None and made.key.id is not None and made.key.id not in self._ids:
            message["key"] = replace(made.key, ms={}).to_message()
            size += len(made.key.data)
            self._take(made.key.id)
        if frame.id is not None:
            self._take(frame.id)
        return message, size

    def _can_read(self, made: Made) -> bool:
        frames = (made.frame,) if made.key is None else (made.frame, made.key)
        return self._codecs is None or all((frame.codec or "raw") in self._codecs for frame in frames)

    def _plain(self) -> str:
        plain = plain_of(self._codecs or ())
        if plain is not None:
            return plain
        raise BadValueError(
            f"the page can decode none of {', '.join(PLAIN)}: its features name the codecs {self._codecs!r}"
        )

    def _take(self, id: int) -> None:  # noqa: A002  # what a frame calls it
        self._ids.pop(id, None)
        self._ids[id] = None
        while len(self._ids) > MAX_BASES:
            self._ids.popitem(last=False)
