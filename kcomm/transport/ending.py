"""The end of a kernel with subshells, which may never come while a page talks to it.

ipykernel 7 holds a lock over its subshells while it waits for their threads to end; one to which a message
comes just then waits for the same lock. Here the threads are waited for before that.
"""

from __future__ import annotations

from typing import Any


def end_subshells_first(kernel: Any) -> None:
    """Let a kernel that ends wait for its subshells without the lock that they may need.

    Parameters
    ----------
    kernel : ipykernel.kernelbase.Kernel or None
        The kernel of this process. Where it has not the parts of those versions, nothing is done.
    """
    manager: Any = getattr(getattr(kernel, "shell_channel_thread", None), "manager", None)
    subshells = getattr(manager, "_cache", None)
    close: Any = getattr(manager, "close", None)
    if not isinstance(subshells, dict) or close is None or "close" in vars(manager):
        return

    def close_at_rest() -> None:
        for thread in list(subshells.values()):
            if thread.is_alive():
                thread.stop()
                thread.join()
        close()

    manager.close = close_at_rest
