"""Calls and arrays over a slow link to a distant server."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks import arrays, roundtrip
from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict
from benchmarks.setups import BOTH, STOCK

TITLE = "A slow link"
TEXT = """\
As above, but what goes between the page and the server takes 80 ms there and back, at 20 Mbit/s."""

CONTENDERS = ("kcomm", "raw comm")
CALLS = 6
SIZES = {"64 kB": (64_000, 3), "1 MB": (1_000_000, 2)}


def run(bench: Bench) -> list[Case]:
    """Measure both contenders."""
    pages = {setup.name: bench.open(setup, far=True) for setup in (STOCK, BOTH)}
    cases = [Case(f"a call, {name}", "ms") for name in pages]
    bench.turns(
        roundtrip.turn(case, page, contender, CALLS)
        for case, page in zip(cases, pages.values(), strict=True)
        for contender in CONTENDERS
    )
    return cases + arrays.measure(bench, pages[BOTH.name], SIZES)


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """There is no budget for calls and arrays over such a link, only for pictures."""
    return []
