"""What a session tells the layer above it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Opened:
    """The handshake is done. `params` are the opener's, `epoch` and `stale_subshells` the acceptor's."""

    version: int
    features: dict[str, Any] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    epoch: str = ""
    stale_subshells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Called:
    """The other end called: answer with `Session.end`, `Session.item` or `Session.fail`."""

    id: int
    method: str
    args: list[Any] | dict[str, Any]
    limit: int
    options: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a stream that this end called."""

    id: int
    index: int
    value: Any


@dataclass(frozen=True, slots=True)
class Ended:
    """A call of this end ended well."""

    id: int
    index: int
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """A call of this end failed."""

    id: int
    code: str
    message: str
    data: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The other end gave up a call; its handler should stop, and a terminal message is still due."""

    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Credited:
    """The other end granted credit for a stream."""

    id: int
    limit: int
    done: int


@dataclass(frozen=True, slots=True)
class Emitted:
    """An event came; `dropped` others of its topic were dropped by the sender just before it."""

    topic: str
    value: Any
    dropped: int


@dataclass(frozen=True, slots=True)
class Reported:
    """The other end reports an error that belongs to no call."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Writable:
    """There is room to send again."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The channel ended; nothing comes after this."""

    code: str
    message: str


Event: TypeAlias = (
    Opened | Called | Item | Ended | Failed | Cancelled | Credited | Emitted | Reported | Writable | Closed
)
