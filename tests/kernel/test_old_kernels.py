"""Kernels that others still run: before subshells, and before the package `comm` (Colab's)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.session import Session

from tests.ipykernels import python_path

from .conftest import Kernel, start_kernel
from .test_kernel_target import CALC


@pytest.fixture(scope="module", params=["6.17.1", "6.29.5"])
def shared_old_kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """A kernel of an older ipykernel."""
    path = python_path(request.param, request.config.cache)
    kernel = start_kernel([sys.executable, "-Xfrozen_modules=off"], PYTHONPATH=path)
    assert kernel.run("import ipykernel; print(ipykernel.__version__, end='')").stdout == request.param
    yield kernel
    kernel.stop()


@pytest.fixture
def old_kernel(shared_old_kernel: Kernel) -> Iterator[Kernel]:
    """The same, with a new target; its channels are closed after each test."""
    shared_old_kernel.run(CALC)
    yield shared_old_kernel
    shared_old_kernel.close_channels()


def send(kernel: Kernel, session: Session, kind: str, content: dict[str, Any]) -> None:
    """Send a comm message of one's own making."""
    session.send(kernel.client.shell_channel.socket, kind, {"data": {}, **content})


def test_an_old_kernel_serves_targets(old_kernel: Kernel) -> None:
    assert Path(old_kernel.run("print(kcomm.__file__, end='')").stdout).parent.name == "kcomm"
    channel = old_kernel.connect("calc")
    assert channel.call("add", 1, 2) == 3
    assert channel.call("set_value", "x", 42) is True
    assert list(channel.stream("ticks", 100)) == list(range(100))
    assert old_kernel.run("print(x)").stdout == "42\n"


def test_without_a_subshell_a_blocking_wait_fails_at_once(old_kernel: Kernel) -> None:
    old_kernel.connect("calc", handlers={"confirm": str.upper}).call("add", 1, 1)
    output = old_kernel.run(
        "[channel] = target.channels\n"
        "try:\n    channel.call('confirm', 'x').result()\n"
        "except kcomm.WouldBlockError as error:\n    print(error.code)"
    )
    assert output.stdout == "kcomm.would_block\n"


def test_without_a_subshell_a_call_waits_for_a_cell_that_computes(old_kernel: Kernel) -> None:
    channel = old_kernel.connect("calc")
    cell = old_kernel.start("time.sleep(1.5); print('slept')")
    time.sleep(0.3)
    assert channel.call("add", 1, 2, timeout=20) == 3
    assert old_kernel.wait(cell).stdout == "slept\n"


def test_a_cell_awaits_the_page_and_keeps_its_output(old_kernel: Kernel) -> None:
    old_kernel.connect("calc", handlers={"confirm": str.upper})
    output = old_kernel.run(
        "print('before')\n[channel] = target.channels\nprint(await channel.call('confirm', 'x'))"
    )
    assert output.stdout == "before\nX\n"


def test_a_message_with_a_wrong_signature_is_refused_while_a_cell_awaits(old_kernel: Kernel) -> None:
    channel = old_kernel.connect("calc")
    old_kernel.run(
        "opened = []\nawaits = asyncio.Event()\n"
        "@target.on_open\ndef log(channel):\n    opened.append(channel)\n"
        "@target.method(thread='main')\ndef release():\n    awaits.set()"
    )
    cell = old_kernel.start("await awaits.wait(); print(len(opened))")
    forger = Session(key=b"not the kernel's")
    send(old_kernel, forger, "comm_open", {"comm_id": "forged", "target_name": "calc"})
    channel.call("release")
    assert old_kernel.wait(cell).stdout == "0\n"
    assert "forged" not in old_kernel.run("print(list(get_ipython().kernel.comm_manager.comms))").stdout


def test_comms_of_others_wait_for_the_cell_as_ever(old_kernel: Kernel) -> None:
    channel = old_kernel.connect("calc")
    old_kernel.run(
        "log = []\nawaits = asyncio.Event()\n"
        "get_ipython().kernel.comm_manager.register_target('other', lambda *_: log.append('comm'))\n"
        "@target.method(thread='main')\ndef release():\n    log.append('call')\n    awaits.set()"
    )
    cell = old_kernel.start("await awaits.wait(); log.append('cell')")
    send(old_kernel, old_kernel.client.session, "comm_open", {"comm_id": "1", "target_name": "other"})
    channel.call("release")
    old_kernel.wait(cell)
    assert old_kernel.run("print(log)").stdout == "['call', 'cell', 'comm']\n"


def test_the_kernel_is_busy_until_its_cell_is_done(old_kernel: Kernel) -> None:
    old_kernel.run("awaits = asyncio.Event()\ntarget.method(awaits.set, name='release', thread='main')")
    channel = old_kernel.connect("calc")
    statuses = Statuses(old_kernel)
    assert channel.call("add", 1, 2) == 3
    statuses.read_until(("idle", "comm_msg"))
    assert statuses.seen[-2:] == [("busy", "comm_msg"), ("idle", "comm_msg")]
    statuses.seen.clear()
    old_kernel.client.execute("await awaits.wait()")
    statuses.read_until(("busy", "execute_request"))
    channel.call("add", 1, 2)
    channel.call("release")
    statuses.read_until(("idle", "execute_request"))
    after = statuses.seen[statuses.seen.index(("busy", "execute_request")) + 1 :]
    assert after == [("idle", "execute_request")]


class Statuses:
    """The statuses that a kernel publishes for cells and comms, and for which of them."""

    def __init__(self, kernel: Kernel) -> None:
        self._client = kernel.client
        self.seen: list[tuple[str, str]] = []

    def read_until(self, status: tuple[str, str]) -> None:
        while status not in self.seen:
            message = self._client.get_iopub_msg(timeout=20)
            if message["msg_type"] == "status":
                kind = message["parent_header"]["msg_type"]
                # The control channel, on which connections begin, has a thread of its own.
                if kind == "execute_request" or kind.startswith("comm_"):
                    self.seen.append((message["content"]["execution_state"], kind))
