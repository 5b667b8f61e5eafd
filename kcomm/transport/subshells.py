"""Which front ends have channels to this kernel, on which subshells, and which of those are left behind."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

#: The code of BYE with which a page says that it is being left: it never uses its subshell again.
LEFT: Final = "kcomm.left"

#: Subshells that are remembered; more than pages leave behind between two connections.
_MAX_LEFT = 256


@dataclass(frozen=True)
class Origin:
    """Where a channel came from.

    Attributes
    ----------
    session : str
        Of the front end's connection to the kernel; empty if it is not known.
    subshell : str or None
        Of that connection alone; None: the main shell.
    """

    session: str = ""
    subshell: str | None = None


#: Ends a channel whose other end is gone.
GiveUp = Callable[[], object]


class Subshells:
    """Keeps account of the channels of a kernel by the front end they came from.

    A page deletes its own subshell after its last channel. One that is being left can't: the deletion would
    overtake what it says last. Its subshell is named to the next page, which deletes it. And should the last
    words of a page be lost, then the next page of the same browser tells that it was left.

    A channel that merely ended says nothing of its subshell, since its page may use that for the next one at
    any moment. So only a page that was left for certain gives its subshell up.

    Examples
    --------
    >>> subshells = Subshells(lambda: {"a"})
    >>> give_up = object
    >>> subshells.enter(Origin("page", "a"), give_up)
    >>> subshells.leave(Origin("page", "a"), give_up, "kcomm.left")
    >>> subshells.stale()
    ['a']
    """

    def __init__(self, find_running: Callable[[], set[str]] | None = None) -> None:
        self._find_running = find_running or _find_running
        self._lock = threading.Lock()
        self._channels: dict[GiveUp, Origin] = {}
        self._left: dict[str, None] = {}

    def enter(self, origin: Origin, give_up: GiveUp) -> None:
        """Take note that a channel came, and of what ends it if its front end turns out to be gone."""
        with self._lock:
            self._channels[give_up] = origin

    def leave(self, origin: Origin, give_up: GiveUp, code: str) -> None:
        """Take note that a channel ended, and with which code."""
        with self._lock:
            self._channels.pop(give_up, None)
            if code == LEFT:
                self._add_left(origin.subshell)

    def abandon(self, sessions: Iterable[str]) -> None:
        """End the channels of connections whose pages are gone."""
        gone = {session for session in sessions if session}
        with self._lock:
            channels = [item for item in self._channels.items() if item[1].session in gone]
            for _, origin in channels:
                self._add_left(origin.subshell)
        for give_up, _ in channels:
            give_up()

    def stale(self) -> list[str]:
        """Return the subshells that are still there and that no page uses any more."""
        with self._lock:
            if not self._left:
                return []
            running = self._find_running()
            self._left = {subshell: None for subshell in self._left if subshell in running}
            used = {origin.subshell for origin in self._channels.values()}
            return [subshell for subshell in self._left if subshell not in used]

    def __len__(self) -> int:
        return len({origin.subshell for origin in self._channels.values()})

    def _add_left(self, subshell: str | None) -> None:
        if subshell is None:
            return
        self._left[subshell] = None
        while len(self._left) > _MAX_LEFT:
            del self._left[next(iter(self._left))]


def get_origin() -> Origin:
    """Return where the message came from that is handled now."""
    if "ipykernel" not in sys.modules:
        return Origin()
    from kcomm.transport.comm import get_kernel

    kernel = get_kernel()
    parent = kernel.get_parent("shell") if kernel is not None else None
    header = (parent or {}).get("header") or {}
    session, subshell = header.get("session"), header.get("subshell_id")
    return Origin(
        session if isinstance(session, str) else "", subshell if isinstance(subshell, str) else None
    )


def _find_running() -> set[str]:
    """Return the ids of the kernel's subshells, each of which is a thread with its name."""
    prefix = "subshell-"
    names = (thread.name for thread in threading.enumerate())
    return {name[len(prefix) :] for name in names if name.startswith(prefix)}


#: Those of this kernel.
subshells = Subshells()
