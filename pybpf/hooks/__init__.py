"""Hooks: where in the kernel a program is attached, one file for each kind of place. `attach` is the short way to most of them.

Whatever holds a program at its hook is to be closed by who made it: a Link, or for maps of sockets a MapAttachment.
"""

from .cgroup import attach_cgroup, cgroup_root
from .clsact import attach_clsact, clsact_program_id, detach_clsact, remove_empty_clsact
from .interface import TcxHook, XdpMode, attach_tcx, attach_xdp
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
    "clsact_program_id",
    "detach_clsact",
    "detach_socket",
    "remove_empty_clsact",
]
