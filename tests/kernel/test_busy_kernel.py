"""A kernel that is busy with a cell: who is answered meanwhile, and who may wait for whom."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from kcomm.errors import CallTimeoutError
from kcomm.transport.client import KernelLink
from tests.ipykernels import NEWEST, python_path

from .conftest import Kernel, start_kernel

TARGET = """
import asyncio, threading, time
import numpy as np
import kcomm
target = kcomm.Target("busy")
released, awaited = threading.Event(), asyncio.Event()
seen = []

@target.method
def add(a: float, b: float) -> float:
    return a + b

@target.method
async def relay(channel: kcomm.Channel, text: str) -> str:
    return await channel.call("ask", text)

@target.method
def relay_blocking(channel: kcomm.Channel, text: str) -> str:
    return channel.call("ask", text).result()

@target.method(thread="main")
async def relay_on_main(channel: kcomm.Channel, text: str) -> str:
    return await channel.call("ask", text)

@target.stream
def count(n: int):
    yield from range(n)

@target.stream
async def drip(n: int):
    for i in range(n):
        yield i
        await asyncio.sleep(0.05)

@target.method
def release():
    released.set()

@target.method(thread="main")
def release_awaiting():
    awaited.set()

@target.on("number")
def take(number: int):
    seen.append(number)
