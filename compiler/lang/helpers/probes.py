"""Reads of memory that may not be there: the kernel's and the user's, by address.

Nothing faults. What a read could not fill is zeroed where it fails as a whole. Helpers `..._str` copy up to a zero byte,
which they always write, and give the number of bytes with it, or a negative errno. In tracepoints and kprobes plain
`probe_read` guesses which of both an address is; it exists for kernels before 5.5.
"""

from __future__ import annotations

from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s64, u64
from pybpf.compiler.lang.memory import Array, Struct
from pybpf.compiler.lang.objects import Task


@row(4, "into #into address", "4.1")
def probe_read(into: Struct | Array[int], address: u64) -> bool:
    """Fill memory from an address in the kernel or, by guessing, of the user."""
    raise NoStandIn


@row(45, "into #into address", "4.11")
def probe_read_str(into: Struct | Array[int], address: u64) -> s64:
    """Copy text from an address in the kernel or, by guessing, of the user."""
    raise NoStandIn


@row(112, "into #into address", "5.5")
def probe_read_user(into: Struct | Array[int], address: u64) -> bool:
    """Fill memory from the task's own; False, and zeroes, when that is not there or not in memory now."""
    raise NoStandIn


@row(113, "into #into address", "5.5")
def probe_read_kernel(into: Struct | Array[int], address: u64) -> bool:
    """Fill memory from the kernel's; False, and zeroes, when that is not there."""
    raise NoStandIn


@row(114, "into #into address", "5.5")
def probe_read_user_str(into: Struct | Array[int], address: u64) -> s64:
    """Copy text from the task's memory."""
    raise NoStandIn


@row(115, "into #into address", "5.5")
def probe_read_kernel_str(into: Struct | Array[int], address: u64) -> s64:
    """Copy text from the kernel's memory."""
    raise NoStandIn


@row(36, "address source #source", "4.8")
def probe_write_user(address: u64, source: Struct | Array[int]) -> bool:
    """Overwrite the task's memory; for experiments. A kernel that is locked down does not have it, any other warns."""
    raise NoStandIn


@row(148, "into #into address", "5.10")
def copy_from_user(into: Struct | Array[int], address: u64) -> bool:
    """As probe_read_user, and waits for memory that must be fetched first: only in programs that may sleep."""
    raise NoStandIn


@row(191, "into #into address task 0", "5.18")
def copy_from_user_task(into: Struct | Array[int], address: u64, task: Task) -> bool:
    """As copy_from_user, from the memory of another task: only in programs that may sleep."""
    raise NoStandIn
