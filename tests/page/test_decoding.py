"""Frames in a real page: decoded in a worker or without one, and painted exactly."""

from __future__ import annotations

import base64
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest
from PIL import Image
from skimage import data

from kcomm.frames import Frame
from kcomm.frames.encoder import Encoder
from kcomm.frames.pixels import to_rgba

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

JS = Path(__file__).parents[2] / "js" / "tests" / "page"
ADDRESS = "http://127.0.0.1:1/"  # Nothing is there: what the page asks for is answered below.

OpenPage = Callable[..., "Page"]


@pytest.fixture(scope="module")
def script() -> str:
    """What the page does with frames."""
    done = subprocess.run(
        ["node", "bundle.mjs", "frames.ts"], cwd=JS, check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout


@pytest.fixture
def open_page(open_browser: Callable[[str], Browser], script: str) -> Iterator[OpenPage]:
    """Open an empty page of a policy: ``open_page(policy="")``."""
    contexts = []

    def open_one(policy: str = "") -> Page:
        context = open_browser("clip").new_context()
        contexts.append(context)
        page = context.new_page()

        def answer(route: Route) -> None:
            headers = {"Content-Security-Policy": policy} if policy else {}
            if route.request.url == ADDRESS:
                body = "<!doctype html><body><script src='script.js'></script>"
                route.fulfill(body=body, content_type="text/html", headers=headers)
            else:
                route.fulfill(body=script, content_type="text/javascript")

        page.route("**/*", answer)
        page.goto(ADDRESS)
        return page

    yield open_one
    for context in contexts:
        context.close()


def message_of(frame: Frame) -> dict[str, Any]:
    """Return a frame as JSON."""
    message = frame.to_message()
    return {**message, "data": base64.b64encode(message["data"]).decode()}


def shown(answer: dict[str, str]) -> np.ndarray:
    """Return the pixels of a canvas."""
    file = base64.b64decode(answer["url"].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGBA"))


def plots(count: int = 8) -> list[np.ndarray]:
    """Return pictures with a thing that moves."""
    pictures = []
    for i in range(count):
        pixels = np.full((240, 320, 4), 255, np.uint8)
        pixels[i * 9 : i * 9 + 40, 20:200, :3] = np.arange(180, dtype=np.uint8)[:, np.newaxis]
        pictures.append(pixels)
    return pictures


def colours() -> np.ndarray:
    """Return opaque pixels of all kinds of colours."""
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 4), np.uint8)
    pixels[..., 3] = 255
    return pixels


def encoded(
    pictures: list[np.ndarray], codec: str = "auto", **options: Any
) -> tuple[list[Any], dict[str, Any]]:
    """Return the messages of frames, and of the keys they build on."""
    encoder = Encoder(codec)
    frames = [encoder.encode(Frame.of(picture, index=i), **options) for i, picture in enumerate(pictures)]
    keys = {frame.id: encoder.key(frame.id) for frame in frames if frame.id is not None}
    return [message_of(frame) for frame in frames], {
        str(number): message_of(key) for number, key in keys.items() if key is not None
    }


def show(page: Page, messages: list[Any], keys: dict[str, Any]) -> list[dict[str, str]]:
    """Paint frames one after the other; return what the canvas held after each."""
    answer: list[dict[str, str]] = page.evaluate("([m, k]) => kcommFrames.show(m, k)", [messages, keys])
    return answer


@pytest.mark.parametrize(
    ("policy", "is_off_thread"),
    [
        ("", True),
        ("worker-src 'none'", False),
        ("script-src 'self'", False),
    ],
)
def test_what_is_painted_is_what_was_drawn(open_page, policy, is_off_thread):
    page = open_page(policy)
    pictures = [*plots(), colours(), *plots(2)]
    messages, keys = encoded(pictures, exact=True)
    assert {"delta", "qoi"} <= {message["codec"].removesuffix("z") for message in messages}
    for picture, canvas in zip(pictures, show(page, messages, keys), strict=True):
        assert (shown(canvas) == picture).all()
    # The keys of deltas are asked for where they were missed.
    later = [message for message in messages if message["codec"] == "delta"]
    fresh = open_page(policy)
    for message, canvas in zip(later, show(fresh, later, keys), strict=True):
        assert canvas["index"] == str(message["index"])
        assert (shown(canvas) == pictures[message["index"]]).all()
    assert page.evaluate("kcommFrames.state()")["isOffThread"] is is_off_thread


@pytest.mark.parametrize("codec", ["raw", "zlib", "qoi", "qoiz", "png"])
@pytest.mark.parametrize("picture", [colours(), plots(1)[0]], ids=["colours", "plot"])
def test_every_lossless_codec_is_exact(open_page, codec, picture):
    page = open_page()
    (canvas,) = show(page, *encoded([picture], codec))
    assert (shown(canvas) == picture).all()


def test_transparency_is_kept(open_page):
    page = open_page()
    pixels = colours()
    pixels[:, :160, 3] = np.repeat(np.arange(240, dtype=np.uint8), 160).reshape(240, 160)
    clear = np.zeros_like(pixels)
    first, second = show(page, *encoded([pixels, clear], exact=True))
    alpha = shown(first)[..., 3]
    assert (alpha == pixels[..., 3]).all()
    # A canvas holds colours multiplied by their alpha: those of opaque pixels are exact, the others nearly.
    assert (shown(first)[:, 160:] == pixels[:, 160:]).all()
    assert not shown(second).any()


def test_the_sizes_of_frames_may_change(open_page):
    page = open_page()
    pictures = [picture[: 240 - 30 * i] for i, picture in enumerate(plots(4))]
    for picture, canvas in zip(pictures, show(page, *encoded(pictures)), strict=True):
        assert (shown(canvas) == picture).all()


def renderers() -> int:
    """Return the bytes of the browser's processes that show pages, the largest of them."""
    children = psutil.Process().children(recursive=True)
    sizes = []
    for child in children:
        try:
            if "--type=renderer" in child.cmdline():
                sizes.append(child.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return max(sizes)


@pytest.mark.parametrize("kind", ["plots", "photographs"])
def test_no_growth_over_10_000_frames(open_page, kind):
    page = open_page()
    photo = to_rgba(data.astronaut())[:240, :320]
    messages, keys = encoded(plots() if kind == "plots" else [photo])
    assert {message["codec"] for message in messages} & ({"delta"} if kind == "plots" else {"jpeg"})
    show(page, messages, keys)
    repeat = "([m, n]) => kcommFrames.repeat(m, n)"
    page.evaluate(repeat, [messages, 1000])
    before = renderers()
    state = page.evaluate(repeat, [messages, 10_000])
    assert (state["waiting"], state["live"]) == (0, 0)
    assert len(state["has"]) <= 4
    # The frames together are 3 GB; what is collected late varies.
    assert renderers() - before < 300_000_000
