"""Replies of ipykernel 7.0 to 7.3, after which its shell may hear nothing any more.

Those versions read the shell socket by a stream, and send replies on the same socket past that stream. A
socket tells only once that something came; if a request comes while a reply is sent, the sending takes note
of it instead of the stream, which then sleeps on while requests wait: cells and comms alike, until another
front end connects. ipykernel 7.4 sends through the stream, and here the older ones are made to.
"""

from __future__ import annotations

from typing import Any


def send_replies_by_stream(kernel: Any) -> None:
    """Let a kernel send its replies through the stream that reads its requests.

    Parameters
    ----------
    kernel : ipykernel.kernelbase.Kernel or None
        The kernel of this process. Where it has not the parts of those versions, nothing is done.
    """
    thread = getattr(kernel, "shell_channel_thread", None)
    stream = getattr(kernel, "shell_stream", None)
    if thread is None or stream is None:
        return
    # The manager uses its socket to send replies, on the thread the stream belongs to, and for nothing else.
    if getattr(thread.manager, "_shell_socket", None) is stream.socket:
        thread.manager._shell_socket = stream
