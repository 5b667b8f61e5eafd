"""Views over a link of 80 ms and 20 Mbit/s: more is under way than nearby, as much as the link needs."""

from __future__ import annotations

from collections.abc import Callable

from tests.network.shaped import FAR, ShapedLink
from tests.page.notebook import Notebook
from tests.page.server import Server
from tests.page.views import View

Open = Callable[..., Notebook]

#: Notes how many items each CREDIT lets be under way: those that come from the page, and those that go to it.
WINDOWS = """
from kcomm.protocol import made, served
granted, asked = [], []
def take_credit(self, id_, limit, done, original=served.CallsServed.take_credit):
    granted.append(limit - done)
    return original(self, id_, limit, done)
def consume(self, id_, done, limit=None, original=made.CallsMade.consume):
    if limit is not None:
        asked.append(limit - done)
    return original(self, id_, done, limit)
served.CallsServed.take_credit = take_credit
made.CallsMade.consume = consume
"""
PLAYER = """
import numpy as np, kcomm
player = kcomm.animate(lambda i: np.full((48, 64), i % 200, np.uint8), frames=100_000, fps="max")
player
"""


def test_a_player_draws_further_ahead(open_notebook: Open, lab: Server) -> None:
    with ShapedLink(lab.url, FAR) as link:
        notebook = open_notebook([WINDOWS + PLAYER], url=link.url)
        notebook.run(0)
        view = View(notebook.output(0)).wait_live()
        notebook.execute("player.play()")
        view.wait_past(50, timeout=60_000)
        # With four, as it begins, less than half of what this link carries would be shown.
        wait_until(notebook, "max(granted, default=0) > 4")
        notebook.execute("player.pause()")
        assert notebook.errors() == []


def wait_until(notebook: Notebook, condition: str) -> None:
    """Wait for what the kernel sees."""
    for _ in range(120):
        if notebook.evaluate(f"bool({condition})"):
            return
        notebook.page.wait_for_timeout(500)
    raise AssertionError(f"it did not come about: {condition}")
