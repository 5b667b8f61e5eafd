"""Views in a cell's output, as a user sees them."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, expect


class View:
    """A view: its controls, and what is painted."""

    def __init__(self, output: Locator) -> None:
        self.node = output.locator(".kcomm-View")
        self.canvas = self.node.locator("canvas.kcomm-Screen")

    def wait_live(self) -> View:
        expect(self.node).to_have_attribute("data-status", "live", timeout=30_000)
        return self

    def button(self, name: str) -> Locator:
        return self.node.get_by_role("button", name=name, exact=True)

    def pixels(self) -> np.ndarray:
        """Return what is painted, (H, W, 4)."""
        url = self.canvas.evaluate("canvas => canvas.toDataURL('image/png')")
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",", 1)[1]))).convert("RGBA"))

    def number(self) -> int:
        """Return the number of the coded frame that is painted."""
        return int(self.pixels()[0, 0, 0]) - 20

    def wait_past(self, index: int, *, down: bool = False, timeout: float = 15_000) -> None:
        """Wait until what plays has come to a frame or gone past it."""
        self.node.page.wait_for_function(
            "([canvas, index, sign]) => sign * (Number(canvas.dataset.index) - index) >= 0",
            arg=[self.canvas.element_handle(), index, -1 if down else 1],
            timeout=timeout,
        )

    def wait_number(self, number: int) -> None:
        expect(self.canvas).to_have_attribute("data-index", str(number), timeout=15_000)
        painted = self.number()
        assert painted == number, f"frame {painted} is painted where {number} was due"
