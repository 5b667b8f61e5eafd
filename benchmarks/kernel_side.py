"""What the page talks to: runs in the notebook's kernel, as a cell."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import numpy as np
from comm import get_comm_manager

import kcomm

#: What is given and taken. Random, so that nothing on the way can shrink it.
ARRAYS = {nbytes: np.frombuffer(os.urandom(nbytes), np.uint8) for nbytes in (64_000, 1_000_000, 8_000_000)}
counted = 0

# -- a raw comm: one message of the front end, one answer -----------------------------------------------


def open_raw(comm: Any, _: object) -> None:
    def answer(message: dict[str, Any]) -> None:
        data, buffers = message["content"]["data"], message["buffers"]
        match data["do"]:
            case "echo":
                comm.send({"n": data["n"]})
            case "take":
                comm.send({"n": data["n"], "size": len(buffers[0])})
            case "give":
                comm.send({"n": data["n"]}, buffers=[ARRAYS[data["size"]]])
            case "count":
                count()
            case "counted":
                comm.send({"n": data["n"], "counted": take_count()})
            case "burst":
                for i in range(data["items"]):
                    comm.send({"i": i})
                comm.send({"n": data["n"]})

    comm.on_msg(answer)


get_comm_manager().register_target("raw", open_raw)


def echo(n: int) -> int:
    return n


def count() -> None:
    global counted
    counted += 1


def take_count() -> int:
    global counted
    found, counted = counted, 0
    return found


# -- the same with kcomm ----------------------------------------------------------------------------------

target = kcomm.Target("bench")
target.method(echo)


@target.method
async def echo_async(n: int) -> int:
    return n


@target.method
def take(array: np.ndarray[Any, Any]) -> int:
    return array.nbytes


@target.method
def give(size: int) -> np.ndarray[Any, Any]:
    return ARRAYS[size]


async def on_count(_: object) -> None:
    count()


target.on("count", on_count)


@target.method(name="counted")
async def give_count() -> int:
    return take_count()


@target.stream
async def numbers(items: int) -> Any:
    for i in range(items):
        yield i


@target.method
async def burst(items: int, channel: kcomm.Channel) -> None:
    for i in range(items):
        channel.emit("item", i)
        # At most a thousand events of a topic wait to leave; the loop's turn sends them.
        if i % 500 == 499:
            await asyncio.sleep(0)
