"""The exchange with one page: its camera's frames come, the results go back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any, Final

from kcomm.channel import Channel
from kcomm.errors import KcommError
from kcomm.frames import Frame
from kcomm.frames.checks import is_whole
from kcomm.frames.decoder import Decoder
from kcomm.live.journal import Journal
from kcomm.live.line import Arrival, Done, Line, process
from kcomm.live.sending import Sender
from kcomm.live.sharing import SharedProcessor

logger = logging.getLogger("kcomm.live")

#: Camera frames that may be on their way. The page holds itself to fewer: this is what it can't go beyond.
WINDOW: Final = 16
#: Codes with which a stream ends in the normal course of things.
_ENDS: Final = frozenset({"kcomm.cancelled", "kcomm.closed", "kcomm.session_lost"})


class Exchange:
    """Runs the frames of one page's camera through the processor.

    It lives on kcomm's loop; frames are decoded and encoded on a thread of the page's.

    Parameters
    ----------
    channel : Channel
        The page.
    shared : SharedProcessor
        Which all pages take turns at.
    journal : Journal
        Where results and errors are told.
    sender : Sender
        Encodes for the page.
    options : callable
        Returns what the page's camera is asked for.
    """

    def __init__(
        self,
        channel: Channel,
        shared: SharedProcessor,
        journal: Journal,
        sender: Sender,
        options: Callable[[], dict[str, Any]],
    ) -> None:
        self.sender = sender
        self._channel = channel
        self._shared = shared
        self._journal = journal
        self._options = options
        self._line: Line | None = None
        self._newest_still = -1

    async def results(self) -> AsyncGenerator[dict[str, Any], None]:
        """Ask for the camera's frames, and yield the messages of their results."""
        self.sender.begin()
        self._newest_still = -1
        line = self._line = Line(self._shared, self._journal.meter.count_skipped)
        receiving = asyncio.ensure_future(self._receive(line))
        try:
            while (done := await line.next()) is not None:
                # A page without room for a result may have sent a still meanwhile, which came first.
                is_newest = done.arrival.frame.index > self._newest_still
                yield await self.sender.send(self._journal.take(done, is_newest=is_newest))
        finally:
            receiving.cancel()
            line.close()
            if self._line is line:
                self._line = None
            await asyncio.wait({receiving})

    async def still(self, message: Any) -> dict[str, Any]:
        """Run one more frame through, after those under way, and return the result, lossless."""
        arrival = await self._read(Decoder(), message)
        line, skipped = self._line, 0
        if line is not None:
            line.pass_over(arrival.frame.index)
            await line.settle()
            skipped = line.take_skipped()
        if arrival.error is not None:
            done = Done(arrival, error=arrival.error, skipped=skipped)
        else:
            await self._shared.enter()
            try:
                done = await process(self._shared, arrival, skipped=skipped)
            finally:
                self._shared.leave()
        done = self._journal.take(done)
        if done.frame is not None:
            self._newest_still = arrival.frame.index
        return await self.sender.send(done, exact=True)

    def close(self) -> None:
        """End what the page needed; its streams have ended."""
        self.sender.close()

    async def _receive(self, line: Line) -> None:
        """Take the camera's frames as they come: video can be decoded only in order."""
        decoder = Decoder(on_key_wanted=self._ask_key)
        try:
            async with self._channel.stream("camera", self._options(), window=WINDOW) as messages:
                async for message in messages:
                    arrival = await self._read(decoder, message)
                    if isinstance(arrival.error, KcommError) and arrival.error.code == "kcomm.no_frame":
                        line.skip()
                    else:
                        line.offer(arrival)
        except Exception as error:
            if not isinstance(error, KcommError) or error.code not in _ENDS:
                self._journal.fail("the camera of a page failed", error)
        finally:
            line.finish()
            self.sender.post(decoder.close)

    async def _read(self, decoder: Decoder, message: Any) -> Arrival:
        """Return a frame that came, with its pixels, or why it can't be read."""
        arrival = Arrival(_nothing(message), budget=_budget_of(message))
        try:
            encoded, frame = await self.sender.submit(_decode, decoder, message)
        except Exception as error:
            return replace(arrival, error=error)
        self._journal.meter.count_arrived(encoded.codec or "raw", encoded.ms)
        return replace(arrival, frame=frame, encoded=encoded)

    def _ask_key(self) -> None:
        """Ask the page for a key frame; called on the thread."""
        try:
            self._channel.emit("key", latest=True)
        except KcommError:  # it is gone
            logger.debug("a page that is gone was to send a key frame")


def _decode(decoder: Decoder, message: Any) -> tuple[Frame, Frame]:
    """Return a frame as it came, and with its pixels."""
    begun = time.perf_counter()
    encoded = Frame.from_message(message)
    frame = decoder.read(message)
    return encoded, replace(frame, ms={"decode": (time.perf_counter() - begun) * 1e3})


def _nothing(message: Any) -> Frame:
    """Return what stands for a frame that can't be read."""
    index = message.get("index") if isinstance(message, dict) else None
    return Frame(1, 1, "raw", b"", index if is_whole(index) and index >= 0 else 0)


def _budget_of(message: Any) -> int | None:
    budget = message.get("budget") if isinstance(message, dict) else None
    return budget if is_whole(budget) and budget > 0 else None
