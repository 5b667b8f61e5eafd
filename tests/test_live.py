"""The webcam loop, over a channel, with a page that sends a real photograph."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from skimage.filters import roberts

import kcomm
from kcomm.frames import Frame
from kcomm.live.line import Arrival, Line
from kcomm.live.processing import Processor
from kcomm.live.sharing import SharedProcessor

from .webcam_page import PHOTOGRAPH, CameraPage, invert, pixels, until


def keeping_shapes():
    """A function that keeps the shapes of what it is given, and the set of them."""
    shapes = set()

    def process(image):
        shapes.add(image.shape)
        return image

    return process, shapes


class TestEdges:
    def test_equal_to_scikit_image(self):
        expected = (255 - roberts(PHOTOGRAPH[:, :, 0] / 255.0) * 255).astype(np.uint8)
        got = kcomm.edges(PHOTOGRAPH)
        assert got.dtype == np.uint8
        assert (got == expected).all()

    @pytest.mark.parametrize("channels", [1, 3, 4])
    def test_any_channels(self, channels):
        image = np.repeat(PHOTOGRAPH[..., :1], channels, axis=2)
        assert (kcomm.edges(image) == kcomm.edges(image[..., 0])).all()

    def test_through_the_loop(self, host):
        page = CameraPage(host, kcomm.webcam(process=kcomm.edges, codec="png"))
        for number, message in enumerate(page.results(3)):
            assert (pixels(message) == kcomm.edges(page.picture(number))).all()


class TestLoop:
    def test_what_goes_round(self, host):
        page = CameraPage(host, kcomm.webcam(invert, size=(320, 240), fps=15, mirror=False, quality=0.5))
        info = page.info()
        expected: dict[str, Any] = {"width": 320, "height": 240, "fps": 15.0, "mirror": False, "quality": 0.5}
        expected |= {"state": "idle", "source": None, "show": "result", "opacity": 0.5, "title": "webcam"}
        expected |= {"device": None, "byte_rate": None, "codecs": info["codecs"]}
        assert info == expected
        messages = page.results(4)
        assert page.options == expected
        assert [message["index"] for message in messages] == [0, 1, 2, 3]
        assert [message["captured"] for message in messages] == [1000.5, 1001.5, 1002.5, 1003.5]
        assert {message["codec"] for message in messages} == {"jpeg"}
        assert set(messages[0]["ms"]) == {"wait", "decode", "process", "encode"}
        assert all(message["pace"] > 0 and message["skipped"] == 0 for message in messages)

    def test_what_cameras_may_send(self, host):
        codecs = CameraPage(host, kcomm.webcam()).info()["codecs"]
        assert codecs[0] == "h264"
        assert codecs.index("jpeg") < codecs.index("rgb")
        assert not {"delta", "qoiz"} & set(codecs)
        assert CameraPage(host, kcomm.webcam(camera_codec="webp")).info()["codecs"] == ["webp"]

    def test_leaving_ends_the_camera(self, host):
        page = CameraPage(host, kcomm.webcam(invert))
        page.results(2)
        until(lambda: page.left == 1)

    def test_a_page_may_begin_anew(self, host):
        page = CameraPage(host, kcomm.webcam(invert))
        for _ in range(3):
            assert [message["index"] for message in page.results(3)] == [0, 1, 2]

    @pytest.mark.parametrize("codec", ["jpeg", "png", "webp", "zlib", "raw", "rgb", "h264", "vp9"])
    def test_any_codec_of_the_camera(self, host, codec):
        process, shapes = keeping_shapes()
        cam = kcomm.webcam(process)
        page = CameraPage(host, cam, codec)
        pixels(page.results(2)[1])
        assert shapes == {(240, 320, 3)}
        assert cam.stats().camera_codec == codec

    @pytest.mark.parametrize("image", [PHOTOGRAPH[..., 0], np.dstack([PHOTOGRAPH, PHOTOGRAPH[..., 0]])])
    def test_a_function_always_gets_rgb(self, host, image):
        process, shapes = keeping_shapes()
        page = CameraPage(host, kcomm.webcam(process), image=image)
        pixels(page.results(1)[0])
        assert shapes == {(240, 320, 3)}

    @pytest.mark.parametrize(
        ("process", "shape"),
        [
            (lambda image: image[..., 0], (240, 320)),
            (lambda image: image[:, ::2, :3], (240, 160, 3)),
            (lambda image: np.dstack([image, image[..., 0]]), (240, 320, 4)),
            (lambda image: image / 255, (240, 320, 3)),
            (lambda image: (image[..., 0] / 255).astype(np.float16), (240, 320)),
            (lambda image: image[..., 0] > 100, (240, 320)),
        ],
        ids=["grey", "view", "rgba", "float", "half", "bool"],
    )
    def test_any_image_comes_back(self, host, process, shape):
        cam = kcomm.webcam(process, codec="png")
        page = CameraPage(host, cam)
        (message,) = page.results(1)
        assert pixels(message).shape == shape
        assert cam.snapshot().shape == shape

    def test_a_function_may_change_what_it_is_given(self, host):
        def blacken(image):
            image[:] = 0
            return image

        for codec in ("jpeg", "png", "raw"):
            page = CameraPage(host, kcomm.webcam(blacken), codec)
            assert (pixels(page.results(1)[0])[..., :3] == 0).all()

    def test_no_function_shows_the_camera_as_it_is(self, host):
        page = CameraPage(host, kcomm.webcam())
        for number, message in enumerate(page.results(2)):
            assert message["data"] == page.message(number)["data"]
        assert (page.cam.snapshot()[1:] == PHOTOGRAPH[1:]).all()

    def test_no_function_for_a_page_that_reads_less_than_it_sends(self, host):
        page = CameraPage(host, kcomm.webcam(), codecs=["jpeg"])
        assert {message["codec"] for message in page.results(2)} == {"jpeg"}

    def test_the_frame_goes_with_the_image(self, host):
        seen = []

        def process(image, frame):
            seen.append((frame.index, frame.captured, frame.width, frame.height))
            return image

        CameraPage(host, kcomm.webcam(process)).results(2)
        assert seen[:2] == [(0, 1000.5, 320, 240), (1, 1001.5, 320, 240)]

    def test_steps_are_timed_by_name(self, host):
        def halve(image):
            return image[::2, ::2]

        (message,) = CameraPage(host, kcomm.webcam([invert, halve], codec="png")).results(1)
        assert pixels(message).shape == (120, 160, 3)
        assert set(message["ms"]) == {"wait", "decode", "process", "invert", "halve", "encode"}

    def test_an_async_function(self, host):
        threads = set()

        async def process(image):
            threads.add(threading.current_thread().name)
            await asyncio.sleep(0.001)
            return 255 - image

        (message,) = CameraPage(host, kcomm.webcam(process, codec="png")).results(1)
        assert (pixels(message)[1:] == 255 - PHOTOGRAPH[1:]).all()
        assert threads == {"kcomm"}
        assert message["ms"]["process"] >= 1

    def test_a_plain_function_has_a_thread_of_its_own(self, host):
        threads = set()
        begun, let_go = threading.Event(), threading.Event()

        def process(image):
            threads.add(threading.current_thread().name)
            begun.set()
            let_go.wait(10)
            return image

        page = CameraPage(host, kcomm.webcam(process))
        with page.channel.stream("results", window=2) as results:
            assert begun.wait(10)
            assert page.info()["state"] == "idle"  # the protocol does not stand still meanwhile
            let_go.set()
            page.take(next(results))
            page.take(next(results))
        assert threads == {f"{page.cam.target}-process"}

    def test_a_new_function_takes_effect_at_once(self, host):
        cam = kcomm.webcam(lambda image: np.zeros((4, 4)))
        page = CameraPage(host, cam)
        with page.channel.stream("results", window=1) as results:
            assert page.take(next(results))["width"] == 4
            cam.process = lambda image: np.zeros((5, 5))
            assert 5 in [page.take(next(results))["width"] for _ in range(4)]

    def test_data_reach_every_page(self, host):
        cam = kcomm.webcam(lambda image, frame: (image, {"mean": float(image.mean()), "n": frame.index}))
        page, other = CameraPage(host, cam), CameraPage(host, cam)
        page.results(3)
        until(lambda: len(page.data) >= 3 and len(other.data) >= 3)
        assert [told["index"] for told in page.data[:3]] == [0, 1, 2]
        assert [told["data"]["n"] for told in other.data[:3]] == [0, 1, 2]


class TestNewestWins:
    """A function that is slower than the camera gets the newest frame, and the page is told."""

    def test_what_is_passed_over_is_counted(self, host):
        gates: list[threading.Event] = [threading.Event() for _ in range(2)]
        given: list[int] = []

        def process(image, frame):
            given.append(frame.index)
            if len(given) <= 2:
                assert gates[len(given) - 1].wait(10)
            return image

        cam = kcomm.webcam(process)
        page = CameraPage(host, cam, inflight=8)
        with page.channel.stream("results", window=8) as results:
            until(lambda: cam.stats().skipped == 6)  # one is at work, the newest one waits
            gates[0].set()
            assert page.take(next(results))["skipped"] == 0
            until(lambda: len(given) == 2)
            gates[1].set()
            second = page.take(next(results))
            assert (second["index"], second["skipped"]) == (7, 6)
            assert given[:2] == [0, 7]
            # What was passed over makes room at the page like what was painted.
            assert page.take(next(results))["index"] > 7
        assert cam.stats().skipped >= 6

    def test_the_pace_is_that_of_the_slowest_stage(self, host):
        def process(image):
            time.sleep(0.03)
            return image

        page = CameraPage(host, kcomm.webcam(process))
        assert page.results(4)[-1]["pace"] >= 30

    def test_no_credit_no_result(self, host):
        """A page that is slow itself does not have results queue up for it."""
        given: list[int] = []

        def process(image, frame):
            given.append(frame.index)
            return image

        cam = kcomm.webcam(process)
        page = CameraPage(host, cam, inflight=40)
        with page.channel.stream("results", window=2) as results:
            until(lambda: page.sent == 40)
            # Two are sent, one waits for credit, and the newest one for its turn.
            until(lambda: cam.stats().skipped == 36)
            assert len(given) <= 4
            indices = [page.take(next(results))["index"] for _ in range(4)]
            assert indices == sorted(indices)
            assert 39 in indices


class TestSeveralPages:
    def test_two_pages_at_once_one_frame_at_a_time(self, host):
        inside = []

        def process(image):
            inside.append(1)
            assert len(inside) == 1
            time.sleep(0.002)
            inside.pop()
            return image

        cam = kcomm.webcam(process)
        one, two = CameraPage(host, cam), CameraPage(host, cam)
        with one.channel.stream("results") as first, two.channel.stream("results") as second:
            for _ in range(10):
                pixels(one.take(next(first)))
                pixels(two.take(next(second)))

    def test_two_pages_halve_the_pace(self, host):
        def process(image):
            time.sleep(0.02)
            return image

        cam = kcomm.webcam(process)
        one, two = CameraPage(host, cam), CameraPage(host, cam)
        with one.channel.stream("results") as first, two.channel.stream("results") as second:
            for _ in range(3):
                one.take(next(first))
                last = two.take(next(second))
        assert last["pace"] >= 40

    def test_a_function_that_never_returns_holds_up_nobody_else(self, host):
        stuck, let_go = threading.Event(), threading.Event()

        def hang(image):
            stuck.set()
            let_go.wait(30)
            return image

        cam = kcomm.webcam(hang)
        page = CameraPage(host, cam)
        with page.channel.stream("results"):
            assert stuck.wait(10)
        cam.process = invert
        pixels(page.results(1)[0])
        let_go.set()

    def test_a_page_that_goes_in_the_middle_of_a_frame(self, host):
        begun, let_go = threading.Event(), threading.Event()

        def process(image):
            begun.set()
            assert let_go.wait(10)
            return image

        cam = kcomm.webcam(process)
        one, two = CameraPage(host, cam), CameraPage(host, cam)
        stream = one.channel.stream("results")
        assert begun.wait(10)
        with two.channel.stream("results") as results:
            one.channel.close()
            let_go.set()
            pixels(two.take(next(results)))
        del stream
        until(lambda: len(cam._service._exchanges) == 1)


class TestExecutor:
    def test_several_at_once_and_in_order(self, host):
        together = threading.Barrier(2)
        first_of_two = {0: threading.Event()}

        def process(image, frame):
            if frame.index < 2:
                together.wait(10)  # both are at work
            if frame.index == 0:
                assert first_of_two[0].wait(10)  # and the later one is done first
            if frame.index == 1:
                first_of_two[0].set()
            return image

        with ThreadPoolExecutor(2) as pool:
            cam = kcomm.webcam(process, executor=pool)
            page = CameraPage(host, cam, inflight=4)
            with page.channel.stream("results", window=8) as results:
                indices = [page.take(next(results))["index"] for _ in range(6)]
            assert indices[:2] == [0, 1]
            assert indices == sorted(indices)
            cam.close()

    def test_workers_share_the_pace(self, host):
        def process(image):
            time.sleep(0.04)
            return image

        with ThreadPoolExecutor(4) as pool:
            cam = kcomm.webcam(process, executor=pool)
            page = CameraPage(host, cam, "raw", image=PHOTOGRAPH[:16, :16], inflight=6)
            message: Any = page.results(12, window=8)[-1]
            assert message["pace"] < message["ms"]["process"] / 2
            cam.close()


async def test_no_more_failed_frames_wait_than_can_be_told():
    let_go = asyncio.Event()

    async def slow(image):
        await let_go.wait()
        return image

    skipped: list[None] = []
    line = Line(SharedProcessor(Processor("slow", slow)), lambda: skipped.append(None))
    for index in range(2):  # one under way, and one that waits in front
        line.offer(Arrival(Frame.of(PHOTOGRAPH, index=index)))
        await asyncio.sleep(0.05)
    for index in range(2, 102):
        line.offer(Arrival(Frame(1, 1, "raw", b"", index), error=ValueError("broken")))
    assert len(skipped) == 100 - 16
    line.finish()
    let_go.set()
    indices = [done.arrival.frame.index async for done in results_of(line)]
    assert indices == [0, 1, *range(86, 102)]
    line.close()


async def results_of(line):
    while (done := await line.next()) is not None:
        yield done
