"""A webcam through a Python function and back, against what else does that in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict, find, ratio
from benchmarks.stages import Contest, describe
from benchmarks.webcam_stages import CAMERA, CONTENDERS, KCOMM, Seen, Stage, median, percentile

TITLE = "Webcam"
TEXT = """\
The browser's camera, a photographic clip of 30 frames a second, goes through a Python function in the kernel,
and the page paints the result; each contender in a notebook of its own. Each frame of the clip has its number
in its pixels, as black and white blocks that can be told in its edges, too.

*edges* is the filter of the IPython Cookbook, Roberts' cross by scikit-image; *painted* are results a second,
counted at the page's repaints; *camera* is what the camera gave meanwhile. *delay* is measured with a
function that returns what it is given: from when a frame's number came out of the camera's track, which a
worker reads beside the contender, to the repaint at which it is read from what the contender has painted. It
is the median of all painted frames; the last column has what 95 % of them stay within. The other lines are
about *edges*, for each painted frame: what the kernel's websocket carried, and what the processes of the
kernel and of the browser's pages took of the processor, JupyterLab's own part included.

*kcomm* is `kcomm.webcam(process)`. *cookbook* is the recipe "Processing webcam images in real-time from the
notebook" as an anywidget: PNG by `toDataURL` in a synced trait, and a PNG of Pillow's back in another one. It
takes a picture each 50 ms where the recipe says 100, and spares itself the echo that ipywidgets sends by
default. *Panel* is its VideoStream with the format and the pane of its gallery, JPEG both ways, at 33 ms. Of
images it is counted that they have loaded, without looking into them, unless the delay is measured: so a
frame of the camera that Panel shows twice counts twice. kcomm's server extension is at work for all."""

PLOT = "webcam.svg"
SIZES = {"320x240": (320, 240), "640x480": (640, 480), "1280x720": (1280, 720)}
#: Milliseconds.
WARMING, WINDOW = 800, 2000
#: Repetitions at most, by size.
AT_MOST = {"320x240": 2, "640x480": 3, "1280x720": 2}
#: The size that the budgets are about.
JUDGED = "640x480"
COOKBOOK = "cookbook"
#: What counts as painting every frame of the camera: the windows of both are not in step.
OF_CAMERA = 0.95
#: Milliseconds.
DELAY = 60


class Cases:
    """What is measured at a size."""

    def __init__(self, name: str, size: tuple[int, int]) -> None:
        self._size = size
        self.painted = Case(f"edges, painted, {name}", "1/s", "more")
        self.delay = Case(f"delay, {name}", "ms")
        self.up = Case(f"to the kernel, {name}", "kB")
        self.down = Case(f"of the kernel, {name}", "kB")
        self.kernel = Case(f"processor, kernel, {name}", "ms")
        self.page = Case(f"processor, page, {name}", "ms")
        self.all = [self.painted, self.delay, self.up, self.down, self.kernel, self.page]
        self._delays: dict[str, list[float]] = {}

    def add_edges(self, kind: str, seen: Seen) -> None:
        """Take a run down that found edges."""
        # Smaller pictures cost less.
        note = "" if seen.size == self._size else f"at {seen.size[0]}x{seen.size[1]} pixels"
        self.painted.add(kind, seen.figures["rate"], note)
        if kind == KCOMM:
            self.painted.add(CAMERA, seen.figures["camera"])
        frames = max(1.0, seen.frames)
        self.up.add(kind, seen.figures["up"] / frames / 1000)
        self.down.add(kind, seen.figures["down"] / frames / 1000)
        self.kernel.add(kind, 1000 * seen.kernel / frames)
        self.page.add(kind, 1000 * seen.page / frames)

    def add_delays(self, kind: str, seen: Seen) -> None:
        """Take a run down that did nothing."""
        found = [delay for _, delay in seen.delays()]
        every = self._delays.setdefault(kind, [])
        every += found
        self.delay.add(kind, median(found), f"95 % within {percentile(every, 0.95):.0f} ms")


def run(bench: Bench) -> list[Case]:
    """Measure every contender at every size."""
    found = []
    for name, size in SIZES.items():
        found += measure(bench, name, size, at_most=AT_MOST[name])
    return found


def measure(
    bench: Bench,
    name: str,
    size: tuple[int, int],
    *,
    at_most: int,
    warming: int = WARMING,
    window: int = WINDOW,
    far: bool = False,
    settings: Mapping[str, Mapping[str, object]] | None = None,
) -> list[Case]:
    """Measure every contender at a size, some of them with settings of their own."""
    cases = Cases(name, size)
    contest = Contest()
    stages: dict[str, Stage] = {}
    for kind in CONTENDERS:
        try:
            stages[kind] = Stage(bench, kind, size, far=far, settings=(settings or {}).get(kind))
        except Exception as error:
            contest.failed[kind] = describe(error)

    def work(kind: str) -> Callable[[], None]:
        def turn() -> None:
            cases.add_edges(kind, stages[kind].watch("edges", warming, window, is_read=False))
            cases.add_delays(kind, stages[kind].watch("keep", warming, window, is_read=True))

        return turn

    bench.turns((contest.turn(kind, cases.all, work(kind)) for kind in CONTENDERS), at_most=at_most)
    for stage in stages.values():
        stage.close()
    return cases.all


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Compare with the budgets."""
    verdicts = []
    if painted := find(cases, f"edges, painted, {JUDGED}"):
        verdicts.append(judge_rate(f"edges of a webcam, {JUDGED}", painted))
    if delay := find(cases, f"delay, {JUDGED}"):
        what, budget = f"delay of a webcam, {JUDGED}", f"at most {DELAY} ms"
        is_measured = bool(delay.samples.get(KCOMM))
        verdicts.append(
            Verdict(what, budget, f"{delay.median(KCOMM):.0f} ms", delay.median(KCOMM) <= DELAY)
            if is_measured
            else Verdict(what, budget, "not measured", False)
        )
    return verdicts


def judge_rate(what: str, case: Case, limit: float = 4) -> Verdict:
    """Ask for a multiple of the cookbook's rate, or for the camera's."""
    budget = f"at least {limit:g}x the cookbook, or {OF_CAMERA:.0%} of the camera's rate"
    ours = case.samples.get(KCOMM)
    if not ours:
        return Verdict(what, budget, "not measured", False)
    share = ratio(ours, case.samples[CAMERA])
    measured = f"{share:.0%} of the camera's rate"
    times = 0.0
    if theirs := case.samples.get(COOKBOOK):
        times = ratio(ours, theirs)
        measured = f"{times:.1f}x, {measured}"
    return Verdict(what, budget, measured, times >= limit or share >= OF_CAMERA)
