"""The wheel, built by its own build and installed where there is nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXTENSION = "share/jupyter/labextensions/kcomm"

#: Installing JupyterLab takes most of a minute, and a first download more.
pytestmark = [pytest.mark.wheel, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def without_node(tmp_path_factory):
    """An environment whose PATH has a shell and git's like, but no node and no npm."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("sh", "env", "git", "uname"):
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return {**os.environ, "PATH": str(folder)}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory, without_node):
    """The source distribution, built from this tree with Node from PyPI."""
    folder = tmp_path_factory.mktemp("sdist")
    _run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, ROOT, env=without_node)
    (made,) = folder.glob("kcomm-*.tar.gz")
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, sdist, without_node):
    """The wheel, built from the source distribution alone."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder)
    _run(*pip, sdist, env=without_node)
    (made,) = folder.glob("kcomm-*.whl")
    return made


def test_sdist_holds_sources_and_bundles(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {
        "pyproject.toml",
        "js/src/index.ts",
        "js/package-lock.json",
        "js/dist/labextension/package.json",
        "kcomm/static/kcomm.js",
        "kcomm/static/player.css",
        "kcomm/static/player.js",
        "tests/test_wheel.py",
    } <= names
    assert not [name for name in names if "node_modules" in name or "artefacts" in name]


def test_wheel_holds_package_and_extension(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    extension = [name.partition(EXTENSION)[2] for name in names if EXTENSION in name]
    assert "/install.json" in extension
    assert "/package.json" in extension
    assert any(name.startswith("/static/remoteEntry.") for name in extension)
    assert {"kcomm/__init__.py", "kcomm/py.typed"} <= set(names)
    assert {f"kcomm/static/{name}" for name in ("kcomm.js", "player.css", "player.js")} <= set(names)
    assert any(name.endswith("data/etc/jupyter/jupyter_server_config.d/kcomm.json") for name in names)
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"kcomm"}


def test_installed_wheel_extends_jupyterlab_and_its_server(wheel, tmp_path, without_node):
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    env = {**without_node, "HOME": str(tmp_path), "JUPYTER_CONFIG_DIR": str(tmp_path / "config")}
    env.pop("PYTHONPATH", None)
    _run(python, "-m", "pip", "install", "--quiet", "--no-compile", "jupyterlab", wheel)

    listed = _run(python, "-m", "jupyter", "labextension", "list", env=env)
    imported = _run(python, "-c", "import kcomm; print(kcomm.__version__)", cwd=tmp_path, env=env)

    jupyter = (python, "-m", "jupyter", "server", "extension")
    before = _run(*jupyter, "list", env=env)
    _run(*jupyter, "disable", "kcomm", env=env)
    after = _run(*jupyter, "list", env=env)

    version = wheel.name.split("-")[1]
    (line,) = [line for line in listed.splitlines() if " kcomm " in line]
    assert f"v{version}" in line
    assert "enabled" in line
    assert "OK" in line
    assert imported.strip() == version
    assert re.search(r"\n +kcomm \S*enabled", before)
    assert re.search(rf"\n +kcomm {re.escape(version)} \S*OK", before)
    assert re.search(r"\n +kcomm \S*disabled", after)


def _run(*command, **options) -> str:
    """Run a command; what it printed on both streams, shown where it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
