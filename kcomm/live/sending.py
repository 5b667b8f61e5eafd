"""Results on their way to one page: encoded one after the other, with what the page needs to keep time."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from kcomm.channel import Channel
from kcomm.errors import KcommError
from kcomm.frames import CODECS, Frame, video
from kcomm.frames.encoder import Encoder
from kcomm.live.journal import Journal
from kcomm.live.line import Arrival, Done
from kcomm.live.settings import Settings
from kcomm.live.sharing import Mean, SharedProcessor
from kcomm.runtime import Worker

T = TypeVar("T")


class Sender:
    """Encodes for one page, on a thread of its own.

    Parameters
    ----------
    name : str
        The name of the thread.
    channel : Channel
        The page.
    shared : SharedProcessor
        What makes the results.
    journal : Journal
        Where results and errors are told.
    settings : Settings
        How results are encoded.
    """

    def __init__(
        self, name: str, channel: Channel, shared: SharedProcessor, journal: Journal, settings: Settings
    ) -> None:
        codecs = channel.features.get("codecs")
        self._codecs = [str(codec) for codec in codecs] if isinstance(codecs, list) else None
        self._settings = settings
        self._shared = shared
        self._journal = journal
        self._encoder = Encoder(settings.codec, settings.quality, codecs=self._codecs)
        self._input_encoder: Encoder | None = None
        self._coding = Mean()
        self._context = contextvars.copy_context()
        self._worker = Worker(name)

    async def submit(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function on the thread."""
        return await asyncio.wrap_future(self._worker.submit(self._context, function, *args))

    def post(self, function: Callable[[], object]) -> None:
        """Run a function on the thread when it is free."""
        self._worker.submit(self._context, function)

    async def send(self, done: Done, *, exact: bool = False) -> dict[str, Any]:
        """Return the message of a result, or why there is none."""
        index = done.arrival.frame.index
        error = done.error
        message: dict[str, Any] = {}
        if done.frame is not None:
            try:
                message = await self._encode(done, done.frame, exact=exact)
            except Exception as failure:
                self._journal.fail(f"encoding frame {index} raised", failure)
                error = failure
        if error is not None:
            message = self._journal.describe(index, error)
        return {**message, "pace": round(self.pace, 3), "skipped": done.skipped}

    async def send_input(self, frame: Frame) -> dict[str, Any] | None:
        """Return the message of a source's picture; None if it can't be encoded."""
        try:
            encoded = await self.submit(self._encode_input, frame)
        except Exception as failure:
            self._journal.fail(f"encoding the source's frame {frame.index} raised", failure)
            return None
        return replace(encoded, ms={}).to_message()

    @property
    def pace(self) -> float:
        """Milliseconds between two results that can be kept up with."""
        return max(self._shared.pace, self._coding.value)

    def begin(self) -> None:
        """Build on nothing that was sent before: the page reads anew."""
        self.post(self._encoder.reset)
        if self._input_encoder is not None:
            self._input_encoder.want_key()

    def want_key(self) -> None:
        """Send a frame next that builds on no other: the page lacks one."""
        self._encoder.want_key()
        if self._input_encoder is not None:
            self._input_encoder.want_key()

    async def base(self, id: int) -> dict[str, Any]:  # noqa: A002  # what a frame calls it
        """Return the message of a frame that others build on."""
        key = await self.submit(self._encoder.key, id)
        if key is None:
            raise KcommError(f"the key frame {id} is gone: ask for the next frame", code="kcomm.no_frame")
        return key.to_message()

    def close(self) -> None:
        """End the thread."""
        for encoder in (self._encoder, self._input_encoder):
            if encoder is not None:
                self.post(encoder.close)
        self._worker.close()

    async def _encode(self, done: Done, frame: Frame, *, exact: bool) -> dict[str, Any]:
        encoded = self._unchanged(done.arrival, frame)
        if encoded is None:
            encoded = await self.submit(self._encode_now, frame, exact, done.arrival.budget)
        self._coding.add(encoded.ms.get("decode", 0.0) + encoded.ms.get("encode", 0.0))
        self._journal.meter.count_sent(encoded.codec or "raw", encoded.ms)
        return encoded.to_message()

    def _encode_now(self, frame: Frame, exact: bool, budget: int | None) -> Frame:
        return self._encoder.encode(frame, exact=exact, budget=budget)

    def _encode_input(self, frame: Frame) -> Frame:
        if self._input_encoder is None:
            self._input_encoder = Encoder(self._input_codec, self._settings.quality, codecs=self._codecs)
        return self._input_encoder.encode(frame)

    def _unchanged(self, arrival: Arrival, frame: Frame) -> Frame | None:
        """Return a camera's frame as it came, if nothing is made of it and the page can read that."""
        came = arrival.encoded
        if came is None or self._shared.process is not None or self._settings.codec != "auto":
            return None
        is_plain = came.codec in CODECS and came.id is None
        if not is_plain or (self._codecs is not None and came.codec not in self._codecs):
            return None
        return replace(came, ms=frame.ms)

    @property
    def _input_codec(self) -> str:
        readable = [name for name in video.NAMES if name in (self._codecs or ())]
        return next((name for name in readable if video.can_encode(name)), "jpeg")
