"""Text in, ELF bytes out. Read pipeline.py first, then building.py: they are the whole way, top to bottom.

Its names are here too, imported when first used: a kernel program that imports pybpf.compiler.lang must not
import the compiler that imports it.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pybpf.compiler.building import *  # noqa: F403
    from pybpf.compiler.pipeline import *  # noqa: F403

__all__ = [
    "Built",
    "Compilation",
    "CompileError",
    "Diagnostic",
    "Endpoint",
    "Inventory",
    "Source",
    "Span",
    "build",
    "build_all",
    "compile_policies",
    "compile_policy",
    "compile_programs",
    "datapath_module",
    "rule_set_module", "shape_module",
]


_BUILDING = ("Built", "build", "build_all", "compile_programs", "datapath_module", "rule_set_module", "shape_module")


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in __all__:
        return getattr(import_module("pybpf.compiler.building" if name in _BUILDING else "pybpf.compiler.pipeline"), name)
    raise AttributeError(f"module 'pybpf.compiler' has no attribute {name!r}")
