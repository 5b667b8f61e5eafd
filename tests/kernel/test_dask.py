"""Frames that a cluster draws: a real one of Dask, of processes on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from kcomm.frames.decoder import Decoder

from .conftest import Kernel

CLUSTER = """
import json, os
import dask
import numpy as np
import kcomm
from distributed import Client, LocalCluster

dask.config.set({"distributed.scheduler.allowed-failures": 0})
cluster = LocalCluster(
    n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
)
client = Client(cluster)
"""

PLAYER = """
def paint(i):
    if i == 3:
        raise RuntimeError("three is not to be had")
    if i == 99:
        os._exit(1)
    picture = np.full((4, 8, 3), i, np.uint8)
    picture[:, 4:] = np.frombuffer(os.getpid().to_bytes(3, "little"), np.uint8)
    return picture

player = kcomm.animate(paint, frames=100, prefetch=client.get_executor())
print(player.target)
"""


@pytest.fixture(scope="module")
def cluster(shared_kernel: Kernel) -> Iterator[Kernel]:
    shared_kernel.run(CLUSTER)
    yield shared_kernel
    shared_kernel.run("client.close(); cluster.close()")


def test_the_workers_of_a_cluster_draw_what_a_cell_defined(cluster: Kernel, kernel: Kernel) -> None:
    """Dask sends the function by value."""
    channel = kernel.connect(kernel.run(PLAYER).stdout.strip())
    with channel.stream("play", 0, 1, False, window=8) as stream:
        frames = [next(stream) for _ in range(40)]
    assert [frame["index"] for frame in frames] == list(range(40))
    assert frames.pop(3)["error"]["message"] == "frame 3: RuntimeError: three is not to be had"
    decoder, workers = Decoder(), set()
    for frame in frames:
        pixels = decoder.decode(frame)
        assert (pixels[:, :4, :3] == frame["index"]).all()
        workers.add(int.from_bytes(pixels[0, 4, :3].tobytes(), "little"))
    pids = json.loads(kernel.run("print(json.dumps(list(client.run(os.getpid).values())))").stdout)
    assert workers == set(pids)


def test_a_worker_that_dies_costs_its_frame(cluster: Kernel, kernel: Kernel) -> None:
    channel = kernel.connect(kernel.run(PLAYER).stdout.strip())
    error = channel.call("draw", 99)["error"]
    assert error["code"] == "kcomm.pool_broken"
    assert "one of its workers died" in error["message"]
    assert channel.call("draw", 5)["width"] == 8  # the cluster has begun another


def test_a_client_that_was_closed(cluster: Kernel, kernel: Kernel) -> None:
    player = PLAYER.replace("client.get_executor()", "other.get_executor()")
    channel = kernel.connect(kernel.run("other = Client(cluster)\n" + player).stdout.strip())
    assert channel.call("draw", 5)["width"] == 8
    kernel.run("other.close()")
    error = channel.call("draw", 6)["error"]
    assert error["code"] == "kcomm.pool_closed"
    assert channel.call("draw", 5)["width"] == 8
