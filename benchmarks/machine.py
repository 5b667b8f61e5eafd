"""What the figures were taken on: nothing that tells whose machine it is."""

from __future__ import annotations

import os
import platform
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path

PACKAGES = ("kcomm", "ipykernel", "jupyter_server", "jupyterlab", "msgpack", "numpy")


def describe() -> dict[str, str]:
    """Return the date, the machine and the versions of Python's part of it."""
    versions = {name: _version(name) for name in PACKAGES}
    return {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} x {_processor()}, {platform.system()}",
        "python": platform.python_version(),
        **{name: version for name, version in versions.items() if version},
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    """Return the processor's name, which Linux does not tell platform."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith(("model name", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
