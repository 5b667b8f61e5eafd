"""Video in a real page: what Python encodes is seen there, and what the page encodes is seen in Python."""

from __future__ import annotations

import base64
import io
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from kcomm.frames import Frame
from kcomm.frames.decoder import Decoder
from kcomm.frames.encoder import Encoder
from tests.vectors.player import load

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

JS = Path(__file__).parents[2] / "js" / "tests" / "page"
SECURE = "http://127.0.0.1:1/"  # Nothing is there: what the page asks for is answered below.
INSECURE = "http://elsewhere.test/"
COLOURS = [
    (255, 0, 0),
    (0, 255, 0),
    (0, 0, 255),
    (255, 255, 255),
    (0, 0, 0),
    (128, 128, 128),
    (200, 100, 50),
    (30, 200, 220),
]
#: Levels that colours may be off.
TOLERANCE = 4

OpenPage = Callable[..., "Page"]


@pytest.fixture(scope="module")
def script() -> str:
    """What the page does with video."""
    done = subprocess.run(
        ["node", "bundle.mjs", "video.ts"], cwd=JS, check=True, capture_output=True, encoding="utf-8"
    )
    return done.stdout


@pytest.fixture
def open_page(open_browser: Callable[[str], Browser], script: str) -> Iterator[OpenPage]:
    """Open an empty page: ``open_page(address)``."""
    contexts = []

    def open_one(address: str = SECURE) -> Page:
        context = open_browser("clip").new_context()
        contexts.append(context)
        page = context.new_page()

        def answer(route: Route) -> None:
            if route.request.url == address:
                body = "<!doctype html><body><script src='script.js'></script>"
                route.fulfill(body=body, content_type="text/html")
            else:
                route.fulfill(body=script, content_type="text/javascript")

        page.route("**/*", answer)
        page.goto(address)
        return page

    yield open_one
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page()


def bars(width: int, height: int) -> np.ndarray:
    """Return the colours side by side."""
    columns = np.arange(width) * len(COLOURS) // width
    row = np.array(COLOURS, np.uint8)[columns]
    return np.ascontiguousarray(np.broadcast_to(row, (height, width, 3)))


