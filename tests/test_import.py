"""What an import costs: nothing that only some users need."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "matplotlib",
    "skimage",
    "PIL",
    "IPython",
    "ipykernel",
    "numpy",
    "comm",
    "jupyter_client",
    "zmq",
    "tornado",
    "av",
}


def run(code: str) -> str:
    """Run code in a Python of its own."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("module", ["kcomm", "kcomm.protocol", "kcomm.target", "kcomm.transport.memory"])
def test_an_import_takes_nothing_heavy_along(module):
    loaded = run(f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})").split()
    assert not HEAVY & set(loaded)


def test_an_import_starts_no_thread():
    assert run("import threading, kcomm; print(threading.active_count())") == "1"


def test_values_pass_without_numpy():
    code = """
import sys
from kcomm.protocol import values
body, attachments = values.encode([{"a": [1, 2.5, b"x" * 2000]}], 5)
print(values.decode(body, attachments) == [{"a": [1, 2.5, b"x" * 2000]}], "numpy" in sys.modules)
"""
    assert run(code) == "True False"


def test_a_target_needs_a_kernel():
    code = """
import kcomm
try:
    kcomm.Target("calc")
except kcomm.NoKernelError as error:
    print(error)
"""
    text = run(code)
    assert "run this in a notebook" in text
    assert text.endswith("[kcomm.no_kernel]")
