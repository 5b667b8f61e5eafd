"""Runs benchmarks: ``python -m benchmarks [--repetitions N] [name ...]``; see the README."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Protocol

from benchmarks import (
    animation,
    animation_far,
    animation_growth,
    animation_keeping,
    arrays,
    far,
    imports,
    machine,
    messages,
    packets,
    plot,
    report,
    roundtrip,
    webcam,
    webcam_far,
    webcam_growth,
)
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
    "animation": animation,
    "animation_far": animation_far,
    "animation_growth": animation_growth,
    "animation_keeping": animation_keeping,
    "webcam": webcam,
    "webcam_far": webcam_far,
    "webcam_growth": webcam_growth,
    "imports": imports,
    "packets": packets,
}


def main() -> None:
    """Run the subjects that are asked for, and rewrite the README's results."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(SUBJECTS)}; all by default")
    parser.add_argument("--repetitions", type=int, default=7, help="how often each contender has its turn")
    parser.add_argument("--long", action="store_true", help="also what takes many minutes")
    options = parser.parse_args()
    unknown = set(options.names) - set(SUBJECTS)
    if unknown:
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}; there are {', '.join(SUBJECTS)}")
    for name in options.names or SUBJECTS:
        run(name, options.repetitions, is_long=options.long)
    results = report.load(list(SUBJECTS))
    plot.draw(results, report.RESULTS / animation.PLOT)
    plot.draw_webcam(results, report.RESULTS / webcam.PLOT)
    readme = report.README.read_text(encoding="utf-8")
    text = report.replace_results(readme, report.render(results.values()))
    report.README.write_text(text, encoding="utf-8")


def run(name: str, repetitions: int, *, is_long: bool = False) -> None:
    """Run one subject; print and keep its result."""
    subject = SUBJECTS[name]
    print(f"-- {name}", flush=True)
    with Bench(repetitions, is_long=is_long) as bench:
        cases = subject.run(bench)
    conditions = {**machine.describe(), **bench.versions, "repetitions": f"{repetitions} repetitions"}
    verdicts = subject.judge(cases)
    picture = getattr(subject, "PLOT", "")
    result = report.make_result(subject.TITLE, subject.TEXT, conditions, cases, verdicts, picture)
    report.save(name, result)
    print(report.render_cases(cases))
    if verdicts:
        print(report.render_verdicts(verdicts))


if __name__ == "__main__":
    main()
