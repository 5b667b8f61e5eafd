"""A webcam in a real kernel, with a page and camera in Python: H.264 comes in, results go back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from kcomm.errors import KcommError
from kcomm.frames import Frame
from kcomm.frames.decoder import Decoder
from tests.leftovers import KERNEL as LEFTOVERS
from tests.webcam_page import PHOTOGRAPH, CameraPage, Running, pixels, until

from .conftest import Kernel, Output

CELL = """
import asyncio, json, threading, time
import numpy as np
import kcomm

def process(image, frame):
    return 255 - image, {"index": frame.index, "mean": float(image.mean())}

cam = kcomm.webcam(process)
cam.start()
print(cam.target)
"""


class Page(CameraPage):
    """A page of a kernel's webcam."""

    def __init__(self, kernel: Kernel, target: str, codec: str = "h264", **options: Any) -> None:
        host = SimpleNamespace(connect=lambda name, features: kernel.connect(name))
        super().__init__(host, SimpleNamespace(target=target), codec, **options)


@contextmanager
def running(kernel: Kernel, cell: str = CELL, **options: Any) -> Iterator[Running]:
    """Have a page show the webcam of a cell."""
    with Running(Page(kernel, kernel.run(cell).stdout.strip(), **options)) as shown:
        yield shown
    kernel.run("cam.close()")


def has_begun(output: Output) -> bool:
    return "waits" in output.stdout


def ask(kernel: Kernel, expression: str) -> Any:
    return json.loads(kernel.run(f"print(json.dumps({expression}))").stdout)


def test_video_goes_through_python_and_back(kernel: Kernel) -> None:
    with running(kernel) as shown:
        until(lambda: len(shown.messages) >= 30, 30)
        messages = list(shown.messages)
        until(lambda: len(shown.page.data) >= 10)
        assert ask(kernel, "[cam.error is None, cam.stats().camera_codec]") == [True, "h264"]
    indices = [message["index"] for message in messages]
    assert indices == sorted(set(indices))
    assert sum(message["skipped"] for message in messages) == indices[-1] + 1 - len(indices)
    decoder = Decoder()
    for message in messages:
        assert np.abs(decoder.decode(message).astype(int) - 255 + PHOTOGRAPH).mean() < 10
        assert message["captured"] == 1000.5 + message["index"]
    assert [told["data"]["index"] for told in shown.page.data] == [told["index"] for told in shown.page.data]


def test_a_cell_loops_over_results(kernel: Kernel) -> None:
    """On the main thread's own loop, while frames come and go."""
    with running(kernel):
        output = kernel.run(
            "told = []\n"
            "async for result in cam.results():\n"
            "    assert threading.current_thread() is threading.main_thread()\n"
            "    told.append([result.frame.index, result.data['index'], *result.image.shape])\n"
            "    if len(told) == 8:\n"
            "        break\n"
            "print(json.dumps(told))"
        )
        told = json.loads(output.stdout)
        assert all(entry == [entry[0], entry[0], *PHOTOGRAPH.shape] for entry in told)
        numbers = [entry[0] for entry in told]
        assert numbers == sorted(set(numbers))


def test_a_cell_that_blocks_gets_frames(kernel: Kernel) -> None:
    with running(kernel):
        indices = ask(kernel, "[frame.index for frame in cam.frames(6)]")
        assert indices == list(range(indices[0], indices[0] + 6))
        assert ask(kernel, "cam.snapshot().shape") == list(PHOTOGRAPH.shape)


def test_frames_go_on_while_a_cell_computes(kernel: Kernel) -> None:
    with running(kernel) as shown:
        cell = kernel.start("print('busy')\nend = time.monotonic() + 2\nwhile time.monotonic() < end: pass")
        kernel.read_until(lambda: "busy" in kernel.outputs[cell].stdout, "the cell did not begin")
        before = len(shown.messages)
        until(lambda: len(shown.messages) > before + 5)
        kernel.wait(cell)


