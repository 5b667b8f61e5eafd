"""A clip for Chromium's fake webcam: a photograph, panned, with each frame's number in its pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.color
import skimage.data
import skimage.transform

WIDTH, HEIGHT, FRAMES, FPS = 640, 480, 60, 30
#: The number stands as black and white blocks of this size along the upper edge, the highest bit first.
BLOCK = 32
BITS = 6


def write_clip(path: Path) -> Path:
    """Write the clip as YUV4MPEG2, 4:2:0, BT.601 in its limited range, unless it is there.

    The window goes once round an ellipse, so that the clip loops without a jump, and by
    even steps only, which keeps chroma and luma together.
    """
    if path.is_file():
        return path
    picture = skimage.data.astronaut()
    scaled = skimage.transform.resize(picture, (960, 960), order=3)
    ycc = np.rint(skimage.color.rgb2ycbcr(np.clip(scaled, 0, 1))).astype(np.uint8)
    luma = ycc[..., 0]
    chroma = ycc[..., 1:].astype(np.uint16)
    chroma = (chroma[0::2, 0::2] + chroma[1::2, 0::2] + chroma[0::2, 1::2] + chroma[1::2, 1::2] + 2) // 4
    chroma = chroma.astype(np.uint8)

    partial = path.with_suffix(".partial")
    with partial.open("wb") as clip:
        clip.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FPS}:1 Ip A1:1 C420jpeg\n".encode())
        for number, (x, y) in enumerate(window_path(luma.shape[1] - WIDTH, luma.shape[0] - HEIGHT)):
            clip.write(b"FRAME\n")
            window = luma[y : y + HEIGHT, x : x + WIDTH].copy()
            half = chroma[y // 2 : (y + HEIGHT) // 2, x // 2 : (x + WIDTH) // 2].copy()
            stamp(window, half, number)
            clip.write(window.tobytes())
            clip.write(half[..., 0].tobytes())
            clip.write(half[..., 1].tobytes())
    partial.replace(path)
    return path


def stamp(luma: np.ndarray, chroma: np.ndarray, number: int) -> None:
    """Write a frame's number into its pixels."""
    chroma[: BLOCK // 2, : BITS * BLOCK // 2] = 128
    for bit in range(BITS):
        is_set = number >> (BITS - 1 - bit) & 1
        luma[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 235 if is_set else 16


def read_number(pixels: np.ndarray) -> int:
    """Read a frame's number from its (H, W, ...) pixels, of any size and after any compression."""
    block = pixels.shape[1] * BLOCK / WIDTH
    centres = [int((bit + 0.5) * block) for bit in range(BITS)]
    return sum((pixels[int(block / 2), x].mean() > 127) << (BITS - 1 - i) for i, x in enumerate(centres))


def window_path(room_x: int, room_y: int) -> list[tuple[int, int]]:
    """Return the window's upper left corner in each frame, in pixels, all even."""
    angle = 2 * np.pi * np.arange(FRAMES) / FRAMES
    x = np.rint((1 - np.cos(angle)) * room_x / 4).astype(int) * 2
    y = np.rint((1 - np.sin(angle)) * room_y / 4).astype(int) * 2
    return list(zip(x.tolist(), y.tolist(), strict=True))
