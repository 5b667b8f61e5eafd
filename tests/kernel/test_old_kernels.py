"""Kernels that others still run: before subshells, and before the package `comm` (Colab's)."""

from __future__ import annotations

import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Kernel, start_kernel
from .test_kernel_target import CALC


@pytest.fixture(scope="module", params=["6.17.1", "6.29.5"])
def old_kernel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """A kernel of an older ipykernel, in an environment of its own."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    packages = [f"ipykernel=={request.param}", "comm", "msgpack", "numpy"]
    install = [sys.executable, "-m", "pip", "--python", str(folder), "install", "--quiet", *packages]
    subprocess.run(install, check=True, timeout=100)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    kernel = start_kernel([str(python), "-Xfrozen_modules=off"], PYTHONPATH=str(REPOSITORY))
    yield kernel
    kernel.stop()


@pytest.mark.timeout(240)
def test_an_old_kernel_serves_targets(old_kernel: Kernel) -> None:
    assert Path(old_kernel.run("import kcomm; print(kcomm.__file__, end='')").stdout).parent.name == "kcomm"
    old_kernel.run(CALC)
    channel = old_kernel.connect("calc")
    assert channel.call("add", 1, 2) == 3
    assert channel.call("set_value", "x", 42) is True
    assert list(channel.stream("ticks", 100)) == list(range(100))
    assert old_kernel.run("print(x)").stdout == "42\n"


@pytest.mark.timeout(240)
def test_without_a_subshell_a_blocking_wait_fails_at_once(old_kernel: Kernel) -> None:
    old_kernel.run(CALC)
    old_kernel.connect("calc", handlers={"confirm": str.upper}).call("add", 1, 1)
    output = old_kernel.run(
        "[channel] = target.channels\n"
        "try:\n    channel.call('confirm', 'x').result()\n"
        "except kcomm.WouldBlockError as error:\n    print(error.code)"
    )
    assert output.stdout == "kcomm.would_block\n"


@pytest.mark.timeout(240)
def test_without_a_subshell_a_call_waits_for_the_cell(old_kernel: Kernel) -> None:
    old_kernel.run(CALC)
    channel = old_kernel.connect("calc")
    cell = old_kernel.start("time.sleep(1.5); print('slept')")
    time.sleep(0.3)
    assert channel.call("add", 1, 2, timeout=20) == 3
    assert old_kernel.wait(cell).stdout == "slept\n"
