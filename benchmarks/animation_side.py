"""The contenders that show the same animation: runs in the notebook's kernel, as a cell."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import importlib
import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from matplotlib.animation import FuncAnimation
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

import kcomm

#: More than anybody shows; the animation repeats itself after so many.
FRAMES, PERIOD = 10_000_000, 100
#: Milliseconds; less makes ipympl paint fewer frames, as its messages and its timer share a loop.
IPYMPL_INTERVAL = 20


class Seed:
    """A sine wave that travels, as in every tutorial of FuncAnimation.

    Parameters
    ----------
    figure : Figure
        An empty one.
    artists : int
        Lines that change; all but the first are short, and drawn where nobody looks for the wave.
    """

    def __init__(self, figure: Any, artists: int = 1) -> None:
        self.figure = figure
        self.axes = figure.add_subplot(xlim=(0, 2), ylim=(-2, 2))
        (self.line,) = self.axes.plot([], [], lw=2)
        self.others = [self.axes.plot([], [], lw=1)[0] for _ in range(artists - 1)]

    def init(self) -> Sequence[Any]:
        self.line.set_data([], [])
        return self.line, *self.others

    def animate(self, i: int) -> Sequence[Any]:
        x = np.linspace(0, 2, 1000)
        self.line.set_data(x, np.sin(2 * np.pi * (x - 0.01 * (i % PERIOD))))
        for n, other in enumerate(self.others):
            short = np.linspace(1.4, 1.9, 50)
            other.set_data(short, np.sin(2 * np.pi * (short - 0.01 * (i % PERIOD))) + n % 7 / 10)
        return self.line, *self.others

    def animation(self, frames: int = FRAMES, interval: int = 20) -> FuncAnimation:
        return FuncAnimation(
            self.figure,
            self.animate,
            init_func=self.init,
            frames=frames,
            interval=interval,
            blit=True,
            cache_frame_data=False,
        )

    def pixels(self) -> np.ndarray[Any, Any]:
        """Draw everything."""
        self.figure.canvas.draw()
        return np.asarray(self.figure.canvas.buffer_rgba())

    def prepare_blit(self) -> None:
        """Do what the manual of blitting says."""
        self.line.set_animated(True)
        self.figure.canvas.draw()
        self.background = self.figure.canvas.copy_from_bbox(self.figure.bbox)

    def blit(self) -> np.ndarray[Any, Any]:
        """Draw the line alone, over what was there."""
        self.figure.canvas.restore_region(self.background)
        self.axes.draw_artist(self.line)
        return np.asarray(self.figure.canvas.buffer_rgba())


def make_figure(width: int, height: int) -> Any:
    """Return a figure that no backend shows by itself."""
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    FigureCanvasAgg(figure)
    return figure


class Contender:
    """Shows the animation somehow: `show` returns what the cell displays."""

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self.is_running = False
        self.i = 0

    def show(self) -> Any:
        raise NotImplementedError

    def start(self) -> None:
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False

    def next(self) -> int:
        self.i += 1
        return self.i


class Loop(Contender):
    """Shows frame after frame in a task of the kernel's loop, which answers its pages in between."""

    #: Seconds.
    pause = 0.0

    def start(self) -> None:
        super().start()
        self.task = asyncio.get_running_loop().create_task(self.run())

    async def run(self) -> None:
        while self.is_running:
            self.step()
            await asyncio.sleep(self.pause)

    def step(self) -> None:
        raise NotImplementedError


class Kcomm(Contender):
    artists = 1
    #: Where it begins.
    index = 0
    #: Bytes of frames to keep; None: as many as kcomm keeps by default.
    cache: int | None = None

    def show(self) -> Any:
        width, height = self.size
        figure = plt.figure(figsize=(width / 100, height / 100), dpi=100)
        self.seed = Seed(figure, self.artists)
        settings: dict[str, Any] = {} if self.cache is None else {"cache": self.cache}
        self.player = kcomm.animate(self.seed.animation(), fps="max", **settings)
        if self.index:
            self.player.seek(self.index)
        return self.player

    def start(self) -> None:
        self.player.play()

    def stop(self) -> None:
        self.player.pause()


class Ipympl(Contender):
    """A FuncAnimation on its canvas; the backend can't blit, so each frame is drawn completely."""

    def show(self) -> Any:
        self.make_figure()
        self.animation = self.seed.animation(interval=IPYMPL_INTERVAL)
        return self.seed.figure.canvas

    def make_figure(self) -> None:
        get_ipython().run_line_magic("matplotlib", "widget")
        width, height = self.size
        with plt.ioff():
            self.seed = Seed(plt.figure(figsize=(width / 100, height / 100), dpi=100))

    def start(self) -> None:
        self.animation.resume()

    def stop(self) -> None:
        self.animation.pause()


