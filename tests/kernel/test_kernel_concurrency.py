"""Calls that are given up, and channels that come and go, in a real kernel."""

from __future__ import annotations

import kcomm

from .conftest import TIMEOUT, Kernel

CODE = """
import asyncio, threading
import kcomm
target = kcomm.Target("busy")
began, ended = threading.Event(), threading.Event()

@target.method(thread="main")
async def wait_for_ever():
    began.set()
    try:
        await asyncio.Event().wait()
    finally:
        ended.set()

@target.method
def has_begun():
    return began.wait(10)

@target.method
def has_ended():
    return ended.wait(10)
"""


def test_a_call_on_the_main_loop_ends_when_it_is_given_up(own_kernel: Kernel) -> None:
    """Nothing else wakes that loop."""
    own_kernel.run(CODE)
    channel = own_kernel.connect("busy")
    waiting = kcomm.Channel.call(channel, "wait_for_ever")
    assert channel.call("has_begun") is True
    waiting.cancel()
    assert channel.call("has_ended", timeout=TIMEOUT) is True


def test_channels_that_are_closed_are_closed_in_the_kernel(kernel: Kernel) -> None:
    """Each closes its subshell as well, which must not overtake what it sent there."""
    kernel.run(CODE)
    kernel.run("gone = threading.Semaphore(0)\n@target.on_close\ndef count(channel):\n    gone.release()\n")
    for _ in range(20):
        kcomm.connect(kernel.client, "busy").close()
    result = kernel.run("print(all(gone.acquire(timeout=10) for _ in range(20)), len(target.channels))")
    assert result.stdout == "True 0\n"
