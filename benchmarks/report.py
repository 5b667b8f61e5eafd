"""Results as JSON, and the tables of the README."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
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


def load(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the results that there are, by name, in the order of the names."""
    paths = {name: RESULTS / f"{name}.json" for name in names}
    return {name: json.loads(path.read_text("utf-8")) for name, path in paths.items() if path.is_file()}


def make_result(
    title: str,
    text: str,
    conditions: Mapping[str, str],
    cases: Sequence[Case],
    verdicts: Sequence[Verdict],
    plot: str = "",
) -> dict[str, Any]:
    """Return what is kept of a subject; its plot is a file beside the results."""
    shown = {"plot": plot} if plot else {}
    return {
        "title": title,
        "text": text,
        "conditions": dict(conditions),
        **shown,
        "cases": [case.as_json() for case in cases],
        "verdicts": [verdict.as_json() for verdict in verdicts],
    }


def render(results: Iterable[Mapping[str, Any]]) -> str:
    """Return the results as Markdown: the budgets, then a table for each subject."""
    results = list(results)
    verdicts = [Verdict(**verdict) for result in results for verdict in result["verdicts"]]
    parts = ["## Budgets", render_verdicts(verdicts)] if verdicts else []
    for result in results:
        cases = [Case.from_json(case) for case in result["cases"]]
        conditions = ", ".join(_condition(*item) for item in result["conditions"].items())
        parts += [f"## {result['title']}", result["text"]]
        if plot := result.get("plot"):
            parts.append(f"![{result['title']}: the figures of the table as bars]({RESULTS.name}/{plot})")
        parts += [render_cases(cases), f"*{conditions}*"]
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
    firsts = {next(iter(case.samples)) for case in cases}
    against = firsts.pop() if len(firsts) == 1 else "the first"
    header = ["", "", "median", "middle half", f"against {against}", ""]
    rows = [row for case in cases for row in _case_rows(case)]
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


def _case_rows(case: Case) -> list[list[str]]:
    rows = []
    first, *_ = case.samples
    for contender, figures in case.samples.items():
        note = case.notes.get(contender, "")
        if not figures:
            rows.append([case.name, contender, "", "", "", note])
            continue
        low, high = spread(figures)
        is_compared = contender != first and len(figures) == len(case.samples[first])
        compared = f"{ratio(figures, case.samples[first]):.2f}x" if is_compared else ""
        median = f"{write_number(case.median(contender))} {case.unit}"
        middle = f"{write_number(low)} to {write_number(high)}"
        rows.append([case.name, contender, median, middle, compared, note])
    return rows


def _condition(name: str, value: str) -> str:
    return value if name in ("date", "machine", "repetitions") else f"{name} {value}"
