"""Animations as people write them: each function makes a new figure and returns its animation.

``fast`` says whether frames are spared the full draw once the first ones are drawn; where it is False, every
frame changes what everything else is placed by.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib import patches, patheffects, ticker, transforms
from matplotlib.animation import ArtistAnimation, FuncAnimation
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.offsetbox import AnchoredText, AnnotationBbox, OffsetImage
from matplotlib.path import Path

FRAMES = 10
X = np.linspace(0, 2 * np.pi, 200)


class Entry(NamedTuple):
    """A figure of the gallery."""

    make: Callable[[], Any]
    fast: bool


GALLERY: dict[str, Entry] = {}


def entry(fast: bool = True) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Put a function into the gallery."""

    def put(make: Callable[[], Any]) -> Callable[[], Any]:
        GALLERY[make.__name__] = Entry(make, fast)
        return make

    return put


def figure() -> Any:
    """An empty figure of a modest size."""
    return plt.figure(figsize=(4, 3), dpi=80)


def plots(*args: Any, **options: Any) -> Any:
    """A figure of a modest size, and its axes."""
    return plt.subplots(*args, figsize=(4, 3), dpi=80, **options)


def animation(fig: Any, func: Any, frames: Any = FRAMES, **options: Any) -> FuncAnimation:
    """The animation of a function."""
    options.setdefault("cache_frame_data", False)
    return FuncAnimation(fig, func, frames=frames, **options)


# --- lines ---------------------------------------------------------------------------------------


@entry()
def seed() -> Any:
    fig = figure()
    axes = plt.axes(xlim=(0, 2), ylim=(-2, 2))
    (line,) = axes.plot([], [], lw=2)

    def init():
        line.set_data([], [])
        return (line,)

    def animate(i):
        x = np.linspace(0, 2, 1000)
        line.set_data(x, np.sin(2 * np.pi * (x - 0.01 * i)))
        return (line,)

    return animation(fig, animate, init_func=init, interval=20, blit=True)


@entry()
def line_without_blit() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X), "r-")
    axes.set(title="A wave", xlabel="x", ylabel="sin x")
    axes.grid()

    def animate(i):
        line.set_ydata(np.sin(X + i / 5))

    return animation(fig, animate)


@entry()
def line_over_the_frame() -> Any:
    fig, axes = plots()
    axes.set(xlim=(0, 6), ylim=(-0.5, 0.5))
    (line,) = axes.plot(X, np.sin(X), lw=6, alpha=0.5, clip_on=False, zorder=10)
    return animation(fig, lambda i: line.set_ydata(np.sin(X + i)))


@entry()
def best_legend() -> Any:
    fig, axes = plots()
    (one,) = axes.plot(X, np.sin(X), label="sine")
    axes.plot(X, np.cos(X), "--", label="cosine")
    axes.legend()

    def animate(i):
        one.set_ydata(np.roll(np.sin(X) * (i + 1) / FRAMES, 20 * i))
        return [one]

    return animation(fig, animate, blit=True)


@entry()
def changing_legend() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X), label="phase")
    legend = axes.legend(loc="upper right")

    def animate(i):
        line.set_ydata(np.sin(X + i))
        legend.get_texts()[0].set_text(f"phase {i}")

    return animation(fig, animate)


@entry()
def changing_title() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X))
    axes.set_ylim(-1e6, 1e6)

    def animate(i):
        line.set_ydata(1e6 * np.sin(X + i))
        axes.set_title(f"t = {i / 10:.1f}\n$\\omega$" if i % 3 == 0 else f"t = {i / 10:.1f}")

    return animation(fig, animate)


@entry()
def changing_ticks() -> Any:
    fig, axes = plots()
    axes.plot(X, np.sin(X))
    axes.set_title("ticks")
    axes.xaxis.tick_top()

    def animate(i):
        axes.set_xticks([1, 2, 3 + i / 10], ["one", "two", f"three\n{i}" if i % 2 else "three"])

    return animation(fig, animate)


