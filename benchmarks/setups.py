"""Setups: how a server and its pages are set for a measurement."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Setup:
    """Settings of a server.

    Parameters
    ----------
    name : str
        What the tables call it.
    has_nodelay : bool
        Whether kcomm's server extension sets TCP_NODELAY on the websockets of kernels.
    is_quiet : bool
        Whether kcomm's plugin keeps JupyterLab from redrawing its busy indicators while channels are busy.
    is_quiet_for_all : bool
        Whether the server's settings do that for all comms at all times.
    """

    name: str
    has_nodelay: bool
    is_quiet: bool
    is_quiet_for_all: bool = False

    def write(self, home: Path) -> None:
        """Write the settings to the folder that a `Server` is going to run in."""
        lines = ["c = get_config()", f"c.KcommServer.nodelay = {self.has_nodelay}"]
        if self.is_quiet_for_all:
            lines.append('c.MappingKernelManager.untracked_message_types.extend(["comm_open", "comm_msg"])')
        # Beside the file of the same name in JSON, which `Server` writes.
        _write(home / "config" / "jupyter_server_config.py", "\n".join(lines))
        settings = {"quietIndicators": self.is_quiet}
        _write(home / "settings" / "kcomm" / "plugin.jupyterlab-settings", json.dumps(settings))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


STOCK = Setup("stock", has_nodelay=False, is_quiet=False)
NODELAY = Setup("with the server extension", has_nodelay=True, is_quiet=False)
QUIET = Setup("with quiet indicators", has_nodelay=False, is_quiet=True)
BOTH = Setup("with both", has_nodelay=True, is_quiet=True)
#: The hardest for kcomm: what it does for its own latency, a raw comm beside it has as well.
EVEN = Setup("with both, for all comms", has_nodelay=True, is_quiet=True, is_quiet_for_all=True)
