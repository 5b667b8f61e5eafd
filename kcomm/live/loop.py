"""One camera frame through a function of the user: decoded, processed and encoded off the loop."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from kcomm.errors import BadValueError
from kcomm.frames import Frame, Pixels, to_pixels
from kcomm.frames.pixels import to_rgb
from kcomm.runtime import Worker

T = TypeVar("T")

#: Takes (H, W, 3) uint8 pixels and returns an image, or a coroutine that does.
Process: TypeAlias = Callable[[Pixels], Any]


class FrameLoop:
    """Runs frames through a function, one after the other, on a thread of its own.

    Parameters
    ----------
    name : str
        The name of the thread.
    codec, quality
        How results are encoded, as for `Frame.encoded`.
    """

    def __init__(self, name: str, *, codec: str, quality: float) -> None:
        self._name = name
        self._codec = codec
        self._quality = quality
        self._context = contextvars.copy_context()
        self._worker = Worker(name)

    async def run(self, frame: Frame, process: Process | None) -> tuple[Frame, Pixels | None]:
        """Return the result, encoded, and its pixels; without a function the frame itself.

        A plain function runs on the thread; a coroutine that it returns on the loop.
        """
        if process is None:
            return frame, None
        done = await self.submit(self._decode_and_process, frame, process)
        if not isinstance(done, _Pending):
            return done
        begun = time.perf_counter()
        image = await done.result
        ms = {"decode": done.decode_ms, "process": _ms_since(begun)}
        return await self.submit(self._encode, frame, image, ms)

    async def submit(self, function: Callable[..., T], *args: Any) -> T:
        """Run a function on the thread.

        If this is cancelled while the function runs, the function is left to itself: it may never return, and
        what comes next must not wait for it.
        """
        future = self._worker.submit(self._context, function, *args)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.running():
                self._worker.close()
                self._worker = Worker(self._name)
            raise

    def close(self) -> None:
        """End the thread."""
        self._worker.close()

    def _decode_and_process(self, frame: Frame, process: Process) -> tuple[Frame, Pixels] | _Pending:
        begun = time.perf_counter()
        pixels = to_rgb(frame.pixels)
        decode_ms = _ms_since(begun)
        begun = time.perf_counter()
        image = process(pixels)
        if inspect.isawaitable(image):
            return _Pending(image, decode_ms)
        return self._encode(frame, image, {"decode": decode_ms, "process": _ms_since(begun)})

    def _encode(self, frame: Frame, image: Any, ms: dict[str, float]) -> tuple[Frame, Pixels]:
        if image is None:
            raise BadValueError("the function returned None; it must return an image (an ndarray)")
        # The function may go on to paint into its own array.
        pixels = to_pixels(image).copy()
        result = Frame.of(pixels, index=frame.index, captured=frame.captured, ms=ms)
        return result.encoded(self._codec, self._quality), pixels


class _Pending:
    """What an ``async`` function returned."""

    def __init__(self, result: Awaitable[Any], decode_ms: float) -> None:
        self.result = result
        self.decode_ms = decode_ms


def _ms_since(begun: float) -> float:
    return (time.perf_counter() - begun) * 1e3
