"""The vectors of frames: their codecs, the bases that a receiver keeps, and video."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcomm.errors import BadValueError, KcommError
from kcomm.frames import CODECS, delta
from kcomm.frames.decoder import Decoder
from kcomm.frames.pixels import to_rgba
from tests.vectors.generate import HERE, make_files
from tests.vectors.player import from_json, load

Json = Any


@pytest.mark.parametrize("name", ["frames.json", "bases.json", "video.json"])
def test_files_are_as_generated(name):
    generated = make_files()[name]
    assert (HERE / name).read_text(encoding="ascii") == generated, "run `python -m tests.vectors.generate`"


def pixels_of(text: str, width: int, height: int) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), np.uint8).reshape(height, width, 4)


def decode(case: Json) -> np.ndarray:
    data, width, height = bytes.fromhex(case["data"]), case["width"], case["height"]
    if case["codec"] != "delta":
        return CODECS[case["codec"]].decode(data, width, height)
    base_width = case.get("base_width", width)
    base = pixels_of(case["base"], base_width, len(case["base"]) // 8 // base_width)
    return delta.decode(data, base, width, height)


@pytest.mark.parametrize("case", load("frames.json"))
def test_frame(case: Json):
    if case["pixels"] is None:
        with pytest.raises(BadValueError) as caught:
            decode(case)
        assert caught.value.code == "kcomm.bad_value"
    else:
        assert to_rgba(decode(case)).tobytes().hex() == case["pixels"]


@pytest.mark.parametrize("case", load("bases.json"))
def test_bases(case: Json):
    asked: list[str] = []
    answers: dict[str, Json] = {}

    def fetch(number: int) -> Json:
        asked.append(str(number))
        answer = from_json(answers[str(number)])
        if answer is None:
            raise KcommError("it is gone", code="kcomm.no_frame")
        return answer

    decoder = Decoder(fetch)
    for step in case["steps"]:
        answers = step.get("asks", {})
        asked.clear()
        if "error" in step:
            with pytest.raises(KcommError) as caught:
                decoder.decode(from_json(step["frame"]))
            assert caught.value.code == step["error"]
        else:
            pixels = to_rgba(decoder.decode(from_json(step["frame"])))
            if "pixels" in step:
                assert pixels.tobytes().hex() == step["pixels"]
        assert decoder.has() == step["has"]
        assert asked == list(answers)


#: Levels that colours of video may be off.
TOLERANCE = 8


@pytest.mark.parametrize("case", load("video.json"))
def test_video(case: Json):
    wishes: list[None] = []
    now = 0.0
    decoder = Decoder(on_key_wanted=lambda: wishes.append(None), clock=lambda: now)
    for step in case["steps"]:
        now = step.get("at", now * 1e3) / 1e3
        message = from_json(step["frame"])
        if "error" in step:
            with pytest.raises(KcommError) as caught:
                decoder.decode(message)
            assert caught.value.code == step["error"]
        else:
            pixels = to_rgba(decoder.decode(message)).astype(int)
            assert pixels.shape == (message["height"], message["width"], 4)
            for x, y, colour in step["pixels"]:
                assert abs(pixels[y, x] - [*colour, 255]).max() <= TOLERANCE
        assert len(wishes) == step["wants"]
