"""The kernel helpers a program may call, as one table: number, arguments, result, first kernel.

Numbers and argument orders are those of enum bpf_func_id and the comments above it
(include/uapi/linux/bpf.h). The Python method or function a row belongs to is its CPython stand-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Result(Enum):
    """What a helper's return value means to the program."""

    NUMBER = auto()  # an unsigned 64-bit number
    UNSIGNED32 = auto()  # its lower 32 bits
    SUCCESS = auto()  # bool: the helper returned 0
    NULLABLE = auto()  # a view on the map's value, or None
    NOTHING = auto()  # no value


class Pass(Enum):
    """How one argument register of a helper is filled."""

    CONTEXT = auto()  # the program's context
    MAP = auto()  # the map the method is called on
    SCALAR = auto()  # the next Python argument, a number
    MEMORY = auto()  # the next Python argument, a Struct view, bytes constant or array: its address
    MEMORY_SIZE = auto()  # the size in bytes of the last MEMORY argument
    LENGTH = auto()  # the next Python argument: how many bytes, from 1 to the power of two within the last MEMORY
    KEY = auto()  # the next Python argument as the map's key: its address
    ZERO = auto()  # 0


@dataclass(frozen=True, slots=True)
class Helper:
    """One row: `arguments` says how R1..R5 are filled.

    After a helper that `moves_packet`, views on the packet are dead (bpf_helper_changes_pkt_data in
    net/core/filter.c; a tail call counts since 6.13, for the program it goes to may do any of it). One that
    `takes_packet` may be given the address of packet memory (pkt_access of its struct bpf_func_proto).
    """

    number: int
    arguments: tuple[Pass, ...]
    result: Result
    since: str
    moves_packet: bool = False
    takes_packet: bool = False


_C, _M, _S, _P, _N, _L, _K, _Z = (
    Pass.CONTEXT, Pass.MAP, Pass.SCALAR, Pass.MEMORY, Pass.MEMORY_SIZE, Pass.LENGTH, Pass.KEY, Pass.ZERO,
)  # fmt: skip

LOOP = 181  # bpf_loop, since 5.17: has its own node, for its argument is a function
MAX_REPEATS = 1 << 23  # BPF_MAX_LOOPS (include/linux/bpf_verifier.h): for more, bpf_loop does nothing at all

# "Class.method" or "function" -> its helper
HELPERS: dict[str, Helper] = {
    "Table.lookup": Helper(1, (_M, _K), Result.NULLABLE, "3.18", takes_packet=True),
    "Table.update": Helper(2, (_M, _K, _P, _Z), Result.SUCCESS, "3.18", takes_packet=True),
    "Table.delete": Helper(3, (_M, _K), Result.SUCCESS, "3.18", takes_packet=True),
    "ProgramArray.tail_call": Helper(12, (_C, _M, _S), Result.NOTHING, "4.2", moves_packet=True),
    "RingBuffer.output": Helper(130, (_M, _P, _N, _Z), Result.SUCCESS, "5.8"),
    "Skb.store": Helper(9, (_C, _S, _P, _N, _Z), Result.SUCCESS, "4.1", moves_packet=True),
    "Skb.load": Helper(26, (_C, _S, _P, _N), Result.SUCCESS, "4.5"),
    "Skb.load_bytes": Helper(26, (_C, _S, _P, _L), Result.SUCCESS, "4.5"),
    "Skb.replace_l4_checksum": Helper(11, (_C, _S, _S, _S, _S), Result.SUCCESS, "4.1", moves_packet=True),
    "Skb.clone_redirect": Helper(13, (_C, _S, _S), Result.SUCCESS, "4.2", moves_packet=True),
    "Skb.change_tail": Helper(38, (_C, _S, _Z), Result.SUCCESS, "4.9", moves_packet=True),
    "Skb.pull": Helper(39, (_C, _S), Result.SUCCESS, "4.9", moves_packet=True),
    "checksum_add": Helper(28, (_Z, _Z, _P, _N, _S), Result.UNSIGNED32, "4.6", takes_packet=True),
    "ktime_ns": Helper(5, (), Result.NUMBER, "4.1"),
}