def middles(pixels: np.ndarray) -> np.ndarray:
    """Return what became of the colours."""
    height, width = pixels.shape[:2]
    columns = [(2 * i + 1) * width // (2 * len(COLOURS)) for i in range(len(COLOURS))]
    return pixels[height // 2, columns, :3].astype(int)


def photographs(count: int, width: int = 320, height: int = 240) -> list[np.ndarray]:
    """Return a photograph that is panned."""
    photo = data.astronaut()
    return [np.ascontiguousarray(photo[i : i + height, 4 * i : 4 * i + width]) for i in range(count)]


def message_of(frame: Frame) -> dict[str, Any]:
    """Return a frame as JSON."""
    message = frame.to_message()
    return {**message, "data": base64.b64encode(message["data"]).decode()}


def encoded(pictures: list[np.ndarray], codec: str, quality: float = 0.85) -> list[dict[str, Any]]:
    """Return the messages of video frames."""
    encoder = Encoder(codec, quality)
    return [message_of(encoder.encode(Frame.of(p, index=i))) for i, p in enumerate(pictures)]


def show(page: Page, messages: list[Any]) -> list[dict[str, Any]]:
    """Paint frames one after the other; return what came of each."""
    answer: list[dict[str, Any]] = page.evaluate("m => kcommVideo.show(m)", messages)
    return answer


def shown(answer: dict[str, Any]) -> np.ndarray:
    """Return the pixels of a canvas."""
    file = base64.b64decode(answer["url"].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))


def address_of(pixels: np.ndarray) -> str:
    """Return pixels as an address that an image can be loaded from."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def from_page(page: Page, codec: str, pictures: list[np.ndarray], **order: Any) -> list[dict[str, Any]]:
    """Have the page encode pictures; return the frame messages, as the page would send them."""
    order = {"codec": codec, "pictures": [address_of(p) for p in pictures], "keys": [0], **order}
    chunks = page.evaluate("o => kcommVideo.encode(o)", order)
    height, width = pictures[0].shape[:2]
    name = "h264" if codec.startswith("avc1") else "vp9"
    return [
        {
            "index": i,
            "width": width,
            "height": height,
            "codec": name,
            "data": base64.b64decode(chunk["data"]),
            "ms": {},
            **({} if chunk["type"] == "key" else {"after": i - 1}),
        }
        for i, chunk in enumerate(chunks)
    ]


def test_a_page_says_what_it_can_decode(open_page):
    secure = open_page().evaluate("kcommVideo.codecs()")
    assert secure["isSecure"]
    assert secure["codecs"][:2] == ["h264", "vp9"]
    insecure = open_page(INSECURE).evaluate("kcommVideo.codecs()")
    assert not insecure["isSecure"]
    assert insecure["codecs"] == secure["codecs"][2:]


@pytest.mark.parametrize("case", load("video.json"), ids=lambda case: case["name"])
def test_vectors(page, case):
    results = page.evaluate("s => kcommVideo.vectors(s)", case["steps"])
    for step, result in zip(case["steps"], results, strict=True):
        assert result["error"] == step.get("error")
        assert result.get("rejected", False) == step.get("rejected", False)
        assert result["wants"] == step["wants"]
        if result["error"] is None:
            assert result["size"] == [step["frame"]["width"], step["frame"]["height"]]
            expected = [colour for _, _, colour in step["pixels"]]
            assert np.abs(np.array(result["colours"]) - expected).max() <= 8
    assert page.evaluate("kcommVideo.state()")["open"] == 0


@pytest.mark.parametrize("size", [(640, 480), (321, 240), (320, 241), (161, 121), (1280, 720)], ids=str)
@pytest.mark.parametrize("codec", ["h264", "vp9"])
def test_colours_and_sizes_from_python(page, codec, size):
    answers = show(page, encoded([bars(*size)] * 3, codec, 1.0))
    for answer in answers:
        assert (answer["code"], answer["width"], answer["height"]) == (None, *size)
        assert np.abs(middles(shown(answer)) - COLOURS).max() <= TOLERANCE
    state = page.evaluate("kcommVideo.state()")
    assert state == {"pictures": 3, "open": 0, "wanted": 0}


@pytest.mark.parametrize("codec", ["h264", "vp9"])
def test_the_last_column_and_row_are_there(page, codec):
    picture = np.full((121, 161, 3), 255, np.uint8)
    picture[:, -1] = picture[-1] = 0
    last = shown(show(page, encoded([picture], codec, 1.0))[0]).astype(int)
    assert last.shape == picture.shape
    assert np.abs(last - picture).max() <= 40


@pytest.mark.parametrize("codec", ["avc1.42e01f", "avc1.64001f", "vp09.00.31.08"])
def test_colours_from_the_page(page, codec):
    messages = from_page(page, codec, [bars(640, 480)] * 3)
    decoder = Decoder()
    for message in messages:
        frame = decoder.read(message)
        assert (frame.width, frame.height, frame.index) == (640, 480, message["index"])
        assert np.abs(middles(frame.pixels) - COLOURS).max() <= TOLERANCE


@pytest.mark.parametrize(
    ("matrix", "is_full", "expected"),
    [
        ("smpte170m", False, (254, 0, 0)),
        ("bt709", False, (255, 24, 0)),
        ("smpte170m", True, (238, 15, 14)),
        ("bt709", True, (255, 34, 10)),
    ],
)
def test_colours_of_a_camera(page, matrix, is_full, expected):
    """A camera says what its Y, U and V mean: here always 81, 90 and 240, which BT.601 has for red."""
    colours = {"matrix": matrix, "primaries": "bt709", "transfer": "bt709", "fullRange": is_full}
    messages = from_page(page, "avc1.42e01f", [bars(64, 64)] * 2, colours=colours)
    for pixels in map(Decoder().decode, messages):
        assert np.abs(pixels.reshape(-1, 3).astype(int) - expected).max() <= TOLERANCE


def test_photographs_go_and_come_back(page):
    pictures = photographs(12)
    for picture, answer in zip(pictures, show(page, encoded(pictures, "h264")), strict=True):
        assert np.abs(shown(answer).astype(int) - picture).mean() < 6
    decoder = Decoder()
    messages = from_page(page, "avc1.42e01f", pictures, keys=[0, 6])
    assert [message["index"] for message in messages if "after" not in message] == [0, 6]
    for picture, message in zip(pictures, messages, strict=True):
        assert np.abs(decoder.decode(message).astype(int) - picture).mean() < 6


def test_a_frame_that_was_lost_is_never_made_up(page):
    pictures = photographs(12)
    encoder = Encoder("h264")
    frames = []
    for i, picture in enumerate(pictures):
        if i == 8:  # The page asked for it.
            encoder.want_key()
        frames.append(encoder.encode(Frame.of(picture, index=i)))
    del frames[4]
    answers = show(page, [message_of(frame) for frame in frames])
    codes = {frame.index: answer["code"] for frame, answer in zip(frames, answers, strict=True)}
    assert codes == {index: "kcomm.no_frame" if 5 <= index < 8 else None for index in range(12) if index != 4}
    for frame, answer in zip(frames, answers, strict=True):
        # What is lost leaves the picture before.
        seen = 3 if codes[frame.index] else frame.index
        assert np.abs(shown(answer).astype(int) - pictures[seen]).mean() < 6
    assert page.evaluate("kcommVideo.state()")["wanted"] == 1


def test_pictures_are_closed_whatever_happens(page):
    messages = encoded(photographs(16), "h264")
    assert page.evaluate("m => kcommVideo.flood(m, false)", messages) == [None] * 16
    assert page.evaluate("kcommVideo.state()") == {"pictures": 16, "open": 0, "wanted": 0}
    codes = page.evaluate("m => kcommVideo.flood(m, true)", messages)
    assert set(codes) == {"kcomm.cancelled"}
    assert page.evaluate("kcommVideo.state()") == {"pictures": 0, "open": 0, "wanted": 0}
    # A new one begins with a key frame.
    assert page.evaluate("m => kcommVideo.flood(m, false)", messages[1:]) == ["kcomm.no_frame"] * 15
    assert page.evaluate("m => kcommVideo.flood(m, false)", messages) == [None] * 16


def test_sizes_and_codecs_may_change(page):
    pictures = [bars(320, 240), bars(161, 121), bars(320, 240), bars(640, 480)]
    encoders = {name: Encoder(name, 1.0) for name in ("h264", "vp9")}
    turns = [(i, name) for i in range(len(pictures)) for name in ("h264", "vp9", "h264")]
    messages = []
    for index, (i, name) in enumerate(turns):
        encoders[name].want_key()
        messages.append(message_of(encoders[name].encode(Frame.of(pictures[i], index=index))))
    for (i, _), answer in zip(turns, show(page, messages), strict=True):
        assert answer["code"] is None
        assert shown(answer).shape == pictures[i].shape
        assert np.abs(middles(shown(answer)) - COLOURS).max() <= TOLERANCE
