"""What programs are called with, one noun a file: what each has, who may read and write it, and the numbers it answers with.

Names are full words; the kernel's own stand beside them as symbols. A field's value is the number it means: fields that
the kernel keeps in network order are be16 or be32 here, read with the width that the verifier asks for. Conversions are
those of net/core/filter.c. IPv6 addresses are four words, the first of them word 0.
"""

from __future__ import annotations

from pybpf.compiler.lang.context import Context
from pybpf.compiler.lang.contexts.addresses import SockAddr
from pybpf.compiler.lang.contexts.messages import SkMsg, Verdict
from pybpf.compiler.lang.contexts.registers import PerfEvent, Registers
from pybpf.compiler.lang.contexts.sock_ops import SockOps, SockOpsEvent, SockOpsFlag
from pybpf.compiler.lang.contexts.sockets import SkLookup, Sock
from pybpf.compiler.lang.contexts.tracepoints import RawTracepoint, Tracepoint, data_loc
from pybpf.compiler.lang.contexts.xdp import Xdp, XdpAction
from pybpf.compiler.lang.kinds import ProgramType
from pybpf.compiler.lang.skb import Skb

__all__ = [
    "CONTEXTS",
    "PerfEvent",
    "RawTracepoint",
    "Registers",
    "SkLookup",
    "SkMsg",
    "Sock",
    "SockAddr",
    "SockOps",
    "SockOpsEvent",
    "SockOpsFlag",
    "Tracepoint",
    "Verdict",
    "Xdp",
    "XdpAction",
    "data_loc",
]

# what each type of program is called with; of a Tracepoint and a RawTracepoint, the class that the program declares
CONTEXTS: dict[ProgramType, type[Context]] = {
    ProgramType.SOCKET_FILTER: Skb,
    ProgramType.KPROBE: Registers,
    ProgramType.SCHED_CLS: Skb,
    ProgramType.TRACEPOINT: Tracepoint,
    ProgramType.XDP: Xdp,
    ProgramType.PERF_EVENT: PerfEvent,
    ProgramType.CGROUP_SKB: Skb,
    ProgramType.CGROUP_SOCK: Sock,
    ProgramType.SOCK_OPS: SockOps,
    ProgramType.SK_SKB: Skb,
    ProgramType.SK_MSG: SkMsg,
    ProgramType.RAW_TRACEPOINT: RawTracepoint,
    ProgramType.CGROUP_SOCK_ADDR: SockAddr,
    ProgramType.SK_LOOKUP: SkLookup,
}
