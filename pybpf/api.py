"""The library's front door: the few calls that scripts make, re-exported by `import pybpf`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pybpf import elf, loading
from pybpf.compiler import (
    Built,
    Compilation,
    CompileError,
    Diagnostic,
    Endpoint,
    Source,
    Span,
    build,
    compile_policy,
)
from pybpf.enforce import EndpointConfig, Enforcement
from pybpf.enforce import enforce as enforce_policy
from pybpf.errors import KernelError, NotSupported, ObjectError
from pybpf.links import Link, TcxHook, attach_tcx
from pybpf.loading import Loaded
from pybpf.maps import Map
from pybpf.observe import Flow
from pybpf.programs import Program
from pybpf.ringbuf import RingReader
from pybpf.spec import ObjectSpec
from pybpf.verifier import VerifierError

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


def load(data: bytes | ObjectSpec, *, maps: Mapping[str, Map] = MappingProxyType({})) -> Loaded:
    """Load an ELF object (or its spec, perhaps edited) into the kernel; a context manager.

    `maps` stand in for the object's maps of the same names. Raises ObjectError, VerifierError or KernelError.
    """
    spec = data if isinstance(data, ObjectSpec) else elf.parse(data)
    return loading.load(spec, maps=maps)
