"""The walls of the house: who may import whom, and how large a room may grow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {"pybpf": "pybpf", "compiler": "pybpf.compiler", "kernel_progs": "pybpf.kernel_progs"}
C = "pybpf.compiler"
LEAVES = {f"{C}.diag", f"{C}.lang"}

# room -> what it may import of the project besides itself (ARCHITECTURE.md has the same table)
MAY_IMPORT: dict[str, set[str]] = {
    f"{C}.diag": set(),
    f"{C}.lang": set(),
    f"{C}.policy": LEAVES | {f"{C}.automata"},
    f"{C}.automata": LEAVES,
    f"{C}.ir": LEAVES,
    f"{C}.frontend": LEAVES | {f"{C}.ir"},
    f"{C}.lower": LEAVES | {f"{C}.policy", f"{C}.automata", f"{C}.ir", "pybpf.kernel_progs"},
    f"{C}.codegen": LEAVES | {f"{C}.ir"},
    f"{C}.building": {C, "pybpf.kernel_progs"},
    f"{C}.pipeline": {C},
    f"{C}.standing": {C},
    C: {f"{C}.building", f"{C}.pipeline"},
    "pybpf.kernel_progs": {f"{C}.lang"},
    "pybpf": {"pybpf", C, "pybpf.kernel_progs"},
}
# foreign library -> the rooms that are its door
DOORS = {
    "llvmlite": {f"{C}.codegen"},
    "elftools": {"pybpf"},
    "cffi": {"pybpf"},
    "yaml": {f"{C}.policy"},
    "lark": {f"{C}.policy"},
}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def sources() -> Iterator[tuple[str, Path]]:
    """(module name, path) of every Python file of the product."""
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            yield ".".join([package, *(part for part in parts if part != "__init__")]), path


def room(module: str) -> str:
    """The longest room name that `module` lies in."""
    return max((name for name in MAY_IMPORT if module == name or module.startswith(name + ".")), key=len)


def imports(path: Path, module: str) -> Iterator[str]:
    """Every module name that a file imports, relative ones resolved."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] + "." if node.level > 1 else f"{package}." if node.level else ""
            origin = (base + (node.module or "")).rstrip(".")
            yield origin
            yield from (f"{origin}.{alias.name}" for alias in node.names if f"{origin}.{alias.name}" in MAY_IMPORT)


@pytest.mark.parametrize(("module", "path"), list(sources()), ids=lambda value: str(value) if isinstance(value, str) else "")
def test_imports_go_one_way(module: str, path: Path) -> None:
    here = room(module)
    for name in imports(path, module):
        if name.startswith("pybpf") and name != "pybpf._bpf":
            if name in ("pybpf", C) and here != "pybpf":
                continue  # `from pybpf.compiler import lang`: the alias is judged by its own row
            allowed = MAY_IMPORT[here]
            within = C in allowed and name.startswith(C + ".")
            assert room(name) == here or room(name) in allowed or within, f"{module} ({here}) may not import {name}"
        foreign = name.split(".")[0]
        assert foreign not in DOORS or here in DOORS[foreign], f"{foreign} has one door: {DOORS[foreign]}, not {module}"


def test_only_syscalls_imports_the_extension() -> None:
    users = {module for module, path in sources() if "pybpf._bpf" in set(imports(path, module)) or "import _bpf" in path.read_text()}
    assert users <= {"pybpf.syscalls"}


def test_only_compiled_imports_the_extension_of_automata() -> None:
    name = f"{C}.automata._automata"
    users = {module for module, path in sources() if name in set(imports(path, module)) or "import _automata" in path.read_text()}
    assert users == {f"{C}.automata.compiled"}


def measured_files() -> list[Path]:
    folders = [*FOLDERS, "tests", "bench", "ext"]
    return [path for folder in folders for kind in ("*.py", "*.c", "*.h") for path in sorted((ROOT / folder).rglob(kind))]


@pytest.mark.parametrize("path", measured_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_rooms_stay_small(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_FILE_LINES, f"{path} has grown past {MAX_FILE_LINES} lines"
    if path.suffix == ".py":
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                assert lines <= MAX_FUNCTION_LINES, f"{path}:{node.lineno}: {node.name} has {lines} lines"


def test_every_folder_of_the_product_is_a_package() -> None:
    """A folder without __init__.py would be missing from the wheel."""
    folders = {path.parent for _, path in sources()}
    assert all((folder / "__init__.py").is_file() for folder in folders), [folder for folder in folders if not (folder / "__init__.py").is_file()]
