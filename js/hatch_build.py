"""The wheel's build: bundles the JavaScript half of kcomm before hatchling packs it.

A source distribution carries the bundles, so what is built from one needs no Node.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_spec = importlib.util.spec_from_file_location("kcomm_js_toolchain", Path(__file__).with_name("toolchain.py"))
assert _spec is not None
assert _spec.loader is not None
toolchain = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(toolchain)


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling's name for a hook
    """Runs ``js/build.mjs``, with Node from PyPI where the machine has none."""

    def dependencies(self) -> list[str]:
        """Packages the isolated build needs besides hatchling."""
        if self._is_sdist() or toolchain.find_node() is not None:
            return []
        return [toolchain.NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the bundles, and check that they are all there."""
        if not self._is_sdist():
            toolchain.build_js()
        missing = [path for path in self._bundles() if not path.is_file()]
        if missing:
            print(f"kcomm: not built: {', '.join(map(str, missing))}", file=sys.stderr)
            raise SystemExit(1)

    def _is_sdist(self) -> bool:
        # Only a source distribution has PKG-INFO; a work tree is always built anew.
        return (Path(self.root) / "PKG-INFO").is_file()

    def _bundles(self) -> list[Path]:
        root = Path(self.root)
        return [
            root / "js" / "dist" / "labextension" / "package.json",
            *(root / "kcomm" / "static" / name for name in ("kcomm.js", "player.js", "player.css")),
        ]
