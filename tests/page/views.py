"""Views in a cell's output, as a user sees them."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, expect


class View:
    """A view: its controls, and what is painted."""

    def __init__(self, output: Locator, nth: int = 0) -> None:
        self.node = output.locator(".kcomm-View").nth(nth)
        self.canvas = self.node.locator("canvas.kcomm-Screen")

    def wait_live(self) -> View:
        expect(self.node).to_have_attribute("data-status", "live", timeout=30_000)
        return self

    def button(self, name: str) -> Locator:
        return self.node.get_by_role("button", name=name, exact=True)

    def pixels(self) -> np.ndarray:
        """Return what is painted, (H, W, 4)."""
        url = self.canvas.evaluate("canvas => canvas.toDataURL('image/png')")
        return decode_png(base64.b64decode(url.split(",", 1)[1]))

    def copied(self) -> np.ndarray:
        """Return the picture on the clipboard, (H, W, 4)."""
        url = self.node.page.evaluate(
            """async () => {
                 const [item] = await navigator.clipboard.read();
                 const reader = new FileReader();
                 reader.readAsDataURL(await item.getType("image/png"));
                 await new Promise((resolve) => { reader.onload = resolve; });
                 return reader.result;
               }"""
        )
        return decode_png(base64.b64decode(url.split(",", 1)[1]))

    def stray_controls(self) -> list[str]:
        """Return the names of controls that stick out of the view, are cut, or lie on each other."""
        strays: list[str] = self.node.evaluate(
            """node => {
                 const frame = node.getBoundingClientRect();
                 const bar = node.querySelector(".kcomm-Controls");
                 const controls = [...bar.querySelectorAll("button, select, input, output")]
                   .filter((e) => e.offsetParent && getComputedStyle(e).visibility === "visible");
                 const boxes = controls.map((e) => [e.getAttribute("aria-label"), e.getBoundingClientRect()]);
                 const stray = [];
                 for (const [i, [name, a]] of boxes.entries()) {
                   if (a.right > frame.right + 1 || a.left < frame.left - 1
                       || a.top < frame.top - 1 || a.bottom > frame.bottom + 1) stray.push(name);
                   for (const [other, b] of boxes.slice(i + 1)) {
                     const overlaps = a.left + 1 < b.right && b.left + 1 < a.right
                       && a.top + 1 < b.bottom && b.top + 1 < a.bottom;
                     if (overlaps) stray.push(`${name} on ${other}`);
                   }
                 }
                 return stray;
               }"""
        )
        return strays

    def size(self) -> tuple[int, int, float]:
        """Return the picture's width and height in pixels, and its width in CSS pixels."""
        width, height, shown = self.canvas.evaluate(
            "canvas => [canvas.width, canvas.height, canvas.getBoundingClientRect().width]"
        )
        return width, height, shown

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


def decode_png(data: bytes) -> np.ndarray:
    """Return the pixels of a PNG, (H, W, 4)."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))
