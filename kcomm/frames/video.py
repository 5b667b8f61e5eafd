"""Frames that build on the one before: H.264 and VP9, through PyAV, which is imported on use.

Every frame is one packet of the codec, and decoded at once: nothing is held back at either end. A *key
frame* stands on its own; any other has in ``after`` the index of the one that must have been decoded just
before.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Final

from kcomm.errors import KcommError

#: The codecs, best first: VP9 takes twice the time.
NAMES: Final = ("h264", "vp9")

#: Sides that ``auto`` takes a video codec for: below, a file is as small; above, few pages can decode it.
SMALLEST: Final = 32
LARGEST: Final = 4096

#: What PyAV writes them with.
LIBRARIES: Final = {"h264": "libx264", "vp9": "libvpx-vp9"}

# FFmpeg's numbers for colours.
#: AVCOL_SPC_UNSPECIFIED.
UNSPECIFIED: Final = 2
#: AVCOL_SPC_BT709, and the primaries and the transfer function of that name; SWS_CS_ITU709.
BT709: Final = 1
#: AVCOL_SPC_SMPTE170M, which is BT.601, and SWS_CS_ITU601.
BT601: Final = 6
SCALER_BT601: Final = 5
#: AVCOL_RANGE_MPEG and AVCOL_RANGE_JPEG.
LIMITED: Final = 1
FULL: Final = 2


class MissingExtraError(KcommError, ImportError):
    """What was asked for needs a package that is not installed."""

    default_code = "kcomm.missing_extra"


def is_installed() -> bool:
    """Whether PyAV is there; it is not imported for it."""
    return importlib.util.find_spec("av") is not None


def package() -> Any:
    """Return the module ``av``, or raise `MissingExtraError`."""
    try:
        import av
    except ImportError as error:
        raise MissingExtraError(
            f"video needs PyAV, which can't be imported ({error}): pip install 'kcomm[video]'"
        ) from error
    return av


def can_encode(name: str) -> bool:
    """Whether this machine's PyAV can write a codec; it is imported."""
    try:
        return LIBRARIES[name] in package().codecs_available
    except MissingExtraError:
        return False


def suits(width: int, height: int) -> bool:
    """Whether pictures of a size are better sent as video, where one may choose."""
    return min(width, height) >= SMALLEST and max(width, height) <= LARGEST