@entry()
def label_colours() -> Any:
    fig, axes = plots()
    axes.plot(X, np.sin(X))

    def animate(i):
        axes.get_xticklabels()[1].set_color("red" if i % 2 else "blue")
        axes.set_ylabel(f"frame {i}")

    return animation(fig, animate)


@entry()
def scrolling_limits() -> Any:
    fig, axes = plots()
    (line,) = axes.plot([], [], ".-")

    def animate(i):
        x = np.arange(i, i + 20)
        line.set_data(x, np.sin(x))
        axes.set_xlim(i, i + 20)
        axes.set_ylim(-1.2, 1.2)
        return [line]

    return animation(fig, animate)


@entry()
def autoscaled() -> Any:
    fig, axes = plots()
    (line,) = axes.plot([0], [0])

    def animate(i):
        line.set_data(np.arange(i + 2), np.arange(i + 2) ** 2)
        axes.relim()
        axes.autoscale_view()

    return animation(fig, animate)


@entry()
def same_limits_again() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X))

    def animate(i):
        axes.set_xlim(0, 7)
        axes.set_ylim(-2, 2)
        line.set_ydata(np.sin(X * i))

    return animation(fig, animate)


@entry()
def cleared_axes() -> Any:
    fig, axes = plots()

    def animate(i):
        axes.clear()
        axes.plot(X, np.sin(X + i))
        axes.set_title(f"frame {i}")

    return animation(fig, animate)


@entry()
def log_scale_switch() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X + 1, np.exp(X))

    def animate(i):
        axes.set_yscale("log" if i in (4, 5) else "linear")
        line.set_linewidth(1 + i % 3)

    return animation(fig, animate)


@entry()
def coloured_trail() -> Any:
    fig, axes = plots()
    axes.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
    trail = axes.add_collection(LineCollection([], cmap="plasma", linewidths=4, capstyle="round"))
    (head,) = axes.plot([], [], "o", ms=10)

    def animate(i):
        t = np.linspace(i / 3, i / 3 + 2, 30)
        points = np.column_stack([np.cos(t), np.sin(1.5 * t)])
        trail.set_segments(np.stack([points[:-1], points[1:]], axis=1))
        trail.set_array(t[:-1])
        head.set_data(points[-1:, 0], points[-1:, 1])
        return trail, head

    return animation(fig, animate, blit=True)


@entry()
def error_bars() -> Any:
    fig, axes = plots()
    axes.set_ylim(-3, 3)
    bars = axes.errorbar([1, 2, 3], [0, 1, 0], yerr=[0.3, 0.4, 0.5], fmt="o", capsize=4)

    def animate(i):
        data, caps, (stems,) = bars
        y = np.array([np.sin(i), np.cos(i), 1])
        size = np.array([0.1, 0.2, 0.3]) * (1 + i / 5)
        data.set_ydata(y)
        caps[0].set_ydata(y - size)
        caps[1].set_ydata(y + size)
        stems.set_segments([[(x, a - b), (x, a + b)] for x, a, b in zip((1, 2, 3), y, size, strict=True)])

    return animation(fig, animate)


# --- images --------------------------------------------------------------------------------------


@entry()
def image() -> Any:
    fig, axes = plots()
    shown = axes.imshow(np.zeros((20, 30)), vmin=-1, vmax=1, cmap="RdBu", origin="lower")
    fig.colorbar(shown)

    def animate(i):
        y, x = np.mgrid[:20, :30]
        shown.set_data(np.sin(x / 5 + i) * np.cos(y / 4))
        return [shown]

    return animation(fig, animate, blit=True)


@entry()
def image_with_moving_colours() -> Any:
    fig, axes = plots()
    shown = axes.imshow(np.arange(100).reshape(10, 10))
    fig.colorbar(shown, ax=axes, label="count")

    def animate(i):
        shown.set_clim(0, 50 + 10 * i)

    return animation(fig, animate)


@entry()
def image_changed_in_place() -> Any:
    fig, axes = plots()
    shown = axes.imshow(np.zeros((10, 10)), vmin=0, vmax=10)
    axes.plot([2, 7], [2, 7], "w")

    def animate(i):
        shown.get_array()[3:5] = i

    return animation(fig, animate)


