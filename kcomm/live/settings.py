"""How a webcam is set: what `kcomm.webcam` takes, checked, and what pages are told of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from kcomm.errors import BadArgumentsError
from kcomm.frames import video
from kcomm.frames.checks import check_positive, check_quality, is_number, is_positive, is_whole
from kcomm.frames.choice import check_live_codec
from kcomm.frames.decoder import decodable

WebcamState: TypeAlias = Literal["idle", "running", "paused"]
Show: TypeAlias = Literal["result", "both", "overlay"]

#: Codecs that cameras' frames don't come in: these are for pictures of which only some pixels change.
_NOT_OF_CAMERAS: Final = frozenset({"delta", "qoiz"})
#: What kcomm's page writes camera frames as; other front ends may send any that is read.
_OF_PAGES: Final = (*video.NAMES, "jpeg", "webp", "rgb", "grey")
_SHOWS: Final[tuple[Show, ...]] = ("result", "both", "overlay")


@dataclass
class Settings:
    """What pages begin with; commands change some of it.

    Parameters
    ----------
    size : (int, int)
        Width and height that the camera is asked for.
    fps : float
        Frames a second that the camera is asked for.
    mirror : bool
        Whether pages show it as a mirror does.
    show : {"result", "both", "overlay"}
        What pages show.
    opacity : float
        Of the result, where it lies over the camera's picture.
    codec, quality
        How results are encoded.
    camera_codec : str
        How pages encode the camera's frames.
    byte_rate : float or None
        Bytes a second that a page sends and receives at most.
    device : str or None
        The camera's label or id; None: the browser's choice.
    title : str
        What it is called.
    """

    size: tuple[int, int] = (640, 480)
    fps: float = 30.0
    mirror: bool = True
    show: Show = "result"
    opacity: float = 0.5
    codec: str = "auto"
    camera_codec: str = "auto"
    quality: float = 0.85
    byte_rate: float | None = None
    device: str | None = None
    title: str = "webcam"

    def __post_init__(self) -> None:
        self.size = check_camera_size(self.size)
        self.fps = check_positive("fps", self.fps)
        self.mirror = check_flag("mirror", self.mirror)
        self.show = check_show(self.show)
        self.opacity = check_opacity(self.opacity)
        self.codec = check_live_codec(self.codec)
        self.camera_codec = check_camera_codec(self.camera_codec)
        self.quality = check_quality(self.quality)
        self.byte_rate = check_byte_rate(self.byte_rate)
        self.device = check_device(self.device)

    @property
    def codecs(self) -> list[str]:
        """What camera frames may be encoded as, best first."""
        if self.camera_codec != "auto":
            return [self.camera_codec]
        return camera_codecs()

    def info(self, state: WebcamState, source: str | None) -> dict[str, Any]:
        """Return what a page needs to begin."""
        return {
            "width": self.size[0],
            "height": self.size[1],
            "fps": self.fps,
            "mirror": self.mirror,
            "quality": self.quality,
            "state": state,
            "source": source,
            "show": self.show,
            "opacity": self.opacity,
            "codecs": self.codecs,
            "device": self.device,
            "byte_rate": self.byte_rate,
            "title": self.title,
        }


def camera_codecs() -> list[str]:
    """Return the codecs that camera frames may have, best first."""
    return [name for name in decodable() if name not in _NOT_OF_CAMERAS]


def check_camera_size(size: Any) -> tuple[int, int]:
    """Return a width and a height, or raise."""
    is_pair = isinstance(size, (tuple, list)) and len(size) == 2
    if not is_pair or not all(is_whole(side) and side > 0 for side in size):
        raise BadArgumentsError(f"size is a width and a height in pixels, not {size!r}")
    return int(size[0]), int(size[1])


def check_show(show: Any) -> Show:
    """Return what is shown, or raise."""
    for known in _SHOWS:
        if isinstance(show, str) and show == known:
            return known
    raise BadArgumentsError(f'show is "result", "both" or "overlay", not {show!r}')


def check_opacity(opacity: Any) -> float:
    """Return a number from 0 to 1, or raise."""
    if not is_number(opacity) or not 0 <= opacity <= 1:
        raise BadArgumentsError(f"opacity is a number from 0 to 1, not {opacity!r}")
    return float(opacity)


def check_flag(name: str, value: Any) -> bool:
    """Return a truth value, or raise."""
    if not isinstance(value, bool):
        raise BadArgumentsError(f"{name} is True or False, not {value!r}")
    return value


def check_byte_rate(rate: Any) -> float | None:
    """Return bytes a second, or raise."""
    if rate is not None and not is_positive(rate):
        raise BadArgumentsError(f"byte_rate is a number of bytes a second above 0, or None, not {rate!r}")
    return None if rate is None else float(rate)


def check_device(device: Any) -> str | None:
    """Return a camera's label or id, or raise."""
    if device is not None and (not isinstance(device, str) or not device):
        raise BadArgumentsError(f"device is the label or id of a camera, or None, not {device!r}")
    checked: str | None = device
    return checked


def check_camera_codec(codec: Any) -> str:
    """Return the codec of camera frames, or raise."""
    if codec == "auto":
        return "auto"
    if codec not in _OF_PAGES:
        raise BadArgumentsError(f"camera_codec is auto or one of {', '.join(_OF_PAGES)}, not {codec!r}")
    return check_live_codec(codec)
