"""What the kernel of the pressure tests runs, in a cell."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections import Counter

import numpy as np
import psutil

import kcomm

BLOCK = np.zeros(1 << 20, np.uint8)
target = kcomm.Target("pressure")
small = kcomm.Target("small-window", limits=kcomm.protocol.Limits(window=64 << 10))
made: Counter[str] = Counter()
gate = threading.Event()


@target.method
def block(n):
    made["answers"] += 1
    return BLOCK


@target.method
async def block_async(n):
    made["async answers"] += 1
    return BLOCK


@target.method
def echo(value):
    return value


@target.method
async def ping(n):
    return n


@target.method
def ping_plain(n):
    return n


@target.stream
def blocks(n):
    for _ in range(n):
        made["items"] += 1
        yield BLOCK


@target.stream(volatile=True)
def frames(n):
    for _ in range(n):
        made["frames"] += 1
        yield BLOCK


@target.on("gated")
def gated(value):
    gate.wait(60)
    made["gated"] += 1
    made["last"] = int(value[0])


small.method(block)
small.stream(frames, volatile=True)
small.stream(blocks)


def offer(n):
    """Emit as fast as it goes: far more than 50 MB/s."""
    for _ in range(n):
        target.emit("data", BLOCK)


def fill():
    """Emit one after the other until no more may be under way; return how many."""
    session, count = target.channels[0]._peer.session, 0
    while not session._lanes.sending.is_full:
        target.emit("data", BLOCK)
        count += 1
        while session.waiting:
            time.sleep(0.001)
    return count


def in_thread(function, *args):
    threading.Thread(target=function, args=args).start()


class Watch:
    """Keeps the most that waits in the kernel, and the size of its process."""

    def __init__(self):
        self.process = psutil.Process()
        self.stopped = threading.Event()
        self.restart()
        threading.Thread(target=self.run, daemon=True).start()

    def restart(self):
        gc.collect()
        made.clear()
        self.rss_before = self.process.memory_info().rss
        self.peak = self.peak_rss = 0

    def run(self):
        while not self.stopped.wait(0.005):
            self.peak = max([self.peak, *(waiting(channel)[0] for channel in target.channels)])
            self.peak_rss = max(self.peak_rss, self.process.memory_info().rss - self.rss_before)

    def report(self):
        print(
            json.dumps(
                {
                    "peak": self.peak,
                    "peak_rss": self.peak_rss,
                    "made": made,
                    "channels": [waiting(channel) for channel in target.channels],
                }
            )
        )


def waiting(channel):
    """Return the bytes that wait at this end, and the number of messages in the queue."""
    session = channel._peer.session
    return session._outbox.nbytes + session._lanes.sending.nbytes, len(session._outbox._queue)


def census():
    """Print what is alive of what a channel is made of."""
    time.sleep(0.2)
    gc.collect()
    kinds = [
        *("Peer", "Session", "Channel", "Serving", "Worker", "Lane", "Task", "TimerHandle", "Comm"),
        *("CommTransport", "Outbox", "Place", "Backlog"),
    ]
    alive = Counter(type(each).__name__ for each in gc.get_objects())
    print(json.dumps({"threads": threading.active_count(), **{kind: alive[kind] for kind in kinds}}))


watch = Watch()
