"""Many small messages: how many a second, and how many of them arrive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from benchmarks.bench import Bench, BenchPage
from benchmarks.figures import Case, Verdict, at_least
from benchmarks.setups import EVEN

TITLE = "Small messages"
TEXT = """\
*kcomm* puts what is sent in one turn into one comm message; on a *raw comm* each is one of its own. Calls are
answered one by one, 500 of them under way at once. Events nobody answers; the receiver counts them. A burst
is what one handler in the kernel sends in a loop: of comm messages that come too fast a stock server drops
what is above its limit, and only its log tells. The rate is that of those which arrived."""

CONTENDERS = ("kcomm", "raw comm")
DOWN_CONTENDERS = ("kcomm", "kcomm, a stream", "raw comm")
MESSAGES = 2000
BURST = 20_000
#: Repetitions of a burst: it takes long on a raw comm.
BURSTS = 3
#: Milliseconds after which nothing more comes.
QUIET = 3000

CALLS, UP, DOWN, BURST_NAME = "calls", "events to the kernel", "events of the kernel", "a burst of 20 000"


def run(bench: Bench) -> list[Case]:
    """Measure both contenders each way."""
    page = bench.open(EVEN)
    cases = {name: Case(name, "1/s", "more") for name in (CALLS, UP, DOWN, BURST_NAME)}
    tally = Tally(page)

    def calls(contender: str) -> Callable[[], None]:
        return lambda: cases[CALLS].add(
            contender, page.call("manyCalls", contender, MESSAGES, 500), "all answered"
        )

    def up(contender: str) -> Callable[[], None]:
        return lambda: tally.count(cases[UP], "eventsUp", contender, MESSAGES)

    def down(contender: str) -> Callable[[], None]:
        return lambda: tally.count(cases[DOWN], "eventsDown", contender, MESSAGES, QUIET)

    def burst(contender: str) -> Callable[[], None]:
        return lambda: tally.count(cases[BURST_NAME], "eventsDown", contender, BURST, QUIET)

    bench.turns([*map(calls, CONTENDERS), *map(up, CONTENDERS), *map(down, DOWN_CONTENDERS)])
    bench.turns(map(burst, DOWN_CONTENDERS), at_most=BURSTS)
    return list(cases.values())


class Tally:
    """Counts what was sent and what was lost, over all repetitions."""

    def __init__(self, page: BenchPage) -> None:
        self._page = page
        self._sent: Counter[tuple[str, str]] = Counter()
        self._lost: Counter[tuple[str, str]] = Counter()

    def count(self, case: Case, function: str, contender: str, messages: int, *args: int) -> None:
        """Send messages, and take down how fast they came, and how many of them never did."""
        found = self._page.call(function, contender, messages, *args)
        key = case.name, contender
        self._sent[key] += messages
        self._lost[key] += messages - found["counted"]
        lost, sent = self._lost[key], self._sent[key]
        case.add(contender, found["rate"], f"{lost} of {sent} lost" if lost else "none lost")


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Compare with the budgets."""
    return [judge_case(case) for case in cases]


def judge_case(case: Case) -> Verdict:
    """Ask for the rate, and that all arrive."""
    verdict = at_least(f"small messages: {case.name}", case.samples["kcomm"], case.samples["raw comm"], 10)
    note = case.notes["kcomm"]
    is_met = verdict.is_met and note in ("all answered", "none lost")
    return Verdict(verdict.what, f"{verdict.budget}, none lost", f"{verdict.measured}, {note}", is_met)
