"""Plain steps in a row, run where they are sent: on a thread here, or on a worker of an executor."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np

from kcomm.errors import BadValueError, TooLargeError
from kcomm.frames import Frame, Pixels, to_pixels
from kcomm.frames.pixels import to_rgb
from kcomm.live.memory import reuse_memory
from kcomm.live.steps import Step
from kcomm.pools import check_code, sendable
from kcomm.words import words_of

#: How another executor comes into use.
REMEDY: Final = "make a new executor and call kcomm.webcam with it again"


@dataclass
class Image:
    """An image between two steps, and what is known of it so far.

    Parameters
    ----------
    pixels : ndarray or any
        What the step before returned.
    frame : Frame
        What steps are given that ask for it.
    data : any
        What came beside the image; of several steps, what the last one returned that returned any.
    ms : dict of str to float
        Milliseconds that each step took.
    is_final : bool
        Whether the pixels are those of the result.
    """

    pixels: Any
    frame: Frame
    data: Any
    ms: dict[str, float]
    is_final: bool = False

    @classmethod
    def of(cls, pixels: Pixels, frame: Frame) -> Image:
        """Return what the first step is given: pixels that are its own to change."""
        rgb = to_rgb(pixels)
        own = rgb.copy() if np.may_share_memory(rgb, pixels) else rgb
        height, width = own.shape[:2]
        return cls(own, replace(frame, width=width, height=height, codec=None, data=own), None, {})

    def take(self, step: Step, returned: Any, begun: float) -> None:
        """Take what a step returned, as the next one is given it."""
        if isinstance(returned, tuple):
            if len(returned) != 2:
                raise BadValueError(
                    f"{step.name} returned a tuple of {len(returned)}; it must return an image (an ndarray), "
                    "or an image and data: (image, data)"
                )
            returned, self.data = returned
        if returned is None:
            raise BadValueError(f"{step.name} returned None; it must return an image (an ndarray)")
        self.pixels = returned
        self.ms[step.name] = (time.perf_counter() - begun) * 1e3

    def finish(self, step: Step) -> None:
        """Turn what the last step returned into pixels that nobody else holds."""
        image = self.pixels
        try:
            pixels = to_pixels(image)
        except (BadValueError, TooLargeError) as error:
            raise type(error)(f"{step.name} returned no image: {error.message}", code=error.code) from None
        # The function may go on to paint into its own array; and a PIL image may lend its memory.
        is_shared = not isinstance(image, np.ndarray) or np.may_share_memory(pixels, image)
        self.pixels = pixels.copy() if is_shared else pixels
        self.is_final = True


class Pending(NamedTuple):
    """What a plain function returned for the loop to await."""

    result: Any
    begun: float


@dataclass
class Stretch:
    """Plain steps in a row, for one image.

    Parameters
    ----------
    steps : tuple of Step
        Not empty.
    image : Image or Pixels
        Pixels are those of the camera, before the first step.
    frame : Frame
        That of the camera; it needs no pixels.
    is_last : bool
        Whether the last of these is the last of all.
    codes : tuple of (bytes or None)
        Of each step's function, where it was sent from.
    number : int
        No two are equal: Dask computes equal ones once.
    at : int
        The step that is running.
    """

    steps: tuple[Step, ...]
    image: Any
    frame: Frame
    is_last: bool
    codes: tuple[bytes | None, ...] = ()
    number: int = 0
    at: int = 0

    @property
    def functions(self) -> list[Callable[..., Any]]:
        """Those of the steps."""
        return [step.function for step in self.steps]

    @property
    def names(self) -> str:
        """Those of the steps."""
        return " or ".join(step.name for step in self.steps)

    def run(self) -> tuple[Image, Pending | None]:
        """Run the steps until one returns something to await: that is the step `at`."""
        image = self.image if isinstance(self.image, Image) else Image.of(self.image, self.frame)
        for number, step in enumerate(self.steps):
            self.at = number
            begun = time.perf_counter()
            returned = guarded(step, image.pixels, image.frame)
            if inspect.isawaitable(returned):
                return image, Pending(returned, begun)
            image.take(step, returned, begun)
        if self.is_last:
            image.finish(self.steps[-1])
        return image, None


def run_elsewhere(stretch: Stretch) -> tuple[Image, Pending | None]:
    """Run a stretch in whatever process an executor calls this."""
    if "multiprocessing.process" in sys.modules:
        from kcomm.interrupts import outlive_interrupts

        outlive_interrupts(run_elsewhere)
    reuse_memory()
    for step, code in zip(stretch.steps, stretch.codes, strict=True):
        check_code(step.function, code, REMEDY)
    try:
        image, pending = stretch.run()
    except Exception as error:
        raise sendable(error)  # noqa: B904  # the same one, or what can be told of it
    if pending is not None:
        close = getattr(pending.result, "close", None)
        if close is not None:
            close()  # a coroutine that nobody awaits
        raise BadValueError(
            f"{stretch.steps[stretch.at].name} returned something to await, which can't be sent from "
            "where the executor called it: make it an `async def`, which runs in the kernel"
        )
    # Of the frame nothing is needed any more but by steps that are still to come.
    image.frame = replace(image.frame, data=b"") if stretch.is_last else image.frame
    return image, None


def guarded(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function; what would end a loop or confuse a future becomes an error like any other."""
    try:
        return function(*args)
    except Exception as error:
        if not isinstance(error, (StopIteration, StopAsyncIteration)):
            raise
        raise as_error(error) from error
    except BaseException as error:  # SystemExit, KeyboardInterrupt, asyncio's CancelledError
        raise as_error(error) from error


def as_error(error: BaseException) -> RuntimeError:
    """Return an error that tells of what is none."""
    words = words_of(error)
    text = f": {words}" if words else ""
    return RuntimeError(f"{type(error).__name__} was raised{text}")
