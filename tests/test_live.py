"""The webcam loop, over a channel, with a page that sends a real photograph."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
from typing import Any

import numpy as np
import pytest
from skimage import data
from skimage.filters import roberts

import kcomm
from kcomm.errors import BadArgumentsError, ChannelClosedError, KcommError, NoKernelError
from kcomm.frames import Frame

PHOTOGRAPH = data.astronaut()[:240, :320]


class Page:
    """A page with a camera that shows a photograph, its first pixel counting the frames."""

    def __init__(self, host, cam, codec="png", image=PHOTOGRAPH):
        self.cam = cam
        self.codec = codec
        self.image = image
        self.sent = 0
        self.options = None
        self.commands: list[Any] = []
        self.channel = host.connect(cam.target)
        self.channel.handle_stream("camera", self.camera, volatile=True)
        self.channel.on("control", self.commands.append)

    async def camera(self, options):
        self.options = options
        while True:
            image = self.image.copy()
            image[0, 0] = self.sent
            frame = Frame.of(image, index=self.sent, captured=1000.5 + self.sent, ms={"capture": 2})
            self.sent += 1
            yield frame.encoded(self.codec).to_message()

    def results(self, n, window=2):
        with self.channel.stream("results", window=window) as stream:
            return [next(stream) for _ in range(n)]

    def info(self):
        return self.channel.call("info").result(timeout=10)


def pixels(message):
    assert "error" not in message, message
    return Frame.from_message(message).pixels


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)


def invert(image):
    return 255 - image


def code_of(error):
    assert isinstance(error, KcommError)
    return error.code


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
        page = Page(host, kcomm.webcam(process=kcomm.edges, codec="png"))
        for number, message in enumerate(page.results(3)):
            image = PHOTOGRAPH.copy()
            image[0, 0] = number
            assert (pixels(message) == kcomm.edges(image)).all()


class TestLoop:
    def test_what_goes_round(self, host):
        page = Page(host, kcomm.webcam(invert, size=(320, 240), fps=15, mirror=False, quality=0.5))
        expected = {"width": 320, "height": 240, "fps": 15.0, "mirror": False, "quality": 0.5}
        assert page.info() == {**expected, "state": "idle"}
        messages = page.results(4)
        assert page.options == expected
        assert [message["index"] for message in messages] == [0, 1, 2, 3]
        assert [message["captured"] for message in messages] == [1000.5, 1001.5, 1002.5, 1003.5]
        assert {message["codec"] for message in messages} == {"jpeg"}
        assert set(messages[0]["ms"]) == {"decode", "process", "encode"}

    def test_the_credit_of_the_page_drives_the_camera(self, host):
        page = Page(host, kcomm.webcam(invert))
        with page.channel.stream("results", window=2) as results:
            next(results)
            time.sleep(0.3)
            # two results granted, and the camera two ahead
            assert page.sent <= 1 + 2 + 2
            before = page.sent
            next(results)
            until(lambda: page.sent == before + 1)

    def test_leaving_ends_the_camera(self, host):
        page = Page(host, kcomm.webcam(invert))
        page.results(2)
        time.sleep(0.1)
        sent = page.sent
        time.sleep(0.2)
        assert page.sent == sent

    @pytest.mark.parametrize("codec", ["jpeg", "png", "webp", "zlib", "raw"])
    def test_any_codec_of_the_camera(self, host, codec):
        process, shapes = keeping_shapes()
        page = Page(host, kcomm.webcam(process), codec)
        pixels(page.results(1)[0])
        assert shapes == {(240, 320, 3)}

    @pytest.mark.parametrize("image", [PHOTOGRAPH[..., 0], np.dstack([PHOTOGRAPH, PHOTOGRAPH[..., 0]])])
    def test_a_function_always_gets_rgb(self, host, image):
        process, shapes = keeping_shapes()
        page = Page(host, kcomm.webcam(process), image=image)
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
        page = Page(host, cam)
        (message,) = page.results(1)
        assert pixels(message).shape == shape
        assert cam.snapshot().shape == shape

    def test_a_function_may_change_what_it_is_given(self, host):
        def blacken(image):
            image[:] = 0
            return image

        for codec in ("jpeg", "png", "raw"):
            assert (pixels(Page(host, kcomm.webcam(blacken), codec).results(1)[0])[..., :3] == 0).all()

    def test_no_function_shows_the_camera_as_it_is(self, host):
        page = Page(host, kcomm.webcam())
        (message,) = page.results(1)
        assert (pixels(message)[1:] == PHOTOGRAPH[1:]).all()
        assert (page.cam.snapshot()[1:] == PHOTOGRAPH[1:]).all()

    def test_an_async_function(self, host):
        threads = set()

        async def process(image):
            threads.add(threading.current_thread().name)
            await asyncio.sleep(0.001)
            return 255 - image

        (message,) = Page(host, kcomm.webcam(process, codec="png")).results(1)
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

        page = Page(host, kcomm.webcam(process))
        with page.channel.stream("results", window=2) as results:
            assert begun.wait(10)
            assert page.info()["state"] == "idle"  # the protocol does not stand still meanwhile
            let_go.set()
            next(results)
            next(results)
        assert threads == {f"{page.cam.target}-process"}

    def test_a_new_function_takes_effect_at_once(self, host):
        cam = kcomm.webcam(lambda image: np.zeros((4, 4)))
        page = Page(host, cam)
        with page.channel.stream("results", window=1) as results:
            assert next(results)["width"] == 4
            cam.process = lambda image: np.zeros((5, 5))
            assert 5 in [next(results)["width"] for _ in range(3)]

    def test_two_pages_at_once_one_frame_at_a_time(self, host):
        inside = []

        def process(image):
            inside.append(1)
            assert len(inside) == 1
            time.sleep(0.002)
            inside.pop()
            return image

        cam = kcomm.webcam(process)
        one, two = Page(host, cam), Page(host, cam)
        with one.channel.stream("results") as first, two.channel.stream("results") as second:
            for _ in range(10):
                pixels(next(first))
                pixels(next(second))

    def test_a_function_that_never_returns_holds_up_nobody_else(self, host):
        stuck, let_go = threading.Event(), threading.Event()

        def hang(image):
            stuck.set()
            let_go.wait(30)
            return image

        cam = kcomm.webcam(hang)
        page = Page(host, cam)
        with page.channel.stream("results"):
            assert stuck.wait(10)
        cam.process = invert
        pixels(page.results(1)[0])
        let_go.set()


class TestFailures:
    def test_a_function_that_raises_costs_that_frame(self, host, caplog):
        def process(image):
            if image[0, 0, 0] % 2:
                raise ValueError("an odd frame")
            return image

        cam = kcomm.webcam(process)
        told: list[Any] = []
        cam.on_error = told.append
        page = Page(host, cam)
        with caplog.at_level(logging.ERROR, "kcomm.live"):
            messages = page.results(5, window=1)
        assert ["error" in message for message in messages] == [False, True, False, True, False]
        assert messages[1] == {
            "index": 1,
            "error": {"code": "kcomm.handler_error", "message": "frame 1: ValueError: an odd frame"},
        }
        (record,) = [record for record in caplog.records if record.name == "kcomm.live"]
        assert record.exc_info[0] is ValueError
        assert [str(error) for error in told[:2]] == ["an odd frame"] * 2

    def test_the_error_is_kept_until_a_frame_succeeds(self, host):
        cam = kcomm.webcam(lambda image: 1 / 0)
        page = Page(host, cam)
        page.results(1)
        assert isinstance(cam.error, ZeroDivisionError)
        cam.process = invert
        page.results(1)
        assert cam.error is None

    @pytest.mark.parametrize(
        ("result", "said"),
        [
            (None, "returned None"),
            ("x", "got str"),
            (np.zeros((2, 2), int), "int64"),
            (np.ones(3), r"\(3,\)"),
        ],
    )
    def test_what_is_no_image(self, host, result, said):
        (message,) = Page(host, kcomm.webcam(lambda image: result)).results(1)
        assert message["error"]["code"] == "kcomm.bad_value"
        assert said.replace("\\", "") in message["error"]["message"]

    def test_on_error_that_raises(self, host, caplog):
        cam = kcomm.webcam(lambda image: 1 / 0)
        cam.on_error = lambda error: 1 / 0
        page = Page(host, cam)
        page.results(2)
        cam.process = invert
        pixels(page.results(1)[0])
        assert "on_error raised" in caplog.text

    @pytest.mark.parametrize(
        "frame",
        [
            None,
            [],
            {},
            {"index": 1, "width": 5, "height": 5, "codec": "jpeg", "data": b"no jpeg"},
            {"index": 1, "width": 5, "height": 5, "codec": "raw", "data": b"1234"},
            {"index": -7, "width": 10**6, "height": 10**6, "codec": "zlib", "data": b""},
            {"index": "x", "width": 5, "height": 5, "codec": "__class__", "data": b""},
        ],
    )
    def test_a_page_that_sends_garbage(self, host, frame):
        cam = kcomm.webcam(invert)
        page = Page(host, cam)

        async def camera(options):
            yield frame
            async for good in page.camera(options):
                yield good

        page.channel.handle_stream("camera", camera, volatile=True)
        bad, good = page.results(2)
        assert bad["error"]["code"] in ("kcomm.bad_value", "kcomm.too_large")
        assert bad["index"] >= 0
        pixels(good)

    @pytest.mark.parametrize(
        "code", [f"kcomm.camera_{name}" for name in ("denied", "missing", "busy", "insecure", "failed")]
    )
    def test_a_camera_that_fails_reaches_python_by_name(self, host, code):
        cam = kcomm.webcam(invert)
        told: list[Any] = []
        cam.on_error = told.append
        page = Page(host, cam)
        page.channel.emit("state", {"state": "idle", "error": {"code": code, "message": "no"}}, latest=True)
        until(lambda: told)
        assert isinstance(cam.error, KcommError)
        assert (cam.error.code, cam.error.message, told) == (code, "no", [cam.error])
        page.channel.emit("state", {"state": "running", "error": None}, latest=True)
        until(lambda: cam.error is None)

    def test_a_camera_stream_that_fails(self, host):
        cam = kcomm.webcam(invert)
        page = Page(host, cam)

        async def camera(options):
            if options:
                raise KcommError("somebody else has it", code="kcomm.camera_busy")
            yield

        page.channel.handle_stream("camera", camera, volatile=True)
        assert list(page.channel.stream("results")) == []
        assert code_of(cam.error) == "kcomm.camera_busy"

    def test_a_page_without_a_camera_stream(self, host):
        cam = kcomm.webcam(invert)
        channel = host.connect(cam.target)
        assert list(channel.stream("results")) == []
        assert code_of(cam.error) == "kcomm.unknown_method"

    def test_a_page_that_repeats_what_it_was_told(self, host):
        cam = kcomm.webcam(lambda image: 1 / 0)
        page = Page(host, cam)
        (message,) = page.results(1)
        page.channel.emit("state", {"state": "paused", "error": message["error"]})
        until(lambda: cam.state == "paused")
        assert isinstance(cam.error, ZeroDivisionError)

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("process", 3),
            ("size", 640),
            ("size", (640,)),
            ("size", (0, 480)),
            ("size", ("a", "b")),
            ("size", (1.5, 2)),
            ("fps", 0),
            ("fps", "max"),
            ("quality", 85),
            ("codec", "gif"),
        ],
    )
    def test_options_out_of_range(self, host, option, value):
        with pytest.raises(BadArgumentsError) as caught:
            kcomm.webcam(**{option: value})
        assert repr(value) in caught.value.message

    def test_outside_a_kernel(self):
        with pytest.raises(NoKernelError):
            kcomm.webcam()


class TestWebcam:
    def test_commands_reach_every_page(self, host):
        cam = kcomm.webcam(invert)
        pages = [Page(host, cam), Page(host, cam)]
        cam.start()
        cam.pause()
        cam.stop()
        expected = [{"action": action} for action in ("start", "pause", "stop")]
        for page in pages:
            until(lambda page=page: page.commands == expected)

    @pytest.mark.parametrize(
        ("command", "state"), [("start", "running"), ("pause", "paused"), ("stop", "idle")]
    )
    def test_commands_before_any_page(self, host, command, state):
        cam = kcomm.webcam(invert)
        getattr(cam, command)()
        assert Page(host, cam).info()["state"] == cam.state == state

    def test_a_page_tells_its_state(self, host):
        cam = kcomm.webcam(invert)
        page = Page(host, cam)
        page.results(3)
        page.channel.emit(
            "state",
            {"state": "running", "error": None, "painted": 3, "dropped": 1, "rate": 24.5, "delay": 40.5}
            | {"ms": {"show": 1.5}, "device": "Front"},
        )
        until(lambda: cam.state == "running")
        stats = cam.stats()
        assert (stats.painted, stats.dropped, stats.fps) == (3, 1, 24.5)
        assert stats.drawn >= 3
        assert set(stats.ms) == {"capture", "camera_encode", "decode", "process", "encode", "show", "delay"}

    def test_snapshot_waits_for_the_first_picture(self, host):
        cam = kcomm.webcam(invert)
        page = Page(host, cam)
        cam.start()
        taken = []
        thread = threading.Thread(target=lambda: taken.append(cam.snapshot(timeout=10)))
        thread.start()
        page.results(1)
        thread.join(10)
        assert (taken[0][1:] == 255 - PHOTOGRAPH[1:]).all()

    def test_a_snapshot_is_a_copy(self, host):
        cam = kcomm.webcam(invert)
        Page(host, cam).results(1)
        cam.snapshot()[:] = 0
        assert cam.snapshot().any()

    def test_snapshots_that_cannot_be(self, host):
        cam = kcomm.webcam(lambda image: 1 / 0)
        with pytest.raises(KcommError, match="does not run") as caught:
            cam.snapshot()
        assert caught.value.code == "kcomm.no_frame"
        cam.start()
        with pytest.raises(KcommError, match=r"none came within 0\.01 s"):
            cam.snapshot(timeout=0.01)
        Page(host, cam).results(1)
        with pytest.raises(KcommError, match="division by zero") as caught:
            cam.snapshot()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    def test_closed(self, host):
        cam = kcomm.webcam(invert)
        page = Page(host, cam)
        cam.close()
        cam.close()
        until(lambda: page.channel.is_closed)
        with pytest.raises(ChannelClosedError, match="the webcam was closed"):
            cam.start()

    def test_one_that_nobody_holds_is_closed(self, host):
        target = kcomm.webcam(invert).target
        until(lambda: gc.collect() >= 0 and target not in host._acceptors)

    def test_repr(self, host):
        cam: Any = kcomm.webcam(kcomm.edges)
        assert repr(cam) == "<kcomm.Webcam: idle, through edges>"
        cam.process = None
        cam.start()
        assert repr(cam) == "<kcomm.Webcam: running>"
        with pytest.raises(BadArgumentsError):
            cam.process = "edges"
        with pytest.raises(BadArgumentsError):
            cam.on_error = "tell me"