@entry()
def images_blended() -> Any:
    fig, axes = plots()
    y, x = np.mgrid[:40, :40]
    axes.imshow(np.hypot(x - 20, y - 20), cmap="gray", alpha=0.8, extent=(0, 4, 0, 4))
    upper = axes.imshow(np.zeros((40, 40, 4)), extent=(1, 5, 1, 5), alpha=0.6, interpolation="bilinear")
    axes.set(xlim=(0, 5), ylim=(0, 5))

    def animate(i):
        rgba = np.zeros((40, 40, 4))
        rgba[..., 0] = np.sin(x / 9 + i) ** 2
        rgba[..., 3] = np.cos(y / 9 + i) ** 2
        upper.set_data(rgba)

    return animation(fig, animate)


@entry()
def game_of_life() -> Any:
    fig, axes = plots(layout="constrained")
    cells = np.random.default_rng(3).random((30, 30)) < 0.3
    shown = axes.matshow(cells, cmap="binary")
    axes.set_axis_off()

    def animate(i):
        grown = np.random.default_rng(3).random((30, 30)) < 0.3
        for _ in range(i):
            near = sum(np.roll(grown, (a, b), (0, 1)) for a, b in itertools.product((-1, 0, 1), repeat=2))
            grown = (near == 3) | (grown & (near == 4))
        shown.set_data(grown)

    return animation(fig, animate)


@entry()
def mesh() -> Any:
    fig, axes = plots()
    y, x = np.mgrid[0:3:20j, 0:3:20j]
    drawn = axes.pcolormesh(x, y, np.sin(x * y), shading="gouraud", vmin=-1, vmax=1)
    axes.set_rasterization_zorder(0)

    def animate(i):
        drawn.set_array(np.sin(x * y + i / 3))

    return animation(fig, animate)


@entry()
def image_clipped_by_a_patch() -> Any:
    fig, axes = plots()
    shown = axes.imshow(np.arange(400).reshape(20, 20), cmap="jet")
    lens = patches.Circle((5, 5), 4, transform=axes.transData, fill=False)
    axes.add_patch(lens)
    shown.set_clip_path(lens)

    def animate(i):
        lens.center = (5 + i, 5 + i / 2)

    return animation(fig, animate)


# --- patches and collections ---------------------------------------------------------------------


@entry()
def bars() -> Any:
    fig, axes = plots()
    axes.set_ylim(0, 12)
    drawn = axes.bar(["a", "b", "c", "d"], [1, 2, 3, 4], color=["C0", "C1", "C2", "C3"], alpha=0.7)
    labels = axes.bar_label(drawn)

    def animate(i):
        for number, (bar, label) in enumerate(zip(drawn, labels, strict=True)):
            height = 1 + (number * i) % 10
            bar.set_height(height)
            label.set_text(f"{height}")
            label.xy = (bar.get_x() + bar.get_width() / 2, height)

    return animation(fig, animate)


@entry()
def histogram_by_vertices() -> Any:
    """The path's vertices are changed in place, and nothing is returned."""
    fig, axes = plots()
    edges = np.linspace(-3, 3, 13)
    heights = np.zeros(12)
    corners = np.zeros((12, 4, 2))
    corners[:, :2, 0], corners[:, 2:, 0] = edges[:-1, None], edges[1:, None]
    compound: Any = Path.make_compound_path_from_polys(corners)
    axes.add_patch(patches.PathPatch(compound, facecolor="green", edgecolor="yellow", alpha=0.5))
    axes.set(xlim=(-3, 3), ylim=(0, 60))

    def animate(i):
        heights[:], _ = np.histogram(np.random.default_rng(i).normal(size=200), edges)
        compound.vertices[1::5, 1] = heights
        compound.vertices[2::5, 1] = heights

    return animation(fig, animate)


