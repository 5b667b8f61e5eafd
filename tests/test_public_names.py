"""The public names, pinned: who takes one away, or adds one, does it on purpose."""

from __future__ import annotations

import inspect

import pytest

import kcomm

NAMES = [
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


def test_names_are_pinned():
    assert kcomm.__all__ == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_imported(name):
    value = getattr(kcomm, name)
    assert value is getattr(kcomm, name)


def test_dir_lists_them():
    assert dir(kcomm) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_name_says_what_it_is(name):
    value = getattr(kcomm, name)
    if inspect.isclass(value) or inspect.isfunction(value) or inspect.ismodule(value):
        assert inspect.getdoc(value)


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'kcomm' has no attribute 'no_such'"):
        _ = kcomm.no_such
