"""What HELLO and WELCOME hold (section 3.1 of the specification)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kcomm.errors import KcommError, ProtocolError
from kcomm.protocol import events, messages
from kcomm.protocol.limits import Limits

PROTOCOL_VERSION = 1


@dataclass(frozen=True, slots=True)
class Greeting:
    """What one end says of itself."""

    limits: Limits
    features: Mapping[str, Any]
    params: Mapping[str, Any]
    epoch: str
    stale_subshells: Sequence[str]

    def hello(self) -> tuple[list[int], dict[str, Any]]:
        """Return the fields of HELLO."""
        options = {
            "limits": self.limits.to_wire(),
            "features": dict(self.features),
            "params": dict(self.params),
        }
        return [PROTOCOL_VERSION], options

    def welcome(self) -> tuple[int, dict[str, Any]]:
        """Return the fields of WELCOME."""
        options: dict[str, Any] = {
            "limits": self.limits.to_wire(),
            "features": dict(self.features),
            "epoch": self.epoch,
        }
        if self.stale_subshells:
            options["stale_subshells"] = list(self.stale_subshells)
        return PROTOCOL_VERSION, options


def read_limits(options: Mapping[str, Any]) -> Limits:
    """Return what the other end accepts."""
    return Limits.from_wire(options.get("limits", {}))


def read_hello(versions: Sequence[Any], options: Mapping[str, Any]) -> events.Opened:
    """Read the fields of HELLO.

    Raises
    ------
    KcommError
        ``kcomm.unsupported_version`` when there is no version in common.
    ProtocolError
        When the options are not what they must be.
    """
    features, params = _get_map(options, "features"), _get_map(options, "params")
    # Only integers are compared, or put into a text: anything may be here.
    known = [version for version in versions if messages.is_count(version)]
    if PROTOCOL_VERSION not in known:
        text = f"the other end speaks versions {known[:20]}, this one [{PROTOCOL_VERSION}]"
        raise KcommError(text, code="kcomm.unsupported_version")
    return events.Opened(PROTOCOL_VERSION, features, params)


def read_welcome(version: int, options: Mapping[str, Any]) -> events.Opened:
    """Read the fields of WELCOME.

    Raises
    ------
    ProtocolError
        When they are not what they must be.
    """
    if version != PROTOCOL_VERSION:
        raise ProtocolError(f"version {version} was chosen, but only {PROTOCOL_VERSION} offered")
    stale, epoch = options.get("stale_subshells", []), options.get("epoch", "")
    is_list = isinstance(stale, list) and all(isinstance(subshell, str) for subshell in stale)
    if not isinstance(epoch, str) or not is_list:
        raise ProtocolError("'epoch' must be text and 'stale_subshells' a list of texts")
    features = _get_map(options, "features")
    return events.Opened(version, features, epoch=epoch, stale_subshells=tuple(stale))


def _get_map(options: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = options.get(key, {})
    if not isinstance(value, dict):
        raise ProtocolError(f"{key!r} must be a map")
    return value