@entry()
def scatter() -> Any:
    fig, axes = plots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    rain = axes.scatter(*np.random.default_rng(0).random((2, 50)), s=100, lw=0.5, edgecolors="k")

    def animate(i):
        random = np.random.default_rng(i)
        rain.set_offsets(random.random((50, 2)))
        rain.set_sizes(random.random(50) * 300)
        rain.set_array(random.random(50))
        return (rain,)

    return animation(fig, animate, blit=True)


@entry()
def scatter_in_place() -> Any:
    fig, axes = plots()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    cloud = axes.scatter(*np.random.default_rng(0).random((2, 20)))

    def animate(i):
        cloud.get_offsets()[:] = np.random.default_rng(i).random((20, 2))

    return animation(fig, animate)


@entry()
def turning_patch() -> Any:
    """Its transform is changed in place."""
    fig, axes = plots()
    axes.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")
    rotation = transforms.Affine2D()
    axes.add_patch(patches.Rectangle((-1, -0.2), 2, 0.4, hatch="//", transform=rotation + axes.transData))

    def animate(i):
        rotation.clear().rotate_deg(18 * i)

    return animation(fig, animate)


@entry()
def contours_anew() -> Any:
    fig, axes = plots()
    y, x = np.mgrid[-2:2:30j, -2:2:30j]
    axes.set_title("a field")
    kept: list[Any] = []

    def animate(i):
        while kept:
            kept.pop().remove()
        kept.append(axes.contourf(x, y, np.sin(x * y + i / 3), levels=[-1, -0.5, 0, 0.5, 1]))

    return animation(fig, animate)


@entry()
def fill_anew() -> Any:
    fig, axes = plots()
    axes.set_ylim(-1, 1)
    axes.plot(X, np.zeros_like(X), "k:", zorder=5)

    def animate(i):
        for collection in list(axes.collections):
            collection.remove()
        axes.fill_between(X, np.sin(X + i), alpha=0.4)

    return animation(fig, animate)


@entry()
def quiver() -> Any:
    fig, axes = plots()
    y, x = np.mgrid[0:5, 0:6]
    arrows = axes.quiver(x, y, np.cos(x), np.sin(y), pivot="mid", scale=20)
    axes.quiverkey(arrows, 0.9, 1.05, 2, "2 m/s")

    def animate(i):
        arrows.set_UVC(np.cos(x + i / 3), np.sin(y + i / 5))
        return (arrows,)

    return animation(fig, animate, blit=True)


@entry()
def polygons() -> Any:
    fig, axes = plots(facecolor=(0, 0, 0, 0))
    axes.set(xlim=(0, 10), ylim=(0, 12), facecolor="none")
    shapes = PolyCollection([], facecolors=["C0", "C1"], alpha=0.5, edgecolors="k", antialiaseds=True)
    axes.add_collection(shapes)

    def animate(i):
        shapes.set_verts([[(1, 1), (4, 1 + i), (6, 3)], [(5, 5), (9, 9), (i, 11)]])

    return animation(fig, animate)


@entry()
def wedges() -> Any:
    fig, axes = plots()
    slices, _ = axes.pie([1, 2, 3], labels=["a", "b", "c"])

    def animate(i):
        slices[0].set_theta2(30 + 5 * i)
        slices[1].set_alpha(0.3 + i / 20)

    return animation(fig, animate)


# --- text ----------------------------------------------------------------------------------------


@entry()
def counter_on_the_figure() -> Any:
    fig, axes = plots()
    axes.plot(X, np.sin(X))
    text = fig.text(0.5, 0.95, "", ha="center", bbox={"facecolor": "w", "alpha": 0.7})

    def animate(i):
        text.set_text(f"{i:03d} of {FRAMES}")
        return [text]

    return animation(fig, animate, blit=True)


@entry()
def super_title() -> Any:
    fig, axes = plots(1, 2)
    title = fig.suptitle("")
    for one in axes:
        one.plot(X, np.sin(X))

    def animate(i):
        title.set_text(f"step {i}")
        title.set_rotation(i)

    return animation(fig, animate)


