"""What `import kcomm` adds to a kernel's start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Case, Verdict, find

TITLE = "Import"
TEXT = """\
In fresh processes: what a kernel imports before its first cell, then `import kcomm`, and then the modules
that it loads when a cell makes its first `kcomm.Target`."""

NAME = "import"
#: kcomm's after ipykernel's.
CONTENDERS = ("kcomm and kcomm.Target", "kcomm", "ipykernel")
CODE = """
import json, time
began = time.perf_counter()
import IPython, ipykernel.ipkernel, ipykernel.kernelapp
kernel = time.perf_counter()
import kcomm
package = time.perf_counter()
kcomm.Target
target = time.perf_counter()
print(json.dumps([1000 * (target - kernel), 1000 * (package - kernel), 1000 * (kernel - began)]))
"""
#: Processes in each repetition.
PROCESSES = 3
#: Milliseconds.
BUDGET = 60


def run(bench: Bench) -> list[Case]:
    """Measure the parts."""
    case = Case(NAME, "ms")
    measure(bench.home)

    def turn() -> None:
        for contender, milliseconds in zip(CONTENDERS, measure(bench.home), strict=True):
            case.add(contender, milliseconds)

    bench.turns([turn] * PROCESSES)
    return [case]


def measure(cache: Path) -> list[float]:
    """Return the milliseconds of each part of a fresh process; the folder holds compiled modules."""
    # Whatever this environment does: where a package is installed, its modules are compiled.
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(cache)}
    done = subprocess.run([sys.executable, "-c", CODE], env=env, capture_output=True, check=True)
    figures: list[float] = json.loads(done.stdout)
    return figures


def judge(cases: Sequence[Case]) -> list[Verdict]:
    """Compare with the budget."""
    case = find(cases, NAME)
    if case is None:
        return []
    added = case.median(CONTENDERS[0])
    budget = f"at most {BUDGET} ms"
    return [Verdict("import of kcomm over ipykernel", budget, f"{added:.0f} ms", added <= BUDGET)]
