"""What pages see of a webcam: they send its frames, and get back what the function made of them.

The target of a webcam (its page is ``js/src/live/``; ``docs/protocol.md``, section 9, says what frames are):

* ``info()``: what a page begins with, see `Settings.info`. ``source`` is the name of a source in the kernel.
* ``results()``, a volatile stream: results in order, each with ``pace`` (milliseconds between two that can be
  kept up with) and ``skipped`` (frames passed over since the last one); a frame that failed is ``index``,
  ``error``, ``pace`` and ``skipped``. Meanwhile the kernel calls the page's volatile stream
  ``camera(info)``: frames with ``captured``, ``ms`` and perhaps ``budget`` (bytes that the result may take).
  Of a source no camera is asked for, and results have ``input``, its picture, for pages that show that.
* ``still(frame)``: the lossless result of one more camera frame, run after those under way.
* ``base(id)``: the frame of that number, on which others build.
* Events from a page: ``state`` (how it stands, see `PageReport` and `WebcamMeter`), ``key`` (send a frame
  that builds on no other), ``command`` (``action``: start, pause, stop; of a source).
* Events to pages: ``control`` (``action``: start, pause, stop, or a setting and its ``value``), ``key``,
  ``data`` (``index`` and ``data``: what the function returned beside the image).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from kcomm.cameras.source import Source
from kcomm.channel import Channel
from kcomm.live.broadcast import Broadcast
from kcomm.live.exchange import Exchange
from kcomm.live.journal import Journal
from kcomm.live.pages import Pages
from kcomm.live.processing import Processor
from kcomm.live.sending import Sender
from kcomm.live.settings import Settings, WebcamState
from kcomm.live.sharing import SharedProcessor
from kcomm.target import Target
from kcomm.view import Service


class WebcamService(Service):
    """Runs the frames of pages' cameras, or of a source in the kernel, through a function.

    Parameters
    ----------
    name : str
        The name of the target.
    processor : Processor
        What frames are run through; it is closed with this.
    settings : Settings
        What pages begin with.
    source : Source, optional
        Gives frames in place of pages' cameras.
    """

    def __init__(
        self, name: str, processor: Processor, settings: Settings, source: Source | None = None
    ) -> None:
        super().__init__(name, "webcam")
        self.settings = settings
        self.pages = Pages()
        self.shared = SharedProcessor(processor)
        self.journal = Journal(processor.call, self._emit_data)
        self.state: WebcamState = "idle"
        # Whether Python told it to: a camera that was started in one page is none of another page's.
        self._is_told = False
        self._exchanges: dict[int, Exchange] = {}
        self._broadcast: Broadcast | None = None
        if source is not None:
            parts = self.shared, self.journal, settings
            self._broadcast = Broadcast(f"{name}-source", source, *parts, self._take_end)
            self.journal.outlet.on_asked = self._broadcast.wake

    @property
    def source(self) -> Source | None:
        """What gives frames in place of pages' cameras."""
        return None if self._broadcast is None else self._broadcast.source

    def retire(self) -> None:
        """Serve no pages until it is opened again; a source is closed at once."""
        super().retire()
        if self._broadcast is not None:
            self._broadcast.retire()

    def close(self) -> None:
        """Serve no pages any more, and end what was begun."""
        super().close()
        self.state = "idle"
        if self._broadcast is not None:
            self._broadcast.close()
        self.journal.close()
        self.shared.close()

    def command(self, state: WebcamState) -> None:
        """Start, hold or stop, here and in all pages."""
        self.check_open()
        self.state = state
        self._is_told = True
        self.pages.forget_states()
        if state == "running":
            self.journal.clear_error()
            self.journal.outlet.begin()
        self._tell_state()

    def set(self, **changes: Any) -> None:
        """Change settings, here and in all pages."""
        self.check_open()
        for name, value in changes.items():
            setattr(self.settings, name, value)
            self._emit("control", {"action": name, "value": value})

    # --- what pages call -------------------------------------------------------------------------

    def _fill(self, target: Target) -> None:
        target.method(self.info)
        target.method(self.still)
        target.method(self.base)
        target.stream(self.results, volatile=True)
        target.on("state", self.take_state)
        target.on("key", self.take_key)
        target.on("command", self.take_command)

    async def info(self) -> dict[str, Any]:
        """Return what a page needs to begin."""
        return self._info()

    async def results(self, channel: Channel) -> AsyncGenerator[dict[str, Any], None]:
        """Give a page the results: of its camera's frames, for which it is asked, or of the source's."""
        exchange = self._exchange_with(channel)
        if self._broadcast is not None:
            results = self._broadcast.results(exchange.sender, lambda: self._shows_input(channel))
        else:
            results = exchange.results()
        try:
            async for message in results:
                yield message
        finally:
            await results.aclose()

    async def still(self, channel: Channel, frame: Any) -> dict[str, Any]:
        """Return the result of one more camera frame, lossless."""
        return await self._exchange_with(channel).still(frame)

    async def base(self, channel: Channel, id: int) -> dict[str, Any]:  # noqa: A002  # what a frame calls it
        """Return a frame that others build on, for a page that missed it."""
        return await self._exchange_with(channel).sender.base(id)

    async def take_state(self, channel: Channel, report: dict[str, Any]) -> None:
        """Take what a page tells of itself."""
        # One that was told to start, and is idle, is still on its way: its user may have to be asked.
        self.pages.take(channel.id, report, is_starting=self.state == "running" and not report.get("error"))
        self.journal.meter.take_report(channel.id, report)
        self.journal.take_page_error(channel.id, report.get("error"))
        if self._broadcast is None:
            self._follow(self.pages.state or self.state)
        self.journal.outlet.notify()

    async def take_key(self, channel: Channel, value: object = None) -> None:
        """Send a page a frame that builds on no other."""
        exchange = self._exchanges.get(channel.id)
        if exchange is not None:
            exchange.sender.want_key()

    async def take_command(self, command: dict[str, Any]) -> None:
        """Start, hold or stop a source, as the user of a page wants it."""
        states: dict[object, WebcamState] = {"start": "running", "pause": "paused", "stop": "idle"}
        state = states.get(command.get("action"))
        if self._broadcast is not None and state is not None and not self.is_closed:
            self.command(state)

    def forget_page(self, channel: Channel) -> None:
        """Take note that a page is gone, and its camera with it."""
        exchange = self._exchanges.pop(channel.id, None)
        if exchange is not None:
            exchange.close()
        report = self.pages.forget(channel.id)
        self.journal.forget_page(channel.id)
        if self._broadcast is None and report is not None and report.state in ("running", "paused"):
            self._follow(self.pages.state or "idle")
        super().forget_page(channel)

    # --- parts -----------------------------------------------------------------------------------

    def _exchange_with(self, channel: Channel) -> Exchange:
        exchange = self._exchanges.get(channel.id)
        if exchange is None:
            parts = self.shared, self.journal
            sender = Sender(f"{self.name}-frames", channel, *parts, self.settings)
            exchange = self._exchanges[channel.id] = Exchange(channel, *parts, sender, self._info)
        return exchange

    def _info(self) -> dict[str, Any]:
        source = self.source
        if source is not None:
            return self.settings.info(self.state, str(source.name))
        return self.settings.info(self.state if self._is_told else "idle", None)

    def _follow(self, state: WebcamState) -> None:
        """Take the state of pages with cameras."""
        if "idle" in (self.state, state):
            self._is_told = False
        self.state = state

    def _shows_input(self, channel: Channel) -> bool:
        return (self.pages.show_of(channel.id) or self.settings.show) != "result"

    def _take_end(self) -> None:
        """Take note that the source has ended."""
        self.state = "idle"
        self._tell_state()
        self.journal.outlet.end()

    def _tell_state(self) -> None:
        if self._broadcast is not None:
            self._broadcast.set_state(self.state)
        self.tell({"running": "start", "paused": "pause", "idle": "stop"}[self.state])
        self.journal.outlet.notify()

    def _emit_data(self, index: int, data: Any) -> None:
        self._emit("data", {"index": index, "data": data})

    def _emit(self, topic: str, value: Any) -> None:
        target = self._target
        if target is not None:
            target.emit(topic, value)
