"""`kcomm.Webcam`: commands, settings, figures, and what is left when it is gone."""

from __future__ import annotations

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import kcomm
from kcomm.errors import BadArgumentsError, ChannelClosedError, KcommError
from kcomm.live import WebcamStats

from .ends import run_on_loop
from .webcam_page import PHOTOGRAPH, CameraPage, invert, until


class TestCommands:
    def test_reach_every_page(self, host):
        cam = kcomm.webcam(invert)
        pages = [CameraPage(host, cam), CameraPage(host, cam)]
        cam.start()
        cam.pause()
        cam.stop()
        expected = [{"action": action} for action in ("start", "pause", "stop")]
        for page in pages:
            until(lambda page=page: page.commands == expected)

    @pytest.mark.parametrize(
        ("command", "state"), [("start", "running"), ("pause", "paused"), ("stop", "idle")]
    )
    def test_before_any_page(self, host, command, state):
        cam = kcomm.webcam(invert)
        getattr(cam, command)()
        assert CameraPage(host, cam).info()["state"] == cam.state == state

    def test_settings_reach_pages(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        settings: dict[str, Any] = {
            "size": (320, 240),
            "show": "both",
            "opacity": 0.25,
            "mirror": False,
            "byte_rate": 2e6,
            "device": "Front",
        }
        for name, value in settings.items():
            setattr(cam, name, value)
            assert getattr(cam, name) == value
        until(lambda: len(page.commands) == len(settings))
        assert page.commands == [
            {"action": name, "value": list(value) if name == "size" else value}
            for name, value in settings.items()
        ]
        info = CameraPage(host, cam).info()
        assert (info["width"], info["height"]) == (320, 240)
        assert {name: info[name] for name in settings if name != "size"} == {
            name: value for name, value in settings.items() if name != "size"
        }
        cam.byte_rate = None
        cam.device = None
        until(lambda: page.commands[-1] == {"action": "device", "value": None})

    def test_a_page_that_runs_gets_new_options(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        page.results(1)
        cam.size = (160, 120)
        page.results(1)
        assert (page.options["width"], page.options["height"]) == (160, 120)


class TestReports:
    def test_a_page_tells_its_state(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        page.results(3)
        page.report(
            state="running",
            painted=3,
            dropped=1,
            rate=24.5,
            delay=40.5,
            ms={"show": 1.5},
            device="Front",
            devices=["Front", "Back"],
            bytes_up=1000,
            bytes_down=2000.5,
            codec="png",
        )
        until(lambda: cam.state == "running")
        stats = cam.stats()
        assert isinstance(stats, WebcamStats)
        assert (stats.painted, stats.dropped, stats.fps, stats.delay) == (3, 1, 24.5, 40.5)
        assert (stats.bytes_up, stats.bytes_down) == (1000, 2000.5)
        assert (stats.codec, stats.camera_codec) == ("jpeg", "png")
        assert stats.drawn >= 3
        assert stats.sent >= 3
        stages = {"capture", "camera_encode", "wait", "decode", "process", "encode", "show", "delay"}
        assert set(stats.ms) == stages
        assert (cam.device, cam.devices) == ("Front", ["Front", "Back"])

    def test_the_busiest_of_several_pages_counts(self, host):
        cam = kcomm.webcam(invert)
        one, two = CameraPage(host, cam), CameraPage(host, cam)
        one.report(state="running", device="Front")
        until(lambda: cam.state == "running")
        two.report(state="paused", device="Back")
        until(lambda: len(cam._service.pages._reports) == 2)
        assert (cam.state, cam.device) == ("running", "Front")
        one.channel.close()
        until(lambda: cam.state == "paused")
        two.channel.close()
        until(lambda: cam.state == "idle")

    def test_a_camera_that_was_started_in_one_page_is_none_of_another_ones(self, host):
        cam = kcomm.webcam(invert)
        clicked = CameraPage(host, cam)
        clicked.report(state="running")
        until(lambda: cam.state == "running")
        assert CameraPage(host, cam).info()["state"] == "idle"
        cam.start()
        assert CameraPage(host, cam).info()["state"] == "running"
        cam.stop()
        clicked.report(state="idle")
        clicked.report(state="running")
        until(lambda: cam.state == "running")
        assert CameraPage(host, cam).info()["state"] == "idle"

    def test_a_page_that_asks_its_user_is_on_its_way(self, host):
        cam: Any = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        cam.start()
        page.report(state="idle", device="Front")
        until(lambda: cam.device == "Front")
        assert cam.state == "running"
        page.report(state="running", device="Back")
        until(lambda: cam.device == "Back")
        page.report(state="idle")  # its user has stopped it
        until(lambda: cam.state == "idle")

    def test_a_page_that_is_refused_its_camera_is_idle(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        cam.start()
        page.report(state="idle", error={"code": "kcomm.camera_denied", "message": "no"})
        until(lambda: cam.state == "idle")

    def test_what_reports_nothing_is_no_page(self, host):
        """A small front end of the user's listens to the data alone."""
        cam: Any = kcomm.webcam(lambda image: (image, 5))
        page = CameraPage(host, cam)
        page.report(state="running")
        until(lambda: cam.state == "running")
        told: list[Any] = []
        listener = host.connect(cam.target)
        listener.on("data", told.append)
        page.results(1)
        until(lambda: told and told[0] == {"index": 0, "data": 5})
        listener.close()
        until(lambda: len(cam._service._target.channels) == 1)
        assert cam.state == "running"

    def test_steps_that_were_replaced_are_no_stages(self, host):
        cam = kcomm.webcam([invert, kcomm.edges])
        page = CameraPage(host, cam)
        page.results(2)
        assert {"invert", "edges"} <= set(cam.stats().ms)
        cam.process = invert
        page.results(2)
        assert not {"invert", "edges"} & set(cam.stats().ms)


class TestLife:
    def test_closed(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        cam.close()
        cam.close()
        until(lambda: page.channel.is_closed)
        for command in (cam.start, lambda: setattr(cam, "show", "both"), lambda: cam.frames(1)):
            with pytest.raises(ChannelClosedError, match="the webcam was closed"):
                command()

    @pytest.mark.parametrize("how", ["plain", "async", "on_error", "executor"])
    def test_closed_by_its_own_function(self, host, how):
        closed = threading.Event()

        def close(image):
            cam.close()
            closed.set()
            return image

        async def close_later(image):
            return close(image)

        def fail(image):
            raise ValueError("it closes")

        process = {"async": close_later, "on_error": fail}.get(how, close)
        with ThreadPoolExecutor(2) as pool:
            cam = kcomm.webcam(process, executor=pool if how == "executor" else None)
            cam.on_error = close if how == "on_error" else None
            page = CameraPage(host, cam)
            stream = page.channel.stream("results", window=4)
            with pytest.raises(ChannelClosedError):
                [page.take(message) for message in stream]
            assert closed.wait(10)
        until(lambda: not any(cam.target in thread.name for thread in threading.enumerate()))

    def test_one_that_nobody_holds_is_closed(self, host):
        target = kcomm.webcam(invert).target
        until(lambda: gc.collect() >= 0 and target not in host._acceptors)

    def test_nothing_is_left_behind(self, host):
        import asyncio

        async def count_tasks():
            return len(asyncio.all_tasks())

        before = run_on_loop(count_tasks())
        for close_first in (True, False):
            cam = kcomm.webcam(invert)
            page = CameraPage(host, cam, "h264", codecs=["h264", "jpeg"])
            stream = page.channel.stream("results", window=4)
            for _ in range(3):
                page.take(next(stream))
            if close_first:
                cam.close()
            page.channel.close()
            cam.close()
            until(lambda cam=cam: not any(cam.target in thread.name for thread in threading.enumerate()))
        until(lambda: run_on_loop(count_tasks()) <= before)

    def test_a_cell_that_runs_again_retires_it_and_showing_brings_it_back(self, host):
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam)
        page.results(1)
        cam._retire()
        until(lambda: page.channel.is_closed)
        bundle = cam._repr_mimebundle_()
        assert "image/png" in bundle
        assert CameraPage(host, cam).results(1)[0]["width"] == PHOTOGRAPH.shape[1]

    def test_repr(self, host):
        cam: Any = kcomm.webcam(kcomm.edges)
        assert repr(cam) == "<kcomm.Webcam: idle, through edges>"
        cam.process = [invert, kcomm.edges]
        assert repr(cam) == "<kcomm.Webcam: idle, through invert, edges>"
        cam.process = None
        cam.start()
        assert repr(cam) == "<kcomm.Webcam: running>"

    @pytest.mark.parametrize("name", ["fps", "quality", "codec", "no_such"])
    def test_what_cannot_be_set_is_refused(self, host, name):
        cam: Any = kcomm.webcam()
        with pytest.raises(AttributeError):
            setattr(cam, name, 1)

    def test_a_snapshot_of_one_that_was_closed(self, host):
        cam = kcomm.webcam()
        cam.close()
        with pytest.raises(KcommError, match="was closed: make a new one"):
            cam.snapshot()

    @pytest.mark.parametrize("codec", ["png", "qoi", "raw", "h265", None])
    def test_codecs_that_no_page_writes(self, host, codec):
        with pytest.raises(BadArgumentsError, match="camera_codec is auto or one of h264, vp9, jpeg"):
            kcomm.webcam(camera_codec=codec)

    def test_a_codec_that_there_is_not(self, host):
        with pytest.raises(BadArgumentsError, match="'h265'; there are: h264, vp9, "):
            kcomm.webcam(codec="h265")
