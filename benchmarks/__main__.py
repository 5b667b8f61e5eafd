"""Runs benchmarks: ``python -m benchmarks [--repetitions N] [name ...]``; see the README."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Protocol

from benchmarks import arrays, far, imports, machine, messages, packets, report, roundtrip
from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict


class Subject(Protocol):
    """A module that measures one thing."""

    TITLE: str
    TEXT: str

    def run(self, bench: Bench) -> list[Case]:
        """Measure."""

    def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """Compare with the budgets of the subject."""


SUBJECTS: dict[str, Subject] = {
    "roundtrip": roundtrip,
    "messages": messages,
    "arrays": arrays,
    "far": far,
    "imports": imports,
    "packets": packets,
}


def main() -> None:
    """Run the subjects that are asked for, and rewrite the README's results."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(SUBJECTS)}; all by default")
    parser.add_argument("--repetitions", type=int, default=7, help="how often each contender has its turn")
    options = parser.parse_args()
    unknown = set(options.names) - set(SUBJECTS)
    if unknown:
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    for name in options.names or SUBJECTS:
        run(name, options.repetitions)
    results = report.render(report.load(list(SUBJECTS)))
    readme = report.README.read_text(encoding="utf-8")
    report.README.write_text(report.replace_results(readme, results), encoding="utf-8")


def run(name: str, repetitions: int) -> None:
    """Run one subject; print and keep its result."""
    subject = SUBJECTS[name]
    print(f"-- {name}", flush=True)
    with Bench(repetitions) as bench:
        cases = subject.run(bench)
    conditions = {**machine.describe(), **bench.versions, "repetitions": f"{repetitions} repetitions"}
    verdicts = subject.judge(cases)
    report.save(name, report.make_result(subject.TITLE, subject.TEXT, conditions, cases, verdicts))
    print(report.render_cases(cases))
    if verdicts:
        print(report.render_verdicts(verdicts))


if __name__ == "__main__":
    main()
