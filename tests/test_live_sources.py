"""A source in the kernel instead of a page's camera: drawn on demand, processed once, shown to all."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kcomm
from kcomm.errors import KcommError
from kcomm.frames import Frame
from kcomm.frames.decoder import Decoder
from kcomm.live import broadcast

from .ends import run, run_on_loop, settle
from .webcam_page import CODECS, PHOTOGRAPH, invert, until


class Counting:
    """A source whose frames are numbered in their first pixel, and which keeps what was done to it."""

    def __init__(self, fps: float | None = 200.0, count: int | None = None, *, is_live: bool = False) -> None:
        self.name = "counting"
        self.fps = fps
        self.is_live = is_live
        self.count = count
        self.drawn = 0
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.failure: BaseException | None = None
        self.gate: threading.Event | None = None

    def open(self):
        self._note("open")

    def frames(self):
        self._note("frames")
        try:
            for number in itertools.count() if self.count is None else range(self.count):
                if self.gate is not None:
                    self.gate.wait(30)
                if self.failure is not None:
                    raise self.failure
                self.drawn += 1
                self.threads.add(threading.get_ident())
                yield self.picture(number)
        finally:
            self._note("left")

    def close(self):
        self._note("close")

    def picture(self, number):
        image = PHOTOGRAPH.copy()
        image[0, 0] = number % 256
        return image

    def _note(self, call):
        self.calls.append(call)
        self.threads.add(threading.get_ident())


class Viewer:
    """A page that shows a source."""

    def __init__(self, host: Any, cam: Any, codecs: Any = None) -> None:
        self.channel = host.connect(cam.target, features={} if codecs is None else {"codecs": codecs})
        self.commands: list[Any] = []
        self.channel.on("control", self.commands.append)

    def stream(self, window: int = 2) -> Any:
        return self.channel.stream("results", window=window)

    def command(self, action: str) -> None:
        self.channel.emit("command", {"action": action})


def number_of(message):
    return int(Decoder().decode(message)[0, 0, 0])


@pytest.fixture
def hasty(monkeypatch):
    """Nobody is waited for."""
    monkeypatch.setattr(broadcast, "LINGER", 0.05)
    monkeypatch.setattr(broadcast, "_LAST", 0.2)
    for module in ("feed", "results"):
        monkeypatch.setattr(f"kcomm.live.{module}.PATIENCE", 0.05)


class TestShowing:
    def test_what_comes(self, host):
        cam: Any = kcomm.webcam(
            lambda image, frame: (255 - image, frame.index), source=Counting(), codec="png"
        )
        viewer = Viewer(host, cam)
        info = viewer.channel.call("info").result(10)
        assert (info["source"], info["title"], info["state"]) == ("counting", "counting", "idle")
        cam.start()
        with viewer.stream() as results:
            messages = [next(results) for _ in range(5)]
        for message in messages:
            assert number_of(message) == 255 - message["index"]
            assert "captured" not in message
            assert "input" not in message
            assert message["pace"] > 0
            assert set(message["ms"]) == {"wait", "process", "encode"}
        indices = [message["index"] for message in messages]
        assert indices == sorted(set(indices))
        assert cam.source.name == "counting"

    def test_every_frame_is_processed_once_for_all_pages(self, host):
        processed: list[int] = []

        def process(image, frame):
            processed.append(frame.index)
            return image

        cam = kcomm.webcam(process, source=Counting())
        cam.start()
        one, two = Viewer(host, cam).stream(4), Viewer(host, cam).stream(4)
        for _ in range(10):
            next(one)
            next(two)
        assert len(processed) == len(set(processed))
        one.close()
        two.close()

    def test_a_slow_page_gets_the_newest_and_holds_up_nobody(self, host):
        cam = kcomm.webcam(invert, source=Counting())
        cam.start()
        fast, slow = Viewer(host, cam), Viewer(host, cam)
        with fast.stream(4) as quick, slow.stream(1) as results:
            first = next(results)["index"]
            while next(quick)["index"] < first + 30:
                pass
            late = next(results), next(results)
        assert max(message["index"] for message in late) >= first + 25
        assert sum(message["skipped"] for message in late) >= 20

    @pytest.mark.parametrize("codecs", [CODECS, ["jpeg", "png"]])
    def test_the_source_itself_is_shown_beside(self, host, codecs):
        cam = kcomm.webcam(invert, source=Counting(), show="both")
        cam.start()
        viewer = Viewer(host, cam, codecs)
        decoder, input_decoder = Decoder(), Decoder()
        with viewer.stream() as results:
            for _ in range(3):
                message = next(results)
                shown = message["input"]
                assert shown["index"] == message["index"]
                assert shown["codec"] == codecs[0]
                picture = input_decoder.decode(shown)
                result = decoder.decode(message)[..., :3]
                assert np.abs(picture.astype(int) - PHOTOGRAPH).mean() < 8
                assert np.abs(result.astype(int) - 255 + PHOTOGRAPH).mean() < 8
            viewer.channel.emit("state", {"state": "running", "show": "result"}, latest=True)
            until(lambda: "input" not in next(results))

    def test_a_function_may_paint_into_what_is_shown_beside(self, host):
        def blacken(image):
            image[:] = 0
            return image

        cam = kcomm.webcam(blacken, source=Counting(), show="overlay")
        cam.start()
        with Viewer(host, cam).stream() as results:
            message = next(results)
        assert Decoder().decode(message["input"]).mean() > 30
        assert Decoder().decode(message)[..., :3].max() == 0

    def test_frames_with_times_and_any_image(self, host):
        class Timed(Counting):
            def frames(self):
                yield Frame.of(np.zeros((4, 6)), pts=0.0, captured=5.5)
                yield Frame.of(np.ones((4, 6), bool), pts=0.1)
                yield np.zeros((4, 6, 4))

        cam = kcomm.webcam(source=Timed(fps=10.0))
        cam.start()
        frames = cam.frames(3)
        assert [frame.index for frame in frames] == [0, 1, 2]
        assert [frame.pts for frame in frames] == [0.0, 0.1, None]
        assert frames[0].captured == 5.5
        assert [frame.pixels.ndim for frame in frames] == [2, 2, 3]

    def test_a_path_is_a_source(self, host, tmp_path: Path):
        for number in range(3):
            data = kcomm.encode(np.full((6, 8, 3), 50 * number, np.uint8), "png")
            (tmp_path / f"{number}.png").write_bytes(data)
        cam = kcomm.webcam(invert, source=tmp_path)
        cam.start()
        assert [int(frame.pixels[0, 0, 0]) for frame in cam.frames(4)] == [255, 205, 155, 255]
        cam.close()


class TestDemand:
    def test_nothing_is_opened_before_somebody_looks(self, host):
        source = Counting()
        cam = kcomm.webcam(source=source)
        cam.start()
        settle()
        assert source.calls == []
        assert cam.snapshot().shape == PHOTOGRAPH.shape
        assert source.calls[:2] == ["open", "frames"]

    def test_a_snapshot_is_of_now(self, host, hasty, monkeypatch):
        monkeypatch.setattr("kcomm.live.taking.PATIENCE", 0.05)
        source = Counting()
        cam = kcomm.webcam(source=source)
        cam.start()
        cam.snapshot()
        until(lambda: "close" in source.calls)
        source.gate = threading.Event()
        with pytest.raises(KcommError, match=r"no new picture; none came within 0\.1 s"):
            cam.snapshot(timeout=0.1)
        source.gate.set()
        assert cam.snapshot().shape == PHOTOGRAPH.shape
        cam.stop()
        assert cam.snapshot().shape == PHOTOGRAPH.shape

    def test_nothing_is_drawn_before_it_is_started(self, host):
        source = Counting()
        cam = kcomm.webcam(source=source)
        with Viewer(host, cam).stream() as results:
            settle()
            assert source.calls == []
            cam.start()
            next(results)

    def test_it_is_closed_when_nobody_looks_and_opened_again(self, host, hasty):
        source = Counting()
        cam = kcomm.webcam(source=source)
        cam.start()
        viewer = Viewer(host, cam)
        for _ in range(2):
            source.calls.clear()
            with viewer.stream() as results:
                next(results)
            until(lambda: source.calls == ["open", "frames", "left", "close"])
            drawn = source.drawn
            settle()
            assert source.drawn == drawn
        assert len(source.threads) == 1
        assert cam.state == "running"

    def test_a_page_without_room_draws_nothing(self, host, hasty):
        source = Counting()
        cam = kcomm.webcam(source=source)
        cam.start()
        with Viewer(host, cam).stream(1):
            until(lambda: "close" in source.calls)

    def test_python_alone_is_enough(self, host, hasty):
        source = Counting()
        cam = kcomm.webcam(lambda image, frame: (image, frame.index), source=source)
        cam.start()

        async def collect():
            collected = []
            async for result in cam.results():
                collected.append(result.data)
                if len(collected) == 5:
                    break
            return collected

        numbers = run(collect())
        assert numbers == sorted(set(numbers))
        until(lambda: "close" in source.calls)

    def test_pause_holds_the_source_open(self, host):
        source = Counting()
        cam = kcomm.webcam(source=source)
        cam.start()
        with Viewer(host, cam).stream() as results:
            next(results)
            cam.pause()
            while next(results)["codec"] == "jpeg":  # the last one comes once more, exact
                pass
            drawn = source.drawn
            settle()
            assert source.drawn == drawn
            assert "close" not in source.calls
            cam.start()
            until(lambda: next(results)["index"] > drawn)
        assert source.calls.count("open") == 1

    def test_the_last_picture_before_a_pause_is_exact(self, host):
        cam = kcomm.webcam(invert, source=Counting())
        cam.start()
        viewer = Viewer(host, cam)
        with viewer.stream(8) as results:
            first = next(results)
            last = first["index"]
            assert first["codec"] == "jpeg"
            cam.pause()
            while (message := next(results))["codec"] == "jpeg":
                last = message["index"]
            assert message["index"] >= last
            assert (Decoder().decode(message)[..., :3] == cam.snapshot()).all()
            # One that comes now sees it, too.
            late = next(Viewer(host, cam).stream())
            assert late["index"] == message["index"]

    def test_stop_closes_it_at_once(self, host):
        source = Counting()
        cam = kcomm.webcam(source=source)
        cam.start()
        with Viewer(host, cam).stream() as results:
            next(results)
            cam.stop()
            until(lambda: "close" in source.calls)
            cam.start()
            until(lambda: source.calls.count("open") == 2)

    def test_stop_and_start_at_once_begin_anew(self, host):
        source = Counting()
        cam = kcomm.webcam(source=source)
        cam.start()
        with Viewer(host, cam).stream() as results:
            next(results)
            source.gate = threading.Event()
            settle()
            cam.stop()
            cam.start()
            source.gate.set()
            until(lambda: source.calls.count("open") == 2)
        assert source.calls[:5] == ["open", "frames", "left", "close", "open"]
        assert cam.state == "running"

    def test_what_has_no_rate_is_drawn_as_it_is_used(self, host):
        """One frame at a time, each when the last one is done and somebody wants another."""
        source = Counting(fps=None)
        given: list[int] = []
        let_go = threading.Semaphore(0)

        def process(image, frame):
            given.append(frame.index)
            assert let_go.acquire(timeout=10)
            return image

        cam = kcomm.webcam(process, source=source)
        cam.start()
        with Viewer(host, cam).stream() as results:
            for number in range(4):
                until(lambda number=number: len(given) == number + 1)
                settle()
                assert source.drawn == number + 1
                let_go.release()
                assert next(results)["index"] == number
            let_go.release(5)
        assert cam.stats().skipped == 0

    def test_the_newest_of_a_live_one_wins(self, host):
        source = Counting(fps=None, is_live=True)
        source.gate = threading.Event()
        source.gate.set()
        let_go = threading.Event()
        given: list[int] = []

        def process(image, frame):
            given.append(frame.index)
            assert let_go.wait(10)
            return image

        cam = kcomm.webcam(process, source=source)
        cam.start()
        with Viewer(host, cam).stream() as results:
            until(lambda: source.drawn > 20)
            let_go.set()
            assert next(results)["index"] == 0
            assert next(results)["index"] >= 19
        cam.close()


class TestPages:
    def test_buttons_of_one_page_are_told_to_all(self, host):
        source = Counting()
        cam = kcomm.webcam(source=source)
        one, two = Viewer(host, cam), Viewer(host, cam)
        for action, state in (("start", "running"), ("pause", "paused"), ("stop", "idle")):
            one.command(action)
            until(lambda state=state: cam.state == state)
            until(lambda action=action: two.commands[-1:] == [{"action": action}])
        one.command("explode")
        one.channel.emit("command", {})
        settle()
        assert cam.state == "idle"

    def test_reports_of_pages_do_not_change_the_state(self, host):
        cam = kcomm.webcam(source=Counting())
        cam.start()
        viewer = Viewer(host, cam)
        viewer.channel.emit("state", {"state": "idle", "painted": 4})
        until(lambda: cam.stats().painted == 4)
        viewer.channel.close()
        settle()
        assert cam.state == "running"

    def test_commands_are_nothing_to_a_page_with_a_camera(self, host):
        cam = kcomm.webcam()
        Viewer(host, cam).command("start")
        settle()
        assert cam.state == "idle"

    def test_bytes_a_second_are_kept(self, host):
        cam = kcomm.webcam(source=Counting(fps=100.0), codec="jpeg", byte_rate=200_000)
        cam.start()
        with Viewer(host, cam).stream(16) as results:
            begun = time.monotonic()
            sizes = [len(next(results)["data"]) for _ in range(8)]
            took = time.monotonic() - begun
        assert sum(sizes[:-2]) <= 200_000 * took
        assert max(sizes[1:]) < len(kcomm.encode(PHOTOGRAPH, "jpeg"))

    def test_another_byte_rate_counts_at_once(self, host):
        cam = kcomm.webcam(source=Counting(), codec="png", byte_rate=10)
        cam.start()
        with Viewer(host, cam).stream(8) as results:
            next(results)
            settle()
            cam.byte_rate = None
            assert [next(results)["index"] > 0 for _ in range(2)] == [True, True]


class TestEnds:
    @pytest.mark.parametrize("fps", [10.0, None])
    def test_of_a_source_that_does_not_loop(self, host, hasty, fps):
        source = Counting(fps=fps, count=3)
        cam = kcomm.webcam(invert, source=source, codec="jpeg")
        cam.start()
        viewer = Viewer(host, cam)
        with viewer.stream(8) as results:
            messages = list(itertools.islice(results, 4))
            assert [message["index"] for message in messages] == [0, 1, 2, 2]
            assert [message["codec"] == "jpeg" for message in messages] == [True, True, True, False]
            until(lambda: viewer.commands[-1:] == [{"action": "stop"}])
            until(lambda: cam.state == "idle")
            assert cam.error is None
            until(lambda: source.calls == ["open", "frames", "left", "close"])
            cam.start()
            assert next(results)["index"] == 3
            assert number_of(next(results)) > 200

    def test_the_end_ends_loops_in_python(self, host, hasty):
        cam = kcomm.webcam(lambda image, frame: (image, frame.index), source=Counting(fps=20.0, count=4))
        assert cam.mirror is False
        cam.start()

        async def collect():
            return [result.data async for result in cam.results()]

        numbers = run(collect())
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == 3
        cam.start()
        with pytest.raises(KcommError, match=r"\d of 5 frames came; counting does not run, or has ended"):
            cam.frames(5)

    def test_one_that_can_not_be_opened(self, host):
        class Closed(Counting):
            def open(self):
                super().open()
                raise OSError("it is locked")

        source = Closed()
        cam = kcomm.webcam(source=source)
        told: list[Any] = []
        cam.on_error = told.append
        viewer = Viewer(host, cam)
        cam.start()
        with viewer.stream() as results:
            message = next(results)
            assert message["error"]["code"] == "kcomm.source_failed"
            assert "counting failed: OSError: it is locked" in message["error"]["message"]
            until(lambda: cam.state == "idle" and told)
        assert isinstance(cam.error, KcommError)
        assert isinstance(cam.error.__cause__, OSError)
        with pytest.raises(KcommError, match="it is locked"):
            cam.frames(1)
        until(lambda: source.calls == ["open", "close"])
        until(lambda: viewer.commands[-1] == {"action": "stop"})

    def test_one_that_fails_later(self, host, hasty):
        source = Counting(fps=100.0)
        cam = kcomm.webcam(source=source)
        cam.start()
        with Viewer(host, cam).stream(8) as results:
            next(results)
            source.failure = KcommError("it was unplugged", code="kcomm.camera_lost")
            while "error" not in (message := next(results)):
                pass
            assert message["error"]["code"] == "kcomm.camera_lost"
            until(lambda: cam.state == "idle")
        assert isinstance(cam.error, KcommError)
        assert cam.error.code == "kcomm.camera_lost"
        until(lambda: source.calls[-2:] == ["left", "close"])
        source.failure = None
        cam.start()
        assert cam.snapshot().shape == PHOTOGRAPH.shape

    def test_frames_that_could_not_be_made_cost_themselves(self, host):
        class Flawed(Counting):
            def frames(self):
                for number in itertools.count():
                    yield (
                        ValueError("torn")
                        if number == 1
                        else "no image"
                        if number == 2
                        else self.picture(number)
                    )

        cam = kcomm.webcam(source=Flawed(fps=None))
        cam.start()
        with Viewer(host, cam).stream(8) as results:
            messages = [next(results) for _ in range(5)]
        assert ["error" in message for message in messages] == [False, True, True, False, False]
        assert messages[1]["error"]["message"] == "frame 1: ValueError: torn"
        assert messages[2]["error"]["code"] == "kcomm.bad_value"

    def test_closing_that_fails_is_told(self, host, caplog):
        class Stubborn(Counting):
            def close(self):
                super().close()
                raise OSError("no")

        source = Stubborn()
        cam = kcomm.webcam(source=source)
        cam.start()
        cam.snapshot()
        cam.stop()
        until(lambda: isinstance(cam.error, OSError))
        assert "closing counting raised" in caplog.text

    def test_one_that_would_exit_fails_like_any_other(self, host, hasty):
        source = Counting()
        cam = kcomm.webcam(source=source)
        cam.start()
        with Viewer(host, cam).stream(8) as results:
            next(results)
            source.failure = SystemExit(3)
            until(lambda: cam.state == "idle")
        assert "counting failed: RuntimeError: SystemExit was raised: 3" in str(cam.error)
        until(lambda: source.calls == ["open", "frames", "left", "close"])

    def test_one_whose_frames_do_not_end_well_is_closed(self, host):
        class Torn(Counting):
            def frames(self):
                try:
                    yield from super().frames()
                finally:
                    raise OSError("torn")

        source = Torn()
        cam = kcomm.webcam(source=source)
        cam.start()
        cam.snapshot()
        cam.stop()
        until(lambda: source.calls[-1] == "close")
        until(lambda: isinstance(cam.error, OSError))

    def test_one_that_hangs_stops_nothing_and_is_closed_when_it_comes_back(self, host):
        source = Counting()
        source.gate = threading.Event()
        cam = kcomm.webcam(source=source)
        cam.start()
        viewer = Viewer(host, cam)
        stream = viewer.stream()
        until(lambda: source.calls == ["open", "frames"])
        cam.stop()
        assert viewer.channel.call("info").result(10)["state"] == "idle"
        cam.close()
        until(lambda: viewer.channel.is_closed)
        source.gate.set()
        until(lambda: source.calls[-2:] == ["left", "close"])
        assert len(source.threads) == 1
        del stream

    def test_nothing_is_left_behind(self, host):
        async def count_tasks():
            return len(asyncio.all_tasks())

        before = run_on_loop(count_tasks())
        source = Counting()
        cam = kcomm.webcam(invert, source=source)
        cam.start()
        viewer = Viewer(host, cam)
        stream = viewer.stream()
        next(stream)
        cam.close()
        until(lambda: viewer.channel.is_closed)
        until(lambda: not any(cam.target in thread.name for thread in threading.enumerate()))
        until(lambda: run_on_loop(count_tasks()) <= before)
        assert source.calls[-2:] == ["left", "close"]


class TestSharing:
    """One source object that several webcams were given."""

    def test_the_next_one_takes_it_over_when_the_last_one_lets_go(self, host):
        source = Counting()
        for _ in range(3):  # as a cell does that is run again
            cam: Any = kcomm.webcam(source=source)
            cam.start()
            assert len(cam.frames(2)) == 2
        cam.close()
        until(lambda: source.calls.count("close") == 3)
        assert source.calls == ["open", "frames", "left", "close"] * 3

    def test_one_at_which_nobody_looks_gives_it_away(self, host):
        source = Counting()
        first, second = kcomm.webcam(source=source), kcomm.webcam(source=source)
        for cam in (first, second, first):
            cam.start()
            assert len(cam.frames(2)) == 2

    def test_a_second_one_that_is_watched_is_told(self, host, monkeypatch):
        monkeypatch.setattr("kcomm.live.reading._PATIENCE", 0.1)
        source = Counting()
        first, second = kcomm.webcam(source=source), kcomm.webcam(source=source)
        first.start()
        with Viewer(host, first).stream() as results:
            next(results)
            second.start()
            with pytest.raises(KcommError, match="counting is shown by another webcam: close that, or make"):
                second.frames(1)
            assert second.state == "idle"
            first.close()
        second.start()
        assert len(second.frames(1)) == 1
        assert source.calls.count("open") == 2

    def test_it_is_closed_at_once_when_its_output_is_gone(self, host):
        source = Counting()
        cam = kcomm.webcam(source=source)
        cam.start()
        with Viewer(host, cam).stream() as results:
            next(results)
            begun = time.monotonic()
            cam._retire()
            until(lambda: "close" in source.calls)
        assert time.monotonic() - begun < broadcast.LINGER / 2


class TestHanging:
    """A source whose frames do not come."""

    @pytest.fixture
    def impatient(self, monkeypatch):
        monkeypatch.setattr("kcomm.live.holding.STUCK", 0.2)

    def test_is_told_of_and_forgotten_when_one_comes(self, host, impatient):
        source = Counting()
        source.gate = threading.Event()
        cam = kcomm.webcam(source=source)
        cam.start()
        with pytest.raises(KcommError, match=r"counting gives no frames: none came within 0\.2 s"):
            cam.frames(1, timeout=1)
        source.gate.set()
        assert len(cam.frames(2)) == 2
        assert cam.error is None
        assert cam.state == "running"
        assert source.calls == ["open", "frames"]

    def test_is_no_news_of_one_that_says_it_gives_few(self, host, impatient):
        source = Counting(fps=0.1)
        source.gate = threading.Event()
        cam = kcomm.webcam(source=source)
        cam.start()
        with pytest.raises(KcommError, match="that took more than"):
            cam.frames(1, timeout=0.6)
        source.gate.set()

    def test_is_opened_anew_by_stop_and_start(self, host, impatient):
        source = Counting()
        gate = source.gate = threading.Event()
        cam = kcomm.webcam(source=source)
        cam.start()
        with pytest.raises(KcommError, match="gives no frames"):
            cam.frames(1, timeout=1)
        cam.stop()
        source.gate = None
        cam.start()
        assert len(cam.frames(2)) == 2
        gate.set()
        until(lambda: "left" in source.calls)
        assert len(cam.frames(2)) == 2
        assert source.calls == ["open", "frames", "open", "frames", "left"]  # it is still open
        cam.close()
        until(lambda: source.calls[-2:] == ["left", "close"])

    def test_is_left_behind_up_to_a_limit(self, host, impatient, monkeypatch):
        monkeypatch.setattr("kcomm.live.holding._MOST_LEFT", 2)
        source = Counting()
        source.gate = threading.Event()
        cam = kcomm.webcam(source=source)
        for _ in range(2):
            cam.start()
            with pytest.raises(KcommError, match="gives no frames"):
                cam.frames(1, timeout=1)
            cam.stop()
        cam.start()
        with pytest.raises(KcommError, match="counting hangs: 2 calls of it have never returned"):
            cam.frames(1)
        source.gate.set()


class SpeechlessError(Exception):
    def __str__(self):
        return self.args[0]


def test_an_error_that_cannot_be_told_in_words_costs_its_frame_only(host):
    def process(image):
        if image[0, 0, 0] < 3:
            raise SpeechlessError(404)
        return image

    told: list[BaseException] = []
    cam: Any = kcomm.webcam(process, source=Counting())
    cam.on_error = told.append
    cam.start()
    assert len(cam.frames(3)) == 3
    assert [type(error) for error in told] == [SpeechlessError]


def test_a_source_is_closed_when_nobody_can_tell_of_its_frames(host, monkeypatch, caplog):
    source = Counting()
    cam = kcomm.webcam(source=source)
    monkeypatch.setattr(cam._service.journal, "take", lambda done: 1 / 0)
    cam.start()
    with pytest.raises(KcommError, match="division by zero"):
        cam.frames(1)
    until(lambda: source.calls == ["open", "frames", "left", "close"])
    assert cam.state == "idle"
    assert "telling what counting gives failed" in caplog.text


def test_a_time_of_0_that_a_source_gives_is_kept(host):
    class Timed(Counting):
        def picture(self, number):
            return Frame.of(PHOTOGRAPH, captured=0.0)

    cam = kcomm.webcam(source=Timed())
    cam.start()
    assert cam.frames(1)[0].captured == 0.0
