"""The animation over a slow link to a distant server."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import animation
from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict, find
from benchmarks.stages import KCOMM, PEERS, Contest

TITLE = "Animation over a slow link"
TEXT = """\
As above, but what goes between the page and the server takes 80 ms there and back, at 20 Mbit/s. Each page
has a link of its own."""

NAME = "painted, 640x480, far"
SIZE = (640, 480)
CONTENDERS = (KCOMM, *PEERS)
#: Milliseconds: longer, as what is under way comes in bursts.
WINDOW = 3000
REPETITIONS = 3


def run(bench: Bench) -> list[Case]:
    """Measure every contender."""
    case = Case(NAME, "1/s", "more")
    contest = Contest()
    stages = animation.open_stages(bench, contest, {kind: [SIZE] for kind in CONTENDERS}, far=True)
    tally = animation.Tally()
    bench.turns(
        (
            contest.turn(kind, [case], animation.measure(stages, tally, case, kind, SIZE, WINDOW))
            for kind in CONTENDERS
        ),
        at_most=REPETITIONS,
    )
    return [case]


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Compare with the budget."""
    case = find(cases, NAME)
    if case is None:
        return []
    return [animation.judge_rate("painted frames, 640x480, over a slow link", case, 3, or_display=False)]
