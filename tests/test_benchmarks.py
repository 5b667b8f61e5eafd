"""The pure parts of the benchmarks: statistics, verdicts, tables. Nothing is measured here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import report
from benchmarks.__main__ import SUBJECTS
from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict, at_least, at_most, find, ratio, spread
from benchmarks.setups import BOTH, EVEN, STOCK


def make_case(name: str = "a call", **samples: list[float]) -> Case:
    return Case(name, "ms", samples=samples)


def test_a_case_takes_figures_in_turns() -> None:
    case = Case("a burst", "1/s", "more")
    for figure in (3.0, 1.0, 2.0):
        case.add("ours", figure)
    case.add("theirs", 5.0, "7 of 10 lost")
    assert case.median("ours") == 2.0
    assert case.notes == {"theirs": "7 of 10 lost"}


def test_a_case_survives_json() -> None:
    case = make_case(ours=[1.0, 2.5], theirs=[4.0, 5.0])
    case.notes["ours"] = "none lost"
    assert Case.from_json(json.loads(json.dumps(case.as_json()))) == case


def test_a_ratio_is_of_what_ran_side_by_side() -> None:
    """A machine that was slow for both in one repetition changes nothing."""
    assert ratio([1.0, 10.0, 2.0], [2.0, 20.0, 4.0]) == 0.5
    assert ratio([1.0, 30.0, 1.0], [1.0, 1.0, 1.0]) == 1.0


def test_unequal_numbers_of_repetitions_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="2 repetitions can't be compared with 1"):
        ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(
    ("figures", "expected"),
    [([5.0], (5.0, 5.0)), ([3.0, 1.0, 2.0], (1.0, 3.0)), ([1.0, 2.0, 3.0, 4.0, 100.0], (2.0, 4.0))],
)
def test_the_spread_leaves_outliers_out(figures: list[float], expected: tuple[float, float]) -> None:
    assert spread(figures) == expected


def test_budgets_are_judged_as_they_are_written() -> None:
    assert at_most("calls", [1.2], [1.0], 1.25) == Verdict("calls", "at most 1.25x", "1.20x", True)
    assert not at_most("calls", [1.3], [1.0], 1.25).is_met
    assert at_least("messages", [90.0], [10.0], 10) == Verdict("messages", "at least 10x", "9.0x", False)
    assert at_least("messages", [110.0], [10.0], 10).is_met


def test_cases_are_found_by_name() -> None:
    case = make_case("stock")
    assert find([make_case("other"), case], "stock") is case
    assert find([case], "missing") is None


def test_a_subject_judges_what_it_measured() -> None:
    cases = [
        make_case(setup.name, kcomm=[ours], **{"raw comm": [theirs]})
        for setup, ours, theirs in ((STOCK, 50.0, 48.0), (BOTH, 8.0, 30.0), (EVEN, 7.0, 5.0))
    ]
    verdicts = SUBJECTS["roundtrip"].judge(cases)
    assert [verdict.is_met for verdict in verdicts] == [True, False, True]
    assert [verdict.measured for verdict in verdicts] == ["1.04x", "1.40x", "6.0x"]


def test_lost_messages_break_the_budget() -> None:
    fast = Case("calls", "1/s", "more", {"kcomm": [1000.0], "raw comm": [10.0]}, {"kcomm": "all answered"})
    lossy = Case("events to the kernel", "1/s", "more", fast.samples, {"kcomm": "1 of 1000 lost"})
    assert [verdict.is_met for verdict in SUBJECTS["messages"].judge([fast, lossy])] == [True, False]


@pytest.mark.parametrize("subject", SUBJECTS.values(), ids=SUBJECTS)
def test_every_subject_says_what_it_measures(subject: object) -> None:
    assert getattr(subject, "TITLE", "")
    assert getattr(subject, "TEXT", "")


def test_contenders_take_turns() -> None:
    order: list[str] = []
    with Bench(repetitions=3) as bench:
        bench.turns([lambda: order.append("ours"), lambda: order.append("theirs")])
        assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
        order.clear()
        bench.turns([lambda: order.append("slow")], at_most=2)
    assert order == ["slow", "slow"]


def test_setups_are_settings_of_the_server_and_of_the_page(tmp_path: Path) -> None:
    for setup in (STOCK, EVEN):
        setup.write(tmp_path / setup.name)
    config = {
        setup: (tmp_path / setup.name / "config" / "jupyter_server_config.py").read_text()
        for setup in (STOCK, EVEN)
    }
    assert "c.KcommServer.nodelay = False" in config[STOCK]
    assert "untracked_message_types" not in config[STOCK]
    assert "c.KcommServer.nodelay = True" in config[EVEN]
    assert "untracked_message_types" in config[EVEN]
    settings = tmp_path / STOCK.name / "settings" / "kcomm" / "plugin.jupyterlab-settings"
    assert json.loads(settings.read_text()) == {"quietIndicators": False}


def test_the_table_compares_with_the_first_contender() -> None:
    case = make_case(kcomm=[1.0, 2.0], other=[1500.0, 3000.0])
    case.notes["other"] = "a | b"
    assert report.render_cases([case]).splitlines() == [
        "|  |  | median | middle half | against kcomm |  |",
        "| --- | --- | --- | --- | --- | --- |",
        "| a call | kcomm | 1.50 ms | 1.00 to 2.00 |  |  |",
        "| a call | other | 2 250 ms | 1 500 to 3 000 | 1500.00x | a \\| b |",
    ]


@pytest.mark.parametrize(
    ("figure", "text"), [(0.1234, "0.12"), (12.34, "12.3"), (123.4, "123"), (71_942.5, "71 942")]
)
def test_numbers_have_the_digits_that_mean_something(figure: float, text: str) -> None:
    assert report.write_number(figure) == text


def test_results_take_the_place_of_older_ones() -> None:
    before = f"# Title\n\n{report.BEGIN}\n\nold\n\n{report.END}\n\nafter\n"
    assert report.replace_results(before, "new") == before.replace("old", "new")
    with pytest.raises(ValueError, match="needs the lines"):
        report.replace_results("# Title\n", "new")


def test_the_readme_shows_the_results_that_are_kept() -> None:
    results = report.load(list(SUBJECTS))
    readme = report.README.read_text(encoding="utf-8")
    assert readme == report.replace_results(readme, report.render(results))


def test_a_result_is_rendered_with_its_budgets_and_conditions() -> None:
    verdict = Verdict("calls", "at most 1x", "2.00x", False)
    result = report.make_result(
        "Calls",
        "One at a time.",
        {"date": "2026-01-01", "python": "3.10"},
        [make_case(kcomm=[1.0])],
        [verdict],
    )
    text = report.render([json.loads(json.dumps(result))])
    assert "| calls | at most 1x | 2.00x | **no** |" in text
    assert "## Calls\n\nOne at a time.\n\n| " in text
    assert text.endswith("*2026-01-01, python 3.10*")
