"""A real JupyterLab and Notebook 7 server, with settings of its own."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

#: A name for this machine that browsers hold for no safe place, unlike 127.0.0.1.
INSECURE_HOST = "insecure.test"
#: What would otherwise ask or load from elsewhere; and the application object for tests.
SETTINGS: dict[str, Any] = {
    "LabApp": {"expose_app_in_browser": True, "news_url": None},
    "JupyterNotebookApp": {"expose_app_in_browser": True},
    "ServerApp": {
        "open_browser": False,
        "ip": "127.0.0.1",
        "port_retries": 0,
        "local_hostnames": ["localhost", INSECURE_HOST],
    },
}
ANNOUNCEMENTS = "@jupyterlab/apputils-extension:announcements"


class Server:
    """A running server; ``/lab/...`` is JupyterLab, ``/notebooks/...`` Notebook 7.

    Parameters
    ----------
    home
        An empty folder: notebooks go to ``home/notebooks``, everything of Jupyter's own
        to folders beside it, the log to ``home/server.log``.
    disabled
        Names of front-end extensions that pages do without.
    settings
        More settings of the server, by class and name.
    """

    def __init__(
        self,
        home: Path,
        disabled: Sequence[str] = (),
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.home = home
        self._settings = {**SETTINGS}
        for name, values in (settings or {}).items():
            self._settings[name] = {**self._settings.get(name, {}), **values}
        self._page_config = {"disabledExtensions": dict.fromkeys([ANNOUNCEMENTS, *disabled], True)}
        self.root = home / "notebooks"
        self.runtime = home / "runtime"
        self.log = home / "server.log"
        self.token = secrets.token_hex(16)
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 60.0) -> None:
        """Start the server and wait until it answers."""
        config = self.home / "config"
        for folder in (self.root, self.runtime, config / "labconfig"):
            folder.mkdir(parents=True, exist_ok=True)
        for name in ("jupyter_server", "jupyter_lab", "jupyter_notebook"):
            (config / f"{name}_config.json").write_text(json.dumps(self._settings))
        (config / "labconfig" / "page_config.json").write_text(json.dumps(self._page_config))
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        env = {
            **os.environ,
            "JUPYTER_CONFIG_DIR": str(config),
            "JUPYTER_DATA_DIR": str(self.home / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.runtime),
            "JUPYTERLAB_SETTINGS_DIR": str(self.home / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.home / "workspaces"),
            "IPYTHONDIR": str(self.home / "ipython"),
            "JUPYTER_TOKEN": self.token,
        }
        command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={port}"]
        command.append(f"--ServerApp.root_dir={self.root}")
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--allow-root")
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=env, cwd=self.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._wait(timeout)

    def api(self, method: str, path: str, body: Any = None, timeout: float = 20.0) -> Any:
        """Call the server's REST interface: ``api("GET", "kernels")``."""
        request = urllib.request.Request(
            f"{self.url}/api/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"token {self.token}"},
        )
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def stop_kernels(self) -> None:
        """End every session and every kernel."""
        for kind in ("sessions", "kernels"):
            # Sessions that share a kernel end together.
            while running := self.api("GET", kind):
                self.api("DELETE", f"{kind}/{running[0]['id']}")

    def stop(self) -> None:
        """End the kernels, then the server."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            if process.poll() is None:
                self.stop_kernels()
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _wait(self, timeout: float) -> None:
        assert self._process is not None
        end = time.monotonic() + timeout
        while True:
            try:
                self.api("GET", "status", timeout=2)
                return
            except (urllib.error.URLError, OSError) as error:
                ended = self._process.poll() is not None
                if ended or time.monotonic() > end:
                    what = "ended at once" if ended else f"did not answer within {timeout} s"
                    log = self.log.read_text(errors="replace")
                    raise RuntimeError(f"JupyterLab {what} ({error}):\n{log}") from None
                time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
