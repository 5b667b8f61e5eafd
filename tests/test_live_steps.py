"""What a process is: which functions, what they are called, and what they are given."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
import pytest
from PIL import Image as PILImage
from skimage import data, filters

import kcomm
from kcomm.errors import BadArgumentsError
from kcomm.frames import Frame
from kcomm.live.processing import Processor
from kcomm.live.steps import check_process, frame_parameter, is_async, name_of, steps_of
from tests import steps

if TYPE_CHECKING:
    from decimal import Decimal as Unknown  # which is no name when the annotation is read

PHOTOGRAPH = data.astronaut()[:24, :32]
FRAME = Frame(32, 24, "jpeg", b"", index=7, captured=12.5)


def identity(image):
    return image


def invert(image):
    return 255 - image


async def invert_later(image):
    await asyncio.sleep(0)
    return 255 - image


@pytest.fixture
def make():
    """Make processors that are closed in the end."""
    made = []

    def make_one(process):
        made.append(Processor("test-process", process))
        return made[-1]

    yield make_one
    for processor in made:
        processor.close()


async def run(processor):
    return await asyncio.wait_for(processor.run(PHOTOGRAPH, FRAME), 20)


class Method:
    def plain(self, image):
        return image

    def with_frame(self, image, frame):
        return image

    def __call__(self, image, when):
        return image


class Later:
    async def __call__(self, image):
        return 255 - image


@functools.wraps(steps.describe)
def wrapped(*args):
    return steps.describe(*args)


def annotated(image, sigma=1, about: Frame | None = None): ...
def annotated_text(image, about: kcomm.frames.Frame = None): ...  # type: ignore[assignment]  # as people do
def annotated_optional(image, about: Optional[Frame] = None): ...  # noqa: UP045  # older code
def annotated_unreadable(image: Unknown, about: Frame): ...
def keyword_only(image, *, frame): ...
def positional(image, frame, /): ...
def three(image, sigma, info): ...


class TestWhoGetsTheFrame:
    @pytest.mark.parametrize(
        ("function", "expected"),
        [
            (lambda image: 0, None),
            (lambda frame: 0, None),  # many call an image so
            (lambda image, sigma=1: 0, None),
            (lambda image, *args: 0, None),
            (lambda *args: 0, None),
            (lambda image, **options: 0, None),
            (lambda image, *, sigma=1: 0, None),
            (lambda image, frame: 0, ""),
            (lambda image, whatever: 0, ""),
            (lambda image, frame=None: 0, ""),
            (lambda image, sigma=1, frame=None: 0, "frame"),
            (lambda image, info, sigma=1: 0, ""),
            (lambda *images, frame: 0, "frame"),
            (keyword_only, "frame"),
            (positional, ""),
            (annotated, "about"),
            (annotated_text, ""),
            (annotated_optional, ""),
            (annotated_unreadable, ""),
            (Method().plain, None),
            (Method().with_frame, ""),
            (Method(), ""),
            (functools.partial(three, sigma=2), "info"),
            (functools.partial(three, sigma=2, info=3), None),
            (functools.partial(lambda sigma, image: 0, 2), None),
            (functools.partial(lambda image, frame: 0, frame=None), "frame"),
            (wrapped, ""),
            (invert_later, None),
            (np.invert, None),
            (np.flipud, None),
            (np.ravel, None),
            (filters.sobel, None),
            (filters.gaussian, None),
            (kcomm.edges, None),
            (PILImage.fromarray, None),
            (memoryview, None),
        ],
    )
    def test_by_the_signature(self, function, expected):
        assert frame_parameter(function) == expected

    def test_what_has_no_signature_gets_the_image(self):
        class Unsigned:
            __signature__ = 3

            def __call__(self, image):
                return image

        with pytest.raises((TypeError, ValueError)):
            inspect.signature(Unsigned())
        assert frame_parameter(Unsigned()) is None

    @pytest.mark.parametrize(
        ("function", "said"),
        [
            (lambda: 0, "takes no image"),
            (lambda *, image: 0, "takes no image"),
            (lambda **options: 0, "takes no image"),
            (three, "three has no value for info"),
            (lambda image, sigma, frame: 0, "no value for sigma"),
            (lambda image, frame, *, sigma: 0, "no value for sigma"),
            (lambda image, a, b, c: 0, "no value for b, c"),
            (lambda image, sigma=1, frame=None, /: 0, "not as its second argument"),
            (functools.partial(identity, PHOTOGRAPH), "takes no image"),
        ],
    )
    def test_what_can_not_be_called(self, function, said):
        with pytest.raises(BadArgumentsError, match=said) as caught:
            check_process(function)
        assert "f(image, frame)" in caught.value.message

    def test_a_frame_in_place_of_an_image(self):
        def process(frame: Frame): ...

        with pytest.raises(BadArgumentsError, match="asks for a Frame as its first argument"):
            check_process(process)

    def test_generators(self):
        def plain(image):
            yield image

        async def later(image):
            yield image

        for function in (plain, later, functools.partial(plain)):
            with pytest.raises(BadArgumentsError, match="is a generator: a process returns its image"):
                check_process(function)

    @pytest.mark.parametrize(
        "function",
        [
            steps.describe,
            wrapped,
            functools.partial(lambda sigma, image, frame: (image, frame.index), 2),
            lambda image, sigma=1, *, frame: (image, frame.index),
            lambda image, sigma=1, about=0, frame=None: (image, frame.index),
        ],
    )
    async def test_they_do_get_it(self, make, function):
        result = await run(make(function))
        assert result.data == 7 or result.data["index"] == 7

    async def test_what_they_get(self, make):
        seen: list[Any] = []

        def process(image, frame):
            seen.extend((image, frame))
            return image[:5]

        await run(make(process))
        image, frame = seen
        assert (frame.index, frame.captured, frame.width, frame.height) == (7, 12.5, 32, 24)
        assert frame.pixels is image


class TestNames:
    @pytest.mark.parametrize(
        ("function", "name"),
        [
            (invert, "invert"),
            (functools.partial(functools.partial(three, sigma=2), info=1), "three"),
            (Method(), "Method"),
            (Method().plain, "plain"),
            (lambda image: 0, "<lambda>"),
            (np.invert, "invert"),
            (wrapped, "describe"),
        ],
    )
    def test_of_functions(self, function, name):
        assert name_of(function) == name

    def test_several_differ(self):
        def process(image): ...
        def encode(image): ...

        names = [step.name for step in steps_of([invert, process, np.invert, encode, invert])]
        assert names == ["invert", "process step", "invert 2", "encode step", "invert 3"]
        assert [step.name for step in steps_of(process)] == ["process"]

    @pytest.mark.parametrize("process", [3, "edges", [3], [invert, None], {invert}, object()])
    def test_what_is_no_process(self, make, process):
        with pytest.raises(BadArgumentsError, match="process is a function that is given an ndarray"):
            make(process)

    def test_what_is_kept(self, make):
        processor = make([invert, np.flipud])
        assert processor.process == (invert, np.flipud)
        processor.process = invert
        assert processor.process is invert
        with pytest.raises(BadArgumentsError):
            processor.process = "edges"
        assert processor.process is invert

    @pytest.mark.parametrize(
        ("function", "expected"),
        [
            (invert_later, True),
            (functools.partial(invert_later), True),
            (Later(), True),
            (Later().__call__, True),
            (invert, False),
            (Method(), False),
            (np.invert, False),
        ],
    )
    def test_async(self, function, expected):
        assert is_async(function) is expected
