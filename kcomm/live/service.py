"""What pages see of a webcam: they send its frames, and get back what the function made of them."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from kcomm.channel import Channel
from kcomm.errors import KcommError
from kcomm.frames import Frame, Pixels
from kcomm.frames.checks import is_whole
from kcomm.frames.failures import FailureLog, describe
from kcomm.frames.stats import Meter
from kcomm.live.loop import FrameLoop, Process
from kcomm.target import Target
from kcomm.view import Service

logger = logging.getLogger("kcomm.live")

WebcamState = Literal["idle", "running", "paused"]

#: Failures of frames that are remembered: pages repeat what they were told, a fraction of a second later.
_TOLD = 64
#: Codes with which a stream ends in the normal course of things.
_ENDS = frozenset({"kcomm.cancelled", "kcomm.closed", "kcomm.session_lost"})


class WebcamService(Service):
    """Runs the frames of pages' cameras through a function.

    Parameters
    ----------
    name : str
        The name of the target.
    process : callable or None
        What frames are run through.
    size : (int, int)
        Width and height that the camera is asked for.
    fps : float
        Frames a second that the camera is asked for.
    mirror : bool
        Whether pages show it as a mirror does.
    codec, quality
        How frames are encoded in both directions.
    """

    def __init__(
        self,
        name: str,
        process: Process | None,
        *,
        size: tuple[int, int],
        fps: float,
        mirror: bool,
        codec: str,
        quality: float,
    ) -> None:
        super().__init__(name, "webcam")
        self.process = process
        self.size = size
        self.state: WebcamState = "idle"
        self.error: BaseException | None = None
        self.on_error: Callable[[BaseException], object] | None = None
        self.meter = Meter()
        self._options = {
            "width": size[0],
            "height": size[1],
            "fps": fps,
            "mirror": mirror,
            "quality": quality,
        }
        self._loop = FrameLoop(f"{name}-process", codec=codec, quality=quality)
        self._failures = FailureLog(logger)
        self._changed = threading.Condition()
        self._told: deque[object] = deque(maxlen=_TOLD)
        self._newest: tuple[Frame, Pixels | None] | None = None

    def close(self) -> None:
        """Serve no pages any more, and end the thread."""
        super().close()
        self._loop.close()

    def _fill(self, target: Target) -> None:
        target.method(self.info)
        target.stream(self.results, volatile=True)
        target.on("state", self.take_state)

    # --- what pages call -------------------------------------------------------------------------

    async def info(self) -> dict[str, Any]:
        """Return what a page needs to begin."""
        return {**self._options, "state": self.state}

    async def results(self, channel: Channel) -> AsyncIterator[dict[str, Any]]:
        """Ask the page for its camera's frames, and give back the results.

        A frame is asked for when the page has room for its result: the page's credit drives the whole loop.
        """
        try:
            async with channel.stream("camera", self._options, window="fresh") as frames:
                async for message in frames:
                    yield await self._answer(message)
        except KcommError as error:
            if error.code not in _ENDS:
                logger.warning("the camera of a page failed: %s", error)
                await self._take_error(error)

    async def take_state(self, channel: Channel, report: dict[str, Any]) -> None:
        """Take what a page tells of itself."""
        ms = report.get("ms")
        delay = {"delay": report["delay"]} if "delay" in report else {}
        ms = {**ms, **delay} if isinstance(ms, dict) else delay
        self.meter.take_report(channel.id, {**report, "ms": ms})
        if report.get("state") in ("idle", "running", "paused"):
            self.state = report["state"]
        error = report.get("error")
        if isinstance(error, dict):
            if error not in self._told:
                code, message = str(error.get("code")), str(error.get("message"))
                await self._take_error(KcommError(message, code=code))
        elif _is_of_camera(self.error):
            self.error = None
        with self._changed:
            self._changed.notify_all()

    def forget_page(self, channel: Channel) -> None:
        """Take note that a page is gone."""
        self.meter.forget(channel.id)
        super().forget_page(channel)

    # --- frames ----------------------------------------------------------------------------------

    async def _answer(self, message: Any) -> dict[str, Any]:
        """Return the result of a camera frame, or why there is none."""
        index = message.get("index") if isinstance(message, dict) else None
        index = index if is_whole(index) and index >= 0 else 0
        try:
            frame = Frame.from_message(message)
            result, pixels = await self._loop.run(replace(frame, ms={}), self.process)
        except Exception as error:
            self._failures.add(f"processing camera frame {index} raised", error)
            await self._take_error(error)
            failed = describe(index, error)
            self._told.append(failed["error"])
            return failed
        self.meter.count("drawn")
        # Both ends encode: the page the camera's frame, this end the result.
        camera = {"camera_encode" if stage == "encode" else stage: ms for stage, ms in frame.ms.items()}
        self.meter.count("sent", {**camera, **result.ms})
        self._take_result(result, pixels)
        return result.to_message()

    def _take_result(self, result: Frame, pixels: Pixels | None) -> None:
        with self._changed:
            self._newest = result, pixels
            self.error = None
            self._changed.notify_all()

    async def _take_error(self, error: BaseException) -> None:
        """Keep an error for people to see, and tell them if it is a new one."""
        with self._changed:
            is_new = type(error) is not type(self.error) or str(error) != str(self.error)
            self.error = error
            self._changed.notify_all()
        if is_new and self.on_error is not None:
            try:
                await self._loop.submit(self.on_error, error)
            except Exception as raised:
                self._failures.add("on_error raised", raised)

    def wait_for_result(self, timeout: float) -> Pixels | None:
        """Return the pixels of the newest result, waiting for the first; None if there is none in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest is not None or self.error is not None, timeout)
            newest = self._newest
        if newest is None:
            return None
        frame, pixels = newest
        return np.array(frame.pixels if pixels is None else pixels, np.uint8)

    @property
    def newest(self) -> Frame | None:
        """The newest result."""
        return self._newest[0] if self._newest is not None else None


def _is_of_camera(error: BaseException | None) -> bool:
    return isinstance(error, KcommError) and error.code.startswith("kcomm.camera_")
