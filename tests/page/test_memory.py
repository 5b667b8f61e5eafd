"""What plays for long takes no more memory, neither in the page nor in the kernel.

``make soak`` plays 10 000 frames of each; the gate fewer, which shows a leak of a frame each time as well.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.page.notebook import Notebook
from tests.page.views import View

FRAMES = int(os.environ.get("KCOMM_SOAK_FRAMES", "1500"))
#: Bytes a frame may add: its pixels, left behind each time, would be a hundred times as many.
MOST_A_FRAME = 4000

SETUP = """
import gc, os
import numpy as np, psutil
import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation
import kcomm

def memory():
    gc.collect()
    return psutil.Process().memory_info().rss

figure, axes = plt.subplots(figsize=(4, 3), dpi=100)
axes.set(xlim=(0, 6), ylim=(-1, 1))
x = np.linspace(0, 6, 300)
(line,) = axes.plot(x, x)

def draw(i):
    line.set_ydata(np.sin(x + i / 20))

noise = np.random.default_rng(1).integers(0, 255, (300, 400, 3), np.uint8)

def photograph(i):
    return np.roll(noise, 3 * i, axis=1)
"""
PLAYERS = {
    "figure": "kcomm.animate(FuncAnimation(figure, draw, frames=10**6), fps='max', cache=2_000_000)",
    "photograph": "kcomm.animate(photograph, frames=10**6, fps='max', cache=2_000_000)",
}


@pytest.mark.timeout(120 + FRAMES // 8)
@pytest.mark.parametrize("kind", PLAYERS)
def test_playing_for_long_takes_no_more_memory(open_notebook: Callable[..., Notebook], kind: str) -> None:
    notebook = open_notebook([SETUP, f"player = {PLAYERS[kind]}\nplayer"])
    notebook.run(0)
    notebook.run(1)
    view = View(notebook.output(1)).wait_live()
    session = notebook.page.context.new_cdp_session(notebook.page)

    def heap() -> float:
        session.send("HeapProfiler.collectGarbage")
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(float(entry["value"]) for entry in metrics if entry["name"] == "JSHeapUsedSize")

    session.send("Performance.enable")
    view.button("Play").click()
    view.wait_past(300, timeout=60_000)  # caches are filled, and what loads on use is loaded
    kernel_before, page_before = notebook.evaluate("memory()"), heap()
    view.wait_past(300 + FRAMES, timeout=1000 * FRAMES / 8)
    kernel_grew, page_grew = notebook.evaluate("memory()") - kernel_before, heap() - page_before
    view.button("Pause").click()
    print(f"over {FRAMES} frames the kernel grew by {kernel_grew} bytes, the page by {page_grew:.0f}")
    assert kernel_grew < max(8e6, MOST_A_FRAME * FRAMES)
    assert page_grew < max(4e6, MOST_A_FRAME * FRAMES)
    assert notebook.evaluate("player.stats().cache") <= 2_000_000
    assert notebook.errors() == []
