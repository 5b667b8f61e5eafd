"""A clip for Chromium's fake webcam: a photograph, panned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.color
import skimage.data
import skimage.transform

WIDTH, HEIGHT, FRAMES, FPS = 640, 480, 60, 30


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
        for x, y in window_path(luma.shape[1] - WIDTH, luma.shape[0] - HEIGHT):
            clip.write(b"FRAME\n")
            clip.write(luma[y : y + HEIGHT, x : x + WIDTH].tobytes())
            half = chroma[y // 2 : (y + HEIGHT) // 2, x // 2 : (x + WIDTH) // 2]
            clip.write(half[..., 0].tobytes())
            clip.write(half[..., 1].tobytes())
    partial.replace(path)
    return path


def window_path(room_x: int, room_y: int) -> list[tuple[int, int]]:
    """Return the window's upper left corner in each frame, in pixels, all even."""
    angle = 2 * np.pi * np.arange(FRAMES) / FRAMES
    x = np.rint((1 - np.cos(angle)) * room_x / 4).astype(int) * 2
    y = np.rint((1 - np.sin(angle)) * room_y / 4).astype(int) * 2
    return list(zip(x.tolist(), y.tolist(), strict=True))
