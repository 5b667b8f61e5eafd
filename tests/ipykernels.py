"""Versions of ipykernel beside the one that is installed, for kernels of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
#: The version that is installed with the tests.
NEWEST = "newest"
#: What ipykernel 6 needs and ipykernel 7 does not.
_FORMER_NEEDS = ("nest_asyncio", "psutil")


def python_path(version: str, cache: pytest.Cache) -> str:
    """Return a ``PYTHONPATH`` with which this Python is a kernel of that version of ipykernel.

    It is installed without what it needs, which is here already, and kept for later runs.
    """
    if version == NEWEST:
        return str(REPOSITORY)
    folder = cache.mkdir("ipykernels") / f"{version}-{sys.version_info.major}.{sys.version_info.minor}"
    if not folder.exists():
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
        packages = [f"ipykernel=={version}", *_FORMER_NEEDS]
        # A run that is broken off must leave no half of a folder.
        with tempfile.TemporaryDirectory(dir=folder.parent) as made:
            target = Path(made, version)
            subprocess.run([*install, "--target", str(target), *packages], check=True, timeout=100)
            target.rename(folder)
    return os.pathsep.join([str(folder), str(REPOSITORY)])
