"""BPF maps as a kernel program declares and uses them; in CPython they behave as the kernel's do.

A map's kernel name is the name of the module variable that holds it. Its methods are helpers of the kernel, declared
as such with a stand-in each; those with "for tests" or "what user space does" in their docstring are not.
"""

from pybpf.compiler.lang.maps.arrays import ArrayMap, PerCpuArray
from pybpf.compiler.lang.maps.bloom import BloomFilter
from pybpf.compiler.lang.maps.cgroups import CgroupArray
from pybpf.compiler.lang.maps.declaration import Declaration
from pybpf.compiler.lang.maps.facts import MAP_SINCE, Clock, Direction, MapFlag, MapType, UpdatePolicy
from pybpf.compiler.lang.maps.hashes import HashMap, LruHashMap, LruPerCpuHashMap, PerCpuHashMap
from pybpf.compiler.lang.maps.lock import SpinLock
from pybpf.compiler.lang.maps.nested import ArrayOfMaps, HashOfMaps
from pybpf.compiler.lang.maps.perf import CounterValue, PerfEventArray
from pybpf.compiler.lang.maps.programs import ProgramArray, TailCall
from pybpf.compiler.lang.maps.queues import Queue, Stack
from pybpf.compiler.lang.maps.redirects import CpuMap, CpuValue, DeviceHash, DeviceMap, DeviceValue, XskMap
from pybpf.compiler.lang.maps.ring import RingBuffer, RingQuery
from pybpf.compiler.lang.maps.sockets import SocketHash, SocketMap
from pybpf.compiler.lang.maps.storages import CgroupStorage, InodeStorage, SocketStorage, TaskStorage
from pybpf.compiler.lang.maps.table import Table
from pybpf.compiler.lang.maps.timer import Timer
from pybpf.compiler.lang.maps.trie import LpmTrie

__all__ = [
    "MAP_SINCE",
    "ArrayMap",
    "ArrayOfMaps",
    "BloomFilter",
    "CgroupArray",
    "CgroupStorage",
    "Clock",
    "CounterValue",
    "CpuMap",
    "CpuValue",
    "Declaration",
    "DeviceHash",
    "DeviceMap",
    "DeviceValue",
    "Direction",
    "HashMap",
    "HashOfMaps",
    "InodeStorage",
    "LpmTrie",
    "LruHashMap",
    "LruPerCpuHashMap",
    "MapFlag",
    "MapType",
    "PerCpuArray",
    "PerCpuHashMap",
    "PerfEventArray",
    "ProgramArray",
    "Queue",
    "RingBuffer",
    "RingQuery",
    "SocketHash",
    "SocketMap",
    "SocketStorage",
    "SpinLock",
    "Stack",
    "Table",
    "TailCall",
    "TaskStorage",
    "Timer",
    "UpdatePolicy",
    "XskMap",
]
