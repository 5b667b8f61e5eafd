"""What a peer accepts (section 6 of the specification)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from kcomm.errors import ProtocolError

#: Smaller ones could not hold the protocol's own messages.
_SMALLEST = 4096


@dataclass(frozen=True, slots=True)
class Limits:
    """What one peer accepts from the other.

    Parameters
    ----------
    packet : int
        Bytes of all buffers of a packet. Below the 10 MiB at which a Jupyter server closes its websocket.
    message : int
        Bytes of one message with its attachments.
    depth : int
        Depth of a value.
    calls : int
        Calls of the other peer that are open at once.
    parts : int
        Messages that are in parts at once.
    topics : int
        Topics on which events may come.
    window : int
        Bytes of reliable packets that are not yet acknowledged.
    """

    packet: int = 8 << 20
    message: int = 256 << 20
    depth: int = 64
    calls: int = 1024
    parts: int = 16
    topics: int = 1024
    window: int = 32 << 20

    def __post_init__(self) -> None:
        for name in ("packet", "message"):
            if getattr(self, name) < _SMALLEST:
                raise ValueError(
                    f"the limit {name!r} must be at least {_SMALLEST} bytes, not {getattr(self, name)}"
                )
        for field in fields(self):
            if getattr(self, field.name) < 1:
                raise ValueError(f"the limit {field.name!r} must be positive")

    def to_wire(self) -> dict[str, int]:
        """Return the map that HELLO and WELCOME carry."""
        return asdict(self)

    @classmethod
    def from_wire(cls, value: object) -> Limits:
        """Read the map of HELLO or WELCOME; keys that are missing have their defaults."""
        if not isinstance(value, Mapping):
            raise ProtocolError("'limits' must be a map")
        known = {field.name for field in fields(cls)}
        given = {key: n for key, n in value.items() if key in known}
        for key, n in given.items():
            if type(n) is not int or n < 1:
                raise ProtocolError(f"the limit {key!r} must be a positive integer")
        try:
            return cls(**given)
        except ValueError as error:
            raise ProtocolError(str(error)) from None
