"""Images through the functions of the user: what they are given, where they run, and how long they may."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import logging
import multiprocessing
import os
import subprocess
import sys
import threading
import types
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image as PILImage
from skimage import data, filters

import kcomm
from kcomm.errors import BadArgumentsError, BadValueError, ChannelClosedError, KcommError, TooLargeError
from kcomm.frames import Frame
from kcomm.live import running, stretches, threads
from kcomm.live.processing import Processor
from kcomm.live.steps import steps_of
from kcomm.live.threads import ProcessTimeoutError
from kcomm.pools import PoolError
from tests import steps

if TYPE_CHECKING:
    pass  # which is no name when the annotation is read

PHOTOGRAPH = data.astronaut()[:24, :32]
FRAME = Frame(32, 24, "jpeg", b"", index=7, captured=12.5)
WAIT = 20
#: A time-out that is soon over.
SOON = 0.05

where = contextvars.ContextVar("where", default="nowhere")


def invert(image):
    return 255 - image


async def invert_later(image):
    await asyncio.sleep(0)
    return 255 - image


def identity(image):
    return image


@pytest.fixture
def make():
    """Make processors that are closed in the end."""
    made = []

    def make_one(process=None, executor=None, timeout: float | None = 60.0, name="test-process"):
        processor = Processor(name, process, executor, timeout)
        made.append(processor)
        return processor

    yield make_one
    for processor in made:
        processor.close()


@pytest.fixture
def stuck():
    """A function that does not return until the test is over, and tells when it was entered."""
    entered, let_go = threading.Event(), threading.Event()

    def hang(image):
        entered.set()
        let_go.wait(WAIT)
        return image

    hang.entered, hang.let_go = entered, let_go  # type: ignore[attr-defined]  # for the tests to hold
    yield hang
    let_go.set()


async def soon(event):
    """Wait for an event of another thread."""
    assert await asyncio.get_running_loop().run_in_executor(None, event.wait, WAIT)


async def until(condition):
    for _ in range(WAIT * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come about")


async def time_out(processor, entered, call=None):
    """Return the error of a call that was entered; on a busy machine its time may be over before."""
    call = call or (lambda: processor.run(PHOTOGRAPH, FRAME))
    entered.clear()
    while True:
        with pytest.raises(ProcessTimeoutError) as caught:
            await asyncio.wait_for(call(), WAIT)
        if entered.is_set():
            assert caught.value.code == "kcomm.process_timeout"
            return caught.value.message


async def run(processor, pixels=PHOTOGRAPH, frame=FRAME):
    return await asyncio.wait_for(processor.run(pixels, frame), WAIT)


class TestImages:
    @pytest.mark.parametrize(
        ("returned", "expected"),
        [
            (PHOTOGRAPH, PHOTOGRAPH),
            (PHOTOGRAPH[..., 0], PHOTOGRAPH[..., 0]),
            (PHOTOGRAPH[..., :1], PHOTOGRAPH[..., 0]),
            (PHOTOGRAPH[::-1, ::2], PHOTOGRAPH[::-1, ::2]),
            (np.full((3, 5, 4), 8, np.uint8), np.full((3, 5, 4), 8, np.uint8)),
            (PHOTOGRAPH / 255, PHOTOGRAPH),
            ((PHOTOGRAPH / 255).astype(np.float32), PHOTOGRAPH),
            (PHOTOGRAPH[..., 0] > 99, (PHOTOGRAPH[..., 0] > 99) * np.uint8(255)),
            (PILImage.fromarray(PHOTOGRAPH), PHOTOGRAPH),
            (np.full((1, 1), 1.0), np.full((1, 1), 255, np.uint8)),
        ],
    )
    async def test_what_may_be_returned(self, make, returned, expected):
        for process in (lambda image: returned, [invert, lambda image: returned]):
            pixels = (await run(make(process))).pixels
            assert pixels.dtype == np.uint8
            assert pixels.flags.c_contiguous
            np.testing.assert_array_equal(pixels, expected)
            assert not isinstance(returned, np.ndarray) or not np.shares_memory(pixels, returned)

    @pytest.mark.parametrize("process", [identity, [identity, identity], invert_later])
    @pytest.mark.parametrize(
        "pixels",
        [PHOTOGRAPH, PHOTOGRAPH[..., 0], np.dstack([PHOTOGRAPH, PHOTOGRAPH[..., 0]]), PHOTOGRAPH[:, ::-1]],
        ids=["rgb", "grey", "rgba", "mirrored"],
    )
    async def test_what_is_given(self, make, process, pixels):
        given = []

        def look(image):
            given.append((image.shape, image.dtype, image.flags.writeable, image.flags.c_contiguous))
            image[:] = 0
            return image

        before = pixels.copy()
        frozen = pixels.view()
        frozen.flags.writeable = False
        for source in (pixels, frozen):
            await run(make([look, *(process if isinstance(process, list) else [process])]), source)
            np.testing.assert_array_equal(pixels, before)
        assert given == [((24, 32, 3), np.uint8, True, True)] * 2

    async def test_an_async_function_may_change_what_it_is_given_too(self, make):
        async def clear(image):
            image[:] = 0
            return image

        before = PHOTOGRAPH.copy()
        assert not (await run(make(clear))).pixels.any()
        np.testing.assert_array_equal(PHOTOGRAPH, before)

    @pytest.mark.parametrize("is_plain", [True, False])
    async def test_a_function_may_go_on_painting(self, make, is_plain):
        kept = []

        def paint(image):
            kept.append(image)
            for one in kept:
                one[:] = len(kept)
            return image[::1, 2:]

        async def paint_later(image):
            return paint(image)

        processor = make(paint if is_plain else paint_later)
        first = (await run(processor)).pixels
        second = (await run(processor)).pixels
        assert (first == 1).all()
        assert (second == 2).all()

    async def test_nothing_to_do(self, make):
        nothing: list[Any] = [None, [], ()]
        for process in nothing:
            result = await run(make(process))
            assert result.pixels is PHOTOGRAPH
            assert (result.data, result.ms) == (None, {})

    @pytest.mark.parametrize(
        ("returned", "said"),
        [
            (None, r"shape returned None; it must return an image"),
            ((None, 3), "shape returned None"),
            ((), "shape returned a tuple of 0"),
            ((PHOTOGRAPH, 1, 2), r"shape returned a tuple of 3; .*\(image, data\)"),
            ("x", "shape returned no image: .*got str"),
            ([[1, 2]], "shape returned no image: .*got list"),
            (np.zeros((2, 2), int), "shape returned no image: .*int64"),
            (np.full((2, 2), 2.0), "shape returned no image: .* from 0 to 1, not from 2 to 2"),
            (np.full((2, 2), np.nan), "shape returned no image: .* has NaN: replace it"),
            (np.ones(3, np.uint8), r"shape returned no image: .*\(3,\)"),
            (np.ones((3, 9, 9), np.uint8), "shape returned no image: .*channels first"),
            (np.ones((0, 9), np.uint8), "shape returned no image: .*no pixels"),
        ],
    )
    async def test_what_is_no_image(self, make, returned, said):
        def shape(image):
            return returned

        async def shape_later(image):
            return returned

        shape_later.__name__ = "shape"
        for process in (shape, shape_later, [invert, shape]):
            with pytest.raises(BadValueError, match=said) as caught:
                await run(make(process))
            assert caught.value.code == "kcomm.bad_value"

    async def test_what_is_too_large(self, make):
        huge = np.broadcast_to(np.uint8(1), (10_000, 10_000))
        with pytest.raises(TooLargeError, match=r"<lambda> returned no image: .*megapixels") as caught:
            await run(make(lambda image: huge))
        assert caught.value.code == "kcomm.too_large"

    async def test_data(self, make):
        assert (await run(make(lambda image: (image, {"n": 3})))).data == {"n": 3}
        assert (await run(make(invert))).data is None


class TestSteps:
    async def test_each_is_given_what_the_one_before_returned(self, make):
        def bright(mask):
            assert mask.dtype == np.float64
            return mask > 0.5

        result = await run(make([steps.grey, bright]))
        np.testing.assert_array_equal(result.pixels, (steps.grey(PHOTOGRAPH) > 0.5) * np.uint8(255))

    async def test_between_steps_anything_goes(self, make):
        result = await run(make([lambda image: {"image": image}, lambda value: value["image"]]))
        np.testing.assert_array_equal(result.pixels, PHOTOGRAPH)

    async def test_each_has_its_time(self, make):
        async def pause(image):
            return image

        result = await run(make([invert, pause, invert, np.flipud]))
        assert list(result.ms) == ["process", "invert", "pause", "invert 2", "flipud"]
        assert all(ms >= 0 for ms in result.ms.values())
        assert result.ms["process"] >= sum(result.ms.values()) - result.ms["process"]
        assert list((await run(make([invert]))).ms) == ["process"]

    async def test_data_are_those_of_the_last_that_had_any(self, make):
        def first(image):
            return image, "first"

        async def second(image):
            return image, "second"

        assert (await run(make([first, invert, second, invert_later, identity]))).data == "second"
        assert (await run(make([second, first, invert_later]))).data == "first"

    async def test_one_between_that_returns_nothing_is_named(self, make):
        def forgets(image):
            image[:] = 0

        with pytest.raises(BadValueError, match="forgets returned None"):
            await run(make([invert, forgets, invert]))

    async def test_plain_and_async_ones(self, make):
        on = []

        def plain(image):
            on.append(threading.current_thread())
            return image + 1

        async def later(image):
            on.append(threading.current_thread())
            return image * 2

        def promises(image):
            on.append(threading.current_thread())
            return later(image)

        result = await run(make([plain, later, plain, promises, plain, later]), np.zeros((1, 1, 3), np.uint8))
        assert result.pixels[0, 0].tolist() == [14] * 3
        here = threading.current_thread()
        assert [thread is here for thread in on] == [False, True, False, False, True, False, True]
        assert len({thread for thread in on if thread is not here}) == 1
        assert set(result.ms) >= {"plain", "later", "plain 2", "promises", "plain 3", "later 2"}

    async def test_the_frame_goes_to_those_that_ask(self, make):
        def size(image, frame):
            return image, (frame.width, frame.height, frame.index)

        result = await run(make([lambda image: image[:2, :3], size]))
        assert result.data == (32, 24, 7)
        assert result.pixels.shape == (2, 3, 3)


class TestErrors:
    @pytest.mark.parametrize(
        ("raised", "expected", "said"),
        [
            (ValueError("odd"), ValueError, "^odd$"),
            (StopIteration(3), RuntimeError, "StopIteration"),
            (SystemExit(1), RuntimeError, "SystemExit was raised: 1"),
            (KeyboardInterrupt(), RuntimeError, "KeyboardInterrupt was raised$"),
            (asyncio.CancelledError(), RuntimeError, "(CancelledError was raised|was cancelled)"),
            (TimeoutError("slow disk"), TimeoutError, "^slow disk$"),
        ],
    )
    async def test_what_a_function_raises(self, make, raised, expected, said):
        def plain(image):
            raise raised

        async def later(image):
            raise raised

        with ThreadPoolExecutor(1) as pool:
            for processor in (make(plain), make(later), make([invert, plain]), make(plain, pool)):
                with pytest.raises(expected, match=said) as caught:
                    await run(processor)
                assert caught.value is raised or caught.value.__cause__ is raised or expected is RuntimeError
                processor.process = invert
                await run(processor)

    async def test_the_loop_goes_on_with_the_same_thread(self, make):
        seen = []

        def fails(image):
            seen.append(threading.current_thread())
            raise ValueError

        processor = make(fails)
        for _ in range(3):
            with pytest.raises(ValueError):  # noqa: PT011  # whose text is empty
                await run(processor)
        assert len(set(seen)) == 1

    @pytest.mark.parametrize("timeout", [0, -1, "x", True, float("inf"), float("nan")])
    def test_what_is_no_timeout(self, make, timeout):
        with pytest.raises(BadArgumentsError, match="timeout is a number of seconds above 0, or None"):
            make(timeout=timeout)
        with pytest.raises(BadArgumentsError):
            make().timeout = timeout

    def test_its_timeout(self, make):
        processor = make(timeout=None)
        assert processor.timeout is None
        processor.timeout = 3
        assert processor.timeout == 3.0


class TestContext:
    async def test_everything_runs_where_it_was_made(self, make):
        def plain(image):
            return image, where.get()

        async def later(image):
            await asyncio.sleep(0)
            return image, where.get()

        def promises(image):
            return later(image)

        token = where.set("cell")
        with ThreadPoolExecutor(1) as pool:
            made = [make(plain), make(later), make(promises), make(plain, pool), make([invert, later], pool)]
            where.reset(token)
            for processor in made:
                assert (await run(processor)).data == "cell"
                processor.process = plain  # set by another cell
                assert (await run(processor)).data == "cell"

    async def test_what_a_function_sets_stays_its_own(self, make):
        def plain(image):
            before = where.get()
            where.set("changed")
            return image, before

        processor = make(plain)
        assert [(await run(processor)).data for _ in range(2)] == ["nowhere"] * 2
        assert where.get() == "nowhere"

    async def test_other_calls(self, make):
        processor = make(invert)
        calling = threading.current_thread()

        def tell(error):
            return error, threading.current_thread()

        told, thread = await processor.call(tell, "it broke")
        assert told == "it broke"
        assert thread is not calling
        with pytest.raises(ZeroDivisionError):
            await processor.call(lambda: 1 / 0)


class TestTimeouts:
    async def test_a_plain_function(self, make, stuck):
        processor = make([identity, stuck, invert], timeout=SOON)
        message = await time_out(processor, stuck.entered)
        assert message == (
            "hang did not return within 0.05 s: it was left to itself, and another thread goes on"
        )
        processor.process, processor.timeout = invert, 60
        np.testing.assert_array_equal((await run(processor)).pixels, 255 - PHOTOGRAPH)

    async def test_the_next_frame_goes_through_the_same_function(self, make, stuck):
        calls = []

        def sometimes(image):
            calls.append(threading.current_thread())
            return stuck(image) if processor.timeout == SOON else image

        processor = make(sometimes, timeout=SOON)
        await time_out(processor, stuck.entered)
        processor.timeout = 60
        await run(processor)
        await run(processor)
        left, *others = calls[-3:]
        assert left is not others[0]
        assert others[0] is others[1]
        assert all(thread.daemon for thread in calls)
        stuck.let_go.set()
        await until(lambda: not left.is_alive())

    async def test_an_async_function_is_cancelled(self, make):
        entered, ended = asyncio.Event(), asyncio.Event()

        async def wait_for_ever(image):
            entered.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.set()

        processor = make([identity, wait_for_ever], timeout=SOON)
        message = await time_out(processor, entered)
        assert message == "wait_for_ever did not return within 0.05 s: it was cancelled"
        await ended.wait()
        processor.process, processor.timeout = invert_later, 60
        await run(processor)

    async def test_one_that_will_not_be_cancelled_holds_up_nobody(self, make, caplog):
        entered, let_go = asyncio.Event(), asyncio.Event()

        async def stubborn(image):
            entered.set()
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                await let_go.wait()
            raise ValueError("at last")

        processor = make(stubborn, timeout=SOON)
        await time_out(processor, entered)
        processor.process, processor.timeout = invert, 60
        await run(processor)
        let_go.set()
        await until(lambda: "nobody waited for any more raised" in caplog.text)
        assert "at last" in caplog.text

    async def test_what_a_plain_function_promised(self, make):
        entered = threading.Event()

        def promises(image):
            entered.set()
            return asyncio.wrap_future(Future(), loop=loop)

        loop = asyncio.get_running_loop()
        message = await time_out(make([identity, promises], timeout=SOON), entered)
        assert message.startswith("promises did not return")

    async def test_what_is_raised_later_is_told(self, make, stuck, caplog):
        def fails(image):
            stuck(image)
            raise ValueError("too late")

        message = await time_out(make(fails, timeout=SOON), stuck.entered)
        assert message.startswith("fails did not return")
        with caplog.at_level(logging.WARNING, "kcomm.live"):
            stuck.let_go.set()
            await until(lambda: "too late" in caplog.text)

    async def test_there_is_an_end_to_threads_that_are_left_behind(self, make, stuck, monkeypatch):
        monkeypatch.setattr(threads, "MOST_LEFT", 2)
        processor = make(stuck, timeout=SOON)
        for _ in range(2):
            assert "hang did not return" in await time_out(processor, stuck.entered)
        with pytest.raises(ProcessTimeoutError, match=r"2 calls were given up.*set `process` to another"):
            await run(processor)
        processor.process, processor.timeout = invert, 60
        await run(processor)
        processor.process = identity
        stuck.let_go.set()
        await run(processor)

    async def test_those_that_returned_after_all_do_not_count(self, make, stuck, monkeypatch):
        monkeypatch.setattr(threads, "MOST_LEFT", 1)
        processor = make(stuck, timeout=SOON)
        await time_out(processor, stuck.entered)
        stuck.let_go.set()
        (left,) = processor._thread._left
        await until(left.future.done)
        processor.timeout = 60
        await run(processor)

    async def test_other_calls(self, make, stuck):
        processor = make(invert, timeout=SOON)
        message = await time_out(processor, stuck.entered, lambda: processor.call(stuck, PHOTOGRAPH))
        assert message.startswith("hang did not return within 0.05 s")
        processor.timeout = None
        await run(processor)

    def test_what_never_returns_lets_the_interpreter_end(self):
        code = """
