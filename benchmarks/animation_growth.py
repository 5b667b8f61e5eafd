"""How the cost of a frame grows: with the figure's size, what changes in it, its number, and with views."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict, find, ratio
from benchmarks.processes import Processes
from benchmarks.stages import KCOMM, Contest, Show, Stage, sum_of

TITLE = "How an animation's cost grows"
TEXT = """\
Milliseconds of the processor that the kernel takes for each frame that is painted, its drawing and encoding
and sending and all else, while the animation plays as fast as it goes; beside it what the process of the page
takes for each, and how many are painted a second in all views together."""

#: Milliseconds.
WARMING, WINDOW = 300, 1200
REPETITIONS = 2
SEED = (640, 480)
#: Small: all of them are in sight at once.
SMALL = (320, 240)
BY_SIZE, BY_ARTISTS, BY_INDEX, BY_VIEWS = "figure's size", "lines that change", "frame", "views of one player"
#: What the cost at a late frame may be of that at the first; noise is some of it.
LEVEL = 1.2


def axes() -> dict[str, dict[str, Show]]:
    """Return what is shown, by what grows and how far."""
    sizes = ((320, 240), SEED, (1280, 960), (1920, 1440))
    return {
        BY_SIZE: {f"{width}x{height}": Show(KCOMM, (width, height)) for width, height in sizes},
        BY_ARTISTS: {str(n): Show(KCOMM, SEED, f"artists={n}") for n in (1, 10, 100, 1000)},
        BY_INDEX: {f"{i:,}".replace(",", " "): Show(KCOMM, SEED, f"index={i}") for i in (0, 1000, 1_000_000)},
        BY_VIEWS: {str(n): Show(KCOMM, SMALL, views=n) for n in (1, 2, 4)},
    }


def run(bench: Bench) -> list[Case]:
    """Measure along each axis."""
    cases = []
    for name, shows in axes().items():
        case = Case(name, "ms")
        contest = Contest()
        stage = Stage(bench, list(shows.values()))
        processes = Processes(stage.page)
        bench.turns(
            (
                contest.turn(point, [case], measure(stage, processes, case, point, show))
                for point, show in shows.items()
            ),
            at_most=REPETITIONS,
        )
        stage.page.close()
        cases.append(case)
    return cases


def measure(stage: Stage, processes: Processes, case: Case, point: str, show: Show) -> Callable[[], None]:
    """Return what measures a point once."""

    def work() -> None:
        with stage.playing(show, WARMING) as count:
            began, before = time.monotonic(), processes.seconds()
            found = count(0, WINDOW)
            took, after = time.monotonic() - began, processes.seconds()
        rate = sum_of(found, "rate")
        # Of all that time, of which the counted frames are only the most.
        kernel, page = ((b - a) / took / rate * 1000 for a, b in zip(before, after, strict=True))
        case.add(point, kernel, f"page {page:.1f} ms; {rate:.0f} painted a second")

    return work


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """A late frame must cost what the first one does."""
    case = find(cases, BY_INDEX)
    if case is None:
        return []
    first, *_, last = case.samples
    budget = f"at most {LEVEL:g}x"
    if not case.samples[first] or not case.samples[last]:
        return [Verdict("cost of frame 1 000 000 against the first", budget, "not measured", False)]
    found = ratio(case.samples[last], case.samples[first])
    return [Verdict(f"cost of frame {last} against the first", budget, f"{found:.2f}x", found <= LEVEL)]
