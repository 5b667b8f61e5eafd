"""Typed calls, streams and frames between a page and a Jupyter kernel."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kcomm import cameras
    from kcomm.animation import Player, animate
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
    from kcomm.flow import Flow
    from kcomm.frames import Frame, decode, encode
    from kcomm.live import Webcam, edges, webcam
    from kcomm.protocol import PROTOCOL_VERSION, Limits
    from kcomm.stream import Stream
    from kcomm.target import Target
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
    "Flow",
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
    "cameras",
    "connect",
    "decode",
    "edges",
    "encode",
    "webcam",
]

#: Where the names are. A module is imported on first use: a kernel pays for what it uses, and a server,
#: which asks for the one name with an underscore, for next to nothing.
_LAZY = {
    "BadArgumentsError": "kcomm.errors",
    "BadValueError": "kcomm.errors",
    "BlockingChannel": "kcomm.channel",
    "BufferFullError": "kcomm.errors",
    "Call": "kcomm.channel",
    "CallCancelledError": "kcomm.errors",
    "CallTimeoutError": "kcomm.errors",
    "Channel": "kcomm.channel",
    "ChannelClosedError": "kcomm.errors",
    "Flow": "kcomm.flow",
    "Frame": "kcomm.frames",
    "KcommError": "kcomm.errors",
    "Limits": "kcomm.protocol",
    "NoKernelError": "kcomm.errors",
    "PROTOCOL_VERSION": "kcomm.protocol",
    "Player": "kcomm.animation",
    "ProtocolError": "kcomm.errors",
    "RemoteError": "kcomm.errors",
    "SessionLostError": "kcomm.errors",
    "Stream": "kcomm.stream",
    "Target": "kcomm.target",
    "TooDeepError": "kcomm.errors",
    "TooLargeError": "kcomm.errors",
    "UnknownMethodError": "kcomm.errors",
    "UnknownTargetError": "kcomm.errors",
    "Webcam": "kcomm.live",
    "WouldBlockError": "kcomm.errors",
    "_jupyter_server_extension_points": "kcomm.server",
    "animate": "kcomm.animation",
    "connect": "kcomm.transport.client",
    "decode": "kcomm.frames",
    "edges": "kcomm.live",
    "encode": "kcomm.frames",
    "webcam": "kcomm.live",
}


def __getattr__(name: str) -> object:
    if name == "cameras":
        return import_module("kcomm.cameras")
    if name not in _LAZY:
        raise AttributeError(f"module 'kcomm' has no attribute {name!r}")
    value = getattr(import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
