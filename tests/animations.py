"""Animations to test with, and what tells from the pixels which frame is shown."""

from __future__ import annotations

import itertools
import time
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.animation import FuncAnimation

from kcomm.frames.decoder import Decoder


class Sweep:
    """A line at height i, and the frames it was asked for."""

    line: Any

    def __init__(self, figure: Any = None, **line: Any) -> None:
        self.figure = figure or plt.figure(figsize=(2, 1), dpi=50)
        axes = self.figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, 1), ylim=(-1, 50))
        (self.line,) = axes.plot([0, 1], [-1, -1], lw=3, color="red", **line)
        self.drawn: list[Any] = []

    def __call__(self, i):
        self.drawn.append(i)
        self.line.set_ydata([i, i])
        return [self.line]

    def animation(self, frames=50, **options):
        return FuncAnimation(self.figure, self, frames=frames, **options)


def page_of(host, player):
    """A channel to a player that nobody else holds."""
    channel = host.connect(player.target)
    channel.player = player
    return channel


def know_size(player, size):
    """Have a function's player know the size of its frames, as if one had been drawn."""
    player._service.source.size = size


def draw(channel, index):
    return channel.call("draw", index).result(timeout=10)


def pixels(message):
    assert "error" not in message, message
    return Decoder().decode(message)  # one that holds no frames yet: the message brings all it needs


def failure(message):
    """What a frame that does not exist says."""
    assert message["error"]["code"] == "kcomm.bad_arguments"
    return message["error"]["message"]


def height(message):
    """Where the red line is, from the pixels: frame i has it at i, to 2 or so."""
    rows = (pixels(message)[..., :3] == [255, 0, 0]).all(axis=2).any(axis=1).nonzero()[0]
    return (1 - (rows.mean() + 0.5) / 50) * 51 - 1


def take(stream, n):
    return list(itertools.islice(stream, n))


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)
