"""Pages that play by themselves, read as a browser does."""

from __future__ import annotations

import base64
import json
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from kcomm.animation.keeping.page import BLOCK_TYPE, INFO_ID
from kcomm.frames.decoder import Decoder


class Page(HTMLParser):
    """The elements of a page, with what they hold."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[int, str] = {}
        self.is_within = False
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.is_within = True

    def handle_endtag(self, tag: str) -> None:
        self.is_within = False

    def handle_data(self, data: str) -> None:
        here = len(self.elements) - 1
        if self.is_within:
            self.texts[here] = self.texts.get(here, "") + data

    def find(self, tag: str, **attributes: str) -> list[tuple[dict[str, str | None], str]]:
        """Return attributes and texts of the elements that have these."""
        return [
            (attrs, self.texts.get(number, ""))
            for number, (name, attrs) in enumerate(self.elements)
            if name == tag and attributes.items() <= attrs.items()
        ]

    @property
    def info(self) -> dict[str, Any]:
        ((_, text),) = self.find("script", id=INFO_ID)
        return json.loads(text)

    @property
    def blocks(self) -> list[list[dict[str, Any]]]:
        blocks = []
        for attrs, text in self.find("script", type=BLOCK_TYPE):
            block = msgpack.unpackb(zlib.decompress(base64.b64decode(text)))
            assert attrs["data-first"] == str(block[0]["index"])
            assert attrs["data-count"] == str(len(block))
            blocks.append(block)
        return blocks

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [message for block in self.blocks for message in block]

    def pixels(self) -> list[np.ndarray]:
        """Decode every frame, as a page that plays from the first to the last."""
        messages = self.messages
        assert [message["index"] for message in messages] == list(range(len(messages)))
        decoder = Decoder(fetch=lambda number: messages[number])
        return [np.array(decoder.decode(message)) for message in messages]


def full_draw(figure: Any) -> np.ndarray:
    """Return the pixels of a figure that is drawn as a whole."""
    figure.canvas.draw()
    return np.array(figure.canvas.buffer_rgba())
