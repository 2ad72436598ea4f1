"""Every name a kernel program may use.

Under mypy and CPython these names check and run a program; the front end gives them their meaning in BPF.
Nothing here knows the compiler.
"""

from typing import Annotated, Final

from pybpf.compiler.lang import contexts, helpers, maps
from pybpf.compiler.lang.cells import Cell
from pybpf.compiler.lang.context import At, Bounds, Context, ContextField, PacketContext, Rights
from pybpf.compiler.lang.contexts import *  # noqa: F403
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
from pybpf.compiler.lang.helpers import *  # noqa: F403
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
from pybpf.compiler.lang.maps import *  # noqa: F403
from pybpf.compiler.lang.memory import Array, ArrayType, Count, Field, KernelObject, Struct
from pybpf.compiler.lang.objects import (
    AddressFamily,
    Cgroup,
    Inode,
    Socket,
    SocketType,
    Task,
    TcpSocket,
    TcpState,
)
from pybpf.compiler.lang.skb import PSEUDO_HEADER, REDIRECT_INGRESS, Action, Skb

__all__ = [
    "POINTED",
    "PSEUDO_HEADER",
    "REDIRECT_INGRESS",
    "Action",
    "AddressFamily",
    "Annotated",
    "Array",
    "ArrayType",
    "At",
    "AttachType",
    "Bounds",
    "Cell",
    "Cgroup",
    "Context",
    "ContextField",
    "Count",
    "Field",
    "Final",
    "GlobalArray",
    "Inode",
    "Kernel",
    "KernelObject",
    "KernelStruct",
    "PacketContext",
    "ProgramType",
    "Rights",
    "Role",
    "Rounds",
    "Skb",
    "Socket",
    "SocketType",
    "Struct",
    "Task",
    "TcpSocket",
    "TcpState",
    "Width",
    "be16",
    "be32",
    "be64",
    "callback",
    "constant",
    "function",
    "global_array",
    "global_struct",
    "iterate",
    "kfunc",
    "printk",
    "program",
    "repeat",
    "run",
    "s8",
    "s16",
    "s32",
    "s64",
    "subprogram",
    "swap16",
    "swap32",
    "swap64",
    "u8",
    "u16",
    "u32",
    "u64",
    "variable",
    "volatile_u16",
    "volatile_u32",
    "width_of",
    "wrap",
]
__all__ += contexts.__all__
__all__ += helpers.__all__
__all__ += maps.__all__
