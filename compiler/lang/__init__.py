"""Every name a kernel program may use.

Under mypy and CPython these names check and run a program; the front end gives them their meaning in BPF.
Nothing here knows the compiler.
"""
# ruff: noqa: F403, F405 - the three rooms below list their names, and so does __all__: a test compares

from typing import Annotated, Final

from pybpf.compiler.lang.cells import Cell
from pybpf.compiler.lang.context import At, Bounds, Context, ContextField, PacketContext, Rights
from pybpf.compiler.lang.contexts import *
from pybpf.compiler.lang.data import GlobalArray, constant, global_array, global_struct, variable
from pybpf.compiler.lang.declare import (
    Kernel,
    Role,
    Rounds,
    callback,
    function,
    iterate,
    kfunc,
    printk,
    program,
    repeat,
    run,
    subprogram,
)
from pybpf.compiler.lang.helpers import *
from pybpf.compiler.lang.integers import (
    Width,
    be16,
    be32,
    be64,
    s8,
    s16,
    s32,
    s64,
    swap16,
    swap32,
    swap64,
    u8,
    u16,
    u32,
    u64,
    volatile_u16,
    volatile_u32,
    width_of,
    wrap,
)
from pybpf.compiler.lang.kernel_struct import POINTED, KernelStruct
from pybpf.compiler.lang.kinds import AttachType, ProgramType
from pybpf.compiler.lang.maps import *
from pybpf.compiler.lang.memory import Array, ArrayType, Count, Field, KernelObject, Struct
from pybpf.compiler.lang.objects import (
    AddressFamily,
    Cgroup,
    Inode,
    Socket,
    SocketCommon,
    SocketType,
    Task,
    TcpSocket,
    TcpState,
)
from pybpf.compiler.lang.skb import PSEUDO_HEADER, REDIRECT_INGRESS, Action, Skb

__all__ = [
    "CONTEXTS", "CURRENT_NETNS", "MAP_SINCE", "POINTED", "PSEUDO_HEADER", "REDIRECT_INGRESS", "Action",
    "AddressFamily", "Annotated", "Array", "ArrayMap", "ArrayOfMaps", "ArrayType", "At", "AttachType",
    "BloomFilter", "Bounds", "Cell", "Cgroup", "CgroupArray", "CgroupStorage", "ChecksumLevel", "Clock",
    "Context", "ContextField", "Count", "CounterValue", "CpuMap", "CpuValue", "Declaration", "DeviceHash",
    "DeviceMap", "DeviceValue", "Direction", "Field", "Final", "GlobalArray", "HashMap", "HashOfMaps",
    "HeaderStart", "Inode", "InodeStorage", "Kernel", "KernelObject", "KernelStruct", "Length", "LpmTrie",
    "LruHashMap", "LruPerCpuHashMap", "MapFlag", "MapType", "NextHop4", "NextHop6", "NoStandIn",
    "PacketContext", "PerCpuArray", "PerCpuHashMap", "PerfEvent", "PerfEventArray", "PidInNamespace",
    "ProgramArray", "ProgramType", "Queue", "RawTracepoint", "Registers", "Rights", "RingBuffer", "RingQuery",
    "Role", "RoomMode", "Rounds", "RouteFlag", "RouteQuery4", "RouteQuery6", "RouteResult", "Signed",
    "SkLookup", "SkMsg", "Skb", "Sock", "SockAddr", "SockOps", "SockOpsEvent", "SockOpsFlag", "Socket",
    "SocketAddress4", "SocketAddress6", "SocketCommon", "SocketHash", "SocketMap", "SocketStorage", "SocketTuple4",
    "SocketTuple6", "SocketType", "SpinLock", "Stack", "StackFlag", "Struct", "Table", "TailCall", "Task",
    "TaskStorage", "TcpSocket", "TcpState", "Timer", "Tracepoint", "TransformState", "TunnelFlag",
    "TunnelKey4", "TunnelKey6", "Unsigned", "UpdatePolicy", "Verdict", "Width", "Xdp", "XdpAction", "XskMap",
    "be16", "be32", "be64", "callback", "checksum_add", "checksum_difference", "constant", "copy_from_user",
    "copy_from_user_task", "data_loc", "function", "get_branch_snapshot", "get_cgroup_classid",
    "get_current_ancestor_cgroup_id", "get_current_cgroup_id", "get_current_comm", "get_current_pid_tgid",
    "get_current_task", "get_current_task_btf", "get_current_uid_gid", "get_listener_sock",
    "get_ns_current_pid_tgid", "get_numa_node_id", "get_prandom_u32", "get_retval", "get_smp_processor_id",
    "get_task_stack", "global_array", "global_struct", "iterate", "jiffies64", "kfunc", "ktime_get_boot_ns",
    "ktime_get_coarse_ns", "ktime_get_tai_ns", "ktime_ns", "printk", "probe_read", "probe_read_kernel",
    "probe_read_kernel_str", "probe_read_str", "probe_read_user", "probe_read_user_str", "probe_write_user",
    "program", "redirect", "redirect_neigh", "redirect_neigh_to", "redirect_peer", "repeat", "run", "s8",
    "s16", "s32", "s64", "send_signal", "send_signal_thread", "set_retval", "sk_ancestor_cgroup_id",
    "sk_cgroup_id", "sk_fullsock", "sk_release", "skc_to_mptcp_sock", "skc_to_tcp6_sock",
    "skc_to_tcp_request_sock", "skc_to_tcp_sock", "skc_to_tcp_timewait_sock", "skc_to_udp6_sock",
    "skc_to_unix_sock", "standing_in", "strncmp", "strtol", "strtoul", "subprogram", "swap16", "swap32",
    "swap64", "task_pt_regs", "tcp_check_syncookie", "tcp_gen_syncookie", "tcp_raw_check_syncookie_ipv4",
    "tcp_raw_check_syncookie_ipv6", "tcp_raw_gen_syncookie_ipv4", "tcp_raw_gen_syncookie_ipv6", "tcp_sock",
    "u8", "u16", "u32", "u64", "variable", "volatile_u16", "volatile_u32", "width_of", "wrap",
]  # fmt: skip
