"""The functions to begin with, against those of scikit-image that they stand for."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from skimage import data
from skimage.filters import roberts

import kcomm


def expected(image):
    channel = image[..., 0] if image.ndim == 3 else image
    return (255 - roberts(channel / 255) * 255).astype(np.uint8)


def check(image):
    got = kcomm.edges(image)
    assert got.dtype == np.uint8
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, expected(image))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "camera", "text", "chelsea"])
def test_photographs(name):
    image = getattr(data, name)()
    before = image.copy()
    check(image)
    np.testing.assert_array_equal(image, before)


def test_every_pair_of_differences():
    """The result is made of two differences of two samples each: of those that floats tell apart, all pairs.

    A sample is one of 256, and a difference of two of them one of 772 floats, if its sign does not count.
    """
    samples = np.arange(256) / 255
    differences = np.abs(samples[:, None] - samples)
    distinct, places = np.unique(differences, return_index=True)
    assert len(distinct) == 772
    first, second = np.divmod(places, 256)
    one, other = np.meshgrid(np.arange(772), np.arange(772))
    tiles = np.empty((772, 2, 772, 2), np.uint8)
    tiles[:, 0, :, 0], tiles[:, 1, :, 1] = first[one], second[one]
    tiles[:, 0, :, 1], tiles[:, 1, :, 0] = first[other], second[other]
    image = tiles.reshape(2 * 772, 2 * 772)
    check(image)
    check(image[::-1])
    check(image[:, ::-1])


def test_every_pair_of_samples():
    """Each sample beside each other one, and the borders of such images."""
    one, other = (half.astype(np.uint8) for half in np.mgrid[:256, :256])
    for image in (one, other, np.stack([one, other], 1).reshape(512, 256), (one * 7 + other * 13)):
        check(image)


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 9), (9, 1), (2, 2), (3, 1000), (1000, 3), (5, 7, 1), (5, 7, 3), (5, 7, 4), (5, 7, 6)],
)
def test_shapes(shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    check(image)
    check(image[::-1, ::2])
    check(np.asfortranarray(image))
    image.flags.writeable = False
    check(image)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint16, np.int64, np.bool_])
def test_other_types_are_left_to_scikit_image(dtype):
    image = np.random.default_rng(0).integers(0, 256, (9, 8, 3)).astype(dtype)
    check(image)


def test_what_is_no_picture():
    with pytest.raises(ValueError, match="2-dimensional"):
        kcomm.edges(np.zeros(5, np.uint8))
    with pytest.raises(ValueError, match="2-dimensional"):
        kcomm.edges(np.zeros((2, 2, 2, 2), np.uint8))


def test_scikit_image_is_not_imported_for_a_camera():
    code = """
import sys
import numpy as np
import kcomm
kcomm.edges(np.zeros((4, 4, 3), np.uint8))
print("skimage" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
