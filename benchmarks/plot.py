"""The results of animations and of the webcam as pictures, for the README."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.figures import Case, spread
from benchmarks.report import write_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: To be read on white as well as on black.
GREY = "#768390"
OURS, OTHERS, BY_HAND, LIMIT = "#1f883d", "#8c6bd1", "#a9a3b8", "#d29922"
STYLE: Any = {
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "kcomm",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": GREY,
    "axes.labelcolor": GREY,
    "axes.titlecolor": GREY,
    "axes.edgecolor": GREY,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
}
#: Text beside a point of the data, by points of the page.
OFFSET: Any = {"textcoords": "offset points"}


def draw(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw what there is of the animation's results.

    Parameters
    ----------
    results : mapping
        By the names of subjects.
    path : Path
        The SVG file to write.
    """
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    cases = [
        Case.from_json(case)
        for name in ("animation", "animation_far")
        for case in results.get(name, {}).get("cases", [])
    ]
    rates = [case for case in cases if case.name.startswith("painted")]
    growth = [Case.from_json(case) for case in results.get("animation_growth", {}).get("cases", [])]
    with mpl.rc_context(STYLE):
        lines = [sum(name != "display" for name in case.samples) + 2 for case in rates]
        height = 0.26 * sum(lines) + (2.6 if growth else 0)
        figure = Figure(figsize=(9, height), layout="constrained")
        FigureCanvasSVG(figure)
        parts: Any = [figure]
        if growth:
            parts = figure.subfigures(2, 1, height_ratios=[0.26 * sum(lines), 2.6], hspace=0.06)
        if rates:
            grid = parts[0].subplots(len(rates), 1, height_ratios=lines, squeeze=False, sharex=True)
            for axes, case in zip(grid[:, 0], rates, strict=True):
                draw_rates(axes, case)
        if growth:
            row = parts[-1].subplots(1, len(growth), squeeze=False)[0]
            for axes, case in zip(row, growth, strict=True):
                draw_growth(axes, case)
            row[0].set_ylabel("ms of the processor\nfor each painted frame")
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def draw_webcam(results: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Draw the rates and the delays of the webcam, if there are any; else there is no picture."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    cases = [
        Case.from_json(case)
        for name in ("webcam", "webcam_far")
        for case in results.get(name, {}).get("cases", [])
    ]
    rates = [case for case in cases if ", painted, " in case.name]
    delays = [case for case in cases if case.name.startswith("delay, ")]
    if not rates:
        return
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(9, 1.35 * len(rates)), layout="constrained")
        FigureCanvasSVG(figure)
        grid = figure.subplots(len(rates), 2, squeeze=False)
        for row, rate, delay in zip(grid, rates, delays, strict=True):
            name = rate.name.rpartition("painted, ")[2]
            draw_bars(row[0], rate, f"{name}: painted results a second", limit="camera")
            draw_bars(row[1], delay, f"{name}: delay in ms", is_named=False)
        figure.savefig(path, format="svg", transparent=True, metadata={"Date": None})


def draw_rates(axes: Axes, case: Case) -> None:
    """Draw how often an animation was painted."""
    draw_bars(axes, case, f"{case.name.replace('painted, ', '')}: painted frames a second", limit="display")


def draw_bars(axes: Axes, case: Case, title: str, *, limit: str = "", is_named: bool = True) -> None:
    """Draw bars, kcomm's on top; a line at the limit that nobody can pass, if there is one."""
    names = [name for name in case.samples if name != limit]
    for row, name in enumerate(names):
        figures = case.samples[name]
        if not figures:
            write(axes, 0, row, "failed")
            continue
        colour = OURS if row == 0 else BY_HAND if "by hand" in name else OTHERS
        median = case.median(name)
        low, high = spread(figures)
        axes.barh(row, median, color=colour, height=0.7)
        axes.plot([low, high], [row, row], color=GREY, lw=1.5)
        write(axes, max(median, high), row, write_number(median))
    if case.samples.get(limit):
        most = case.median(limit)
        axes.axvline(most, color=LIMIT, lw=1, ls="--")
        place = {"xycoords": ("data", "axes fraction"), "ha": "center", **OFFSET}
        axes.annotate(limit, (most, 1), (0, 3), color=LIMIT, **place)
    axes.set_yticks(range(len(names)), names if is_named else [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=11)


def write(axes: Axes, x: float, row: int, text: str) -> None:
    """Write beside a bar."""
    axes.annotate(text, (x, row), (5, 0), va="center", **OFFSET)


def draw_growth(axes: Axes, case: Case) -> None:
    """Draw what a frame costs along one axis."""
    points = [name for name, figures in case.samples.items() if figures]
    costs = [case.median(point) for point in points]
    axes.plot(range(len(points)), costs, "o-", color=OURS, lw=1.5)
    axes.set_xticks(range(len(points)), points, rotation=30, ha="right")
    axes.set_ylim(0, 1.1 * max(costs, default=1))
    axes.set_title(case.name, loc="left", fontsize=11)
