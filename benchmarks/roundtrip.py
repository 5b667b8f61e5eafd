"""One small call and its answer at a time, in a notebook's own page."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from benchmarks.bench import Bench, BenchPage
from benchmarks.figures import Case, Verdict, at_least, at_most, find
from benchmarks.setups import BOTH, EVEN, NODELAY, QUIET, STOCK

TITLE = "Round trip"
TEXT = """\
A call with one number, and its answer; the next one begins when it is there. *kcomm* calls a plain Python
function, which runs on a worker thread, and *kcomm, async handler* a coroutine. *raw comm* is JupyterLab's
`kernel.createComm` and a comm target that answers each message with another one. *kernel.execute* asks for
the value of a user expression.

The setups: *stock* is JupyterLab as it is installed. kcomm's server extension sets TCP_NODELAY; its plugin
keeps the busy indicators still while a channel is busy and for a second after, from which a raw comm that is
used meanwhile gains as well. In the last one the server's settings keep them still for all comms at all
times: the library itself is what makes the difference there."""

SETUPS = (STOCK, NODELAY, QUIET, BOTH, EVEN)
CONTENDERS = ("kcomm", "kcomm, async handler", "raw comm", "kernel.execute")
CALLS = 15


def run(bench: Bench) -> list[Case]:
    """Measure every contender under every setup."""
    pages = {setup.name: bench.open(setup) for setup in SETUPS}
    cases = [Case(setup.name, "ms") for setup in SETUPS]
    for page in pages.values():
        for contender in CONTENDERS:
            page.call("calls", contender, CALLS)
    bench.turns(turn(case, pages[case.name], contender) for case in cases for contender in CONTENDERS)
    return cases


def turn(case: Case, page: BenchPage, contender: str, calls: int = CALLS) -> Callable[[], None]:
    """Return what measures a contender once."""
    return lambda: case.add(contender, statistics.median(page.call("calls", contender, calls)))


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Compare with the budgets."""
    stock, both, even = (find(cases, setup.name) for setup in (STOCK, BOTH, EVEN))
    verdicts = []
    for case in (stock, even):
        if case:
            what = f"call round trip against a raw comm, {case.name}"
            verdicts.append(at_most(what, case.samples["kcomm"], case.samples["raw comm"], 1.25))
    if stock and both:
        what = "call round trip with extension and plugin against stock"
        verdicts.append(at_least(what, stock.samples["raw comm"], both.samples["kcomm"], 5))
    return verdicts
