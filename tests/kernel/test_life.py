"""What comes and goes in a kernel leaves nothing behind; and what pages left behind is told to the next."""

from __future__ import annotations

import json
import queue
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

import kcomm
from kcomm.protocol import PROTOCOL_VERSION, Session, events
from tests.leftovers import KERNEL

from .conftest import TIMEOUT, Kernel

CALC = """
import asyncio, threading
import kcomm
target = kcomm.Target("calc")

@target.method
def add(a: float, b: float) -> float:
    return a + b

@target.stream
async def ticks():
    i = 0
    while True:
        yield i
        i += 1
"""


def count(kernel: Kernel) -> dict[str, Any]:
    counts: dict[str, Any] = json.loads(kernel.run("import json; print(json.dumps(count()))").stdout)
    return counts


def wait_for_counts(kernel: Kernel, expected: dict[str, Any]) -> None:
    """Wait until the kernel has settled: what ends needs a moment."""
    end = time.monotonic() + TIMEOUT
    while (counts := count(kernel)) != expected and time.monotonic() < end:
        time.sleep(0.1)
    assert counts == expected


class Page:
    """A page of one kernel connection, as the kernel sees it: a subshell, and comms that come on it."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.session = uuid.uuid4().hex
        self.subshell: str = self._control("create_subshell_request")["subshell_id"]
        self.comms: dict[str, Session] = {}

    def open(self, target: str, *left: Page) -> tuple[str, events.Opened]:
        """Open a channel, telling which pages are gone; return the comm's id, and what WELCOME said."""
        comm = uuid.uuid4().hex
        features = {"left": [page.session for page in left]}
        session = self.comms[comm] = Session("opener", features=features)
        session.open()
        content = {"comm_id": comm, "target_name": target, "data": {"kcomm": [PROTOCOL_VERSION]}}
        self._send("comm_open", content, session)
        (opened,) = self._read(comm, events.Opened)
        return comm, opened

    def leave(self) -> None:
        """Be left: say so on every channel, and nothing more."""
        for comm, session in self.comms.items():
            session.close("kcomm.left", "the page was closed")
            self._send("comm_close", {"comm_id": comm, "data": {}}, session)
        self.comms.clear()

    def close(self, comm: str) -> None:
        """Close one channel; the page goes on."""
        session = self.comms.pop(comm)
        session.close()
        self._send("comm_close", {"comm_id": comm, "data": {}}, session)

    def subshells(self) -> list[str]:
        """Return the ids of the kernel's subshells."""
        ids: list[str] = self._control("list_subshell_request")["subshell_id"]
        return ids

    def delete(self, subshell: str) -> None:
        """Delete a subshell."""
        self._control("delete_subshell_request", {"subshell_id": subshell})

    def _send(self, kind: str, content: dict[str, Any], session: Session) -> None:
        packet = session.next_packet(0.0)
        assert packet is not None
        message = self.kernel.client.session.msg(kind, content)
        message["header"].update(subshell_id=self.subshell, session=self.session)
        message["buffers"] = [bytes(part) for part in packet]
        self.kernel.client.shell_channel.send(message)

    def _read(self, comm: str, kind: type) -> list[Any]:
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            try:
                message = self.kernel.client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                continue
            if message["msg_type"] == "comm_msg" and message["content"]["comm_id"] == comm:
                happened = self.comms[comm].receive(message["buffers"], 0.0)
                if found := [event for event in happened if isinstance(event, kind)]:
                    return found
        raise AssertionError(f"no {kind.__name__} came")

    def _control(self, kind: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        client = self.kernel.client
        message = client.session.msg(kind, content or {})
        client.control_channel.send(message)
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            reply = client.get_control_msg(timeout=TIMEOUT)
            if reply["parent_header"]["msg_id"] == message["header"]["msg_id"]:
                found: dict[str, Any] = reply["content"]
                return found
        raise AssertionError(f"no answer to {kind}")


def eventually(is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + TIMEOUT
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def is_served(kernel: Kernel, channels: int) -> bool:
    return kernel.run("print(len(target.channels))").stdout == f"{channels}\n"


def test_the_next_page_is_told_of_the_subshell_that_a_page_left_behind(own_kernel: Kernel) -> None:
    own_kernel.run(CALC)
    first, second = Page(own_kernel), Page(own_kernel)
    for _ in range(3):
        _, opened = first.open("calc")
        assert opened.stale_subshells == ()
    first.leave()
    assert eventually(lambda: is_served(own_kernel, 0))
    _, opened = second.open("calc")
    assert opened.stale_subshells == (first.subshell,)
    # Until it is gone every page is told: the first one may not have lived to delete it.
    assert second.open("calc")[1].stale_subshells == (first.subshell,)
    second.delete(first.subshell)
    assert second.subshells() == [second.subshell]
    assert second.open("calc")[1].stale_subshells == ()


def test_a_living_page_keeps_its_subshell(own_kernel: Kernel) -> None:
    """Its last channel is closed, and it may open another one at any moment."""
    own_kernel.run(CALC)
    first, second = Page(own_kernel), Page(own_kernel)
    for _ in range(3):
        comm, _ = first.open("calc")
        first.close(comm)
        assert eventually(lambda: is_served(own_kernel, 0))
        comm, opened = second.open("calc")
        assert opened.stale_subshells == ()
        second.close(comm)
        assert eventually(lambda: is_served(own_kernel, 0))


def test_a_channel_that_python_closes_gives_no_subshell_up(own_kernel: Kernel) -> None:
    own_kernel.run(CALC)
    first, second = Page(own_kernel), Page(own_kernel)
    first.open("calc")
    own_kernel.run("target.close()")
    own_kernel.run(CALC)
    assert second.open("calc")[1].stale_subshells == ()


def test_a_page_whose_last_words_were_lost(own_kernel: Kernel) -> None:
    """The next one of its browser tells of it; nobody else is harmed."""
    own_kernel.run(CALC + KERNEL)
    lost, other, told = (Page(own_kernel) for _ in range(3))
    for page in (lost, lost, other):
        page.open("calc")
    told.open("calc", lost)
    assert eventually(lambda: is_served(own_kernel, 2))
    assert eventually(lambda: count(own_kernel)["comms"] == 2)
    assert other.open("calc")[1].stale_subshells == (lost.subshell,)
    told.open("calc", told)  # which it is not
    assert is_served(own_kernel, 4)


def test_channels_leave_nothing_behind(own_kernel: Kernel) -> None:
    own_kernel.run(CALC + KERNEL)
    own_kernel.connect("calc").call("add", 1, 2)
    own_kernel.close_channels()
    before = settle(own_kernel)
    for _ in range(3):
        for _ in range(5):
            channel = own_kernel.connect("calc")
            assert channel.call("add", 1, 2) == 3
            with channel.stream("ticks", window=4) as ticks:
                assert next(ticks) == 0
        own_kernel.close_channels()
        wait_for_counts(own_kernel, before)


def settle(kernel: Kernel) -> dict[str, Any]:
    """Return the counts, once no channel is there."""
    assert eventually(lambda: count(kernel)["peers"] == 0)
    assert eventually(lambda: count(kernel)["subshells"] == 0)
    return count(kernel)


@pytest.mark.parametrize(
    "cycle",
    [
        "target = kcomm.Target('calc'); target.method(print, name='p')",
        "extra = kcomm.Target('extra'); extra.close()",
        "player = kcomm.animate(lambda i: np.zeros((4, 4), np.uint8)); player._make_poster(); player.close()",
        "player = kcomm.animate(lambda i: np.zeros((4, 4), np.uint8)); player = None",
        "cam = kcomm.webcam(); cam.close()",
        "cam = kcomm.webcam(lambda image: image); cam = None",
    ],
)
def test_targets_players_and_webcams_leave_nothing_behind(kernel: Kernel, cycle: str) -> None:
    kernel.run(CALC + KERNEL + "import numpy as np")
    kernel.run(cycle)
    before = settle(kernel)
    for _ in range(3):
        kernel.run(f"for _ in range(5):\n    {cycle}")
        wait_for_counts(kernel, before)


def test_a_target_that_is_made_again_with_its_page_connected(own_kernel: Kernel) -> None:
    """As when all cells run again: the page's channel ends, and it connects to the new target."""
    own_kernel.run(CALC + KERNEL)
    before = settle(own_kernel)
    for _ in range(3):
        channel = own_kernel.connect("calc")
        assert channel.call("add", 1, 2) == 3
        own_kernel.run(CALC)
        with pytest.raises(kcomm.KcommError) as caught:
            channel.call("add", 1, 2)
        assert caught.value.code == "kcomm.closed"
        own_kernel.close_channels()
        wait_for_counts(own_kernel, before)


#: Not by globals, which are gone when the kernel ends.
SLOW_SUBSHELL = """
def slow_down(manager, sleep):
    find = manager.get_subshell_to_shell_channel_socket

    def find_slowly(subshell):
        if subshell is not None:
            sleep(2)
        return find(subshell)

    manager.get_subshell_to_shell_channel_socket = find_slowly

import time
slow_down(get_ipython().kernel.shell_channel_thread.manager, time.sleep)
"""


def test_a_kernel_ends_while_a_subshell_gets_a_message(own_kernel: Kernel) -> None:
    own_kernel.run(CALC)
    channel = own_kernel.connect("calc")
    assert channel.call("add", 1, 2) == 3
    own_kernel.run(SLOW_SUBSHELL)
    channel.emit("anything")
    time.sleep(0.3)  # The subshell has the message, and will need the lock of its manager.
    own_kernel.client.shutdown()
    end = time.monotonic() + TIMEOUT
    while own_kernel.manager.is_alive():
        assert time.monotonic() < end, "the kernel does not end"
        time.sleep(0.05)
