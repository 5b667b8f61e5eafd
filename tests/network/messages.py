"""The type of a kernel message on a Jupyter server's websocket, in each of its framings."""

from __future__ import annotations

import json
import struct

#: The subprotocol that JupyterLab and jupyter_server choose; without one the older framing is used.
V1 = "v1.kernel.websocket.jupyter.org"


def message_type(payload: bytes, *, is_text: bool, subprotocol: str) -> str:
    """Return the message's type, such as ``"comm_msg"``.

    Parameters
    ----------
    payload
        A whole websocket message.
    is_text
        Whether it is a text message: in the older framing, one without buffers.
    subprotocol
        What the server chose; empty for none.
    """
    if subprotocol == V1:
        header = json.loads(_v1_part(payload, 1))
    elif subprotocol:
        raise ValueError(f"the kernel websocket protocol {subprotocol!r} is not known")
    else:
        header = json.loads(payload if is_text else _json_part(payload))["header"]
    return str(header["msg_type"])


def _v1_part(payload: bytes, index: int) -> bytes:
    """Channel, header, parent, metadata, content and buffers are parts 0, 1, ..."""
    begin, end = struct.unpack_from("<2Q", payload, 8 * (1 + index))
    return payload[begin:end]


def _json_part(payload: bytes) -> bytes:
    """The message as JSON is part 0, before its buffers."""
    (count,) = struct.unpack_from("!I", payload)
    offsets = (*struct.unpack_from(f"!{count}I", payload, 4), len(payload))
    return payload[offsets[0] : offsets[1]]
