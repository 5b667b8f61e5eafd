"""What it costs to write and read a packet, in each language."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import timeit
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgpack
import numpy as np

from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict
from kcomm.protocol import Limits, messages, packets, values
from kcomm.protocol.messages import Kind

TITLE = "Packets"
TEXT = """\
Values to bytes, and bytes to values that were checked, without what sends them. *msgpack alone* is the
language's msgpack library on the same lists, with nothing checked; it has no array, so it takes its bytes."""

ROOT = Path(__file__).resolve().parent.parent
LIMITS = Limits()
CALL = [int(Kind.CALL), 1, "add", [2, 3.5], 0, {"timeout": 30_000}]


def samples() -> dict[str, list[list[Any]]]:
    """Return the messages of each packet to measure, as lists of fields."""
    array = np.frombuffer(os.urandom(1_000_000), np.uint8).reshape(1000, 1000)
    return {
        "a small call": [CALL],
        "100 small calls": [[CALL[0], 2 * i + 1, *CALL[2:]] for i in range(100)],
        "an array of 1 MB": [[int(Kind.END), 1, 0, array]],
    }


def run(bench: Bench) -> list[Case]:
    """Measure both languages."""
    script = bundle(bench.home)
    bench.versions["node"] = run_node("--version").strip().removeprefix("v")
    cases: dict[str, Case] = {}
    for _ in range(bench.repetitions):
        found = [("Python", run_python()), ("JavaScript", run_javascript(script))]
        for language, figures in found:
            for name, contenders in figures.items():
                case = cases.setdefault(f"{language}, {name}", Case(f"{language}, {name}", "µs"))
                for contender, microseconds in contenders.items():
                    case.add(contender, microseconds)
    return list(cases.values())


def run_python() -> dict[str, dict[str, float]]:
    """Return microseconds, by packet and way, and contender."""
    figures: dict[str, dict[str, float]] = {}
    for name, fields in samples().items():
        plain = [
            [field.tobytes() if isinstance(field, np.ndarray) else field for field in message]
            for message in fields
        ]
        packet = write(fields)
        packed = msgpack.packb([1, 0, plain])
        figures[f"write {name}"] = {
            "kcomm": measure(write, fields),
            "msgpack alone": measure(msgpack.packb, [1, 0, plain]),
        }
        figures[f"read {name}"] = {
            "kcomm": measure(read, packet),
            "msgpack alone": measure(msgpack.unpackb, packed),
        }
    return figures


def write(fields: Sequence[Sequence[Any]]) -> list[values.Buffer]:
    """Write a packet of messages."""
    encoded = [values.encode(message, LIMITS.depth) for message in fields]
    attachments = [attachment for _, some in encoded for attachment in some]
    return packets.write(1, 0, [body for body, _ in encoded], attachments)


def read(packet: Sequence[values.Buffer]) -> None:
    """Read a packet and check its messages, as a session does."""
    for message in packets.read(packet, LIMITS.packet, LIMITS.depth).messages:
        parsed = messages.parse(message)
        if parsed is not None:
            values.check(parsed[2], LIMITS.depth)


def measure(function: Callable[[Any], object], argument: Any) -> float:
    """Return the microseconds of one call."""
    # Its own time: nobody waits for anything here.
    timer = timeit.Timer(lambda: function(argument), timer=time.process_time)
    count, _ = timer.autorange()
    return min(timer.repeat(3, max(1, count // 4))) / max(1, count // 4) * 1e6


def bundle(home: Path) -> Path:
    """Build the script for node, and return its path."""
    script = home / "packets.mjs"
    builder = ROOT / "js" / "node_modules" / ".bin" / "esbuild"
    command = [
        str(builder),
        str(ROOT / "benchmarks" / "packets.js"),
        "--bundle",
        "--platform=node",
        "--format=esm",
        "--log-level=warning",
        f"--outfile={script}",
    ]
    # The libraries that it imports are those of js/.
    env = {**os.environ, "NODE_PATH": str(ROOT / "js" / "node_modules")}
    subprocess.run(command, env=env, check=True)
    return script


def run_javascript(script: Path) -> dict[str, dict[str, float]]:
    """Return what `run_python` does, of the other language."""
    figures: dict[str, dict[str, float]] = json.loads(run_node(str(script)))
    return figures


def run_node(argument: str) -> str:
    """Return what node prints."""
    node = shutil.which("node")
    if node is None:
        raise SystemExit("no node on the PATH: run this with `make bench`, which sees to it")
    return subprocess.run([node, argument], capture_output=True, text=True, check=True).stdout


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """There is no budget for these: they are part of every other one."""
    return []
