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
    Inventory,
    Source,
    Span,
    build,
    compile_policy,
    compile_programs,
)
from pybpf.enforce import EndpointConfig, Enforcement
from pybpf.enforce import enforce as enforce_policy
from pybpf.errors import KernelError, NotSupported, ObjectError
from pybpf.hooks import (
    Cgroup,
    Interface,
    MapAttachment,
    NetworkNamespace,
    ProbePoint,
    RawTracepoint,
    TcxHook,
    Tracepoint,
    XdpMode,
    attach,
    attach_cgroup,
    attach_cpu_clock,
    attach_kprobe,
    attach_netns,
    attach_raw_tracepoint,
    attach_socket,
    attach_tcx,
    attach_to_map,
    attach_tracepoint,
    attach_uprobe,
    attach_xdp,
    cgroup_root,
    detach_socket,
)
from pybpf.infos import LinkInfo
from pybpf.kinds import AttachType, ProgramType
from pybpf.links import Link
from pybpf.loading import Loaded
from pybpf.maps import Map
from pybpf.observe import Flow
from pybpf.programs import Program
from pybpf.ringbuf import RingReader
from pybpf.runs import SkLookupContext, XdpContext, run_raw_tracepoint, selected_socket
from pybpf.spec import ObjectSpec
from pybpf.verifier import VerifierError, VerifierRejected

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


def load(
    data: bytes | ObjectSpec, *, maps: Mapping[str, Map] = MappingProxyType({}), constants: Mapping[str, int | bytes] = MappingProxyType({})
) -> Loaded:
    """Load an ELF object (or its spec, perhaps edited) into the kernel; a context manager.

    `maps` stand in for the object's maps of the same names; `constants` are the values that global variables start
    with. Raises ObjectError, VerifierError or KernelError.
    """
    spec = data if isinstance(data, ObjectSpec) else elf.parse(data)
    return loading.load(spec, maps=maps, constants=constants)
