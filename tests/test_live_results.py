"""Results in Python: the newest one, several in a row, and an async iterator."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import kcomm
from kcomm.errors import BadArgumentsError, ChannelClosedError, KcommError, WouldBlockError
from kcomm.live.results import Outlet

from .ends import run, run_on_loop
from .webcam_page import PHOTOGRAPH, CameraPage, Running, invert, until


class TestSnapshot:
    def test_waits_for_the_first_picture(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        cam.start()
        with ThreadPoolExecutor(1) as pool:
            taken = pool.submit(cam.snapshot, timeout=10)
            until(lambda: cam._service.journal.outlet.is_wanted)
            page.results(1)
            assert (taken.result(10)[1:] == 255 - PHOTOGRAPH[1:]).all()

    def test_is_a_copy(self, host):
        cam = kcomm.webcam(invert)
        CameraPage(host, cam).results(1)
        cam.snapshot()[:] = 0
        assert cam.snapshot().any()

    def test_ones_that_cannot_be(self, host):
        cam = kcomm.webcam(lambda image: 1 / 0)
        with pytest.raises(KcommError, match="does not run") as caught:
            cam.snapshot()
        assert caught.value.code == "kcomm.no_frame"
        cam.start()
        with pytest.raises(KcommError, match=r"none came within 0\.01 s"):
            cam.snapshot(timeout=0.01)
        CameraPage(host, cam).results(1)
        with pytest.raises(KcommError, match="division by zero") as caught:
            cam.snapshot()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        with pytest.raises(BadArgumentsError):
            cam.snapshot(timeout=-1)


class TestFrames:
    def test_come_in_a_row(self, host):
        cam = kcomm.webcam(invert, codec="png")
        cam.start()
        with Running(CameraPage(host, cam)) as running:
            frames = cam.frames(5)
            indices = [frame.index for frame in frames]
            assert indices == list(range(indices[0], indices[0] + 5))
            for frame in frames:
                assert (frame.pixels == 255 - running.page.picture(frame.index)).all()
                assert frame.captured == 1000.5 + frame.index
                assert "process" in frame.ms
            with pytest.raises(ValueError, match="read-only"):
                frames[0].pixels[:] = 0

    @pytest.mark.parametrize("n", [0, -1, 2.5, "3"])
    def test_no_number(self, host, n):
        with pytest.raises(BadArgumentsError, match=r"n is a number"):
            kcomm.webcam(invert).frames(n)

    def test_without_a_camera(self, host):
        cam = kcomm.webcam(invert)
        with pytest.raises(KcommError, match="0 of 2 frames came; the camera does not run") as caught:
            cam.frames(2)
        assert caught.value.code == "kcomm.no_frame"
        cam.start()
        with pytest.raises(KcommError, match=r"more than 0\.01 s"):
            cam.frames(2, timeout=0.01)

    def test_while_everything_fails(self, host):
        cam = kcomm.webcam(lambda image: 1 / 0)
        cam.start()
        with Running(CameraPage(host, cam)):
            until(lambda: cam.error is not None)
            with pytest.raises(KcommError, match="division by zero"):
                cam.frames(1, timeout=0.05)

    @pytest.mark.parametrize("end", ["stop", "close"])
    def test_an_end_ends_the_wait(self, host, end):
        cam = kcomm.webcam(invert)
        cam.start()
        with ThreadPoolExecutor(1) as pool:
            taken = pool.submit(cam.frames, 3, timeout=60)
            until(lambda: cam._service.journal.outlet.is_wanted)
            getattr(cam, end)()
            error = taken.exception(10)
        assert isinstance(error, ChannelClosedError if end == "close" else KcommError)

    def test_on_the_loop_it_would_block(self, host):
        cam = kcomm.webcam(invert)
        cam.start()

        async def ask():
            cam.frames(1)

        with pytest.raises(WouldBlockError, match="results"):
            run_on_loop(ask())


class TestResults:
    def test_with_data_on_any_loop(self, host):
        cam = kcomm.webcam(lambda image, frame: (255 - image, {"n": frame.index}), codec="png")

        async def collect():
            collected = []
            async for result in cam.results():
                collected.append(result)
                if len(collected) == 4:
                    return collected
            return []

        cam.start()
        with Running(CameraPage(host, cam)) as running:
            for run_it in (run, run_on_loop):
                results = run_it(collect())
                indices = [result.frame.index for result in results]
                assert indices == sorted(set(indices))
                for result in results:
                    assert result.data == {"n": result.frame.index}
                    assert (result.image == 255 - running.page.picture(result.frame.index)).all()
                    assert result.image is result.frame.pixels
                    assert not result.image.flags.writeable

    def test_who_is_slow_gets_the_newest(self, host):
        cam: Any = kcomm.webcam(invert)

        async def look_twice():
            results = cam.results()
            first = await anext(results)
            outlet = cam._service.journal.outlet
            await asyncio.to_thread(until, lambda: outlet.newest.frame.index >= first.frame.index + 20)
            second = await anext(results)
            return first.frame.index, second.frame.index

        cam.start()
        with Running(CameraPage(host, cam)):
            first, second = run(look_twice())
        assert second >= first + 19

    def test_closing_ends_them(self, host):
        cam = kcomm.webcam(invert)

        async def count():
            return [result async for result in cam.results()]

        with ThreadPoolExecutor(1) as pool:
            counted = pool.submit(run, count())
            until(lambda: cam._service.journal.outlet.is_wanted)
            cam.close()
            assert counted.result(10) == []
        assert run(count()) == []

    def test_a_wait_can_be_cancelled_and_loses_nothing(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)

        async def wait():
            results = cam.results()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(results), 0.05)
            await asyncio.to_thread(page.results, 1)
            return await anext(results)

        assert run(wait()).image.shape == PHOTOGRAPH.shape

    def test_two_waits_at_once_are_refused(self, host):
        cam = kcomm.webcam(invert)

        async def wait():
            results = cam.results()
            first = asyncio.ensure_future(anext(results))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="one place"):
                await anext(results)
            first.cancel()
            await results.aclose()
            with pytest.raises(StopAsyncIteration):
                await anext(results)

        run(wait())

    def test_who_iterates_holds_the_webcam(self, host):
        results = kcomm.webcam(invert).results()
        gc.collect()
        time.sleep(0.05)
        assert len(host._acceptors) == 1
        del results
        until(lambda: gc.collect() >= 0 and not host._acceptors)

    def test_an_iterator_that_is_dropped_is_forgotten(self, host):
        cam = kcomm.webcam(invert)

        async def look_once():
            async for result in cam.results():
                return np.array(result.image)
            return None

        cam.start()
        with Running(CameraPage(host, cam)):
            assert run(look_once()).shape == PHOTOGRAPH.shape
        gc.collect()
        assert len(cam._service.journal.outlet._readers) == 0


class TestEnds:
    async def test_results_that_are_asked_for_after_the_end_end_at_once(self):
        outlet = Outlet()
        outlet.end()
        results = outlet.read(None)
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(anext(results), 10)
        outlet.begin()
        waiting = asyncio.ensure_future(anext(results))
        await asyncio.sleep(0)
        outlet.publish(RESULT)
        assert await waiting is RESULT

    def test_a_wait_that_nobody_holds_any_more_is_over(self):
        outlet = Outlet()
        results = outlet.read(None)
        dropped = results.__anext__()

        async def begin():
            with contextlib.suppress(StopIteration):
                dropped.send(None)

        asyncio.run(begin())
        dropped.close()
        assert not results.is_waiting
        outlet.publish(RESULT)
        assert asyncio.run(first_of(results)) is RESULT

    def test_an_interrupt_leaves_no_lock_behind(self):
        outlet = Outlet()

        def interrupt():
            raise KeyboardInterrupt

        outlet.on_asked = interrupt
        with pytest.raises(KeyboardInterrupt):
            outlet.wait(lambda: False, 1)
        assert not outlet.is_wanted
        with ThreadPoolExecutor(1) as other:
            other.submit(outlet.publish, RESULT).result(timeout=10)

    def test_a_wait_longer_than_threads_can_wait(self, host):
        cam = kcomm.webcam(invert)
        cam.start()
        page = CameraPage(host, cam)
        with ThreadPoolExecutor(1) as pool:
            taken = pool.submit(cam.snapshot, timeout=1e10)
            until(lambda: cam._service.journal.outlet.is_wanted)
            page.results(1)
            taken.result(10)


RESULT: Any = object()


async def first_of(results):
    return await anext(results)


def test_what_a_cell_keeps_of_a_webcam_is_small(host):
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), np.uint8)
    cam = kcomm.webcam(lambda image: noise)
    CameraPage(host, cam).results(1)
    shown = cam._repr_mimebundle_()
    assert len(shown["image/png"]) < 400_000
