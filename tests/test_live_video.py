"""Video both ways, frames that are lost, budgets, and the exact last picture."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from typing import Any

import msgpack
import numpy as np
import pytest

import kcomm
from kcomm.errors import KcommError
from kcomm.frames import Frame
from kcomm.frames.decoder import Decoder
from kcomm.transport.memory import MemoryTransport

from .webcam_page import CODECS, PHOTOGRAPH, CameraPage, invert, pixels, until


def difference(one, other):
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


class TestVideo:
    def test_both_ways(self, host):
        page = CameraPage(host, kcomm.webcam(invert), "h264", codecs=CODECS)
        decoder = Decoder()
        messages = page.results(6)
        assert {message["codec"] for message in messages} == {"h264"}
        assert [message.get("after") for message in messages] == [None, 0, 1, 2, 3, 4]
        for message in messages:
            assert difference(decoder.decode(message), 255 - PHOTOGRAPH) < 8

    def test_what_is_passed_over_was_decoded(self, host):
        """A chunk that no function sees is needed for those after it all the same."""
        let_go = threading.Event()

        def process(image):
            assert let_go.wait(10)
            return image

        cam = kcomm.webcam(process)
        page = CameraPage(host, cam, "h264", inflight=8)
        with page.channel.stream("results", window=4) as results:
            until(lambda: cam.stats().skipped == 6)
            let_go.set()
            assert [page.take(next(results))["index"] for _ in range(3)] == [0, 7, 8]
        assert page.keys_wanted == 0
        assert cam.error is None

    def test_a_frame_that_is_lost_on_the_way_here(self, host):
        """Nothing is made of what builds on it; a key frame is asked for, once, and the loop goes on."""
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam, "h264", inflight=4)
        send = page.camera

        async def lossy(options):
            async for message in send(options):
                if message["index"] != 2:
                    yield message
                else:
                    page.back += 1  # a page finds out

        page.channel.handle_stream("camera", lossy, volatile=True)
        messages = page.results(8)
        indices = [message["index"] for message in messages]
        assert indices[:2] == [0, 1]
        assert 2 not in indices
        assert indices[2] > 3
        assert messages[2]["skipped"] == indices[2] - 3
        assert all("error" not in message for message in messages)
        assert page.keys_wanted == 1
        assert cam.error is None

    def test_a_path_that_loses_frames_in_both_directions(self, host, monkeypatch):
        """Nothing gets stuck, and nothing comes out of order."""
        chance, lossless = random.Random(3), MemoryTransport.send

        def send(transport, packet):
            (seq, *_) = msgpack.unpackb(bytes(packet[0]), ext_hook=lambda code, data: None)
            if seq != 0 or chance.random() < 0.8:
                lossless(transport, packet)

        monkeypatch.setattr(MemoryTransport, "send", send)
        cam = kcomm.webcam(invert)
        page = CameraPage(host, cam, "h264", codecs=CODECS)

        async def camera(options):
            for number in itertools.count():
                await asyncio.sleep(0.005)
                yield page.message(number)

        page.channel.handle_stream("camera", camera, volatile=True)
        with page.channel.stream("results", window=8) as results:
            messages = list(itertools.islice(results, 30))
        indices = [message["index"] for message in messages]
        assert indices == sorted(set(indices))
        assert all("error" not in message for message in messages)
        assert page.keys_wanted > 0
        assert cam.error is None

    def test_a_page_that_lost_a_frame_gets_a_key(self, host):
        page = CameraPage(host, kcomm.webcam(invert), codecs=CODECS)
        with page.channel.stream("results", window=1) as results:
            after = [page.take(next(results)).get("after") for _ in range(3)]
            assert after == [None, 0, 1]
            page.channel.emit("key", None)
            assert None in [page.take(next(results)).get("after") for _ in range(4)]

    def test_a_page_that_begins_anew_gets_a_key(self, host):
        page = CameraPage(host, kcomm.webcam(invert), codecs=CODECS)
        for _ in range(2):
            assert page.results(2)[0].get("after") is None

    def test_only_for_pages_that_read_it(self, host):
        page = CameraPage(host, kcomm.webcam(invert), "h264", codecs=["jpeg", "png"])
        assert {message["codec"] for message in page.results(3)} == {"jpeg"}

    def test_a_budget_makes_results_smaller(self, host):
        cam = kcomm.webcam(invert, codec="jpeg")
        page: Any = CameraPage(host, cam)
        (free,) = page.results(1)
        message = page.message
        page.message = lambda number: {**message(number), "budget": 6000}
        (bound,) = page.results(1)
        assert len(bound["data"]) <= 6000 < len(free["data"])


class TestLossless:
    def test_plots_come_as_what_changed(self, host):
        plot = np.full((240, 320, 3), 255, np.uint8)
        page = CameraPage(host, kcomm.webcam(lambda image: image), "png", plot, codecs=CODECS)
        page.cam.process = lambda image: image.copy()
        decoder = Decoder(lambda id_: page.channel.call("base", id_).result(10))
        messages = page.results(4)
        assert messages[0]["codec"] in ("qoi", "qoiz")
        assert [message["codec"] for message in messages[1:]] == ["delta"] * 3
        # One that missed the key asks for it.
        assert (decoder.decode(messages[3])[..., :3] == page.picture(3)).all()

    @pytest.mark.parametrize("codec", ["rgb", "raw", "png"])
    def test_the_last_frame_before_a_pause(self, host, codec):
        page = CameraPage(host, kcomm.webcam(invert), "h264", codecs=CODECS)
        page.results(3)
        image = page.picture(9)
        still = Frame.of(image, index=9, captured=7.5).encoded(codec).to_message()
        answer = page.channel.call("still", still).result(10)
        assert (answer["index"], answer["captured"]) == (9, 7.5)
        assert (pixels(answer)[..., :3] == 255 - image).all()
        assert (page.cam.snapshot() == 255 - image).all()

    def test_it_waits_for_those_under_way_and_passes_over_those_that_wait(self, host):
        let_go = threading.Event()
        given: list[int] = []

        def process(image, frame):
            given.append(frame.index)
            assert let_go.wait(10)
            return image

        cam = kcomm.webcam(process)
        page = CameraPage(host, cam, inflight=5)
        with page.channel.stream("results", window=4) as results:
            until(lambda: cam.stats().skipped == 3 and given == [0])
            still = Frame.of(page.picture(5), index=5).encoded("rgb").to_message()
            answer = page.channel.call("still", still)
            until(lambda: cam.stats().skipped == 4)
            let_go.set()
            assert answer.result(10)["index"] == 5
            assert given[:2] == [0, 5]
            assert next(results)["index"] == 0

    def test_results_that_a_page_had_no_room_for_are_not_newer(self, host):
        given: list[int] = []

        def process(image, frame):
            given.append(frame.index)
            return image

        cam = kcomm.webcam(process)
        page = CameraPage(host, cam)
        with page.channel.stream("results", window=1) as results:
            until(lambda: given == [0, 1])
            page.channel.call("still", page.message(9)).result(10)
            assert [next(results)["index"] for _ in range(2)] == [0, 1]
        assert cam.snapshot()[0, 0, 0] == 9

    def test_of_a_page_that_asks_for_nothing_else(self, host):
        page = CameraPage(host, kcomm.webcam(invert))
        still = Frame.of(page.picture(0)).encoded("rgb").to_message()
        assert (pixels(page.channel.call("still", still).result(10))[..., :3] == 255 - page.picture(0)).all()

    def test_one_that_fails_says_why(self, host):
        cam = kcomm.webcam(lambda image: 1 / 0)
        page = CameraPage(host, cam)
        still = Frame.of(page.picture(0), index=3).encoded("rgb").to_message()
        answer = page.channel.call("still", still).result(10)
        assert (answer["index"], answer["error"]["code"]) == (3, "kcomm.handler_error")
        assert isinstance(cam.error, ZeroDivisionError)
        for bad in (None, {"index": 4}, {**still, "data": b"", "index": 5}):
            answer = page.channel.call("still", bad).result(10)
            assert answer["error"]["code"] == "kcomm.bad_value"
        assert isinstance(cam.error, KcommError)
