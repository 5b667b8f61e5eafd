"""What pages see of a player: the comm target that draws its frames when they are asked for."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from kcomm.animation.sequence import FrameRangeError, check_index
from kcomm.animation.sources import Source
from kcomm.channel import Channel
from kcomm.errors import BadArgumentsError
from kcomm.frames import Frame
from kcomm.frames.checks import is_positive, is_whole
from kcomm.frames.failures import FailureLog, describe
from kcomm.frames.stats import Meter
from kcomm.target import Target
from kcomm.view import Service

logger = logging.getLogger("kcomm.animation")

#: The size told to pages until the first frame shows what it is.
_SIZE_UNKNOWN = (640, 480)
#: The interval in milliseconds of what has none of its own.
DEFAULT_INTERVAL = 1000 / 30


@dataclass
class State:
    """How a player stands; pages begin with it, and tell how it goes on."""

    fps: float | Literal["max"]
    loop: bool
    speed: float = 1.0
    index: int = 0
    playing: bool = False
    direction: Literal[1, -1] = 1


class AnimationService(Service):
    """Draws frames for the pages that show a player.

    Parameters
    ----------
    name : str
        The name of the target.
    source : Source
        Draws the frames.
    state : State
        How the player stands.
    title : str
        What it is called.
    codec, quality
        How frames are encoded, as for `Frame.encoded`.
    """

    def __init__(
        self, name: str, source: Source, state: State, *, title: str, codec: str, quality: float
    ) -> None:
        super().__init__(name, "player")
        self.source = source
        self.state = state
        self.meter = Meter()
        self._title = title
        self._codec = codec
        self._quality = quality
        self._failures = FailureLog(logger)

    def _fill(self, target: Target) -> None:
        target.method(self.info)
        target.method(self.draw)
        target.stream(self.play, volatile=True)
        target.on("state", self.take_state)

    # --- what pages call -------------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """Return what a page needs to begin."""
        width, height = self.source.size or _SIZE_UNKNOWN
        state = self.state
        return {
            "count": self.source.count,
            "width": width,
            "height": height,
            "interval": self.interval,
            "fps": state.fps,
            "index": state.index,
            "playing": state.playing,
            "direction": state.direction,
            "speed": state.speed,
            "loop": state.loop,
            "title": self.title,
        }

    def draw(self, index: int) -> dict[str, Any]:
        """Draw one frame; one that does not exist is an error of that frame."""
        try:
            return self._make_message(index)
        except FrameRangeError as error:
            return describe(index, error)

    def play(self, start: int, step: int, loop: bool) -> Iterator[dict[str, Any]]:
        """Draw frame after frame, each when the page has room for it."""
        if step == 0:
            raise BadArgumentsError("play: the argument 'step' must not be 0")
        check_index(start, self.source.count)
        index: int | None = start
        while index is not None:
            try:
                message = self._make_message(index)
            except FrameRangeError:
                # Frames from a generator show only at their end that there are no more.
                count = self.source.count
                if not count or index < count:
                    raise
                index = self._next(index, loop)
                continue
            yield message
            index = self._next(index + step, loop)

    def take_state(self, channel: Channel, report: dict[str, Any]) -> None:
        """Take what a page tells of itself."""
        self.meter.take_report(channel.id, report)
        state = self.state
        index: Any = report.get("index")
        speed: Any = report.get("speed")
        fps: Any = report.get("fps")
        if is_whole(index) and index >= 0:
            state.index = index
        if isinstance(report.get("playing"), bool):
            state.playing = report["playing"]
        if report.get("direction") in (1, -1):
            state.direction = 1 if report["direction"] == 1 else -1
        if isinstance(report.get("loop"), bool):
            state.loop = report["loop"]
        if is_positive(speed):
            state.speed = float(speed)
        if fps == "max" or is_positive(fps):
            state.fps = fps

    def forget_page(self, channel: Channel) -> None:
        """Take note that a page is gone."""
        self.meter.forget(channel.id)
        super().forget_page(channel)

    # --- frames ----------------------------------------------------------------------------------

    @property
    def interval(self) -> float:
        """The animation's own interval in milliseconds."""
        interval = self.source.interval
        return DEFAULT_INTERVAL if interval is None else float(interval)

    @property
    def title(self) -> str:
        """What the player is called."""
        return self._title or self.source.title

    def make_frame(self, index: int) -> Frame:
        """Draw one frame, and return its pixels."""
        begun = time.perf_counter()
        pixels = self.source.draw(index)
        frame = Frame.of(pixels, index=index, ms={"draw": (time.perf_counter() - begun) * 1e3})
        self.meter.count("drawn")
        return frame

    def _make_message(self, index: int) -> dict[str, Any]:
        """Return a frame as it is sent; one that could not be drawn says why."""
        try:
            frame = self.make_frame(index).encoded(self._codec, self._quality)
        except FrameRangeError:
            raise
        except Exception as error:
            self.report_failure(index, error)
            return describe(index, error)
        self.meter.count("sent", frame.ms)
        return frame.to_message()

    def report_failure(self, index: int, error: Exception) -> None:
        """Log that a frame could not be drawn."""
        self._failures.add(f"drawing frame {index} raised", error)

    def _next(self, index: int, loop: bool) -> int | None:
        count = self.source.count
        if index >= 0 and (count is None or index < count):
            return index
        if not loop or count is None:
            return None
        return index % count
