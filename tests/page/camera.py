"""A clip for Chromium's fake webcam: a photograph, panned, with each frame's number in its pixels.

The number stands as black and white blocks along the upper edge, the highest bit first, and after the last
one a black block that never changes. So a block's grey tells its bit, whatever compression or scaling went
over it; and of a picture of which only edges are left, the line between two blocks tells whether they differ.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import skimage.color
import skimage.data
import skimage.transform

#: Of the clip by default, and the width that `BLOCK` belongs to: blocks grow with the picture.
WIDTH, HEIGHT = 640, 480
FPS = 30
#: Four seconds: what is further behind the camera than that has to be followed to be known.
FRAMES = 120
#: The side of a block, in pixels of a picture that is `WIDTH` wide.
BLOCK = 32
BITS = 7
#: Once round the window's path takes so many frames; the clip is a whole number of them.
ROUND = 60
#: The photograph is scaled to this; a larger scene is made of it and its mirror images, so as to stay sharp.
SCENE = 960
#: For scripts of pages. Gives back the number of the frame that is in something drawable; null: in none.
#: ``isEdges``: of the camera's picture only its edges are left, dark on white.
READER = f"""
(() => {{
  const [BITS, BLOCK, WIDTH] = [{BITS}, {BLOCK}, {WIDTH}];
  const context = document.createElement("canvas").getContext("2d", {{ willReadFrequently: true }});
  const {{ canvas }} = context;
  const sizeOf = (picture) => [
    picture.displayWidth ?? picture.naturalWidth ?? picture.videoWidth ?? picture.width,
    picture.displayHeight ?? picture.naturalHeight ?? picture.videoHeight ?? picture.height,
  ];

  return (picture, isEdges = false) => {{
    const [width, height] = sizeOf(picture);
    const block = (width * BLOCK) / WIDTH;
    if (!(block >= 4 && height >= block)) return null;
    // The middle of the blocks, away from what borders on them.
    const [rows, columns] = [Math.max(1, Math.floor(block / 4)), Math.ceil((BITS + 0.5) * block)];
    if (canvas.width !== columns || canvas.height !== rows) {{
      canvas.width = columns;
      canvas.height = rows;
    }}
    const top = Math.floor(block / 2 - rows / 2);
    context.drawImage(picture, 0, top, columns, rows, 0, 0, columns, rows);
    const {{ data }} = context.getImageData(0, 0, columns, rows);
    const grey = (x) => {{
      let sum = 0;
      for (let y = 0; y < rows; y++) sum += data[4 * (y * columns + x)];
      return sum / rows;
    }};
    const darkest = (x, reach) => {{
      let least = 255;
      for (let at = Math.max(0, x - reach); at <= x + reach; at++) least = Math.min(least, grey(at));
      return least;
    }};
    let number = 0;
    let isSet = false;
    // From the right: there is a block that is always black.
    for (let bit = 0; bit < BITS; bit++) {{
      const right = Math.round((BITS - bit) * block);
      if (isEdges) isSet = darkest(right, Math.ceil(block / 8)) < 180 ? !isSet : isSet;
      else isSet = grey(Math.floor(right - block / 2)) > 127;
      if (isSet) number += 2 ** bit;
    }}
    return number;
  }};
}})()
"""


def write_clip(path: Path, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """Write the clip as YUV4MPEG2, 4:2:0, BT.601 in its limited range, unless it is there.

    The window goes round an ellipse, so that the clip loops without a jump, and by even steps only, which
    keeps chroma and luma together. A clip of another length is an older one, and replaced.

    Parameters
    ----------
    path : Path
        The file.
    size : (int, int)
        Width, a multiple of 80, and an even height, in pixels.
    """
    width, height = size
    header = f"YUV4MPEG2 W{width} H{height} F{FPS}:1 Ip A1:1 C420jpeg\n".encode()
    mark = b"FRAME\n"
    nbytes = len(header) + FRAMES * (len(mark) + width * height * 3 // 2)
    if path.is_file() and path.stat().st_size == nbytes:
        return path
    luma, chroma = make_scene(width * 3 // 2)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as clip:
        clip.write(header)
        for number, (x, y) in enumerate(window_path(luma.shape[1] - width, luma.shape[0] - height)):
            window = luma[y : y + height, x : x + width].copy()
            half = chroma[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2].copy()
            stamp(window, half, number)
            clip.write(mark + window.tobytes() + half[..., 0].tobytes() + half[..., 1].tobytes())
    partial.replace(path)
    return path


def make_scene(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the luma (side, side) and the chroma (side/2, side/2, 2) of what the camera goes over."""
    photograph = min(side, SCENE)
    scaled = skimage.transform.resize(
        skimage.data.astronaut(), (photograph, photograph), order=3, anti_aliasing=True
    )
    ycc = np.rint(skimage.color.rgb2ycbcr(np.clip(scaled, 0, 1))).astype(np.uint8)
    room = side - photograph
    ycc = np.pad(ycc, ((0, room), (0, room), (0, 0)), mode="symmetric")
    chroma = ycc[..., 1:].astype(np.uint16)
    chroma = (chroma[0::2, 0::2] + chroma[1::2, 0::2] + chroma[0::2, 1::2] + chroma[1::2, 1::2] + 2) // 4
    return ycc[..., 0], chroma.astype(np.uint8)


def stamp(luma: np.ndarray, chroma: np.ndarray, number: int) -> None:
    """Write a frame's number into its pixels."""
    block = luma.shape[1] * BLOCK // WIDTH
    chroma[: block // 2, : (BITS + 1) * block // 2] = 128
    luma[:block, : (BITS + 1) * block] = 16
    for bit in range(BITS):
        if number >> (BITS - 1 - bit) & 1:
            luma[:block, bit * block : (bit + 1) * block] = 235


def read_number(pixels: np.ndarray) -> int:
    """Read a frame's number from its (H, W, ...) pixels, of any size and after any compression."""
    block = pixels.shape[1] * BLOCK / WIDTH
    centres = [int((bit + 0.5) * block) for bit in range(BITS)]
    return sum((pixels[int(block / 2), x].mean() > 127) << (BITS - 1 - i) for i, x in enumerate(centres))


def read_number_of_edges(pixels: np.ndarray) -> int:
    """Read a frame's number from the (H, W, ...) edges of its pixels, dark on white."""
    block = pixels.shape[1] * BLOCK / WIDTH
    rows = slice(int(block * 3 / 8), int(block * 5 / 8) + 1)
    reach = int(np.ceil(block / 8))
    number, is_set = 0, False
    for bit in range(BITS):
        right = round((BITS - bit) * block)
        line = pixels[rows, max(0, right - reach) : right + reach + 1]
        means = line.reshape(line.shape[0], line.shape[1], -1)[..., 0].mean(axis=0)
        is_set ^= bool(means.min() < 180)
        number += is_set << bit
    return number


def window_path(room_x: int, room_y: int) -> list[tuple[int, int]]:
    """Return the window's upper left corner in each frame, in pixels, all even."""
    angle = 2 * np.pi * np.arange(FRAMES) / ROUND
    x = np.rint((1 - np.cos(angle)) * room_x / 4).astype(int) * 2
    y = np.rint((1 - np.sin(angle)) * room_y / 4).astype(int) * 2
    return list(zip(x.tolist(), y.tolist(), strict=True))
