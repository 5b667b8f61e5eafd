"""Typed calls, streams and frames between a page and a Jupyter kernel."""

from importlib import import_module
from typing import TYPE_CHECKING

from kcomm.channel import BlockingChannel, Call, Channel
from kcomm.errors import (
    BadArgumentsError,
    BadValueError,
    BufferFullError,
    CallCancelledError,
    CallTimeoutError,
    ChannelClosedError,
    KcommError,
    NoKernelError,
    ProtocolError,
    RemoteError,
    SessionLostError,
    TooDeepError,
    TooLargeError,
    UnknownMethodError,
    UnknownTargetError,
    WouldBlockError,
)
from kcomm.protocol import PROTOCOL_VERSION, Limits
from kcomm.stream import Stream
from kcomm.target import Target

if TYPE_CHECKING:
    from kcomm.animation import Player, animate
    from kcomm.frames import Frame, decode, encode
    from kcomm.live import Webcam, edges, webcam
    from kcomm.transport.client import connect

__version__ = "0.1.0"

__all__ = [
    "PROTOCOL_VERSION",
    "BadArgumentsError",
    "BadValueError",
    "BlockingChannel",
    "BufferFullError",
    "Call",
    "CallCancelledError",
    "CallTimeoutError",
    "Channel",
    "ChannelClosedError",
    "Frame",
    "KcommError",
    "Limits",
    "NoKernelError",
    "Player",
    "ProtocolError",
    "RemoteError",
    "SessionLostError",
    "Stream",
    "Target",
    "TooDeepError",
    "TooLargeError",
    "UnknownMethodError",
    "UnknownTargetError",
    "Webcam",
    "WouldBlockError",
    "__version__",
    "animate",
    "connect",
    "decode",
    "edges",
    "encode",
    "webcam",
]

#: Names whose modules are imported on first use, so that `import kcomm` stays cheap.
_LAZY = {
    "Frame": "kcomm.frames",
    "Player": "kcomm.animation",
    "Webcam": "kcomm.live",
    "animate": "kcomm.animation",
    "connect": "kcomm.transport.client",
    "decode": "kcomm.frames",
    "edges": "kcomm.live",
    "encode": "kcomm.frames",
    "webcam": "kcomm.live",
}


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module 'kcomm' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