"""

#: Cells that run until the page says `release`: what a call that waits for the cell would never do.
COMPUTING = {
    "sleep": "while not released.is_set():\n    time.sleep(0.05)",
    "numpy": "a = np.random.rand(300, 300)\nwhile not released.is_set():\n    a = a @ a.T / 1e5",
}
AWAITING = "await awaited.wait()"


class Front:
    """A kernel, and how front ends are connected to it."""

    def __init__(self, kernel: Kernel, has_subshell: bool) -> None:
        self.kernel = kernel
        self.has_subshell = has_subshell


ON_MAIN_SHELL = [("6.29.5", False), ("7.0.1", False), (NEWEST, False)]
ON_SUBSHELL = [("7.0.1", True), (NEWEST, True)]


def name_of(param: tuple[str, bool]) -> str:
    version, has_subshell = param
    return f"{version}-{'subshell' if has_subshell else 'main'}"


def parametrize(fronts: list[tuple[str, bool]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shared_front", fronts, indirect=True, ids=name_of, scope="module")


on_main_shell, on_subshell = parametrize(ON_MAIN_SHELL), parametrize(ON_SUBSHELL)


@pytest.fixture(scope="module", params=ON_MAIN_SHELL + ON_SUBSHELL, ids=name_of)
def shared_front(request: pytest.FixtureRequest) -> Iterator[Front]:
    version, has_subshell = request.param
    path = python_path(version, request.config.cache)
    kernel = start_kernel([sys.executable, "-Xfrozen_modules=off"], PYTHONPATH=path)
    yield Front(kernel, has_subshell)
    kernel.stop()


@pytest.fixture
def front(shared_front: Front, monkeypatch: pytest.MonkeyPatch) -> Iterator[Front]:
    """A kernel with a new target; where it has no subshell or the front end wants none, on the main shell."""

    async def create_none(link: KernelLink) -> None:
        return None

    if not shared_front.has_subshell:
        monkeypatch.setattr(KernelLink, "_create_subshell", create_none)
    shared_front.kernel.run(TARGET)
    yield shared_front
    shared_front.kernel.close_channels()


def start(kernel: Kernel, code: str) -> str:
    """Start a cell and wait until it runs."""
    cell = kernel.start(f"print('began', flush=True)\n{code}")
    kernel.read_until(lambda: "began" in kernel.outputs[cell].stdout, "the cell did not begin")
    return cell


@parametrize([("7.0.1", True)])
def test_replies_leave_by_the_stream_that_reads_requests(front: Front) -> None:
    """Sent past it they could make it miss a request, and the kernel would hear nothing any more."""
    front.kernel.run("kernel = get_ipython().kernel\nmanager = kernel.shell_channel_thread.manager")
    assert front.kernel.run("print(manager._shell_socket is kernel.shell_stream)").stdout == "True\n"
    for _ in range(3):
        request = front.kernel.client.kernel_info()
        while front.kernel.client.get_shell_msg(timeout=20)["parent_header"]["msg_id"] != request:
            pass


# --- the page asks ------------------------------------------------------------------------------


def test_a_page_is_answered_while_a_cell_awaits(front: Front) -> None:
    kernel = front.kernel
    before = kernel.connect("busy")
    cell = start(kernel, AWAITING)
    during = kernel.connect("busy")
    for channel in (before, during):
        assert channel.call("add", 1, 2) == 3
        assert list(channel.stream("count", 50)) == list(range(50))
    during.call("release_awaiting")
    assert not kernel.wait(cell).error


def test_a_target_is_served_in_the_cell_that_makes_it(front: Front) -> None:
    kernel = front.kernel
    cell = start(kernel, TARGET.replace('"busy"', '"new"') + AWAITING)
    kernel.connect("new").call("release_awaiting")
    assert not kernel.wait(cell).error


@on_subshell
@pytest.mark.parametrize("code", COMPUTING.values(), ids=COMPUTING)
def test_a_page_is_answered_while_a_cell_computes(front: Front, code: str) -> None:
    kernel = front.kernel
    before = kernel.connect("busy")
    cell = start(kernel, code)
    during = kernel.connect("busy")
    for channel in (before, during):
        assert channel.call("add", 1, 2) == 3
        assert list(channel.stream("count", 50)) == list(range(50))
    during.call("release")
    assert not kernel.wait(cell).error


@on_main_shell
def test_a_call_to_a_cell_that_computes_ends_with_a_timeout(front: Front, tmp_path: Path) -> None:
    kernel, end = front.kernel, tmp_path / "end"
    channel = kernel.connect("busy")
    channel.call("add", 1, 1)
    cell = start(kernel, f"import os\nwhile not os.path.exists({str(end)!r}):\n    time.sleep(0.05)")
    with pytest.raises(CallTimeoutError):
        channel.call("add", 1, 2, timeout=0.5)
    later = threading.Timer(0.2, end.touch)
    later.start()
    assert channel.call("add", 1, 3, timeout=30) == 4
    assert not kernel.wait(cell).error


@on_main_shell
def test_a_stream_flows_on_as_far_as_it_was_granted(front: Front, tmp_path: Path) -> None:
    kernel, end = front.kernel, tmp_path / "end"
    stream = kernel.connect("busy").stream("drip", 16, window=16)
    assert next(stream) == 0
    cell = start(kernel, f"import os\nwhile not os.path.exists({str(end)!r}):\n    time.sleep(0.05)")
    assert [next(stream) for _ in range(15)] == list(range(1, 16))
    end.touch()
    assert not kernel.wait(cell).error


def test_messages_keep_their_order_whatever_the_cell_does(front: Front) -> None:
    kernel = front.kernel
    channel = kernel.connect("busy")
    cell = kernel.start("for i in range(50):\n    time.sleep(0.002)\n    await asyncio.sleep(0.001)")
    for number in range(500):
        channel.emit("number", number)
        if number % 50 == 0:
            channel.call("add", number, 0)
    kernel.wait(cell)
    channel.call("add", 0, 0)
    assert kernel.run("print(seen == list(range(500)))").stdout == "True\n"


# --- Python asks --------------------------------------------------------------------------------


def test_a_cell_awaits_the_page(front: Front) -> None:
    front.kernel.connect("busy", handlers={"ask": str.upper})
    output = front.kernel.run("[channel] = target.channels\nprint(await channel.call('ask', 'x'))")
    assert output.stdout == "X\n"


def test_a_cell_blocks_for_the_page_or_is_told_at_once_that_it_can_t(front: Front) -> None:
    front.kernel.connect("busy", handlers={"ask": str.upper}).call("add", 1, 1)
    output = front.kernel.run(
        "[channel] = target.channels\n"
        "try:\n    print(channel.call('ask', 'x').result())\n"
        "except kcomm.WouldBlockError as error:\n    print(error.code)"
    )
    assert output.stdout == ("X\n" if front.has_subshell else "kcomm.would_block\n")


# --- both ask -----------------------------------------------------------------------------------

RELAYS = ["relay", "relay_blocking", "relay_on_main"]


def test_the_page_asks_back_before_it_answers_a_cell(front: Front) -> None:
    kernel = front.kernel

    def ask(text: str) -> str:
        return f"{text}{channel.call('add', 1, 2):.0f}"

    channel = kernel.connect("busy", handlers={"ask": ask})
    kernel.run("[channel] = target.channels")
    assert kernel.run("print(await channel.call('ask', 'x'))").stdout == "x3\n"
    if front.has_subshell:
        assert kernel.run("print(channel.call('ask', 'x').result())").stdout == "x3\n"


@pytest.mark.parametrize("relay", RELAYS)
def test_a_handler_asks_the_page_while_a_cell_awaits_it(front: Front, relay: str) -> None:
    """The cell waits for the page, which waits for a handler, which waits for the page."""

    def ask(text: str) -> str:
        return channel.call(relay, text[1:]) + "!" if text.startswith("?") else text.upper()

    channel = front.kernel.connect("busy", handlers={"ask": ask})
    output = front.kernel.run("[channel] = target.channels\nprint(await channel.call('ask', '?x'))")
    assert output.stdout == "X!\n"


@on_subshell
@pytest.mark.parametrize("relay", RELAYS[:2])
def test_a_handler_asks_the_page_while_a_cell_blocks_for_it(front: Front, relay: str) -> None:
    def ask(text: str) -> str:
        return channel.call(relay, text[1:]) + "!" if text.startswith("?") else text.upper()

    channel = front.kernel.connect("busy", handlers={"ask": ask})
    output = front.kernel.run("[channel] = target.channels\nprint(channel.call('ask', '?x').result())")
    assert output.stdout == "X!\n"


@pytest.mark.parametrize("relay", RELAYS)
def test_both_ask_at_the_same_time(front: Front, relay: str) -> None:
    channel = front.kernel.connect("busy", handlers={"ask": str.upper})
    cell = front.kernel.start(
        "[channel] = target.channels\nprint(*[await channel.call('ask', str(i)) for i in range(20)])"
    )
    assert [channel.call(relay, f"a{i}") for i in range(20)] == [f"A{i}" for i in range(20)]
    assert front.kernel.wait(cell).stdout.startswith("0 1 2 3")
