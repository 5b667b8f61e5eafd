"""Decodes frames as a page does: keeps the last bases, and asks for one that is missing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from kcomm.errors import BadValueError
from kcomm.frames import delta
from kcomm.frames.frame import Frame
from kcomm.frames.pixels import Pixels

#: Bases that a receiver keeps.
MAX_BASES: Final = 4


class Decoder:
    """The receiving end of an `Encoder`: what a page does, for front ends in Python.

    Parameters
    ----------
    fetch : callable, optional
        ``fetch(id)`` returns the message of the frame with that id. Without it a delta whose base was
        missed fails.

    Examples
    --------
    >>> encoder, decoder = Encoder(), Decoder()
    >>> frame = Frame.of(np.zeros((480, 640, 4), np.uint8))
    >>> decoder.decode(encoder.encode(frame).to_message()).shape
    (480, 640, 4)
    >>> decoder.has()
    [1]
    """

    def __init__(self, fetch: Callable[[int], Any] | None = None) -> None:
        self._fetch = fetch
        self._bases: OrderedDict[int, Pixels] = OrderedDict()

    def has(self) -> list[int]:
        """Return the ids of the bases that are held, oldest first."""
        return list(self._bases)

    def decode(self, message: Any) -> Pixels:
        """Return the pixels of a frame; they may be read-only.

        Raises
        ------
        BadValueError
            If it is no frame, or a broken one, or builds on a frame that is gone.
        """
        frame = Frame.from_message(message)
        if message.get("key") is not None and frame.base is not None:
            self._take_key(message["key"], frame.base)
        pixels = self._apply(frame) if frame.codec == delta.NAME else frame.pixels
        if frame.id is not None:
            self._keep(frame.id, pixels)
        return pixels

    def _apply(self, frame: Frame) -> Pixels:
        assert frame.base is not None
        if frame.base not in self._bases and self._fetch is not None:
            self._take_key(self._fetch(frame.base), frame.base)
        base = self._bases.get(frame.base)
        if base is None:
            raise BadValueError(f"frame {frame.index} builds on frame id {frame.base}, which is not held")
        assert isinstance(frame.data, bytes)
        return delta.decode(frame.data, base, frame.width, frame.height)

    def _take_key(self, message: Any, wanted: int) -> None:
        key = Frame.from_message(message)
        if key.id != wanted:
            raise BadValueError(f"a frame builds on frame id {wanted}, but {key.id} came for it")
        self._keep(wanted, key.pixels)

    def _keep(self, id: int, pixels: Pixels) -> None:  # noqa: A002  # what a frame calls it
        # Whoever gets them must not change what later frames build on.
        pixels.flags.writeable = False
        self._bases.pop(id, None)
        self._bases[id] = pixels
        while len(self._bases) > MAX_BASES:
            self._bases.popitem(last=False)
