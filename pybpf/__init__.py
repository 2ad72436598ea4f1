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
    "AttachType",
    "Built",
    "Cgroup",
    "Compilation",
    "CompileError",
    "Diagnostic",
    "Endpoint",
    "EndpointConfig",
    "Enforcement",
    "Flow",
    "Interface",
    "Inventory",
    "KernelError",
    "Link",
    "LinkInfo",
    "Loaded",
    "Map",
    "MapAttachment",
    "NetworkNamespace",
    "NotSupported",
    "ObjectError",
    "ProbePoint",
    "Program",
    "ProgramType",
    "RawTracepoint",
    "RingReader",
    "SkLookupContext",
    "Source",
    "Span",
    "TcxHook",
    "Tracepoint",
    "VerifierError",
    "VerifierRejected",
    "XdpContext",
    "XdpMode",
    "attach",
    "attach_cgroup",
    "attach_cpu_clock",
    "attach_kprobe",
    "attach_netns",
    "attach_raw_tracepoint",
    "attach_socket",
    "attach_tcx",
    "attach_to_map",
    "attach_tracepoint",
    "attach_uprobe",
    "attach_xdp",
    "build",
    "cgroup_root",
    "compile_policy",
    "compile_programs",
    "detach_socket",
    "enforce_policy",
    "load",
    "run_raw_tracepoint",
    "selected_socket",
]


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in __all__:
        return getattr(import_module("pybpf.api"), name)
    raise AttributeError(f"module 'pybpf' has no attribute {name!r}")
