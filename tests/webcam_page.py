"""A page with a camera, for tests without a browser: what it sends, and what it is given."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

from skimage import data

from kcomm.errors import ChannelClosedError, SessionLostError
from kcomm.frames import Frame
from kcomm.frames.encoder import Encoder
from kcomm.runtime import get_runtime

PHOTOGRAPH = data.astronaut()[:240, :320]
#: What a page that can all says it can decode.
CODECS = ["h264", "vp9", "jpeg", "webp", "png", "raw", "rgb", "grey", "zlib", "qoi", "qoiz", "delta"]


class CameraPage:
    """A page with a camera that shows a photograph, its first pixel counting the frames.

    As a real one, it sends a frame only while fewer than `inflight` are under way.
    """

    def __init__(
        self,
        host: Any,
        cam: Any,
        codec: str = "png",
        image: Any = PHOTOGRAPH,
        inflight: int = 2,
        codecs: list[str] | None = None,
    ) -> None:
        self.cam = cam
        self.codec = codec
        self.image = image
        self.inflight = inflight
        self.sent = 0
        self.back = 0
        self.left = 0
        self._room = asyncio.Event()
        self.options: Any = None
        self.commands: list[Any] = []
        self.data: list[Any] = []
        self.keys_wanted = 0
        self.encoder = Encoder(codec, codecs=CODECS)
        features = {} if codecs is None else {"codecs": codecs}
        self.channel = host.connect(cam.target, features=features)
        self.channel.handle_stream("camera", self.camera, volatile=True)
        self.channel.on("control", self.commands.append)
        self.channel.on("data", self.data.append)
        self.channel.on("key", self.take_key)

    def picture(self, number: int) -> Any:
        """Return the picture of a number."""
        image = self.image.copy()
        image[0, 0] = number % 256
        return image

    def frame(self, number: int) -> Frame:
        """Return a frame as the camera sends it."""
        frame = Frame.of(self.picture(number), index=number, captured=1000.5 + number, ms={"capture": 2})
        return self.encoder.encode(frame)

    def message(self, number: int) -> dict[str, Any]:
        """Return the message of a frame."""
        return self.frame(number).to_message()

    async def camera(self, options: Any) -> AsyncIterator[dict[str, Any]]:
        """Send frames as the control loop of a page does."""
        self.options = options
        self.sent = self.back = 0
        try:
            while True:
                while self.sent - self.back >= self.inflight:
                    self._room.clear()
                    await self._room.wait()
                number, self.sent = self.sent, self.sent + 1
                yield self.message(number)
        finally:
            self.left += 1

    def take_key(self, value: object = None) -> None:
        self.keys_wanted += 1
        self.encoder.want_key()

    def take(self, message: dict[str, Any]) -> dict[str, Any]:
        """Take note of a result."""
        self.back += 1 + message["skipped"]
        get_runtime().call_soon(self._room.set)
        return message

    def results(self, n: int, window: int = 2) -> list[dict[str, Any]]:
        """Return the first results of a run."""
        with self.channel.stream("results", window=window) as stream:
            return [self.take(next(stream)) for _ in range(n)]

    def info(self) -> Any:
        return self.channel.call("info").result(timeout=10)

    def report(self, **told: Any) -> None:
        """Tell the kernel how the page stands."""
        self.channel.emit("state", {"error": None, **told}, latest=True)


class Running:
    """A page whose results are taken all the time, on a thread."""

    def __init__(self, page: CameraPage, window: int = 4) -> None:
        self.page = page
        self.messages: list[dict[str, Any]] = []
        self._stream = page.channel.stream("results", window=window)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        with contextlib.suppress(ChannelClosedError, SessionLostError):
            for message in self._stream:
                self.messages.append(self.page.take(message))

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stream.close()
        self._thread.join(10)


def pixels(message: dict[str, Any]) -> Any:
    """Return the pixels of a result, which must be one."""
    assert "error" not in message, message
    return Frame.from_message(message).pixels


def until(condition: Any, seconds: float = 10) -> None:
    """Wait for what must happen."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)


def invert(image: Any) -> Any:
    return 255 - image
