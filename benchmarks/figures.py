"""Figures: what was measured, in how many repetitions, and what the budgets make of it."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Better = Literal["less", "more"]


@dataclass
class Case:
    """One thing that several contenders did in turns.

    Parameters
    ----------
    name : str
        What was measured, under which setup.
    unit : str
        Of the samples: "ms", "1/s", ...
    better : {"less", "more"}
        Whether few or many of the unit are good.
    samples : dict
        For each contender one figure per repetition. Repetition i of one contender ran beside repetition i
        of the others, so that a machine busy with something else is so for all.
    notes : dict
        For each contender what else there is to say of it, such as messages that were lost.
    """

    name: str
    unit: str
    better: Better = "less"
    samples: dict[str, list[float]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def add(self, contender: str, figure: float, note: str = "") -> None:
        """Take the figure of one repetition; the note of the last one stands."""
        self.samples.setdefault(contender, []).append(figure)
        if note:
            self.notes[contender] = note

    def fail(self, contender: str, note: str) -> None:
        """Take down that a contender could not be measured: it has no figures, but a note that says why."""
        self.samples[contender] = []
        self.notes[contender] = note

    def median(self, contender: str) -> float:
        """Return the median of a contender's repetitions."""
        return statistics.median(self.samples[contender])

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        samples = {name: [round(x, 4) for x in figures] for name, figures in self.samples.items()}
        return {
            "name": self.name,
            "unit": self.unit,
            "better": self.better,
            "samples": samples,
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Case:
        """Return a case that was saved."""
        return cls(data["name"], data["unit"], data["better"], dict(data["samples"]), dict(data["notes"]))


@dataclass(frozen=True)
class Verdict:
    """What a budget asks for, and what came out."""

    what: str
    budget: str
    measured: str
    is_met: bool

    def as_json(self) -> dict[str, Any]:
        """Return the arguments."""
        return {
            "what": self.what,
            "budget": self.budget,
            "measured": self.measured,
            "is_met": self.is_met,
        }


def ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the median of the ratios of what ran side by side.

    Raises
    ------
    ValueError
        If the numbers of repetitions differ: then they did not run side by side.
    """
    if len(above) != len(below):
        raise ValueError(f"{len(above)} repetitions can't be compared with {len(below)}")
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def best_of(case: Case, contenders: Sequence[str]) -> str | None:
    """Return the contender with the best median; None if none of them was measured."""
    measured = [name for name in contenders if case.samples.get(name)]
    pick = min if case.better == "less" else max
    return pick(measured, key=case.median, default=None)


def spread(figures: Sequence[float]) -> tuple[float, float]:
    """Return the smallest and the largest figure without the outer quarters, if there are enough."""
    if len(figures) < 4:
        return min(figures), max(figures)
    low, _, high = statistics.quantiles(figures, n=4, method="inclusive")
    return low, high


def at_most(what: str, above: Sequence[float], below: Sequence[float], limit: float) -> Verdict:
    """Judge a ratio that should be small."""
    found = ratio(above, below)
    return Verdict(what, f"at most {limit:g}x", f"{found:.2f}x", found <= limit)


def at_least(what: str, above: Sequence[float], below: Sequence[float], limit: float) -> Verdict:
    """Judge a ratio that should be large."""
    found = ratio(above, below)
    return Verdict(what, f"at least {limit:g}x", f"{found:.1f}x", found >= limit)


def find(cases: Iterable[Case], name: str) -> Case | None:
    """Return the case of a name, or None: not every run has every case."""
    return next((case for case in cases if case.name == name), None)
