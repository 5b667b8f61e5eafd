"""Targets of a real kernel, seen from Python as a front end."""

from __future__ import annotations

import asyncio
import time

import numpy as np
import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient

import kcomm

from .conftest import Kernel

CALC = """
import asyncio, threading, time
import kcomm
target = kcomm.Target("calc")

@target.method
def add(a: float, b: float) -> float:
    return a + b

@target.method
def echo(value):
    return value

@target.method(thread="main")
def set_value(name: str, value: object):
    if not name.isidentifier():
        raise ValueError(f"{name!r} is not a name")
    get_ipython().user_ns[name] = value
    return threading.current_thread() is threading.main_thread()

@target.stream
async def ticks(n: int):
    for i in range(n):
        yield i

@target.method
def shout(text: str):
    print(text.upper())
    display({"text/plain": text}, raw=True)
"""


@pytest.fixture
def calc(kernel: Kernel) -> kcomm.BlockingChannel:
    kernel.run(CALC)
    return kernel.connect("calc")


def test_call(calc: kcomm.BlockingChannel) -> None:
    assert calc.call("add", 2, 3) == 5.0
    assert calc.epoch


def test_stream(calc: kcomm.BlockingChannel) -> None:
    assert list(calc.stream("ticks", 500, window=64)) == list(range(500))


def test_set_value_in_the_kernel(kernel: Kernel, calc: kcomm.BlockingChannel) -> None:
    assert calc.call("set_value", "from_outside", {"n": [1, 2.5, None]}) is True
    assert kernel.run("print(from_outside)").stdout == "{'n': [1, 2.5, None]}\n"


def test_a_hostile_name_is_refused(kernel: Kernel, calc: kcomm.BlockingChannel) -> None:
    with pytest.raises(kcomm.RemoteError, match="is not a name") as caught:
        calc.call("set_value", "x = 1; import os", 1)
    assert caught.value.data == {"type": "ValueError"}
    assert calc.call("add", 1, 1) == 2


@pytest.mark.parametrize("size", [0, 100, 5000, 9_000_000, 67_108_864])
def test_arrays_each_way(calc: kcomm.BlockingChannel, size: int) -> None:
    """Within the header, as an attachment, and in parts: 64 MiB is far above the server's 10 MiB."""
    array = np.arange(size, dtype=np.uint8)
    np.testing.assert_array_equal(calc.call("echo", array), array)


def test_output_of_a_handler_appears_under_the_cell_of_its_target(kernel: Kernel) -> None:
    id_ = kernel.start(CALC)
    kernel.wait(id_)
    later = kernel.start("pass")
    kernel.wait(later)
    channel = kernel.connect("calc")
    channel.call("shout", "hello")
    output = kernel.outputs[id_]
    kernel.read_until(lambda: bool(output.stdout and output.displayed), "nothing was shown")
    assert output.stdout == "HELLO\n"
    assert output.displayed == [{"text/plain": "hello"}]
    assert kernel.outputs[later].stdout == ""


def test_a_traceback_appears_under_the_cell_of_its_target(kernel: Kernel) -> None:
    id_ = kernel.start(CALC + "\n@target.method\ndef broken(): raise LookupError('no such thing')\n")
    kernel.wait(id_)
    with pytest.raises(kcomm.RemoteError, match="LookupError: no such thing"):
        kernel.connect("calc").call("broken")
    output = kernel.outputs[id_]
    kernel.read_until(lambda: "no such thing" in output.stderr, "no traceback was shown")
    assert "Traceback" in output.stderr


def test_unknown_target(kernel: Kernel) -> None:
    with pytest.raises(kcomm.UnknownTargetError, match="nope"):
        kernel.connect("nope")


def test_a_target_can_be_replaced(kernel: Kernel) -> None:
    kernel.run(CALC)
    before = kernel.connect("calc")
    kernel.run(CALC.replace("a + b", "a + b + 100"))
    after = kernel.connect("calc")
    assert after.call("add", 1, 1) == 102
    with pytest.raises(kcomm.ChannelClosedError):
        before.call("add", 1, 1)


def test_calls_are_answered_while_a_cell_runs(kernel: Kernel, calc: kcomm.BlockingChannel) -> None:
    cell = kernel.start("import time; time.sleep(4); print('slept')")
    kernel.read_until(lambda: True, "")
    time.sleep(0.5)
    assert calc.call("add", 1, 2, timeout=3) == 3
    assert kernel.connect("calc", timeout=3).call("add", 3, 4, timeout=3) == 7
    assert kernel.outputs[cell].stdout == ""
    assert kernel.wait(cell).stdout == "slept\n"


def test_a_call_for_the_main_thread_that_timed_out_does_not_run_later(
    kernel: Kernel, calc: kcomm.BlockingChannel
) -> None:
    kernel.run("late = 'untouched'")
    cell = kernel.start("import time; time.sleep(2)")
    time.sleep(0.5)
    with pytest.raises(kcomm.CallTimeoutError):
        calc.call("set_value", "late", "touched", timeout=0.5)
    kernel.wait(cell)
    assert calc.call("add", 1, 1) == 2
    assert kernel.run("print(late)").stdout == "untouched\n"


