"""Hooks: where in the kernel a program is attached, one file for each kind of place. `attach` is the short way to most of them.

Whatever holds a program at its hook is to be closed by who made it: a Link, or for maps of sockets a MapAttachment. The files are
imported when their names are first used: most programs need one of them.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .cgroup import attach_cgroup, cgroup_root
    from .clsact import (
        attach_clsact,
        clsact_filters_before,
        clsact_program_id,
        detach_clsact,
        remove_empty_clsact,
    )
    from .interface import TcxHook, TcxOrder, XdpMode, attach_tcx, attach_xdp, tcx_program_ids
    from .netns import attach_netns
    from .perf import attach_cpu_clock, attach_tracepoint
    from .places import Cgroup, Interface, NetworkNamespace, Place, RawTracepoint, Tracepoint, attach
    from .probe import ProbePoint, attach_kprobe, attach_uprobe
    from .raw_tracepoint import attach_raw_tracepoint
    from .sockets import MapAttachment, attach_socket, attach_to_map, detach_socket

__all__ = [
    "Cgroup",
    "Interface",
    "MapAttachment",
    "NetworkNamespace",
    "Place",
    "ProbePoint",
    "RawTracepoint",
    "TcxHook",
    "TcxOrder",
    "Tracepoint",
    "XdpMode",
    "attach",
    "attach_cgroup",
    "attach_clsact",
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
    "cgroup_root",
    "clsact_filters_before",
    "clsact_program_id",
    "detach_clsact",
    "detach_socket",
    "remove_empty_clsact",
    "tcx_program_ids",
]

# file -> its names
_FILES: Final = {
    "cgroup": ("attach_cgroup", "cgroup_root"),
    "clsact": ("attach_clsact", "clsact_filters_before", "clsact_program_id", "detach_clsact", "remove_empty_clsact"),
    "interface": ("TcxHook", "TcxOrder", "XdpMode", "attach_tcx", "attach_xdp", "tcx_program_ids"),
    "netns": ("attach_netns",),
    "perf": ("attach_cpu_clock", "attach_tracepoint"),
    "places": ("Cgroup", "Interface", "NetworkNamespace", "Place", "RawTracepoint", "Tracepoint", "attach"),
    "probe": ("ProbePoint", "attach_kprobe", "attach_uprobe"),
    "raw_tracepoint": ("attach_raw_tracepoint",),
    "sockets": ("MapAttachment", "attach_socket", "attach_to_map", "detach_socket"),
}
_FILE_OF: Final = {name: file for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _FILE_OF:
        return getattr(import_module(f"{__name__}.{_FILE_OF[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
