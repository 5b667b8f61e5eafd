"""The webcam over a slow link to a distant server."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import webcam
from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict

TITLE = "Webcam over a slow link"
TEXT = """\
As above, but what goes between the page and the server takes 80 ms there and back, at 20 Mbit/s. Each page
has a link of its own. Panel takes a picture each 200 ms here: more often, pictures gather in its messages,
which then carry several megabytes each and come seconds late."""

NAME = "640x480, far"
SIZE = (640, 480)
#: Milliseconds: longer, as it takes time until what is sent fits the link.
WARMING, WINDOW = 3000, 4000
REPETITIONS = 2
SETTINGS = {"Panel": {"interval": 200}}


def run(bench: Bench) -> list[Case]:
    """Measure every contender."""
    return webcam.measure(
        bench,
        NAME,
        SIZE,
        at_most=REPETITIONS,
        warming=WARMING,
        window=WINDOW,
        far=True,
        settings=SETTINGS,
    )


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """There is no budget for a webcam over such a link."""
    return []