def test_python_calls_the_front_end_from_a_cell(kernel: Kernel) -> None:
    kernel.run(CALC)
    channel = kernel.connect("calc", handlers={"confirm": lambda text: text + " yes"})
    assert channel.call("add", 1, 1) == 2
    output = kernel.run(
        "[channel] = target.channels\n"
        "print(await channel.call('confirm', 'ready?', timeout=5))\n"
        "print(channel.call('confirm', 'sure?', timeout=5).result())"
    )
    assert output.stdout == "ready? yes\nsure? yes\n"


def test_events_each_way(kernel: Kernel) -> None:
    kernel.run(
        CALC + "\nheard = []\n"
        "@target.on('said')\ndef hear(value): heard.append(value)\n"
        "@target.on_open\ndef greet(channel): channel.emit('hello', channel.params['name'])\n"
    )
    heard: list[object] = []
    channel = kernel.connect("calc", params={"name": "Ada"}, listeners={"hello": heard.append})
    for i in range(5):
        channel.emit("said", i)
    assert channel.call("add", 1, 1) == 2
    assert kernel.run("print(heard)").stdout == "[0, 1, 2, 3, 4]\n"
    assert heard == ["Ada"]


def test_comm_messages_leave_a_figure_of_a_running_cell_alone(kernel: Kernel) -> None:
    """The stock comm fires post_execute for each message, and figures are shown and closed."""
    kernel.run("%matplotlib inline\nimport matplotlib.pyplot as plt\n" + CALC)
    channel = kernel.connect("calc")
    cell = kernel.start(
        "fig, ax = plt.subplots()\nimport time; time.sleep(2)\nprint(plt.fignum_exists(fig.number))\n"
    )
    time.sleep(0.7)
    for _ in range(5):
        channel.call("add", 1, 1)
    kernel.read_until(lambda: True, "")
    output = kernel.wait(cell)
    assert output.stdout == "True\n"
    assert len(output.displayed) == 1


def test_garbage_closes_its_channel_and_no_other(kernel: Kernel, calc: kcomm.BlockingChannel) -> None:
    victim = kernel.connect("calc")
    kernel.client.session.send(
        kernel.client.shell_channel.socket,
        "comm_open",
        {"comm_id": "garbage", "target_name": "calc", "data": {"kcomm": [1]}},
        buffers=[b"\xc1\xff garbage", b"more"],
    )
    kernel.client.session.send(
        kernel.client.shell_channel.socket,
        "comm_open",
        {"comm_id": "stranger", "target_name": "calc", "data": {"from": "something else"}},
    )
    closed: dict[str, list[bytes]] = {}
    end = time.monotonic() + 20
    while len(closed) < 2 and time.monotonic() < end:
        message = kernel.client.get_iopub_msg(timeout=20)
        if message["msg_type"] == "comm_close":
            closed[message["content"]["comm_id"]] = message["buffers"]
    assert set(closed) == {"garbage", "stranger"}
    assert b"kcomm.protocol_error" in bytes(closed["garbage"][0])
    assert victim.call("add", 1, 1) == 2
    assert calc.call("add", 2, 2) == 4


def test_a_kernel_that_is_restarted_fails_calls_at_once(own_kernel: Kernel) -> None:
    own_kernel.run(CALC + "\n@target.method\nasync def wait(): await asyncio.sleep(60)\n")
    channel = own_kernel.connect("calc")
    call = kcomm.Channel.call(channel, "wait", timeout=50)
    assert channel.call("add", 1, 1) == 2
    own_kernel.manager.restart_kernel(now=True)
    with pytest.raises(kcomm.SessionLostError) as caught:
        call.result(timeout=30)
    assert caught.value.data == {"may_have_run": True}


def test_a_kernel_that_dies_fails_calls_at_once(own_kernel: Kernel) -> None:
    """It says nothing: that its connections break has to do."""
    own_kernel.run(CALC + "\n@target.method\nasync def wait(): await asyncio.sleep(60)\n")
    channel = own_kernel.connect("calc")
    call = kcomm.Channel.call(channel, "wait", timeout=50)
    assert channel.call("add", 1, 1) == 2
    own_kernel.manager.shutdown_kernel(now=True)
    with pytest.raises(kcomm.SessionLostError, match="has died"):
        call.result(timeout=30)
    assert channel.is_closed


def test_async_client(kernel: Kernel) -> None:
    kernel.run(CALC)

    async def use() -> tuple[float, list[int]]:
        client = AsyncKernelClient()
        client.load_connection_info(kernel.client.get_connection_info())
        channel = await kcomm.connect(client, "calc")
        total = await channel.call("add", 20, 22)
        items = [i async for i in channel.stream("ticks", 5)]
        channel.close()
        return total, items

    assert asyncio.run(use()) == (42.0, [0, 1, 2, 3, 4])


def test_the_kernel_shuts_down_although_a_handler_never_returns(own_kernel: Kernel) -> None:
    own_kernel.run(
        "import kcomm, time\nt = kcomm.Target('stuck')\n@t.method\ndef forever(): time.sleep(3600)\n"
    )
    channel = own_kernel.connect("stuck")
    with pytest.raises(kcomm.CallTimeoutError):
        channel.call("forever", timeout=0.5)
    own_kernel.manager.shutdown_kernel(now=False)
    assert not own_kernel.manager.is_alive()
