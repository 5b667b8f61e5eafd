"""Files as a webcam's source in a real kernel: frames by their numbers, and what is told of broken ones."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.kernel.conftest import Kernel
from tests.test_cameras import COUNT, HEIGHT, WIDTH, picture, write_images, write_video

#: Reads the number of each picture; `cam` is made by the test.
CELL = """
import json
import numpy as np
import kcomm
from kcomm import cameras

def number_of(image):
    bits = [int(image[8, 16 * bit + 8].mean() > 127) << bit for bit in range(8)]
    return image, sum(bits)

{made}
cam.start()
numbers = []
async for result in cam.results():
    numbers.append(result.data)
    if len(numbers) == {count}:
        break
print(json.dumps(numbers))
"""


def read_numbers(kernel: Kernel, made: str, count: int) -> list[int]:
    numbers: list[int] = json.loads(kernel.run(CELL.format(made=made, count=count)).stdout)
    return numbers


def ask(kernel: Kernel, expression: str) -> Any:
    return json.loads(kernel.run(f"print(json.dumps({expression}))").stdout)


def is_in_order(numbers: list[int]) -> bool:
    """Whether numbers go up and round; one who is slow gets the newest, so some may be left out."""
    steps = [(after - before) % COUNT for before, after in pairwise(numbers)]
    return all(0 < step < COUNT // 2 for step in steps)


@pytest.mark.parametrize("kind", ["images", "video"])
def test_a_path_is_a_source(kernel: Kernel, tmp_path: Path, kind: str) -> None:
    path = write_images(tmp_path / "images") if kind == "images" else write_video(tmp_path / "video.mp4")
    numbers = read_numbers(kernel, f"cam = kcomm.webcam(number_of, source={str(path)!r})", COUNT + 4)
    assert is_in_order(numbers), numbers
    kernel.run("frames = cam.frames(6)")
    assert ask(kernel, "[frame.pixels.shape for frame in frames]") == [[HEIGHT, WIDTH, 3]] * 6
    in_a_row = ask(kernel, "[number_of(frame.pixels)[1] for frame in frames]")
    assert is_in_order(in_a_row), in_a_row
    indices = ask(kernel, "[frame.index for frame in frames]")
    assert indices == sorted(set(indices))
    kernel.run("cam.close()")


def test_a_source_that_ends_leaves_the_webcam_idle(kernel: Kernel, tmp_path: Path) -> None:
    path = write_video(tmp_path / "video.mp4")
    made = f"cam = kcomm.webcam(number_of, source=cameras.VideoFile({str(path)!r}, loop=False))"
    assert is_in_order(read_numbers(kernel, made, 3))
    kernel.run("async for result in cam.results(): last = result.data")
    assert ask(kernel, "last") == COUNT - 1
    assert ask(kernel, "[cam.state, cam.error]") == ["idle", None]
    # It may be started again, and begins anew.
    kernel.run("cam.start()\nagain = [result.data async for result in cam.results()]")
    again = ask(kernel, "again")
    assert is_in_order(again), again
    assert again[-1] == COUNT - 1
    kernel.run("cam.close()")


def test_a_file_that_cannot_be_read_is_told_and_the_next_one_shown(kernel: Kernel, tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(picture(number)).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no image")
    made = (
        "told = []\n"
        f"cam = kcomm.webcam(number_of, source=cameras.ImageFolder({str(tmp_path)!r}, fps=20))\n"
        "cam.on_error = told.append"
    )
    assert set(read_numbers(kernel, made, 6)) == {0, 2}
    assert ask(kernel, "[told[0].code, str(told[0])]") == [
        "kcomm.bad_value",
        "1.png can't be read: it is not an image [kcomm.bad_value]",
    ]
    kernel.run("cam.close()")


def test_an_empty_folder_is_told(kernel: Kernel, tmp_path: Path) -> None:
    code = f"""
import kcomm
cam = kcomm.webcam(source={str(tmp_path)!r})
cam.start()
try:
    cam.frames(1, timeout=10)
except kcomm.KcommError as error:
    failure = error
"""
    kernel.run(code)
    assert ask(kernel, "[failure.code, cam.error.code, cam.state]") == [
        "kcomm.no_frame",
        "kcomm.source_failed",
        "idle",
    ]
    assert f"there are no images in {tmp_path}" in ask(kernel, "str(failure)")
    kernel.run("cam.close()")
