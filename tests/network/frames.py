"""Websocket frames (RFC 6455) as they stand on the wire: enough to read messages and pass them on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

TEXT, BINARY = 1, 2


@dataclass(frozen=True)
class WireFrame:
    """One frame: its bytes, and where in them the payload begins."""

    data: bytes
    begin: int

    @property
    def opcode(self) -> int:
        return self.data[0] & 0x0F

    @property
    def is_last(self) -> bool:
        return bool(self.data[0] & 0x80)

    @property
    def is_control(self) -> bool:
        return bool(self.data[0] & 0x08)

    @property
    def payload(self) -> bytes:
        """The payload, unmasked."""
        payload = self.data[self.begin :]
        if not self.data[1] & 0x80:
            return payload
        mask = self.data[self.begin - 4 : self.begin]
        repeated = np.frombuffer(mask * (len(payload) // 4 + 1), np.uint8)[: len(payload)]
        return (np.frombuffer(payload, np.uint8) ^ repeated).tobytes()


@dataclass(frozen=True)
class WireMessage:
    """A message, or a control frame, with the frames it came in."""

    frames: tuple[WireFrame, ...]

    @property
    def is_control(self) -> bool:
        return self.frames[0].is_control

    @property
    def is_text(self) -> bool:
        return self.frames[0].opcode == TEXT

    @cached_property
    def data(self) -> bytes:
        """The bytes to send, to pass it on as it came."""
        return b"".join(frame.data for frame in self.frames)

    @cached_property
    def payload(self) -> bytes:
        return b"".join(frame.payload for frame in self.frames)


async def read_messages(reader: asyncio.StreamReader) -> AsyncIterator[WireMessage]:
    """Read messages until the connection ends; control frames may come between the frames of one."""
    frames: list[WireFrame] = []
    while (frame := await _read_frame(reader)) is not None:
        if frame.is_control:
            yield WireMessage((frame,))
            continue
        frames.append(frame)
        if frame.is_last:
            yield WireMessage(tuple(frames))
            frames.clear()


async def _read_frame(reader: asyncio.StreamReader) -> WireFrame | None:
    try:
        head = await reader.readexactly(2)
        size = head[1] & 0x7F
        if size >= 126:
            wide = await reader.readexactly(2 if size == 126 else 8)
            head += wide
            size = int.from_bytes(wide, "big")
        if head[1] & 0x80:
            head += await reader.readexactly(4)
        return WireFrame(head + await reader.readexactly(size), len(head))
    except (asyncio.IncompleteReadError, OSError):
        return None
