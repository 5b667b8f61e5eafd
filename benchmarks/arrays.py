"""Arrays each way, against a raw comm with one buffer."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence

from benchmarks.bench import Bench, BenchPage
from benchmarks.figures import Case, Verdict, at_most
from benchmarks.setups import EVEN

TITLE = "Arrays"
TEXT = """\
One array after the other. To the kernel: a call with a `Float32Array`, until the answer is there that tells
its size; of the kernel: a call that returns a NumPy array. On a raw comm it is the one buffer of a message.
The bytes are random, so that nothing on the way can shrink them."""

CONTENDERS = ("kcomm", "raw comm")
SIZES = {"64 kB": (64_000, 10), "1 MB": (1_000_000, 6), "8 MB": (8_000_000, 3)}
WAYS = {"to the kernel": "arraysUp", "of the kernel": "arraysDown"}


def run(bench: Bench) -> list[Case]:
    """Measure both contenders each way."""
    return measure(bench, bench.open(EVEN), SIZES)


def measure(bench: Bench, page: BenchPage, sizes: dict[str, tuple[int, int]]) -> list[Case]:
    """Measure arrays of some sizes in a page."""
    cases = {f"{size} {way}": Case(f"{size} {way}", "ms") for size in sizes for way in WAYS}

    def turns() -> Iterator[Callable[[], None]]:
        for name, (nbytes, repeats) in sizes.items():
            for way, function in WAYS.items():
                for contender in CONTENDERS:
                    yield turn(cases[f"{name} {way}"], page, function, contender, nbytes, repeats)

    bench.turns(turns())
    return list(cases.values())


def turn(
    case: Case, page: BenchPage, function: str, contender: str, nbytes: int, repeats: int
) -> Callable[[], None]:
    """Return what measures a contender once."""
    return lambda: case.add(contender, statistics.median(page.call(function, contender, nbytes, repeats)))


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Compare with the budgets, which begin at 1 MB."""
    return [
        at_most(f"array of {case.name}", case.samples["kcomm"], case.samples["raw comm"], 1.1)
        for case in cases
        if "MB" in case.name
    ]