@entry()
def annotation() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X))
    note = axes.annotate("here", (0, 0), (3, 0.8), arrowprops={"arrowstyle": "->", "color": "k"})

    def animate(i):
        line.set_ydata(np.sin(X + i / 4))
        note.xy = (X[10 * i], np.sin(X[10 * i] + i / 4))
        note.arrow_patch.set_color("r" if i % 2 else "k")

    return animation(fig, animate)


@entry()
def note_on_a_moving_patch() -> Any:
    """The annotation follows the patch that it is fixed to; nothing of it is set."""
    fig, axes = plots()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    box = axes.add_patch(patches.Rectangle((0, 0), 2, 2, color="C1"))
    axes.annotate("box", (0.5, 1), xycoords=box, xytext=(0, 12), textcoords="offset points", ha="center")
    return animation(fig, lambda i: box.set_xy((i / 2, i / 3)))


@entry()
def path_effects() -> Any:
    fig, axes = plots()
    axes.imshow(np.arange(100).reshape(10, 10), aspect="auto", cmap="gray")
    stroke = [patheffects.withStroke(linewidth=5, foreground="red"), patheffects.withSimplePatchShadow()]
    text = axes.text(4, 4, "0", fontsize=30, color="w", path_effects=stroke)
    shadow = [patheffects.SimpleLineShadow(), patheffects.Normal()]
    (line,) = axes.plot([0, 9], [0, 9], lw=3, path_effects=shadow)

    def animate(i):
        text.set_text(str(i))
        line.set_ydata([i, 9 - i])

    return animation(fig, animate)


@entry()
def table() -> Any:
    fig, axes = plots()
    axes.axis("off")
    cells = axes.table([["1", "2"], ["3", "4"]], colLabels=["x", "y"], loc="center")

    def animate(i):
        cells[1, 0].get_text().set_text(str(i))
        cells[2, 1].set_facecolor((i / FRAMES, 0.5, 1))

    return animation(fig, animate)


@entry()
def boxes() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X))
    axes.add_artist(AnchoredText("fixed", loc="upper left"))
    eye = OffsetImage(np.eye(12), zoom=2)
    picture = AnnotationBbox(eye, (1, 0), xybox=(20, 20), boxcoords="offset points")
    axes.add_artist(picture)

    def animate(i):
        picture.xy = (i / 2, np.sin(i / 2))
        line.set_color(f"C{i}")

    return animation(fig, animate)


# --- several axes --------------------------------------------------------------------------------


@entry()
def four_axes() -> Any:
    fig, axes = plots(2, 2, sharex=True)
    lines = [one.plot(X, np.sin(X))[0] for one in axes.flat]
    axes[0, 0].set_title("one")
    axes[1, 1].legend(lines[3:], ["last"], loc="upper right")
    fig.align_labels()

    def animate(i):
        lines[0].set_ydata(np.sin(X + i))
        lines[3].set_ydata(np.cos(X + i))
        return lines

    return animation(fig, animate, blit=True)


@entry()
def twin_axes() -> Any:
    fig, axes = plots()
    other = axes.twinx()
    (one,) = axes.plot(X, np.sin(X), "C0")
    (two,) = other.plot(X, np.exp(X), "C1")
    axes.set_title("two scales")

    def animate(i):
        one.set_ydata(np.sin(X + i / 3))
        if i > 5:
            two.set_ydata(np.exp(X - i / 10))

    return animation(fig, animate)


@entry()
def shared_ticks() -> Any:
    """Ticks set on one axes show on the other."""
    fig, (one, two) = plots(2, 1, sharex=True)
    one.plot(X, np.sin(X))
    two.plot(X, np.cos(X))
    return animation(fig, lambda i: one.set_xticks([0, 1 + i / 3]))


@entry()
def inset() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X))
    small = axes.inset_axes((0.6, 0.6, 0.35, 0.35))
    (copy,) = small.plot(X, np.sin(X))
    small.set(xlim=(1, 2), ylim=(0, 1))
    axes.indicate_inset_zoom(small)

    def animate(i):
        line.set_ydata(np.sin(X + i / 9))
        copy.set_ydata(np.sin(X + i / 9))
        if i >= 7:
            small.set_xlim(1, 2 + i / 10)

    return animation(fig, animate)


