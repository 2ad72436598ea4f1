"""Every name a kernel program may use.

Under mypy and CPython these names check and run a program; the front end gives them their meaning in BPF.
Nothing here knows the compiler.
"""

from typing import Annotated, Final

from pybpf.compiler.lang.declare import (
    GlobalArray,
    Kernel,
    Role,
    callback,
    function,
    global_array,
    program,
    repeat,
    run,
)
from pybpf.compiler.lang.integers import (
    Width,
    be16,
    be32,
    be64,
    u8,
    u16,
    u32,
    u64,
    volatile_u16,
    volatile_u32,
    width_of,
)
from pybpf.compiler.lang.maps import (
    ArrayMap,
    Declaration,
    HashMap,
    LpmTrie,
    LruHashMap,
    MapFlag,
    MapType,
    PerCpuArray,
    ProgramArray,
    RingBuffer,
    Table,
    TailCall,
)
from pybpf.compiler.lang.memory import Array, ArrayType, Count, Field, Struct
from pybpf.compiler.lang.skb import PSEUDO_HEADER, REDIRECT_INGRESS, Action, Skb, checksum_add, ktime_ns

__all__ = [
    "PSEUDO_HEADER",
    "REDIRECT_INGRESS",
    "Action",
    "Annotated",
    "Array",
    "ArrayMap",
    "ArrayType",
    "Count",
    "Declaration",
    "Field",
    "Final",
    "GlobalArray",
    "HashMap",
    "Kernel",
    "LpmTrie",
    "LruHashMap",
    "MapFlag",
    "MapType",
    "PerCpuArray",
    "ProgramArray",
    "RingBuffer",
    "Role",
    "Skb",
    "Struct",
    "Table",
    "TailCall",
    "Width",
    "be16",
    "be32",
    "be64",
    "callback",
    "checksum_add",
    "function",
    "global_array",
    "ktime_ns",
    "program",
    "repeat",
    "run",
    "u8",
    "u16",
    "u32",
    "u64",
    "volatile_u16",
    "volatile_u32",
    "width_of",
]
