"""A player in a kernel at work: cells run, are interrupted, and the kernel ends, whatever is drawn."""

from __future__ import annotations

import itertools
import time

import pytest

from kcomm.errors import CallTimeoutError

from .conftest import Kernel

STUCK = """
import threading, time
import numpy as np
import kcomm

def paint(i):
    if i == 13:
        threading.Event().wait()
    return np.full((4, 6), i % 256, np.uint8)

player = kcomm.animate(paint)
other = kcomm.animate(lambda i: np.zeros((2, 2), np.uint8))
print(player.target, other.target)
"""


def test_a_draw_that_does_not_end_leaves_the_kernel_usable(own_kernel: Kernel) -> None:
    stuck, other = own_kernel.run(STUCK).stdout.split()
    channel = own_kernel.connect(stuck)
    with pytest.raises(CallTimeoutError):
        channel.call("draw", 13, timeout=0.5)
    assert channel.call("info")["width"] == 640
    assert own_kernel.run("print(1 + 1)").stdout == "2\n"
    assert own_kernel.connect(other).call("draw", 5)["width"] == 2
    own_kernel.run("player.close()")
    own_kernel.client.shutdown()
    end = time.monotonic() + 20
    while own_kernel.manager.is_alive():
        assert time.monotonic() < end, "the kernel does not end"
        time.sleep(0.05)


def test_an_interrupt_reaches_the_cell_and_not_the_player(own_kernel: Kernel) -> None:
    target = own_kernel.run(STUCK).stdout.split()[0]
    channel = own_kernel.connect(target)
    with channel.stream("play", 100, 1, False, window=2) as frames:
        assert [frame["index"] for frame in itertools.islice(frames, 3)] == [100, 101, 102]
        cell = own_kernel.start("print('asleep')\ntime.sleep(60)")
        own_kernel.read_until(lambda: "asleep" in own_kernel.outputs[cell].stdout, "the cell did not begin")
        own_kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in own_kernel.wait(cell).error
        assert [frame["index"] for frame in itertools.islice(frames, 3)] == [103, 104, 105]
    assert own_kernel.run("print(player.stats().drawn >= 6)").stdout == "True\n"


def test_what_a_function_prints_ahead_is_shown_under_its_cell(own_kernel: Kernel) -> None:
    """Frames are drawn on a thread of the player's, while later cells run."""
    made = own_kernel.start(STUCK.replace("    return", "    print('frame', i)\n    return"))
    target = own_kernel.wait(made).stdout.split()[0]
    later = own_kernel.start("print('later')\ntime.sleep(1)")
    channel = own_kernel.connect(target)
    with channel.stream("play", 20, 1, False, window=4) as frames:
        next(frames)
        own_kernel.read_until(
            lambda: "frame 23" in own_kernel.outputs[made].stdout, "the prints did not come"
        )
    assert own_kernel.wait(later).stdout == "later\n"


POOL = """
import multiprocessing, os
from concurrent.futures import ProcessPoolExecutor
import matplotlib.pyplot as plt
import kcomm

def paint(i):
    print('drawing', i)
    fig, ax = plt.subplots(figsize=(2, 1), dpi=50)
    ax.plot([0, i])
    ax.set_title(str(os.getpid() == kernel))
    return fig

kernel = os.getpid()
pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("METHOD"))
"""


def test_processes_draw_what_a_cell_defined(own_kernel: Kernel) -> None:
    """Forked ones know it; they draw figures of pyplot without showing them to the kernel's cells."""
    own_kernel.run(POOL.replace("METHOD", "fork"))
    output = own_kernel.run("player = kcomm.animate(paint, frames=50, prefetch=pool)\nprint(player.target)")
    channel = own_kernel.connect(output.stdout.strip())
    frames = list(channel.stream("play", 0, 1, False))
    assert [frame["index"] for frame in frames] == list(range(50))
    assert {frame.get("width") for frame in frames} == {100}
    assert own_kernel.run("print(plt.get_fignums())").stdout == "[]\n"
    own_kernel.run("player.close(); pool.shutdown()")


def test_spawned_processes_are_told_of_modules_only(own_kernel: Kernel) -> None:
    own_kernel.run(POOL.replace("METHOD", "spawn"))
    cell = own_kernel.wait(own_kernel.start("kcomm.animate(paint, frames=50, prefetch=pool)"))
    assert "paint is defined in the notebook" in cell.error
    assert "move it to a module" in cell.error


def test_an_interrupt_leaves_the_pool_of_a_player_whole(own_kernel: Kernel) -> None:
    """Jupyter interrupts the processes too, and one that waited for a task would end by it."""
    own_kernel.run(POOL.replace("METHOD", "fork"))
    shown = own_kernel.run(
        "player = kcomm.animate(paint, prefetch=pool)\ndisplay(player)\nprint(player.target)"
    )
    channel = own_kernel.connect(shown.stdout.strip().splitlines()[-1])
    with channel.stream("play", 0, 1, False, window=4) as frames:
        assert [frame.get("index") for frame in itertools.islice(frames, 6)] == list(range(6))
        cell = own_kernel.start("import time\nprint('asleep')\ntime.sleep(60)")
        own_kernel.read_until(lambda: "asleep" in own_kernel.outputs[cell].stdout, "the cell did not begin")
        own_kernel.manager.interrupt_kernel()
        assert "KeyboardInterrupt" in own_kernel.wait(cell).error
        assert [frame.get("index") for frame in itertools.islice(frames, 20)] == list(range(6, 26))
    own_kernel.run("player.close(); pool.shutdown()")