@entry()
def subfigures() -> Any:
    fig = figure()
    left, right = fig.subfigures(1, 2, facecolor="0.9")
    (line,) = left.subplots().plot(X, np.sin(X))
    right.suptitle("still")
    right.subplots(2, 1)[0].imshow(np.eye(5))

    def animate(i):
        line.set_ydata(np.sin(X + i))
        if i == 9:
            right.suptitle("moved")

    return animation(fig, animate)


@entry()
def secondary_axis() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X))
    axes.secondary_xaxis("top", functions=(np.rad2deg, np.deg2rad)).set_xlabel("degrees")

    def animate(i):
        line.set_ydata(np.sin(X + i))
        if i == 5:
            axes.set_xlim(0, 3)

    return animation(fig, animate)


@entry()
def one_of_two_scrolls() -> Any:
    fig, (still, scrolls) = plots(1, 2)
    still.plot(X, np.sin(X))
    still.set_title("still")
    scrolls.plot(np.arange(100), np.sin(np.arange(100)))
    return animation(fig, lambda i: scrolls.set_xlim(i, i + 30))


@entry()
def linked_by_a_line() -> Any:
    fig, (one, two) = plots(1, 2)
    one.set(xlim=(-1.2, 1.2), ylim=(-1.2, 1.2), aspect="equal")
    two.set(xlim=(0, 6), ylim=(-1.2, 1.2))
    (dot,) = one.plot([1], [0], "o")
    (wave,) = two.plot([], [])
    link = patches.ConnectionPatch((1, 0), (0, 0), "data", "data", axesA=one, axesB=two, color="C3")
    fig.add_artist(link)

    def animate(i):
        t = i / 2
        dot.set_data([np.cos(t)], [np.sin(t)])
        wave.set_data(np.linspace(0, t, 50), np.sin(np.linspace(0, t, 50)))
        link.xy1, link.xy2 = (np.cos(t), np.sin(t)), (t, np.sin(t))

    return animation(fig, animate)


# --- layouts -------------------------------------------------------------------------------------


@entry()
def constrained() -> Any:
    fig, axes = plots(2, 1, layout="constrained")
    (line,) = axes[0].plot(X, np.sin(X))
    shown = axes[1].imshow(np.eye(6), aspect="auto")
    fig.colorbar(shown, ax=axes)
    axes[0].set_title("title")
    return animation(fig, lambda i: line.set_ydata(np.sin(X + i)))


@entry(fast=False)
def constrained_labels() -> Any:
    fig, axes = plots(layout="constrained")
    axes.plot(X, np.sin(X))
    return animation(fig, lambda i: axes.set_ylabel("label\n" * (i % 3 + 1)))


@entry()
def tight() -> Any:
    fig, axes = plots(1, 2, layout="tight")
    (line,) = axes[0].plot(X, np.sin(X))
    axes[1].set_ylabel("label")
    return animation(fig, lambda i: line.set_ydata(np.sin(X + i)))


@entry()
def equal_aspect() -> Any:
    fig, axes = plots()
    axes.set_aspect("equal", adjustable="datalim")
    (line,) = axes.plot(np.cos(X), np.sin(X))

    def animate(i):
        line.set_data(np.cos(X) * (1 + i / 20), np.sin(X))

    return animation(fig, animate)


@entry()
def moving_axes() -> Any:
    fig = figure()
    still = fig.add_axes((0.1, 0.6, 0.8, 0.3))
    still.plot(X, np.sin(X))
    moves = fig.add_axes((0.1, 0.1, 0.3, 0.3))
    moves.plot(X, np.cos(X))
    return animation(fig, lambda i: moves.set_position((0.1 + i / 20, 0.1, 0.3, 0.3)))


@entry()
def appearing_and_hiding() -> Any:
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X))
    (other,) = axes.plot(X, np.cos(X), lw=5)
    axes.axhspan(-0.5, 0.5, alpha=0.3)

    def animate(i):
        other.set_visible(i % 3 == 0)
        other.set_zorder(1 if i % 2 else 3)
        line.set_alpha(0.2 + i / 20)

    return animation(fig, animate)