class IpymplBlit(Ipympl, Loop):
    # As fast as a display: sooner, the page loses pictures that it had not drawn yet.
    pause = 1 / 60

    def show(self) -> Any:
        self.make_figure()
        self.seed.animate(0)
        return self.seed.figure.canvas

    def start(self) -> None:
        if not self.i:
            self.seed.prepare_blit()
        Loop.start(self)

    def step(self) -> None:
        self.seed.animate(self.next())
        self.seed.blit()
        self.seed.figure.canvas.blit(self.seed.figure.bbox)

    def stop(self) -> None:
        Loop.stop(self)


class Rfb(Contender):
    """A frame buffer that asks for its next frame whenever it has given one."""

    in_flight = 2

    def show(self) -> Any:
        width, height = self.size
        self.seed = Seed(make_figure(width, height))
        base: Any = importlib.import_module("jupyter_rfb").RemoteFrameBuffer
        kind = type("Frames", (base,), {"get_frame": lambda _: self.get_frame()})
        self.widget = kind(css_width=f"{width}px", css_height=f"{height}px")
        self.widget.max_buffered_frames = self.in_flight
        self.prepare()
        return self.widget

    def prepare(self) -> None:
        self.seed.animate(0)

    def get_frame(self) -> np.ndarray[Any, Any]:
        if self.is_running:
            self.widget.request_draw()
            self.next()
        self.seed.animate(self.i)
        return self.draw()[:, :, :3]

    def draw(self) -> np.ndarray[Any, Any]:
        return self.seed.pixels()

    def start(self) -> None:
        super().start()
        self.widget.request_draw()


class RfbBlit(Rfb):
    in_flight = 8

    def prepare(self) -> None:
        self.seed.prepare_blit()
        self.seed.animate(0)

    def draw(self) -> np.ndarray[Any, Any]:
        # Its buffer is drawn on while it waits to be sent without losses.
        return np.array(self.seed.blit())


class WidgetImage(Loop):
    """The value of an ipywidgets.Image."""

    format = "png"

    def show(self) -> Any:
        self.seed = Seed(make_figure(*self.size))
        self.prepare()
        self.widget = importlib.import_module("ipywidgets").Image(format=self.format)
        self.step()
        return self.widget

    def prepare(self) -> None:
        pass

    def step(self) -> None:
        self.seed.animate(self.next())
        self.widget.value = self.encode()

    def encode(self) -> bytes:
        return save(self.seed.figure)


class WidgetImageBlit(WidgetImage):
    """As fast as it gets: drawn by blitting, and JPEG, which loses something."""

    format = "jpeg"
    pause = 1 / 120

    def prepare(self) -> None:
        self.seed.prepare_blit()

    def encode(self) -> bytes:
        simplejpeg: Any = importlib.import_module("simplejpeg")
        pixels = np.ascontiguousarray(self.seed.blit()[:, :, :3])
        data: bytes = simplejpeg.encode_jpeg(pixels, quality=80)
        return data


class Executed(Contender):
    """A page that has the kernel make each picture."""

    def show(self) -> Any:
        self.seed = Seed(make_figure(*self.size))
        return importlib.import_module("IPython.display").HTML(
            f'<img class="executed" src="{self.picture()}">'
        )

    def picture(self) -> str:
        self.seed.animate(self.next())
        return "data:image/png;base64," + base64.b64encode(save(self.seed.figure)).decode()


def save(figure: Any) -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi="figure")
    return file.getvalue()


KINDS: dict[str, Callable[[int, int], Contender]] = {
    "kcomm": Kcomm,
    "ipympl": Ipympl,
    "ipympl, blit by hand": IpymplBlit,
    "jupyter_rfb": Rfb,
    "jupyter_rfb, blit by hand": RfbBlit,
    "ipywidgets.Image": WidgetImage,
    "ipywidgets.Image, blit by hand": WidgetImageBlit,
    "execute and savefig": Executed,
}
#: What is shown, by the key that the page and the benchmark know it by.
shown: dict[str, Contender] = {}


def show(key: str, kind: str, width: int, height: int, **settings: Any) -> Any:
    """Make a contender, and return what the cell displays."""
    contender = shown[key] = KINDS[kind](width, height)
    vars(contender).update(settings)
    return contender.show()


def hashes(width: int, height: int, phases: Sequence[int]) -> list[str]:
    """Return the hashes of frames that were drawn completely, on a figure of their own."""
    seed = Seed(make_figure(width, height))
    found = []
    for phase in phases:
        seed.animate(phase)
        found.append(hashlib.sha256(seed.pixels().tobytes()).hexdigest())
    return found
