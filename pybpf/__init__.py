"""pybpf: network policy compiled to BPF and enforced in the kernel, and the toolchain underneath.

The names of pybpf.api are here too: pybpf.compile_policy, pybpf.load, pybpf.enforce_policy, pybpf.attach_tcx. They are
imported when first used, so that `import pybpf` costs next to nothing.
"""

from pathlib import Path as _Path
from typing import TYPE_CHECKING

_root = _Path(__file__).resolve().parent.parent
if (_root / "setup.py").is_file() and (_root / "kernel_progs").is_dir():
    # An uninstalled checkout: pybpf.compiler and pybpf.kernel_progs lie beside this folder.
    __path__.append(str(_root))

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pybpf.api import *  # noqa: F403

__all__ = [
    "Built",
    "Compilation",
    "CompileError",
    "Diagnostic",
    "Endpoint",
    "EndpointConfig",
    "Enforcement",
    "Flow",
    "KernelError",
    "Link",
    "Loaded",
    "Map",
    "NotSupported",
    "ObjectError",
    "Program",
    "RingReader",
    "Source",
    "Span",
    "TcxHook",
    "VerifierError",
    "attach_tcx",
    "build",
    "compile_policy",
    "enforce_policy",
    "load",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in __all__:
        return getattr(import_module("pybpf.api"), name)
    raise AttributeError(f"module 'pybpf' has no attribute {name!r}")
