"""A page that plays an animation by itself: no kernel, no network, one file.

The page holds, in this order: what the player needs to know to begin, the player (the same code that
JupyterLab's plugin runs), and the frames. These are messages as a kernel would send them, in blocks of some
hundred kilobytes: msgpack, deflated, in base64. The id of a key frame is its number. The first block has the
first frame alone, so that this is painted while the rest of the file is still being read; a block is unpacked
when one of its frames is asked for.
"""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import IO, Any, Final

import msgpack

from kcomm.animation.keeping.files import new_file, telling
from kcomm.animation.keeping.progress import Progress
from kcomm.errors import KcommError
from kcomm.frames import Frame, Pixels
from kcomm.frames.encoder import Encoder
from kcomm.frames.poster import poster_of

#: The type of the elements that hold frames; `js/src/animation/recorded.ts` looks for it.
BLOCK_TYPE: Final = "application/vnd.kcomm.frames"
INFO_ID: Final = "kcomm-info"
#: The picture that stands there until the first frame is decoded, and for good where no script runs.
STILL_ID: Final = "kcomm-still"

#: Bytes of frames in a block: few enough to be unpacked in a moment, enough that blocks are few.
_BLOCK_BYTES: Final = 512 * 1024
# The highest level takes longer for 2 % less.
_LEVEL: Final = 6
# The number of frames is written again at the end, in the same place, if there are fewer than was thought.
_COUNT_DIGITS: Final = 10


@dataclass(frozen=True)
class Assets:
    """The player's code and style, and what the page's policy calls them by."""

    script: str
    style: str

    @property
    def policy(self) -> str:
        """The Content-Security-Policy: this script, this style, and nothing from anywhere else."""
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src '{_digest(self.script)}'",
                f"style-src '{_digest(self.style)}'",
                "img-src blob: data:",
                "worker-src blob:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        )


def write_page(
    path: Path,
    frames: Iterable[Pixels],
    count: int,
    info: Callable[[], Mapping[str, Any]],
    bar: Progress,
) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        The file.
    frames : iterable of ndarray
        The pixels of each frame; there may be fewer than `count`, but not none.
    count : int
        How many frames there are, as far as is known.
    info : callable
        Returns what the page is told of the animation, as a player's ``info()``; the first frame is drawn
        by then.
    bar : Progress
        Is told of each frame.

    Raises
    ------
    WriteError
        If the file can't be written.
    """
    assets = load_assets()
    pixels = iter(frames)
    first = next(pixels)
    height, width = first.shape[:2]
    whole = {**info(), "width": width, "height": height}
    head, tail = _head(whole, count, assets, poster_of(first))
    with new_file(path) as beside, open(beside, "wb") as file:
        with telling(path):
            file.write(head)
        written = 0
        for block in _blocks(_messages(itertools.chain([first], pixels), bar)):
            with telling(path):
                file.write(_block_element(block))
            written += len(block)
        with telling(path):
            file.write(tail)
            if written != count:
                _write_count(file, head, written)
            file.close()


@cache
def load_assets() -> Assets:
    """Return the player's code and style, as they were built."""
    folder = resources.files("kcomm") / "static"
    try:
        return Assets(*((folder / name).read_text(encoding="utf-8") for name in ("player.js", "player.css")))
    except FileNotFoundError as error:
        raise KcommError(
            f"this installation of kcomm lacks the player of its pages ({error.filename}): "
            "install a released version, or run `make js` in a copy of the sources",
            code="kcomm.not_built",
        ) from None


def _head(info: Mapping[str, Any], count: int, assets: Assets, poster: bytes) -> tuple[bytes, bytes]:
    title = html.escape(str(info.get("title") or "Animation"))
    # In a script element only "<" could end the text.
    told = json.dumps({key: value for key, value in info.items() if key != "count"}).replace("<", "\\u003c")
    head = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{assets.policy}">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{assets.style}</style>
</head>
<body>
<figure id="{STILL_ID}">
<img src="data:image/png;base64,{base64.b64encode(poster).decode()}" alt="{title}" width="{info["width"]}">
<figcaption>{title}: this animation plays in a browser that runs scripts.</figcaption>
</figure>
<script type="application/json" id="{INFO_ID}">{{"count": {count:{_COUNT_DIGITS}d}, {told[1:]}</script>
<script>{assets.script}</script>
"""
    return head.encode(errors="replace"), b"</body>\n</html>\n"


def _write_count(file: IO[bytes], head: bytes, count: int) -> None:
    mark = f'id="{INFO_ID}">{{"count": '.encode()
    file.seek(head.index(mark) + len(mark))
    file.write(f"{count:{_COUNT_DIGITS}d}".encode())


def _messages(frames: Iterable[Pixels], bar: Progress) -> Iterator[dict[str, Any]]:
    """Encode frames, and yield their messages; the id of a key is its number."""
    encoder = Encoder()
    numbers: dict[int, int] = {}
    for number, pixels in enumerate(frames):
        frame = encoder.encode(Frame.of(pixels, index=number), exact=True)
        if frame.id is not None:
            numbers[frame.id] = number
        base = None if frame.base is None else numbers[frame.base]
        message = replace(frame, id=None if frame.id is None else number, base=base, ms={}).to_message()
        bar.update()
        yield message


def _blocks(messages: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Gather messages in blocks; the first frame is one by itself."""
    block: list[dict[str, Any]] = []
    size = 0
    for message in messages:
        block.append(message)
        size += len(message["data"])
        if size >= _BLOCK_BYTES or message["index"] == 0:
            yield block
            block, size = [], 0
    if block:
        yield block


def _block_element(block: list[dict[str, Any]]) -> bytes:
    # Together they get a sixth smaller than one by one: each is much like the one before.
    text = base64.b64encode(zlib.compress(msgpack.packb(block), _LEVEL))
    first, count = block[0]["index"], len(block)
    opening = f'<script type="{BLOCK_TYPE}" data-first="{first}" data-count="{count}">'
    return opening.encode() + text + b"</script>\n"


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
