"""The delay of a webcam that runs on and on."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict, find, ratio
from benchmarks.webcam_stages import KCOMM, Stage, median, percentile

TITLE = "How a webcam's delay grows"
TEXT = """\
The delay as above, of kcomm alone, at 640x480: the median of each tenth of a minute that it runs, or with
`--long` of each of ten minutes; in the last column what 95 % of the frames stay below."""

SIZE = (640, 480)
#: Milliseconds.
WARMING = 2000
PARTS = 10
PART, LONG_PART = 6_000, 60_000
#: Parts of a run, and what may lie between the first and the last.
NAMES = {PART: "delay, tenths of a minute", LONG_PART: "delay, minutes"}
LIMIT = 1.2


def run(bench: Bench) -> list[Case]:
    """Run once, and look at the delays of all parts."""
    part = LONG_PART if bench.is_long else PART
    stage = Stage(bench, KCOMM, SIZE)
    seen = stage.watch("keep", WARMING, PARTS * part, is_read=True)
    stage.close()
    case = Case(NAMES[part], "ms")
    for name, delays in parts_of(seen.delays(), seen.figures["since"], part):
        case.add(name, median(delays), f"95 % within {percentile(delays, 0.95):.0f} ms")
    return [case]


def parts_of(
    delays: Sequence[tuple[float, float]], since: float, part: float
) -> list[tuple[str, list[float]]]:
    """Return the delays of each part, with its number."""
    parts: list[list[float]] = [[] for _ in range(PARTS)]
    for time, delay in delays:
        parts[min(PARTS - 1, int((time - since) // part))].append(delay)
    return [(str(number), found) for number, found in enumerate(parts, 1)]


def slope(case: Case) -> float:
    """Return by how many of its unit a case grows from one part to the next."""
    medians = [case.median(name) for name in case.samples]
    return statistics.linear_regression(range(len(medians)), medians).slope


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Compare the last part with the first one."""
    verdicts = []
    for name in NAMES.values():
        if case := find(cases, name):
            found = ratio(case.samples[str(PARTS)], case.samples["1"])
            measured = f"{found:.2f}x, {PARTS * slope(case):+.1f} ms in all"
            what, budget = f"{name}: the last against the first", f"at most {LIMIT:g}x"
            verdicts.append(Verdict(what, budget, measured, found <= LIMIT))
    return verdicts
