"""Painted frames a second of an animation, against what else shows one in a notebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict, best_of, find, ratio
from benchmarks.stages import BY_HAND, KCOMM, PEERS, Contest, Show, Stage, describe

TITLE = "Animation"
TEXT = """\
The sine wave of every tutorial (`FuncAnimation`, one line of 1000 points), played as fast as it goes, each in
a notebook of its own; frames that nobody has seen before, so that no cache helps. Counted is what is
*painted*: at each repaint of the page a script looks where the line is on the canvas; of an image it takes
that it loaded another picture (looking would have the browser decode it twice). *lost* are frames between
the painted ones that the page never showed.

*kcomm* is `kcomm.animate(animation, fps="max")`. The others as their manuals have it: *ipympl* runs the
FuncAnimation on its canvas, at the interval at which it painted most; it can't blit, so `blit=True` does
nothing there. *jupyter_rfb* asks for its next frame in `get_frame`, which returns the canvas's buffer, and
encodes it by simplejpeg. *ipywidgets.Image* gets the PNG of `savefig` in a loop. *execute and savefig* is a
page that calls `kernel.execute` for a data URL. *blit by hand*: the user has written matplotlib's blitting
out, sends JPEG by simplejpeg where there is a choice, and lets more frames be in flight; the budgets are
about what a library makes of the same `animate` function, so these are not part of them. kcomm's server
extension is at work for all of them: without it, answers of pages take the others 40 ms longer.

*display* is how often the page repaints while kcomm plays; nobody can paint more often. *exact frames* are
those whose every pixel equals `fig.canvas.buffer_rgba()` after a full draw of another figure."""

PLOT = "animation.svg"
SIZES = {"640x480": (640, 480), "1280x960": (1280, 960)}
CONTENDERS = (KCOMM, *PEERS, *BY_HAND)
DISPLAY = "display"
#: Milliseconds.
WARMING, WINDOW = 300, 1500
#: Repetitions at most, by size: a full run should not take the patience of whoever waits for it.
AT_MOST = {"640x480": 5, "1280x960": 3}
#: Frames that are compared with full draws: of kcomm's and of the others'.
COMPARED, COMPARED_PEERS = 40, 10
EXACT = "exact frames"
#: What counts as painting whenever the display does: it is seldom in step to the last frame.
OF_DISPLAY = 0.95


def run(bench: Bench) -> list[Case]:
    """Measure every contender at every size."""
    cases = {name: Case(f"painted, {name}", "1/s", "more") for name in SIZES}
    exact = {name: Case(f"{EXACT}, {name}", "%", "more") for name in SIZES}
    contest = Contest()
    stages = open_stages(bench, contest, {name: list(SIZES.values()) for name in CONTENDERS})
    tally = Tally()
    for name, size in SIZES.items():
        bench.turns(
            (
                contest.turn(kind, [cases[name]], measure(stages, tally, cases[name], kind, size))
                for kind in CONTENDERS
            ),
            at_most=AT_MOST[name],
        )
    for name, size in SIZES.items():
        for kind in CONTENDERS:
            contest.turn(kind, [exact[name]], compare(stages, exact[name], kind, size))()
    return [*cases.values(), *exact.values()]


def open_stages(
    bench: Bench, contest: Contest, sizes: dict[str, list[tuple[int, int]]], *, far: bool = False
) -> dict[str, Stage]:
    """Return a page for each contender that has its animation shown there."""
    stages: dict[str, Stage] = {}
    for kind, shown in sizes.items():
        try:
            stages[kind] = Stage(bench, [Show(kind, size) for size in shown], far=far)
        except Exception as error:
            contest.failed[kind] = describe(error)
    return stages


class Tally:
    """What was lost, over all repetitions."""

    def __init__(self) -> None:
        self._painted: Counter[tuple[str, str]] = Counter()
        self._lost: Counter[tuple[str, str]] = Counter()

    def add(self, case: Case, kind: str, painted: float, lost: float) -> str:
        """Take a repetition down, and return what is to be said of all of them."""
        key = case.name, kind
        self._painted[key] += int(painted)
        self._lost[key] += int(lost)
        came = self._painted[key] + self._lost[key]
        return f"{self._lost[key]} of {came} lost" if self._lost[key] else "none lost"


def measure(
    stages: dict[str, Stage],
    tally: Tally,
    case: Case,
    kind: str,
    size: tuple[int, int],
    window: int = WINDOW,
) -> Callable[[], None]:
    """Return what measures a contender once."""

    def work() -> None:
        (found,) = stages[kind].count(Show(kind, size), WARMING, window)
        case.add(kind, found["rate"], tally.add(case, kind, found["painted"], found["lost"]))
        if kind == KCOMM:
            case.add(DISPLAY, found["display"])

    return work


def compare(stages: dict[str, Stage], case: Case, kind: str, size: tuple[int, int]) -> Callable[[], None]:
    """Return what compares a contender's frames with full draws."""

    def work() -> None:
        count = COMPARED if kind == KCOMM else COMPARED_PEERS
        same, found = stages[kind].count_exact(Show(kind, size), count)
        case.add(kind, 100 * same / max(1, found), f"{same} of {found}")

    return work


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Compare with the budgets."""
    verdicts = []
    for name, limit, or_display in (("640x480", 3, True), ("1280x960", 4, False)):
        if case := find(cases, f"painted, {name}"):
            verdicts.append(judge_rate(f"painted frames, {name}", case, limit, or_display=or_display))
        if case := find(cases, f"{EXACT}, {name}"):
            verdicts.append(judge_exact(f"painted frames equal full draws, {name}", case))
    return verdicts


def judge_rate(what: str, case: Case, limit: float, *, or_display: bool) -> Verdict:
    """Ask for a multiple of the best of the others, or, where that will do, for the display's rate."""
    budget = f"at least {limit:g}x the best"
    if or_display:
        budget += f", or {OF_DISPLAY:.0%} of the display's rate"
    best = best_of(case, PEERS)
    if not case.samples.get(KCOMM) or best is None:
        return Verdict(what, budget, "not measured", False)
    found = ratio(case.samples[KCOMM], case.samples[best])
    shown = ratio(case.samples[KCOMM], case.samples[DISPLAY])
    measured = f"{found:.1f}x ({best}), {shown:.0%} of the display's rate"
    return Verdict(what, budget, measured, found >= limit or (or_display and shown >= OF_DISPLAY))


def judge_exact(what: str, case: Case) -> Verdict:
    """Ask that all that were compared are equal."""
    found = case.samples.get(KCOMM)
    note = case.notes.get(KCOMM, "")
    is_met = bool(found) and note == f"{COMPARED} of {COMPARED}"
    return Verdict(what, "all", note if found else "not measured", is_met)
