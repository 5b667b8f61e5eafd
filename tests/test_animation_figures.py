"""Figures that several threads draw, and that draw each other."""

from __future__ import annotations

import threading
from typing import Any

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from kcomm.animation.drawing import figures
from kcomm.animation.drawing.figures import Canvas, adopt, lock_of
from kcomm.errors import KcommError

mpl.use("agg")


@pytest.fixture
def canvases() -> list[Canvas]:
    return [adopt(Figure(figsize=(2, 1), dpi=50)) for _ in range(2)]


def together(*functions: Any) -> list[Any]:
    """Call functions in threads of their own, and return what they raised."""
    raised: list[Any] = []

    def call(function: Any) -> None:
        try:
            function()
        except Exception as error:
            raised.append(error)

    threads = [threading.Thread(target=call, args=(each,), daemon=True) for each in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads), "they wait for each other"
    return raised


def test_a_handler_may_draw_a_figure_that_another_thread_draws(canvases):
    one, two = canvases
    is_held, is_told = threading.Event(), threading.Event()

    def overview(event):
        is_told.set()
        two.draw()

    def draw_one():
        assert is_held.wait(10)
        one.draw()

    def draw_two():
        with lock_of(two.figure):
            is_held.set()
            assert is_told.wait(10)
            two.grab()

    one.mpl_connect("draw_event", overview)
    assert together(draw_one, draw_two) == []


def test_handlers_that_draw_each_others_figure_fail_instead_of_waiting_for_ever(canvases, monkeypatch):
    monkeypatch.setattr(figures, "_PATIENCE", 0.2)
    both = threading.Barrier(2)
    told: set[int] = set()

    def drawing(other):
        def on_draw(event):
            if len(told) < 2 and threading.get_ident() not in told:  # once each
                told.add(threading.get_ident())
                both.wait(10)
                other.draw()

        return on_draw

    for canvas, other in (canvases, canvases[::-1]):
        canvas.mpl_connect("draw_event", drawing(other))
    raised = together(*(canvas.draw for canvas in canvases))
    assert raised
    assert all(isinstance(error, KcommError) and "each other" in str(error) for error in raised)
    for canvas in canvases:
        canvas.draw()  # and both go on