def test_an_interrupt_reaches_the_cell_and_not_the_webcam(own_kernel: Kernel) -> None:
    with running(own_kernel) as shown:
        for wait in ("cam.frames(100000, timeout=60)", "async for result in cam.results(): pass"):
            cell = own_kernel.start(f"print('waits')\n{wait}")
            output = own_kernel.outputs[cell]
            own_kernel.read_until(partial(has_begun, output), "the cell did not begin")
            time.sleep(0.2)
            own_kernel.manager.interrupt_kernel()
            error = own_kernel.wait(cell).error
            assert "KeyboardInterrupt" in error or "CancelledError" in error
        before = len(shown.messages)
        until(lambda: len(shown.messages) > before + 5)
        assert ask(own_kernel, "len(cam._service.journal.outlet._collections)") == 0


def test_the_function_is_swapped_and_its_errors_are_shown_under_its_cell(kernel: Kernel) -> None:
    made = kernel.start(CELL)
    target = kernel.wait(made).stdout.strip()
    with Running(Page(kernel, target, codec="jpeg")) as shown:
        kernel.run("told = []\ncam.on_error = told.append\ncam.process = lambda image: image[:5] / 0")
        until(lambda: any("error" in message for message in shown.messages))
        kernel.read_until(
            lambda: "processing frame" in kernel.outputs[made].stderr, "the error was not logged"
        )
        kernel.run("import skimage.filters\ncam.process = kcomm.edges")
        until(lambda: pixels(shown.messages[-1]).ndim == 2 if "error" not in shown.messages[-1] else False)
        assert ask(kernel, "[type(error).__name__ for error in told]") == ["BadValueError"]
    kernel.run("cam.close()")


def test_a_function_that_never_returns(own_kernel: Kernel) -> None:
    cell = CELL.replace("kcomm.webcam(process)", "kcomm.webcam(hang, timeout=0.3)").replace(
        "cam =", "def hang(image):\n    threading.Event().wait()\n\ncam ="
    )
    with running(own_kernel, cell) as shown:
        until(lambda: len(shown.messages) >= 2)
        assert {message["error"]["code"] for message in shown.messages} == {"kcomm.process_timeout"}
        assert ask(own_kernel, "cam.error.code") == "kcomm.process_timeout"
        own_kernel.run("cam.process = process")
        until(lambda: "error" not in shown.messages[-1])
    own_kernel.client.shutdown()
    end = time.monotonic() + 20
    while own_kernel.manager.is_alive():
        assert time.monotonic() < end, "the kernel does not end"
        time.sleep(0.05)


def test_the_exact_last_picture(kernel: Kernel) -> None:
    with running(kernel) as shown:
        until(lambda: len(shown.messages) >= 3)
        image = shown.page.picture(77)
        still = Frame.of(image, index=10**6).encoded("rgb").to_message()
        answer = shown.page.channel.call("still", still)
        assert (Decoder().decode(answer)[..., :3] == 255 - image).all()


@pytest.mark.parametrize("way", ["close", "leave", "restart"])
def test_nothing_is_left_behind(own_kernel: Kernel, way: str) -> None:
    own_kernel.run(CELL + "\ncam.close()\n" + LEFTOVERS)
    before = ask(own_kernel, "count()")
    for _ in range(2):
        page = Page(own_kernel, own_kernel.run(CELL).stdout.strip())
        with Running(page) as shown:
            until(lambda shown=shown: len(shown.messages) >= 5)
            if way == "restart":
                break
            if way == "close":
                own_kernel.run("cam.close()")
        own_kernel.close_channels()
        if way == "leave":
            until(lambda: ask(own_kernel, "len(cam._service._exchanges)") == 0)
            own_kernel.run("del cam\nimport gc; gc.collect()")
    if way == "restart":
        own_kernel.manager.restart_kernel(now=True)
        until(lambda: page.channel.is_closed, 30)
        with pytest.raises(KcommError):
            page.channel.call("info")
        return
    until(
        lambda: (own_kernel.run("import time; time.sleep(0.1)"), ask(own_kernel, "count()") == before)[1], 20
    )
