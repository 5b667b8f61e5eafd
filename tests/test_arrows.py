"""Imports point one way: what is below knows nothing of what is above."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kcomm"

#: From bottom to top. A module may import from its own layer and from those before it.
LAYERS: list[set[str]] = [
    {"errors", "words"},
    {"protocol"},
    {"runtime", "arguments", "window", "pacing", "backlog", "flow", "pools", "interrupts"},
    {"admission"},
    {"transport.base"},
    {"transport.early", "transport.replies", "transport.ending"},
    {"transport.comm"},
    {"transport.subshells"},
    {"handlers"},
    {"listening", "jobs"},
    {"serving"},
    {"peer"},
    {"stream"},
    {"channel"},
    {"target"},
    {"transport.memory", "transport.client"},
    {"frames"},
    {"cameras"},
    {"view"},
    {"animation.drawing"},
    {"animation", "live"},
    {"server"},
    {""},
]
#: Imports against the arrows, each within a function, so that they happen when both modules are there.
LAZY = {
    # A handler's signature is read for a parameter annotated `Channel`, which it gives to handlers.
    ("handlers", "channel"),
    # The host of a kernel is made where nobody asked for another, and imports ipykernel.
    ("transport.base", "transport.comm"),
}
#: What the protocol must not know: time, threads, sockets, kernels.
FOREIGN = {
    "asyncio",
    "threading",
    "time",
    "socket",
    "select",
    "queue",
    "ipykernel",
    "comm",
    "jupyter_client",
    "IPython",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def modules() -> dict[str, ast.Module]:
    return {
        module_name(path): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imports(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Yield what is imported, and whether within a function; what only a type checker sees is left out."""
    hidden: set[ast.AST] = set()
    inner: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            hidden |= {child for statement in node.body for child in ast.walk(statement)}
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner |= set(ast.walk(node))
    for node in ast.walk(tree):
        if node in hidden:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node in inner
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            assert node.module is not None
            if node.module != "kcomm":
                yield node.module, node in inner
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node in inner


def layer_of(name: str) -> tuple[int, str] | None:
    """Return the layer of one of kcomm's modules, and the name it has there."""
    found = [
        (len(member), number, member)
        for number, layer in enumerate(LAYERS)
        for member in layer
        if member and (name == member or name.startswith(f"{member}."))
    ]
    if found:
        _, number, member = max(found)
        return number, member
    return (len(LAYERS) - 1, "") if name == "" else None


TREES = modules()


def test_every_module_has_a_layer():
    bare = {"transport"}  # a package with nothing in it
    assert {name for name in TREES if layer_of(name) is None} <= bare


@pytest.mark.parametrize("name", TREES)
def test_imports_point_down(name):
    own = layer_of(name)
    if own is None:
        assert list(imports(TREES[name])) == []
        return
    for imported, is_inner in imports(TREES[name]):
        if not (imported == "kcomm" or imported.startswith("kcomm.")):
            continue
        other = layer_of(imported.removeprefix("kcomm").removeprefix("."))
        if other is None or other == own:
            continue
        if is_inner and (own[1], other[1]) in LAZY:
            continue
        assert other[0] < own[0], f"kcomm.{name} imports {imported}, which is above it"


def test_the_exceptions_are_used():
    used = set()
    for name, tree in TREES.items():
        for imported, is_inner in imports(tree):
            own, other = layer_of(name), layer_of(imported.removeprefix("kcomm."))
            if is_inner and imported.startswith("kcomm.") and own and other:
                used.add((own[1], other[1]))
    assert used >= LAZY, "an exception that is not needed any more"


@pytest.mark.parametrize("name", [name for name in TREES if name.split(".")[0] in ("protocol", "errors")])
def test_the_protocol_knows_no_world(name):
    for imported, _ in imports(TREES[name]):
        assert imported.split(".")[0] not in FOREIGN


@pytest.mark.parametrize("name", TREES)
def test_no_module_is_imported_by_a_name_made_at_run_time(name):
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "import_module",
            "importlib.import_module",
            "__import__",
        ):
            assert name == "", "only kcomm/__init__.py, for its public names"
