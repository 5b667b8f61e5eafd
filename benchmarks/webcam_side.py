"""The contenders that process a webcam's frames: runs in the notebook's kernel, as a cell."""

from __future__ import annotations

import base64
import importlib
import io
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from PIL import Image
from skimage.filters import roberts

import kcomm

Pixels: TypeAlias = np.ndarray[Any, Any]
Process: TypeAlias = Callable[[Pixels], Pixels]


def find_edges(image: Pixels) -> Pixels:
    """Do what the cookbook does."""
    find: Any = roberts  # scikit-image has no types
    return np.asarray(255 - find(image[:, :, 0] / 255.0) * 255).astype(np.uint8)


def keep(image: Pixels) -> Pixels:
    """Do nothing: what is left is the way there and back."""
    return image


def decode(url: str) -> Pixels:
    """Return the pixels of a data URL."""
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))))


def encode(image: Pixels, kind: str) -> bytes:
    """Return an image file as Pillow writes it by itself."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, format=kind)
    return file.getvalue()


class Contender(ABC):
    """Shows the camera through a function: `show` returns what the cell displays."""

    #: The cookbook's edges; the same pixels for whoever has a quicker way.
    edges: Process = staticmethod(find_edges)

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self.process: Process = keep

    @abstractmethod
    def show(self) -> Any:
        """Return what the cell displays."""

    def start(self, process: str) -> None:
        """Take frames from now on, and put them through "edges" or "keep"."""
        self.process = self.edges if process == "edges" else keep

    @abstractmethod
    def stop(self) -> None:
        """Take no more frames."""


class Kcomm(Contender):
    edges = staticmethod(kcomm.edges)

    def show(self) -> Any:
        self.camera = kcomm.webcam(size=self.size)
        return self.camera

    def start(self, process: str) -> None:
        super().start(process)
        self.camera.process = self.process
        self.camera.start()

    def stop(self) -> None:
        self.camera.stop()


class Cookbook(Contender):
    """The recipe "Processing webcam images in real time" of the IPython Cookbook, as an anywidget."""

    #: Milliseconds: at 640x480 it paints most, and soonest, of all. The recipe has 100.
    interval = 50

    def show(self) -> Any:
        base: Any = importlib.import_module("anywidget").AnyWidget
        traitlets: Any = importlib.import_module("traitlets")
        # Without the echo: by default the kernel would send each of the camera's pictures back as well.
        url = traitlets.Unicode().tag(sync=True, echo_update=False)
        traits = {
            "_esm": COOKBOOK,
            "imageurl": url,
            "imageurl2": traitlets.Unicode().tag(sync=True),
            "running": traitlets.Bool(False).tag(sync=True),
            "width": traitlets.Int().tag(sync=True),
            "height": traitlets.Int().tag(sync=True),
            "interval": traitlets.Int().tag(sync=True),
        }
        width, height = self.size
        kind = type("Camera", (base,), traits)
        self.widget = kind(width=width, height=height, interval=self.interval)
        self.widget.observe(self.answer, "imageurl")
        return self.widget

    def answer(self, change: dict[str, Any]) -> None:
        image = self.process(decode(change["new"]))
        self.widget.imageurl2 = "data:image/png;base64," + base64.b64encode(encode(image, "PNG")).decode()

    def start(self, process: str) -> None:
        super().start(process)
        self.widget.running = True

    def stop(self) -> None:
        self.widget.running = False


#: The recipe's script, with what browsers and widgets have instead of what it used.
COOKBOOK = """
async function render({ model, el }) {
  const [width, height] = [model.get("width"), model.get("height")];
  const video = document.createElement("video");
  const canvas = document.createElement("canvas");
  const image = document.createElement("img");
  Object.assign(canvas, { width, height });
  Object.assign(image, { width, height });
  el.append(image);

  const takePicture = () => {
    canvas.getContext("2d").drawImage(video, 0, 0, width, height);
    model.set("imageurl", canvas.toDataURL("image/png"));
    model.save_changes();
  };
  model.on("change:imageurl2", () => {
    image.src = model.get("imageurl2");
  });

  let timer;
  model.on("change:running", async () => {
    clearInterval(timer);
    if (!model.get("running")) {
      for (const track of video.srcObject?.getTracks() ?? []) track.stop();
      return;
    }
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width, height } });
    await video.play();
    timer = setInterval(takePicture, model.get("interval"));
  });
}
export default { render };
"""


class Panel(Contender):
    """Panel's VideoStream and a picture beside it, as its gallery has them."""

    #: Milliseconds between the pictures that the widget takes.
    interval = 33

    def show(self) -> Any:
        panel: Any = importlib.import_module("panel")
        panel.extension(inline=True)
        width, height = self.size
        # The gallery's format: it calls PNG, the default, much bigger and slower.
        self.stream = panel.widgets.VideoStream(format="jpeg", height=0, width=0, visible=False)
        self.picture = panel.pane.JPG(width=width, height=height)
        self.stream.param.watch(self.answer, "value")
        return panel.Row(self.stream, self.picture)

    def answer(self, event: Any) -> None:
        if event.new:
            self.picture.object = encode(self.process(decode(event.new)), "JPEG")

    def start(self, process: str) -> None:
        super().start(process)
        self.stream.timeout = self.interval

    def stop(self) -> None:
        self.stream.timeout = None


KINDS: dict[str, type[Contender]] = {"kcomm": Kcomm, "cookbook": Cookbook, "Panel": Panel}
shown: Contender


def show(kind: str, width: int, height: int, **settings: Any) -> Any:
    """Make a contender, and return what the cell displays."""
    global shown
    shown = KINDS[kind](width, height)
    vars(shown).update(settings)
    return shown.show()
