"""Results as JSON, and the tables of the README."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Case, Verdict, ratio, spread

HERE = Path(__file__).parent
RESULTS = HERE / "results"
README = HERE / "README.md"
BEGIN = "<!-- results: make bench writes what is between these two lines -->"
END = "<!-- end of results -->"


def save(name: str, result: Mapping[str, Any]) -> None:
    """Keep the result of a subject."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False)
    (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def load(names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the results that there are, in the order of the names."""
    paths = [RESULTS / f"{name}.json" for name in names]
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths if path.is_file()]


def make_result(
    title: str,
    text: str,
    conditions: Mapping[str, str],
    cases: Sequence[Case],
    verdicts: Sequence[Verdict],
) -> dict[str, Any]:
    """Return what is kept of a subject."""
    return {
        "title": title,
        "text": text,
        "conditions": dict(conditions),
        "cases": [case.as_json() for case in cases],
        "verdicts": [verdict.as_json() for verdict in verdicts],
    }


def render(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the results as Markdown: the budgets, then a table for each subject."""
    verdicts = [Verdict(**verdict) for result in results for verdict in result["verdicts"]]
    parts = ["## Budgets", render_verdicts(verdicts)] if verdicts else []
    for result in results:
        cases = [Case.from_json(case) for case in result["cases"]]
        conditions = ", ".join(_condition(*item) for item in result["conditions"].items())
        parts += [f"## {result['title']}", result["text"], render_cases(cases), f"*{conditions}*"]
    return "\n\n".join(parts)


def render_verdicts(verdicts: Sequence[Verdict]) -> str:
    """Return a table of budgets."""
    rows = [
        [verdict.what, verdict.budget, verdict.measured, "yes" if verdict.is_met else "**no**"]
        for verdict in verdicts
    ]
    return render_table(["what", "budget", "measured", "met"], rows)


def render_cases(cases: Sequence[Case]) -> str:
    """Return a table with a line for each contender of each case.

    The last column but one compares what ran side by side, so it is not quite the ratio of the medians.
    """
    first = next(iter(cases[0].samples))
    header = ["", "", "median", "middle half", f"against {first}", ""]
    rows = [row for case in cases for row in _case_rows(case, first)]
    return render_table(header, rows)


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def write_number(figure: float) -> str:
    """Return a number with three digits that mean something, and spaces between thousands."""
    if figure >= 100:
        return f"{figure:,.0f}".replace(",", " ")
    return f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"


def replace_results(readme: str, results: str) -> str:
    """Return the README with other results.

    Raises
    ------
    ValueError
        If the lines that mark their place are not there.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the README needs the lines {BEGIN!r} and {END!r}")
    return f"{before}{BEGIN}\n\n{results}\n\n{END}{after}"


def _case_rows(case: Case, first: str) -> list[list[str]]:
    rows = []
    for contender, figures in case.samples.items():
        low, high = spread(figures)
        compared = "" if contender == first else f"{ratio(figures, case.samples[first]):.2f}x"
        median = f"{write_number(case.median(contender))} {case.unit}"
        middle = f"{write_number(low)} to {write_number(high)}"
        rows.append([case.name, contender, median, middle, compared, case.notes.get(contender, "")])
    return rows


def _condition(name: str, value: str) -> str:
    return value if name in ("date", "machine", "repetitions") else f"{name} {value}"