# --- projections ---------------------------------------------------------------------------------


@entry()
def polar() -> Any:
    fig = figure()
    axes = fig.add_subplot(projection="polar")
    (line,) = axes.plot(X, np.abs(np.sin(2 * X)))
    axes.set_rmax(2)

    def animate(i):
        line.set_ydata(np.abs(np.sin(2 * X)) * (1 + i / 10))
        return [line]

    return animation(fig, animate, blit=True)


@entry()
def polar_turning() -> Any:
    fig = figure()
    axes = fig.add_subplot(projection="polar")
    axes.bar(X[::40], np.arange(5) + 1, width=0.5, alpha=0.6)
    return animation(fig, lambda i: axes.set_theta_offset(i / 5))


@entry()
def line_in_3d() -> Any:
    fig = figure()
    axes: Any = fig.add_subplot(projection="3d")
    axes.set(xlim=(-1, 1), ylim=(-1, 1), zlim=(0, 6), title="helix")
    (line,) = axes.plot([], [], [], lw=2)

    def animate(i):
        t = np.linspace(0, 6 * (i + 1) / FRAMES, 100)
        line.set_data_3d(np.cos(t), np.sin(t), t)
        return [line]

    return animation(fig, animate, blit=True)


@entry()
def surface_anew() -> Any:
    fig = figure()
    axes: Any = fig.add_subplot(projection="3d", computed_zorder=True)
    axes.set_zlim(-1, 1)
    y, x = np.mgrid[-2:2:12j, -2:2:12j]
    kept: list[Any] = []

    def animate(i):
        while kept:
            kept.pop().remove()
        kept.append(axes.plot_surface(x, y, np.sin(np.hypot(x, y) + i / 3), cmap="viridis"))

    return animation(fig, animate)


@entry()
def turning_3d() -> Any:
    fig = figure()
    axes: Any = fig.add_subplot(projection="3d")
    axes.scatter(*np.random.default_rng(1).random((3, 30)), c=np.arange(30))
    return animation(fig, lambda i: axes.view_init(elev=20 + i, azim=9 * i))


@entry()
def map_projection() -> Any:
    fig = figure()
    axes = fig.add_subplot(projection="mollweide")
    axes.grid()
    (dot,) = axes.plot([0], [0], "ro")

    def animate(i):
        dot.set_data([i / 5 - 1], [np.sin(i) / 2])

    return animation(fig, animate)


# --- what else there is --------------------------------------------------------------------------


@entry()
def agg_filter() -> Any:
    fig, axes = plots()
    axes.plot(X, np.sin(X), lw=8, alpha=0.5, zorder=3)

    def halve(image, dpi):
        image[..., 3] *= 0.5
        return image, 0, 0

    (line,) = axes.plot(X, np.cos(X), lw=10, agg_filter=halve)
    return animation(fig, lambda i: line.set_ydata(np.cos(X + i / 3)))


@entry()
def rasterized() -> Any:
    fig, axes = plots()
    axes.set_rasterization_zorder(2.1)
    (line,) = axes.plot(X, np.sin(X), lw=5, rasterized=True, alpha=0.6)
    axes.plot(X, np.cos(X), lw=5, rasterized=True, alpha=0.6)
    return animation(fig, lambda i: line.set_ydata(np.sin(X + i / 3)))


@entry()
def transparent() -> Any:
    fig, axes = plots(facecolor="none")
    axes.set_facecolor((0, 0, 1, 0.2))
    (line,) = axes.plot(X, np.sin(X), alpha=0.5, lw=8)
    axes.axvspan(2, 4, alpha=0.3, color="r", zorder=3)
    return animation(fig, lambda i: line.set_ydata(np.sin(X + i / 3)))


