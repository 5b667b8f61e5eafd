"""The pure parts of the benchmarks: statistics, verdicts, tables. Nothing is measured here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import plot, report, webcam_growth, webcam_stages
from benchmarks.__main__ import SUBJECTS
from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict, at_least, at_most, find, ratio, spread
from benchmarks.setups import BOTH, EVEN, STOCK
from benchmarks.stages import Contest, describe
from tests.page.camera import FRAMES
from tests.page.notebook import KernelError


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


def make_rates(name: str, **samples: list[float]) -> Case:
    return Case(name, "1/s", "more", {key.replace("_and_", " and "): found for key, found in samples.items()})


def test_an_animation_is_judged_by_the_best_of_the_others() -> None:
    small = make_rates(
        "painted, 640x480",
        kcomm=[40.0, 20.0],
        display=[60.0, 60.0],
        ipympl=[10.0, 5.0],
        jupyter_rfb=[8.0, 8.0],
    )
    small.add("ipympl, blit by hand", 39.0)
    (verdict,) = SUBJECTS["animation"].judge([small])
    assert verdict.is_met
    assert verdict.measured == "3.8x (jupyter_rfb), 50% of the display's rate"
    large = make_rates("painted, 1280x960", **small.samples)
    (verdict,) = SUBJECTS["animation"].judge([large])
    assert not verdict.is_met


@pytest.mark.parametrize(("name", "is_met"), [("640x480", True), ("1280x960", False)])
def test_no_animation_can_be_faster_than_the_display(name: str, is_met: bool) -> None:
    case = make_rates(f"painted, {name}", kcomm=[58.0], display=[60.0], jupyter_rfb=[30.0])
    (verdict,) = SUBJECTS["animation"].judge([case])
    assert verdict.is_met is is_met
    assert verdict.measured == "1.9x (jupyter_rfb), 97% of the display's rate"


def test_one_inexact_frame_breaks_the_budget() -> None:
    case = Case("exact frames, 640x480", "%", "more", {"kcomm": [100.0]}, {"kcomm": "40 of 40"})
    assert [verdict.is_met for verdict in SUBJECTS["animation"].judge([case])] == [True]
    for note in ("39 of 40", "3 of 3"):
        case.notes["kcomm"] = note
        assert [verdict.is_met for verdict in SUBJECTS["animation"].judge([case])] == [False]


def test_a_contender_that_fails_has_its_error_in_the_table() -> None:
    case = make_rates("painted, 640x480", kcomm=[30.0, 31.0], display=[60.0, 60.0])
    contest = Contest()

    def work() -> None:
        if case.samples.get("ipympl"):
            raise ValueError("it broke\nof itself")
        case.add("ipympl", 10.0)

    for _ in range(3):
        contest.turn("ipympl", [case], work)()
    assert "| painted, 640x480 | ipympl |  |  |  | failed: it broke |" in report.render_cases([case])
    (verdict,) = SUBJECTS["animation"].judge([case])
    assert (verdict.is_met, verdict.measured) == (False, "not measured")


def test_the_last_line_of_a_kernels_traceback_is_told() -> None:
    error = KernelError(
        "Traceback (most recent call last)\n\x1b[31mCell In[1]\x1b[0m\nImportError: no ipympl"
    )
    assert describe(error) == "failed: ImportError: no ipympl"


def test_a_slow_link_has_no_display_to_keep_up_with() -> None:
    case = make_rates(
        "painted, 640x480, far", kcomm=[58.0], display=[60.0], ipympl=[4.0], execute_and_savefig=[6.0]
    )
    (verdict,) = SUBJECTS["animation_far"].judge([case])
    assert verdict.is_met
    assert verdict.measured == "9.7x (execute and savefig), 97% of the display's rate"


def test_a_late_frame_costs_what_the_first_does() -> None:
    case = Case("frame", "ms", samples={"0": [5.0], "1 000": [9.0], "1 000 000": [5.5]})
    (verdict,) = SUBJECTS["animation_growth"].judge([case])
    assert verdict == Verdict("cost of frame 1 000 000 against the first", "at most 1.2x", "1.10x", True)
    case.samples["1 000 000"] = [10.0]
    assert not SUBJECTS["animation_growth"].judge([case])[0].is_met


def test_memory_is_flat_if_later_frames_take_none() -> None:
    whens = ("after 1 000 frames", "after 5 000 frames", "after 10 000 frames")

    def judge(*megabytes: float) -> list[bool]:
        samples = {when: [figure] for when, figure in zip(whens, megabytes, strict=False)}
        cases = [Case(f"memory, {what}", "MB", samples=samples) for what in ("kernel", "page")]
        return [verdict.is_met for verdict in SUBJECTS["animation_keeping"].judge(cases)]

    assert judge(100.0, 150.0, 151.0) == [True, True]
    assert judge(100.0, 150.0, 200.0) == [False, False]
    assert judge(100.0, 150.0) == [False, False]


def follow(first: int, count: int, behind: float, *, every: int = 1) -> tuple[list[list[float]], ...]:
    """Return what the camera gave, each 33 ms, and what was painted some time behind it."""
    read = [[float((first + n) % FRAMES), 33.0 * n] for n in range(count)]
    return read, [[number, time + behind] for number, time in read[::every]]


@pytest.mark.parametrize("behind", [20.0, 500.0, 3_900.0])
def test_a_delay_is_found_by_the_numbers_of_frames(behind: float) -> None:
    read, painted = follow(FRAMES - 7, 3 * FRAMES, behind, every=3)
    found = webcam_stages.delays(read, painted)
    assert [delay for _, delay in found] == pytest.approx([behind] * FRAMES)
    assert [time for time, _ in found] == [time for _, time in painted]


def test_a_delay_that_grows_beyond_the_clip_is_followed() -> None:
    read, _ = follow(0, 4 * FRAMES, 0.0)
    painted = [[number, 2.5 * time + 10] for number, time in read[::10]]
    found = webcam_stages.delays(read, painted)
    assert [delay for _, delay in found] == pytest.approx([1.5 * time + 10 for _, time in read[::10]])


def test_a_frame_out_of_order_is_late_not_early() -> None:
    read, painted = follow(0, 40, 100.0)
    painted[10], painted[11] = [painted[11][0], painted[10][1]], [painted[10][0], painted[11][1]]
    found = [delay for _, delay in webcam_stages.delays(read, painted)]
    assert found[9:13] == pytest.approx([100, 67, 133, 100])


def test_a_number_that_was_misread_does_not_disturb_the_others() -> None:
    read, painted = follow(0, 3 * FRAMES, 100.0)
    painted[200] = [(painted[200][0] + 64) % FRAMES, painted[200][1]]
    found = [delay for _, delay in webcam_stages.delays(read, painted)]
    assert [n for n, delay in enumerate(found) if delay != pytest.approx(100)] == [200]


def test_what_the_camera_did_not_give_has_no_delay() -> None:
    read, painted = follow(0, 40, 100.0)
    older: list[list[float]] = [[FRAMES - 2.0, 1.0], *painted]
    assert len(webcam_stages.delays(read, older)) == 40
    assert webcam_stages.delays([], painted) == []
    assert webcam_stages.delays(read, [[90.0, 50.0]]) == []


def make_webcam(**samples: list[float]) -> list[Case]:
    delay = Case("delay, 640x480", "ms", samples={"kcomm": [50.0, 61.0, 55.0]})
    return [Case("edges, painted, 640x480", "1/s", "more", samples), delay]


def test_a_webcam_is_judged_by_the_cookbook_or_the_camera() -> None:
    found = SUBJECTS["webcam"].judge(make_webcam(kcomm=[21.0], camera=[30.0], cookbook=[5.0]))
    assert [(verdict.measured, verdict.is_met) for verdict in found] == [
        ("4.2x, 70% of the camera's rate", True),
        ("55 ms", True),
    ]
    rate, _ = SUBJECTS["webcam"].judge(make_webcam(kcomm=[21.0], camera=[30.0], cookbook=[6.0]))
    assert not rate.is_met
    rate, _ = SUBJECTS["webcam"].judge(make_webcam(kcomm=[29.0], camera=[30.0], cookbook=[]))
    assert (rate.measured, rate.is_met) == ("97% of the camera's rate", True)
    rate, delay = SUBJECTS["webcam"].judge([Case(case.name, case.unit) for case in make_webcam()])
    assert (rate.measured, delay.measured) == ("not measured", "not measured")


def test_a_delay_that_grows_is_told() -> None:
    delays = [(1000.0 + 600 * n, 40.0 + n / 10) for n in range(100)]
    parts = webcam_growth.parts_of(delays, 1000.0, 6000.0)
    assert [(name, len(found)) for name, found in parts] == [(str(n), 10) for n in range(1, 11)]
    case = Case("delay, minutes", "ms", samples={name: [sum(found) / 10] for name, found in parts})
    assert webcam_growth.slope(case) == pytest.approx(1.0)
    (verdict,) = webcam_growth.judge([case])
    assert verdict == Verdict(
        "delay, minutes: the last against the first", "at most 1.2x", "1.22x, +10.0 ms in all", False
    )


def test_the_webcam_has_a_picture_once_it_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "webcam.svg"
    plot.draw_webcam({}, path)
    assert not path.exists()
    cases = make_webcam(kcomm=[29.0], camera=[30.0], cookbook=[])
    plot.draw_webcam({"webcam": report.make_result("", "", {}, cases, [])}, path)
    text = path.read_text(encoding="utf-8")
    for words in ("640x480: painted results a second", "640x480: delay in ms", "camera", "failed"):
        assert f">{words}<" in text


def test_the_plot_shows_who_failed_and_keeps_its_text(tmp_path: Path) -> None:
    case = make_rates("painted, 640x480", kcomm=[30.0, 31.0], display=[60.0, 60.0], ipympl=[])
    growth = Case("views of one player", "ms", samples={"1": [2.0], "2": [3.0], "4": []})
    results = {
        "animation": report.make_result("", "", {}, [case], []),
        "animation_growth": report.make_result("", "", {}, [growth], []),
    }
    paths = [tmp_path / "one.svg", tmp_path / "two.svg"]
    for path in paths:
        plot.draw(results, path)
    text = paths[0].read_text(encoding="utf-8")
    for words in ("640x480: painted frames a second", "30.5", "failed", "views of one player"):
        assert f">{words}<" in text
    assert text == paths[1].read_text(encoding="utf-8")


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
    results = report.load(list(SUBJECTS)).values()
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
