"""What goes wrong with a webcam costs a frame or a camera, has a name, and is told once to each who asks."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import kcomm
from kcomm.errors import BadArgumentsError, BadValueError, KcommError, NoKernelError

from .webcam_page import CODECS, CameraPage, invert, pixels, until


def code_of(error):
    assert isinstance(error, KcommError)
    return error.code


class TestTheFunction:
    def test_one_that_raises_costs_that_frame(self, host, caplog):
        def process(image):
            if image[0, 0, 0] % 2:
                raise ValueError("an odd frame")
            return image

        cam = kcomm.webcam(process)
        told: list[Any] = []
        cam.on_error = told.append
        page = CameraPage(host, cam)
        with caplog.at_level(logging.ERROR, "kcomm.live"):
            messages = page.results(5)
        assert ["error" in message for message in messages] == [False, True, False, True, False]
        failed = messages[1]
        assert (failed["index"], failed["skipped"]) == (1, 0)
        assert failed["error"] == {
            "code": "kcomm.handler_error",
            "message": "frame 1: ValueError: an odd frame",
        }
        (record,) = [record for record in caplog.records if record.name == "kcomm.live"]
        assert record.exc_info[0] is ValueError
        until(lambda: len(told) >= 2)
        assert [str(error) for error in told[:2]] == ["an odd frame"] * 2

    def test_the_error_is_kept_until_a_frame_succeeds(self, host):
        cam = kcomm.webcam(lambda image: 1 / 0)
        page = CameraPage(host, cam)
        page.results(1)
        assert isinstance(cam.error, ZeroDivisionError)
        cam.process = invert
        page.results(1)
        until(lambda: cam.error is None)

    @pytest.mark.parametrize(
        ("result", "said"),
        [
            (None, "returned None"),
            ("x", "got str"),
            (np.zeros((2, 2), int), "int64"),
            (np.ones(3), "(3,)"),
            ((np.zeros((2, 2)), 1, 2), "a tuple of 3"),
        ],
    )
    def test_what_is_no_image(self, host, result, said):
        (message,) = CameraPage(host, kcomm.webcam(lambda image: result)).results(1)
        assert message["error"]["code"] == "kcomm.bad_value"
        assert said in message["error"]["message"]

    def test_data_that_can_not_be_sent(self, host):
        cam = kcomm.webcam(lambda image: (image, {1, 2}))
        page = CameraPage(host, cam)
        (message,) = page.results(1)
        assert message["error"]["code"] == "kcomm.bad_value"
        assert "set" in message["error"]["message"]
        assert isinstance(cam.error, BadValueError)
        cam.process = lambda image: (image, [1, 2])
        pixels(page.results(1)[0])

    @pytest.mark.parametrize("is_async", [False, True])
    def test_one_that_takes_too_long_is_given_up(self, host, is_async):
        let_go = threading.Event()

        def hang(image):
            assert let_go.wait(30)
            return image

        async def hang_async(image):
            await asyncio.sleep(30)

        cam = kcomm.webcam(hang_async if is_async else hang, timeout=0.1)
        page = CameraPage(host, cam)
        with page.channel.stream("results", window=4) as results:
            for _ in range(2):
                message = page.take(next(results))
                assert message["error"]["code"] == "kcomm.process_timeout"
            assert code_of(cam.error) == "kcomm.process_timeout"
            cam.process = invert
            while "error" in (message := page.take(next(results))):
                pass
            pixels(message)
        let_go.set()

    def test_one_of_an_executor_that_was_shut_down(self, host):
        pool = ThreadPoolExecutor(1)
        page = CameraPage(host, kcomm.webcam(invert, executor=pool))
        pixels(page.results(1)[0])
        pool.shutdown()
        (message,) = page.results(1)
        assert message["error"]["code"] == "kcomm.pool_closed"

    def test_on_error_that_raises(self, host, caplog):
        cam = kcomm.webcam(lambda image: 1 / 0)
        cam.on_error = lambda error: 1 / 0
        page = CameraPage(host, cam)
        page.results(2)
        cam.process = invert
        pixels(page.results(1)[0])
        until(lambda: "on_error raised" in caplog.text)

    def test_on_error_that_does_not_return_stops_nothing(self, host):
        begun, let_go = threading.Event(), threading.Event()

        def on_error(error):
            begun.set()
            let_go.wait(30)

        cam = kcomm.webcam(lambda image: 1 / 0, timeout=0.2)
        cam.on_error = on_error
        page = CameraPage(host, cam)
        page.results(1)
        assert begun.wait(10)
        cam.process = invert
        pixels(page.results(1)[0])
        let_go.set()

    def test_on_error_that_is_slow_is_told_the_newest(self, host):
        let_go = threading.Event()
        told: list[str] = []

        def on_error(error):
            told.append(str(error))
            assert let_go.wait(30)

        def process(image, frame):
            raise ValueError(frame.index)

        with ThreadPoolExecutor(2) as pool:
            cam = kcomm.webcam(process, executor=pool)
            cam.on_error = on_error
            CameraPage(host, cam).results(60)
            let_go.set()
            until(lambda: told[-1] == str(cam.error))
        assert told[0] == "0"
        assert len(told) < 20


class TestThePage:
    @pytest.mark.parametrize(
        "frame",
        [
            None,
            [],
            {},
            {"index": 1, "width": 5, "height": 5, "codec": "jpeg", "data": b"no jpeg"},
            {"index": 1, "width": 5, "height": 5, "codec": "raw", "data": b"1234"},
            {"index": 1, "width": 5, "height": 5, "codec": "h264", "data": b"no video"},
            {"index": 1, "width": 5, "height": 5, "codec": "delta", "data": b"", "base": 7},
            {"index": -7, "width": 10**6, "height": 10**6, "codec": "zlib", "data": b""},
            {"index": "x", "width": 5, "height": 5, "codec": "__class__", "data": b""},
        ],
    )
    def test_one_that_sends_garbage(self, host, frame):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)

        async def camera(options):
            yield frame
            async for good in page.camera(options):
                yield good

        page.channel.handle_stream("camera", camera, volatile=True)
        bad, good = page.results(2)
        assert bad["error"]["code"] in ("kcomm.bad_value", "kcomm.too_large")
        assert bad["index"] >= 0
        pixels(good)

    def test_one_that_sends_nothing_but_garbage(self, host):
        """Failures queue no more than frames do."""
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)

        async def camera(options):
            for number in range(100):
                yield {"index": number}

        page.channel.handle_stream("camera", camera, volatile=True)
        stream = page.channel.stream("results", window=1)
        until(lambda: cam.stats().skipped > 50)
        messages = list(stream)
        assert all("error" in message for message in messages)
        assert len(messages) + sum(message["skipped"] for message in messages) == 100
        assert messages[-1]["index"] == 99

    @pytest.mark.parametrize("budget", [None, "x", -1, 0, 2.5, True])
    def test_a_budget_that_is_none(self, host, budget):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)

        async def camera(options):
            yield {**page.message(0), "budget": budget}

        page.channel.handle_stream("camera", camera, volatile=True)
        pixels(next(page.channel.stream("results")))

    @pytest.mark.parametrize(
        "code",
        [
            f"kcomm.camera_{name}"
            for name in ("denied", "missing", "busy", "insecure", "forbidden", "lost", "failed")
        ],
    )
    def test_a_camera_that_fails_reaches_python_by_name(self, host, code):
        cam = kcomm.webcam(invert)
        told: list[Any] = []
        cam.on_error = told.append
        page = CameraPage(host, cam)
        for _ in range(2):  # pages repeat themselves
            page.report(state="idle", error={"code": code, "message": "no"})
            until(lambda: told)
        assert isinstance(cam.error, KcommError)
        assert (cam.error.code, cam.error.message, told) == (code, "no", [cam.error])
        page.report(state="running")
        until(lambda: cam.error is None)

    def test_an_error_of_the_page_stays_until_the_page_says_so(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        page.report(state="running", error={"code": "kcomm.bad_value", "message": "can't be shown"})
        until(lambda: cam.error is not None)
        page.results(3)
        assert code_of(cam.error) == "kcomm.bad_value"
        page.report(state="running")
        until(lambda: cam.error is None)

    def test_a_camera_stream_that_fails(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)

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

    def test_one_that_repeats_what_it_was_told(self, host):
        cam = kcomm.webcam(lambda image: 1 / 0)
        page = CameraPage(host, cam)
        (message,) = page.results(1)
        page.report(state="paused", error=message["error"])
        until(lambda: cam.state == "paused")
        assert isinstance(cam.error, ZeroDivisionError)

    @pytest.mark.parametrize(
        "report",
        [
            {"state": "no such"},
            {"state": ["idle"], "error": "no map", "device": 5, "devices": "Front", "show": {}},
            {"delay": "x", "ms": 3, "bytes_up": -1, "bytes_down": float("nan"), "painted": None},
        ],
    )
    def test_reports_that_are_not_as_they_should_be(self, host, report):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        page.report(state="paused", device="Front")
        until(lambda: cam.device == "Front")
        page.report(**report)
        until(lambda: cam.device is None)
        assert (cam.error, cam.devices, cam.stats().bytes_down) == (None, [], 0)

    def test_a_refusal_after_another_start_is_told_anew(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        denied = {"code": "kcomm.camera_denied", "message": "no"}
        for _ in range(2):
            cam.start()
            assert cam.error is None
            page.report(state="idle", error=denied)
            until(lambda: cam.error is not None)

    def test_times_that_are_none(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)

        async def camera(options):
            for number in range(3):
                times = {f"stage {number}": 1.0, "process": 1e9, "capture": float("nan"), "encode": -5}
                yield {**page.message(number), "ms": times}

        page.channel.handle_stream("camera", camera, volatile=True)
        assert len(list(page.channel.stream("results"))) == 3
        ms = cam.stats().ms
        assert set(ms) == {"wait", "decode", "process", "encode"}
        assert ms["process"] < 1e6

    def test_a_base_that_was_never_sent(self, host):
        page = CameraPage(host, kcomm.webcam(invert), codecs=CODECS)
        with pytest.raises(KcommError) as caught:
            page.channel.call("base", 77).result(10)
        assert caught.value.code == "kcomm.no_frame"

    def test_a_page_that_reads_nothing(self, host):
        (message,) = CameraPage(host, kcomm.webcam(invert), codecs=[]).results(1)
        assert message["error"]["code"] == "kcomm.bad_value"
        assert "reads none" in message["error"]["message"]


class TestArguments:
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
            ("mirror", "no"),
            ("show", "x"),
            ("show", ["result"]),
            ("opacity", 50),
            ("opacity", True),
            ("quality", 85),
            ("codec", "gif"),
            ("camera_codec", "qoiz"),
            ("camera_codec", "gif"),
            ("timeout", 0),
            ("byte_rate", 0),
            ("byte_rate", "1 MB"),
            ("device", 0),
            ("device", ""),
        ],
    )
    def test_out_of_range(self, host, option, value):
        with pytest.raises(BadArgumentsError) as caught:
            kcomm.webcam(**{option: value})
        assert repr(value) in caught.value.message

    @pytest.mark.parametrize("executor", [3, "threads"])
    def test_no_executor(self, host, executor):
        with pytest.raises(BadArgumentsError, match="executor"):
            kcomm.webcam(invert, executor=executor)

    @pytest.mark.parametrize("source", [3, "/no/such/folder", object()])
    def test_no_source(self, host, source):
        with pytest.raises(BadArgumentsError, match="source"):
            kcomm.webcam(source=source)

    def test_a_function_that_can_not_be_sent_to_processes(self, host):
        from concurrent.futures import ProcessPoolExecutor

        with ProcessPoolExecutor(1) as pool, pytest.raises(BadArgumentsError, match="lambda"):
            kcomm.webcam(lambda image: image, executor=pool)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("size", (0, 1)),
            ("show", "x"),
            ("opacity", 2),
            ("mirror", 1),
            ("byte_rate", -5),
            ("device", 3),
            ("on_error", "tell me"),
            ("process", "edges"),
        ],
    )
    def test_properties_out_of_range(self, host, name, value):
        cam = kcomm.webcam(invert)
        before = getattr(cam, name)
        with pytest.raises(BadArgumentsError):
            setattr(cam, name, value)
        assert getattr(cam, name) == before

    def test_video_without_its_extra(self, host, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "av", None)
        for make in (lambda: kcomm.webcam(codec="h264"), lambda: kcomm.webcam(camera_codec="h264")):
            with pytest.raises(KcommError, match="video") as caught:
                make()
            assert caught.value.code == "kcomm.missing_extra"
        page = CameraPage(host, kcomm.webcam(invert))
        assert page.info()["codecs"][0] == "jpeg"

    def test_outside_a_kernel(self):
        with pytest.raises(NoKernelError):
            kcomm.webcam()