@entry()
def grid_above() -> Any:
    fig, axes = plots()
    axes.set_axisbelow(False)
    axes.grid(color="w", lw=2)
    drawn = axes.barh(["a", "b", "c"], [1, 2, 3])
    axes.set_xlim(0, 12)

    def animate(i):
        for number, bar in enumerate(drawn):
            bar.set_width(number + i)

    return animation(fig, animate)


@entry()
def formatted_by_a_function() -> Any:
    """The tick labels follow a number that matplotlib knows nothing of."""
    fig, axes = plots()
    axes.plot(X, np.sin(X))
    now = {"i": 0}
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, at: f"{value + now['i']:.0f}"))
    return animation(fig, lambda i: now.update(i=i))


@entry()
def user_animated() -> Any:
    """The artists were made for blitting, on the axes and on the figure."""
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X), animated=True)
    text = fig.text(0.4, 0.5, "", animated=True, fontsize=20)

    def animate(i):
        line.set_ydata(np.sin(X + i))
        text.set_text(str(i))

    return animation(fig, animate)


@entry()
def sketchy() -> Any:
    with mpl.rc_context({"path.sketch": (2, 50, 2)}):
        fig, axes = plots()
        (line,) = axes.plot(X, np.sin(X))
    return animation(fig, lambda i: line.set_ydata(np.sin(X + i)))


@entry()
def seldom_changes_below() -> Any:
    """Now and then something changes that lies below all else."""
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X))

    def animate(i):
        line.set_ydata(np.sin(X + i))
        axes.set_facecolor("0.9" if i == 5 else "w")
        fig.patch.set_alpha(0.5 if i == 7 else 1)

    return animation(fig, animate)


@entry(fast=False)
def growing_figure() -> Any:
    fig, axes = plots()
    axes.plot(X, np.sin(X))
    return animation(fig, lambda i: fig.set_size_inches(4 + i / 10, 3))


@entry()
def many_patches() -> Any:
    fig, axes = plots()
    axes.set(xlim=(0, 12), ylim=(0, 12))
    spots = [axes.add_patch(patches.Circle((a, b), 0.4)) for a in range(1, 12) for b in range(1, 12)]

    def animate(i):
        for spot in spots[i : i + 3]:
            spot.set_color(f"C{i}")

    return animation(fig, animate)


@entry()
def drawn_in_animate() -> Any:
    """Code that draws for itself."""
    fig, axes = plots()
    (line,) = axes.plot(X, np.sin(X))

    def animate(i):
        line.set_ydata(np.sin(X + i))
        axes.set_xlabel(f"{i}")
        fig.canvas.draw()

    return animation(fig, animate)


@entry()
def generated() -> Any:
    fig, axes = plots()
    axes.set(xlim=(0, 10), ylim=(-1, 1))
    (line,) = axes.plot([], [])

    def frames():
        x: list[float] = []
        for i in range(FRAMES):
            x.append(i)
            yield list(x)

    return animation(fig, lambda x: line.set_data(x, np.sin(x)), frames, save_count=FRAMES)


@entry()
def norm_shared() -> Any:
    fig, axes = plots(1, 2)
    norm = Normalize(0, 1)
    images = [one.imshow(np.random.default_rng(n).random((5, 5)), norm=norm) for n, one in enumerate(axes)]
    axes[1].imshow(np.full((2, 2), 10.0), norm=LogNorm(1, 100), extent=(0, 1, 0, 1))
    fig.colorbar(images[0], ax=axes, orientation="horizontal")
    return animation(fig, lambda i: setattr(norm, "vmax", 1 + i / 5))


# --- artists -------------------------------------------------------------------------------------


@entry()
def artists_of_lines() -> Any:
    fig, axes = plots()
    drawn = [axes.plot(X, np.sin(X + i)) for i in range(FRAMES)]
    return ArtistAnimation(fig, drawn, blit=True)


@entry()
def artists_of_images() -> Any:
    fig, axes = plots()
    y, x = np.mgrid[:20, :20]
    drawn = [
        [axes.imshow(np.sin(x / 3 + i) + np.cos(y / 3), animated=True), axes.text(1, 2, str(i))]
        for i in range(FRAMES)
    ]
    return ArtistAnimation(fig, drawn)