import asyncio, threading
import numpy as np
from kcomm.frames import Frame
from kcomm.live.processing import Processor
from kcomm.errors import KcommError
image = np.zeros((2, 2, 3), np.uint8)
processor = Processor("stuck", lambda image: threading.Event().wait(), timeout=0.05)
for _ in range(2):
    try:
        asyncio.run(processor.run(image, Frame.of(image)))
    except KcommError as error:
        print(error.code)
"""
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True
        )
        assert done.stdout.split() == ["kcomm.process_timeout"] * 2, done.stderr


class TestWithoutALimit:
    """Setting another process is then what ends a call that hangs."""

    async def test_a_frame_that_waits_for_one_that_nobody_waits_for(self, make, stuck, monkeypatch):
        monkeypatch.setattr(running, "GRACE", 0.05)
        processor = make(stuck, timeout=None)
        first = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await soon(stuck.entered)
        first.cancel()
        second = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await asyncio.sleep(0.05)
        processor.process = invert
        np.testing.assert_array_equal((await run(processor)).pixels, 255 - PHOTOGRAPH)
        with pytest.raises(ProcessTimeoutError, match="after another process was set"):
            await asyncio.wait_for(second, 10)

    async def test_another_call_that_hangs_keeps_no_frame_waiting(self, make, stuck):
        processor = make(invert, timeout=None)
        call = asyncio.ensure_future(processor.call(stuck, PHOTOGRAPH))
        await soon(stuck.entered)
        await run(processor)
        call.cancel()

    async def test_async_steps_that_heed_no_cancelling_are_left_behind_up_to_a_limit(self, make, monkeypatch):
        monkeypatch.setattr(threads, "MOST_LEFT", 2)
        let_go = asyncio.Event()

        async def heedless(image):
            while not let_go.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await let_go.wait()
            return image

        processor = make(heedless, timeout=SOON)
        for _ in range(2):
            with pytest.raises(ProcessTimeoutError, match="it was cancelled"):
                await run(processor)
        with pytest.raises(ProcessTimeoutError, match=r"2 calls were given up.*set `process` to another"):
            await run(processor)
        let_go.set()
        await asyncio.sleep(0)
        await until(lambda: not processor._plan._left)


class TestSwapping:
    async def test_while_a_frame_is_under_way(self, make, stuck):
        processor = make(stuck)
        first = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await soon(stuck.entered)
        processor.process = invert
        stuck.let_go.set()
        np.testing.assert_array_equal((await first).pixels, PHOTOGRAPH)
        np.testing.assert_array_equal((await run(processor)).pixels, 255 - PHOTOGRAPH)

    async def test_a_new_one_does_not_wait_for_an_old_one_that_nobody_waits_for(self, make, stuck):
        processor = make(stuck)
        first = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await soon(stuck.entered)
        first.cancel()
        await asyncio.wait({first})
        processor.process = invert
        await run(processor)
        assert not stuck.let_go.is_set()

    @pytest.mark.parametrize("where", ["thread", "loop", "executor"])
    async def test_one_that_hangs_makes_way(self, make, stuck, monkeypatch, where):
        """Without a time-out too: setting another one is what people do then."""
        monkeypatch.setattr(running, "GRACE", 0.01)

        async def hang(image):
            stuck.entered.set()
            await asyncio.get_running_loop().create_future()

        held = Held() if where == "executor" else None
        processor = make(hang if where == "loop" else stuck, held, timeout=None)
        first = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        if held is None:
            await soon(stuck.entered)
        else:
            await until(lambda: held.given)
        processor.process = invert_later
        with pytest.raises(
            ProcessTimeoutError,
            match=r"hang (did not return )?within 0\.01 s after another process was set",
        ):
            await first
        await run(processor)

    async def test_one_that_returns_in_time_is_not_disturbed(self, make, stuck, monkeypatch):
        monkeypatch.setattr(running, "GRACE", 0.0)
        processor = make(stuck)
        stuck.let_go.set()
        await run(processor)
        processor.process = invert
        await run(processor)
        assert processor.timeout == 60

    async def test_the_same_one_is_not_called_twice_at_a_time(self, make):
        inside, most, entered, let_go = 0, 0, threading.Event(), threading.Event()

        def process(image):
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            entered.set()
            let_go.wait(WAIT)
            inside -= 1
            return image

        processor = make(process)
        first = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await soon(entered)
        first.cancel()
        second = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await asyncio.wait({first})
        await asyncio.sleep(0)
        let_go.set()
        await second
        assert most == 1

    async def test_one_that_was_cancelled_before_its_turn_never_runs(self, make, stuck):
        calls = []
        processor = make(stuck)
        first = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await soon(stuck.entered)

        def count(image):
            calls.append(1)
            return image

        processor.process = count
        second = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.wait({second})
        stuck.let_go.set()
        await first
        assert calls == []
        await run(processor)
        assert calls == [1]

    async def test_a_cancelled_async_one_is_cancelled(self, make):
        entered, ended = asyncio.Event(), asyncio.Event()

        async def wait_for_ever(image):
            entered.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.set()

        task = asyncio.ensure_future(make(wait_for_ever).run(PHOTOGRAPH, FRAME))
        await entered.wait()
        task.cancel()
        await ended.wait()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_closed(self, make, stuck):
        processor = make(stuck)
        first = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await soon(stuck.entered)
        processor.close()
        processor.close()
        stuck.let_go.set()
        await first
        with pytest.raises(ChannelClosedError, match="closed"):
            await processor.run(PHOTOGRAPH, FRAME)


class Held(Executor):
    """Keeps what it was given until it is told to go on; says nothing of its workers."""

    def __init__(self):
        self.given: list[tuple[Future, Any, tuple]] = []

    def submit(self, function, /, *args, **kwargs):
        future: Future = Future()
        self.given.append((future, function, args))
        return future

    def finish(self, number):
        future, function, args = self.given[number]
        assert future.set_running_or_notify_cancel()
        future.set_result(function(*args))


@pytest.fixture(scope="module", params=["fork", "spawn"])
def processes(request):
    context = multiprocessing.get_context(request.param)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        yield pool


@pytest.fixture
def fresh():
    pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork"))
    yield pool
    pool.shutdown(wait=False, cancel_futures=True)


class TestThreadPools:
    async def test_as_many_at_a_time_as_there_are_workers(self, make):
        barrier = threading.Barrier(3)

        def meet(image):
            barrier.wait(WAIT)
            return 255 - image

        with ThreadPoolExecutor(3) as pool:
            processor = make(meet, pool)
            assert (processor.parallel, processor.executor) == (3, pool)
            results = await asyncio.gather(*(run(processor) for _ in range(3)))
        for result in results:
            np.testing.assert_array_equal(result.pixels, 255 - PHOTOGRAPH)

    async def test_how_many(self, make):
        assert make(invert).parallel == 1
        assert make(invert, Held()).parallel == (os.cpu_count() or 1)
        with ThreadPoolExecutor(3) as pool:
            processor = make(invert_later, pool)
            assert processor.parallel == 1  # on the loop there is one after the other
            processor.process = [invert_later, invert]
            assert processor.parallel == 3

    @pytest.mark.parametrize("executor", [4, "threads", ThreadPoolExecutor])
    def test_what_is_no_executor(self, make, executor):
        with pytest.raises(BadArgumentsError, match=r"executor is a concurrent\.futures\.Executor"):
            make(invert, executor)

    async def test_plain_and_async_ones(self, make):
        def promises(image):
            return invert_later(image)

        with ThreadPoolExecutor(2) as pool:
            result = await run(make([invert, invert_later, promises, invert], pool))
        np.testing.assert_array_equal(result.pixels, PHOTOGRAPH)
        assert list(result.ms) == ["process", "invert", "invert_later", "promises", "invert 2"]

    async def test_one_that_hangs(self, make, stuck):
        with ThreadPoolExecutor(1) as pool:
            processor = make([invert, stuck], pool, SOON)
            message = await time_out(processor, stuck.entered)
            assert message.startswith("hang did not return within 0.05 s: the worker of the ThreadPoolExec")
            with pytest.raises(
                ProcessTimeoutError,
                match=r"no worker of the ThreadPoolExecutor began invert or hang within 0\.05 s: they",
            ):
                await run(processor)
            stuck.let_go.set()
            processor.process, processor.timeout = invert, 60
            await run(processor)

    async def test_what_was_not_begun_is_cancelled(self, make):
        held = Held()
        processor = make(invert, held)
        task = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await until(lambda: held.given)
        task.cancel()
        await asyncio.wait({task})
        assert held.given[0][0].cancelled()

    async def test_results_in_any_order(self, make):
        held = Held()
        processor = make(lambda image, frame: (image, frame.index), held)
        frames = [Frame(32, 24, None, PHOTOGRAPH, index=i) for i in range(3)]
        tasks = [asyncio.ensure_future(processor.run(PHOTOGRAPH, frame)) for frame in frames]
        await until(lambda: len(held.given) == 3)
        for number in (2, 0, 1):
            held.finish(number)
            assert (await tasks[number]).data == number

    async def test_no_two_calls_are_equal(self, make):
        """An executor that computes equal calls once would never see a new image."""
        held = Held()
        processor = make(invert, held)
        tasks = [asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME)) for _ in range(2)]
        await until(lambda: len(held.given) == 2)
        (first,), (second,) = (args for _, _, args in held.given)
        assert first.number != second.number
        assert first.frame.data == b""  # the image is not sent twice
        for number in range(2):
            held.finish(number)
        await asyncio.gather(*tasks)

    async def test_one_that_was_shut_down(self, make, stuck):
        pool = ThreadPoolExecutor(1)
        processor = make(stuck, pool)
        first = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await soon(stuck.entered)
        waits = asyncio.ensure_future(processor.run(PHOTOGRAPH, FRAME))
        await asyncio.sleep(0)
        pool.shutdown(wait=False, cancel_futures=True)
        for refused in (waits, processor.run(PHOTOGRAPH, FRAME)):
            with pytest.raises(PoolError, match=r"takes no frames any more.*make a new executor") as caught:
                await refused
            assert caught.value.code == "kcomm.pool_closed"
        stuck.let_go.set()
        await first


class TestProcesses:
    async def test_they_run_elsewhere(self, make, processes):
        processor = make([steps.invert, steps.paint_over, steps.describe], processes)
        assert processor.parallel == 2
        frozen = PHOTOGRAPH.copy()
        frozen.flags.writeable = False
        result = await run(processor, frozen)
        assert result.pixels.shape == (2, 32, 3)
        assert (result.pixels == 9).all()
        assert result.data["index"] == 7
        assert result.data["captured"] == 12.5
        assert result.data["pid"] != os.getpid()
        assert list(result.ms) == ["process", "invert", "paint_over", "describe"]
        np.testing.assert_array_equal(frozen, PHOTOGRAPH)

    async def test_only_pixels_come_back(self, make, processes):
        result = await run(make(steps.grey, processes))
        np.testing.assert_array_equal(result.pixels, (steps.grey(PHOTOGRAPH) * 255 + 0.5).astype(np.uint8))
        await run(make(kcomm.edges, processes))
        await run(make(functools.partial(np.rot90, k=2), processes))
        await run(make(filters.sobel, processes))

    async def test_async_ones_run_here(self, make, processes):
        async def tell(image, frame):
            return 255 - image, (frame.pixels.shape, os.getpid())

        result = await run(make([steps.invert, tell, steps.grey], processes))
        assert result.data == ((24, 32, 3), os.getpid())
        np.testing.assert_array_equal(result.pixels, (steps.grey(PHOTOGRAPH) * 255 + 0.5).astype(np.uint8))

    async def test_one_that_promises_there(self, make, processes):
        with pytest.raises(BadValueError, match=r"later returned something to await.*async def"):
            await run(make([steps.invert, steps.later], processes))

    async def test_errors_come_back(self, make, processes):
        processor = make(steps.fails, processes)
        for _ in range(2):
            with pytest.raises(KcommError, match="UnreadableError: two words"):
                await run(processor)
        with pytest.raises(BadValueError, match=r"invert returned no image: .*float"):
            await run(make([steps.grey, steps.invert], processes))

    def test_what_can_not_be_sent(self, make, processes):
        with pytest.raises(BadArgumentsError, match=r"can't be sent to the processes.*move it to a module"):
            make([steps.invert, lambda image: image], processes)
        processor = make(steps.invert, processes)
        with pytest.raises(BadArgumentsError, match="can't be sent"):
            processor.process = lambda image: image
        assert processor.process is steps.invert

    async def test_data_that_can_not_be_sent(self, make, processes):
        with pytest.raises(BadArgumentsError, match="or what it returned, can't be sent"):
            await run(make(steps.unsendable, processes))
        await run(make(steps.invert, processes))

    async def test_a_worker_that_dies(self, make, fresh):
        processor = make(steps.dies, fresh)
        with pytest.raises(
            PoolError, match=r"one of its workers died.*Make a new executor and call kcomm\.webcam"
        ) as e:
            await run(processor)
        assert e.value.code == "kcomm.pool_broken"
        processor.process = steps.invert
        with pytest.raises(PoolError, match="is broken"):  # for good, and each frame says so
            await run(processor)

    async def test_one_that_hangs(self, make, fresh, tmp_path):
        await run(make(steps.invert, fresh))
        processor = make([steps.invert, functools.partial(steps.wait_for, str(tmp_path))], fresh, SOON)
        with pytest.raises(ProcessTimeoutError, match=r"invert or wait_for (did not return )?within 0\.05 s"):
            await run(processor)
        (tmp_path / "go").touch()
        processor.process, processor.timeout = steps.invert, 60
        await run(processor)

    async def test_a_function_that_was_defined_anew(self, make, fresh, monkeypatch):
        main = sys.modules["__main__"]
        source = "def paint_anew(image):\n    return image[:2]"
        functions = []
        for text in (source, source.replace("2", "3")):
            namespace: dict[str, Any] = {"__name__": "__main__"}
            exec(text, namespace)
            functions.append(namespace["paint_anew"])
        monkeypatch.setattr(main, "paint_anew", functions[0], raising=False)
        processor = make(functions[0], fresh)
        assert (await run(processor)).pixels.shape[0] == 2
        monkeypatch.setattr(main, "paint_anew", functions[1])
        processor.process = functions[1]
        with pytest.raises(PoolError, match="paint_anew was defined anew"):
            await run(processor)
        assert isinstance(functions[0], types.FunctionType)


def test_interrupts_pass_over_what_runs_elsewhere(monkeypatch):
    asked: list[Any] = []
    monkeypatch.setattr("kcomm.interrupts.outlive_interrupts", asked.append)
    image = np.zeros((1, 1, 3), np.uint8)
    stretch = stretches.Stretch(steps_of(steps.invert), image, FRAME, True, (None,))
    result, pending = stretches.run_elsewhere(stretch)
    assert pending is None
    assert (result.pixels == 255).all()
    assert asked == [stretches.run_elsewhere]


MEMORY = """
import ctypes, sys
import numpy as np
from kcomm.live.processing import Processor

class Counts(ctypes.Structure):  # struct mallinfo2 of <malloc.h>
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

count = getattr(ctypes.CDLL(None), "mallinfo2", None)
if count is None:
    sys.exit("no glibc")
count.restype = Counts
Processor("x")
before = count().hblks
picture = np.empty((1080, 1920, 3), np.float32)
print(count().hblks - before)
"""


def test_memory_is_used_again_for_the_next_frame():
    """Blocks that glibc gets from the system by themselves, and gives back when they are freed."""
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True)
    assert done.stdout.strip() == "0" or done.stderr.strip() == "no glibc", done.stderr
