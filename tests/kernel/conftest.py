"""Real kernels, each in a process of its own."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

import kcomm

REPOSITORY = Path(__file__).parents[2]
TIMEOUT = 30.0


@dataclass
class Output:
    """What a cell printed, displayed and raised."""

    stdout: str = ""
    stderr: str = ""
    displayed: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""


class Kernel:
    """A kernel, and a client that runs cells in it."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client: BlockingKernelClient = manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=TIMEOUT)
        self.outputs: dict[str, Output] = {}
        self._idle: set[str] = set()
        self._channels: list[kcomm.Channel] = []

    def start(self, code: str) -> str:
        """Run a cell without waiting for it; return the id of its request."""
        id_ = self.client.execute(code)
        self.outputs[id_] = Output()
        return id_

    def run(self, code: str) -> Output:
        """Run a cell to its end; an exception in it fails the test."""
        id_ = self.start(code)
        output = self.wait(id_)
        assert not output.error, output.error
        return output

    def wait(self, id_: str) -> Output:
        """Wait until a cell is done."""
        self.read_until(lambda: id_ in self._idle, f"the cell {id_} did not end")
        return self.outputs[id_]

    def read_until(self, is_done: Callable[[], bool], message: str) -> None:
        """Read the kernel's messages until something has happened."""
        end = time.monotonic() + TIMEOUT
        while not is_done():
            if time.monotonic() > end:
                raise AssertionError(message)
            try:
                self._take(self.client.get_iopub_msg(timeout=0.1))
            except queue.Empty:
                continue

    def connect(self, target: str, **options: Any) -> kcomm.BlockingChannel:
        """Connect to a target of the kernel, until the test ends."""
        channel = kcomm.connect(self.client, target, **options)
        self._channels.append(channel)
        return channel

    def close_channels(self) -> None:
        """Close what `connect` opened."""
        while self._channels:
            self._channels.pop().close()

    def stop(self) -> None:
        """End the kernel."""
        self.close_channels()
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def _take(self, message: dict[str, Any]) -> None:
        id_ = message["parent_header"].get("msg_id", "")
        content = message["content"]
        output = self.outputs.setdefault(id_, Output())
        if message["msg_type"] == "stream":
            setattr(output, content["name"], getattr(output, content["name"]) + content["text"])
        elif message["msg_type"] in ("display_data", "execute_result"):
            output.displayed.append(content["data"])
        elif message["msg_type"] == "error":
            output.error = "\n".join(content["traceback"])
        elif message["msg_type"] == "status" and content["execution_state"] == "idle":
            self._idle.add(id_)


def start_kernel(command: list[str] | None = None, **environment: str) -> Kernel:
    """Start a kernel, by default this Python's."""
    import os

    manager = KernelManager(kernel_name="python3")
    if command is not None:
        spec = manager.kernel_spec
        assert spec is not None
        spec.argv = [*command, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager.start_kernel(env={**os.environ, **environment})
    return Kernel(manager)


@pytest.fixture(scope="module")
def shared_kernel() -> Iterator[Kernel]:
    """One kernel for the tests of a module."""
    kernel = start_kernel()
    yield kernel
    kernel.stop()


@pytest.fixture
def kernel(shared_kernel: Kernel) -> Iterator[Kernel]:
    """The module's kernel; its channels are closed after each test."""
    yield shared_kernel
    shared_kernel.close_channels()


@pytest.fixture
def own_kernel() -> Iterator[Kernel]:
    """A kernel for one test alone."""
    kernel = start_kernel()
    yield kernel
    kernel.stop()
