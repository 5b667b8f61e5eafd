"""What pages see of a player: the comm target that draws its frames when they are asked for."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from kcomm.animation.commands import check_command, is_action
from kcomm.animation.drawing.prefetch import PooledSource
from kcomm.animation.drawing.sequence import END, FrameRangeError, check_index
from kcomm.animation.drawing.sources import Source
from kcomm.animation.linked import Clock
from kcomm.animation.meter import PlayerMeter, PlayerStats
from kcomm.animation.path import Loop, Position
from kcomm.animation.pipeline import Pipeline
from kcomm.animation.playing import Run
from kcomm.animation.receiver import Receiver
from kcomm.animation.ticket import Ticket
from kcomm.channel import Channel
from kcomm.errors import BadArgumentsError, ChannelClosedError, KcommError
from kcomm.flow import Flow
from kcomm.frames import MAX_PIXELS, Frame
from kcomm.frames.checks import is_positive, is_whole
from kcomm.frames.encoder import Encoder
from kcomm.frames.failures import FailureLog, describe
from kcomm.target import Target
from kcomm.view import Service

logger = logging.getLogger("kcomm.animation")

#: The size told to pages until the first frame shows what it is.
_SIZE_UNKNOWN: Final = (640, 480)
#: The interval in milliseconds of what has none of its own.
DEFAULT_INTERVAL: Final = 1000 / 30
#: Bytes of encoded frames that a player keeps.
DEFAULT_CACHE: Final = 64_000_000
#: What the dpi of figures may be multiplied with.
_SCALES: Final = (0.25, 4.0)
#: Frames a second that a page can show at most, whatever it is told to.
_DISPLAY: Final = 60.0

ErrorHandler = Callable[[int, BaseException], object]


@dataclass
class State:
    """How a player stands; pages begin with it, and tell how it goes on."""

    fps: float | Literal["max"]
    loop: Loop
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
        How frames are encoded, as for `Encoder`.
    cache : int
        Bytes of encoded frames that are kept.
    linked : bool
        Whether its pages follow one clock.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        state: State,
        *,
        title: str,
        codec: str,
        quality: float,
        cache: int = DEFAULT_CACHE,
        linked: bool = False,
    ) -> None:
        super().__init__(name, "player")
        self.source = source
        self.state = state
        self.meter = PlayerMeter()
        self.linked = linked
        #: Told of frames that could not be drawn.
        self.error_handlers: list[ErrorHandler] = []
        self._title = title
        self._codec = codec
        self._quality = quality
        self._cache = cache
        self._failures = FailureLog(logger)
        self._clock = Clock()
        self._pipeline: Pipeline | None = None
        self._draws: dict[int, Ticket] = {}
        if isinstance(source, PooledSource):
            source.codec, source.quality = codec, quality

    def _fill(self, target: Target) -> None:
        # In the context of the cell that shows the player, as the target is.
        self._pipeline = Pipeline(
            self.name,
            self.source,
            Encoder(self._codec, self._quality),
            self.meter,
            cache=self._cache,
            log=self._log_failure,
            on_failure=self._tell_failure,
        )
        target.method(self.info)
        target.method(self.draw)
        target.method(self.base)
        target.stream(self.play, volatile=True)
        target.on("state", self.take_state)
        target.on("command", self.take_command)

    def retire(self) -> None:
        """Serve no pages until it is opened again; no frames are kept meanwhile."""
        super().retire()
        pipeline, self._pipeline = self._pipeline, None
        if pipeline is not None:
            pipeline.close()

    @property
    def _channels(self) -> tuple[Channel, ...]:
        target = self._target
        return () if target is None else target.channels

    def _get_pipeline(self) -> Pipeline:
        pipeline = self._pipeline
        if pipeline is None:
            raise ChannelClosedError("the player serves no pages any more")
        return pipeline

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
            "linked": self.linked,
        }

    async def draw(
        self, channel: Channel, index: int, scale: float = 1.0, exact: bool = True, has: Sequence[int] = ()
    ) -> dict[str, Any]:
        """Draw one frame; one that does not exist is an error of that frame.

        Of several that a page asks for, the newest one takes the place of those that were not begun.
        """
        try:
            check_index(index, self.source.count)
            ticket = self._get_pipeline().request(index, self._clamp(scale), exact=exact)
        except FrameRangeError as error:
            return describe(index, error)
        older = self._draws.get(channel.id)
        if older is not None:
            older.supersede()
        self._draws[channel.id] = ticket
        try:
            made = await asyncio.wrap_future(ticket.future)
            message, size = await self._receiver(channel, has).message(made, is_cached=ticket.is_cached)
        except Exception as error:
            return describe(index, error)
        finally:
            ticket.cancel()
            if self._draws.get(channel.id) is ticket:
                del self._draws[channel.id]
        self.meter.count_sent(made, size, is_cached=ticket.is_cached)
        return message

    async def base(self, id: int) -> dict[str, Any]:  # noqa: A002  # what a frame calls it
        """Return the key frame of that number, for a page that missed it."""
        key = await asyncio.wrap_future(self._get_pipeline().find_key(id))
        if key is None:
            raise KcommError(f"the key frame {id} is gone: ask for the next frame", code="kcomm.no_frame")
        return key.to_message()

    async def play(
        self,
        channel: Channel,
        flow: Flow,
        start: int,
        step: int,
        loop: Loop,
        scale: float = 1.0,
        has: Sequence[int] = (),
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Draw frame after frame, as far ahead as the page has room for."""
        if step == 0:
            raise BadArgumentsError("play: the argument 'step' must not be 0")
        check_index(start, self.source.count)
        run = Run(
            self._get_pipeline(),
            self.source,
            self.meter,
            flow,
            self._wanted_rate,
            scale=self._clamp(scale),
            loop=loop,
            receiver=self._receiver(channel, has),
        )
        return run.frames(Position(start, step))

    def take_state(self, channel: Channel, report: dict[str, Any]) -> None:
        """Take what a page tells of itself."""
        self.meter.take_report(channel.id, report)
        if self.linked:
            loops = self.state.loop is True
            astray = self._clock.take_report(channel.id, report, count=self.source.count, loops=loops)
            for other in self._channels:
                if other.id in astray:
                    other.emit("control", {"action": "follow", "value": astray[other.id]})
            if self._clock.leader not in (None, channel.id):
                return
        state = self.state
        index: Any = report.get("index")
        speed: Any = report.get("speed")
        fps: Any = report.get("fps")
        loop: Any = report.get("loop")
        if is_whole(index) and 0 <= index < END:
            state.index = index
        if isinstance(report.get("playing"), bool):
            state.playing = report["playing"]
        if report.get("direction") in (1, -1):
            state.direction = 1 if report["direction"] == 1 else -1
        if isinstance(loop, bool) or loop == "bounce":
            state.loop = loop
        if is_positive(speed):
            state.speed = float(speed)
        if fps == "max" or is_positive(fps):
            state.fps = fps

    def take_command(self, channel: Channel, command: dict[str, Any]) -> None:
        """Have the other pages do what the user of one did, where they are linked.

        A value that makes no sense is refused: it would reach them all.
        """
        if not self.linked or not is_action(command.get("action")):
            return
        check_command(command)
        self._clock.lead(channel.id)
        told = {name: command[name] for name in ("action", "value") if command.get(name) is not None}
        for other in self._channels:
            if other is not channel:
                other.emit("control", told)

    def forget_page(self, channel: Channel) -> None:
        """Take note that a page is gone."""
        self.meter.forget(channel.id)
        self._clock.forget(channel.id)
        super().forget_page(channel)

    # --- what Python asks for --------------------------------------------------------------------

    def redraw(self) -> None:
        """Forget what was drawn, and have pages show it anew."""
        if self._pipeline is not None:
            self._pipeline.redraw()
        self.tell("redraw")

    def stats(self) -> PlayerStats:
        """Return counts of frames, and times."""
        pipeline = self._pipeline
        return self.meter.player_stats(pipeline.cached_bytes if pipeline is not None else 0)

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
        """Draw one frame at once, on the calling thread, and return its pixels."""
        begun = time.perf_counter()
        pixels = self.source.draw(index)
        frame = Frame.of(pixels, index=index, ms={"draw": (time.perf_counter() - begun) * 1e3})
        self.meter.count("drawn")
        return frame

    def report_failure(self, index: int, error: BaseException) -> None:
        """Log that a frame could not be drawn, and tell who wants to know."""
        self._log_failure(index, error)
        self._tell_failure(index, error)

    def _log_failure(self, index: int, error: BaseException) -> None:
        self._failures.add(f"drawing frame {index} raised", error)

    def _tell_failure(self, index: int, error: BaseException) -> None:
        for handler in tuple(self.error_handlers):
            try:
                handler(index, error)
            except BaseException as failure:  # its SystemExit must not cost what is to be done yet
                self._failures.add(f"the on_error handler of frame {index} raised", failure)
                is_interrupt = isinstance(failure, KeyboardInterrupt)
                if is_interrupt and threading.current_thread() is threading.main_thread():
                    raise  # the user's, of a cell that shows the player

    # --- within bounds ---------------------------------------------------------------------------

    def _receiver(self, channel: Channel, has: Sequence[int]) -> Receiver:
        return Receiver(has, channel.features.get("codecs"), self._get_pipeline().translate)

    def _clamp(self, scale: float) -> float:
        """Return the scale that frames are drawn at for a page that asked for another."""
        if not is_positive(scale):
            raise BadArgumentsError(f"scale is a number above 0, not {scale!r}")
        least, most = _SCALES
        width, height = self.source.size or (1, 1)
        # A figure that is too large at scale 1 says so when it is drawn.
        # Sizes are rounded down, here and where it is drawn.
        most = min(most, max(math.sqrt(MAX_PIXELS / ((width + 1) * (height + 1))), 1.0))
        return min(max(scale, least), most)

    def _wanted_rate(self) -> float:
        """Return the frames a second that pages want, as far as they can show them."""
        fps = self.state.fps
        return _DISPLAY if fps == "max" else min(fps * self.state.speed, _DISPLAY)
