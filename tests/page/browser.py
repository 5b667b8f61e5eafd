"""Finds the browser that page tests drive; as a script, installs one where there is none.

In this order: ``$KCOMM_BROWSER``; chromium or chrome on the PATH; Playwright's own; as
root on Debian, the package ``chromium``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")

HELP = (
    "no browser for the page tests: install Chromium or Chrome, or set KCOMM_BROWSER to the "
    "path of one; `make page` tries `playwright install chromium` and, as root on Debian, apt-get"
)


class NoBrowserError(RuntimeError):
    """There is no browser, and none could be installed."""


def find_browser() -> Path | None:
    """Return the browser to use, or None; installs nothing."""
    chosen = os.environ.get("KCOMM_BROWSER")
    if chosen:
        found = shutil.which(chosen)
        if found is None:
            raise NoBrowserError(f"KCOMM_BROWSER is {chosen!r}, which is no program")
        return Path(found)
    for name in NAMES:
        found = shutil.which(name)
        if found is not None and _starts(Path(found)):
            return Path(found)
    own = _playwright_browser()
    return own if own is not None and _starts(own) else None


def ensure_browser() -> Path:
    """Return the browser to use, installed if need be.

    Raises
    ------
    NoBrowserError
        If there is none and none could be installed; says what to do.
    """
    found = find_browser()
    for install in (_install_with_playwright, _install_with_apt):
        if found is None:
            install()
            found = find_browser()
    if found is None:
        raise NoBrowserError(HELP)
    return found


def _starts(browser: Path) -> bool:
    """Tell whether the program runs: a stub or one that lacks libraries does not."""
    try:
        done = subprocess.run([browser, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _playwright_browser() -> Path | None:
    # In a process of its own: Playwright's loop would stay in this one.
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p: print(p.chromium.executable_path)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    path = Path(done.stdout.strip())
    return path if done.returncode == 0 and path.is_file() else None


def _install_with_playwright() -> None:
    _try([sys.executable, "-m", "playwright", "install", "--no-shell", "chromium"])


def _install_with_apt() -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    _try(["apt-get", "update", "-qq"])
    # A browser without fonts shows no text.
    packages = ["chromium", "fonts-dejavu-core"]
    _try(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages])


def _try(command: Sequence[str]) -> None:
    """Run an installer; that it failed shows in what is there afterwards."""
    print("+", *command, flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        print(f"{command[0]} took longer than 5 minutes: given up")
    else:
        if done.returncode:
            print(f"{command[0]} failed with exit code {done.returncode}")


if __name__ == "__main__":
    try:
        print(f"browser: {ensure_browser()}")
    except NoBrowserError as error:
        raise SystemExit(str(error)) from None
