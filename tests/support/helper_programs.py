"""A row of the helper table -> the smallest program that calls it as the row says, as instructions.

The registers are filled by the row alone: the context, a number of which nothing is known, zeroed memory of the stack, a
socket or a task. So a kernel that takes the program agrees with the row.

    r6 context    r7 a number    r8 socket or task    r9 start of the packet, 128 bytes of which are known to be there
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from pybpf.compiler.lang import Context, KernelObject, ProgramType, Struct
from pybpf.compiler.lang.helper import Helper, Pass, helper_of
from pybpf.compiler.lang.helpers.of_skb import SkbMethods
from pybpf.compiler.lang.helpers.of_socket_programs import (
    SkLookupMethods,
    SkMsgMethods,
    SockAddrMethods,
    SockMethods,
    SockOpsMethods,
)
from pybpf.compiler.lang.helpers.of_tracing import PerfEventMethods, TracingMethods
from pybpf.compiler.lang.helpers.of_xdp import XdpMethods
from pybpf.compiler.lang.objects import Socket, SocketCommon, Task

CONTEXTS: dict[ProgramType, type[Context]] = {
    ProgramType.SOCKET_FILTER: SkbMethods,
    ProgramType.KPROBE: TracingMethods,
    ProgramType.SCHED_CLS: SkbMethods,
    ProgramType.TRACEPOINT: TracingMethods,
    ProgramType.XDP: XdpMethods,
    ProgramType.PERF_EVENT: PerfEventMethods,
    ProgramType.CGROUP_SKB: SkbMethods,
    ProgramType.CGROUP_SOCK: SockMethods,
    ProgramType.SOCK_OPS: SockOpsMethods,
    ProgramType.SK_SKB: SkbMethods,
    ProgramType.SK_MSG: SkMsgMethods,
    ProgramType.RAW_TRACEPOINT: TracingMethods,
    ProgramType.CGROUP_SOCK_ADDR: SockAddrMethods,
    ProgramType.SK_LOOKUP: SkLookupMethods,
}
# Where the context has the start and the end of the packet, and with what instruction they are loaded
_WORD, _DOUBLE = 0x61, 0x79
PACKETS: dict[ProgramType, tuple[int, int, int]] = {
    ProgramType.SCHED_CLS: (76, 80, _WORD),
    ProgramType.XDP: (0, 4, _WORD),
    ProgramType.CGROUP_SKB: (76, 80, _WORD),
    ProgramType.SK_SKB: (76, 80, _WORD),
    ProgramType.SK_MSG: (0, 8, _DOUBLE),
    ProgramType.SOCK_OPS: (192, 200, _DOUBLE),
}
# Where the context has a socket; the other types look one up
_SOCKETS: dict[ProgramType, int] = {
    ProgramType.SOCKET_FILTER: 168,
    ProgramType.SOCK_OPS: 184,
    ProgramType.SK_MSG: 72,
    ProgramType.SK_LOOKUP: 0,
}
_KTIME, _LOOKUP_TCP, _RELEASE, _CURRENT_TASK = 5, 84, 86, 158
_FRAME, _SLOT, _TUPLE = -320, 64, -64  # the stack's zeroed part, each argument's share of it, a socket's addresses


@dataclass
class Assembler:
    """Instructions; `leave` is a forward jump to the end."""

    code: list[bytes] = field(default_factory=list)
    leaving: list[int] = field(default_factory=list)

    def emit(self, opcode: int, to: int = 0, source: int = 0, offset: int = 0, number: int = 0) -> None:
        """One instruction."""
        self.code.append(struct.pack("<BBhi", opcode, source << 4 | to, offset, number))

    def move(self, to: int, source: int) -> None:
        """Register to register."""
        self.emit(0xBF, to, source)

    def number(self, to: int, number: int) -> None:
        """A constant."""
        self.emit(0xB7, to, number=number)

    def call(self, number: int) -> None:
        """A helper."""
        self.emit(0x85, number=number)

    def leave(self, opcode: int, to: int, source: int = 0) -> None:
        """Go to the end if a comparison holds."""
        self.leaving.append(len(self.code))
        self.emit(opcode, to, source)

    def finished(self) -> bytes:
        """All of it, with `return 0` at the end."""
        for at in self.leaving:
            opcode, registers, _, number = struct.unpack("<BBhi", self.code[at])
            self.code[at] = struct.pack("<BBhi", opcode, registers, len(self.code) - at - 1, number)
        self.number(0, 0)
        self.emit(0x95)
        return b"".join(self.code)


def has_row(kind: ProgramType, row: Helper) -> bool:
    """Whether programs of this type can write the call: a function, or a method of their context."""
    owner, _, method = row.name.rpartition(".")
    return not owner or helper_of(getattr(CONTEXTS[kind], method, None)) == row


def memories(row: Helper) -> list[str]:
    """The parameters that take an address of memory."""
    signature = row.signature
    return [name for name, kind in signature.parameters if kind is Pass.MEMORY and not _is_object(signature.struct(name))]


def calling(row: Helper, kind: ProgramType, *, in_packet: str = "", uses_packet_after: bool = False) -> bytes:
    """The program. The parameter named by `in_packet` is given an address in the packet."""
    to = Assembler()
    to.move(6, 1)
    to.call(_KTIME)
    to.move(7, 0)
    for at in range(_FRAME, 0, 8):
        to.emit(0x7A, 10, offset=at)
    if in_packet or uses_packet_after:
        _find_packet(to, kind)
    held = _find_object(to, row, kind)
    for register, argument in enumerate(row.registers, 1):
        _fill(to, row, register, argument, in_packet)
    to.call(row.number)
    if row.acquires:
        _release(to, 0)
    if held and not row.releases:
        _release(to, 8)
    if uses_packet_after:
        to.emit(0x71, 1, 9)
    return to.finished()


def _find_packet(to: Assembler, kind: ProgramType) -> None:
    start, end, load = PACKETS[kind]
    to.emit(load, 9, 6, start)
    to.emit(load, 1, 6, end)
    to.move(2, 9)
    to.emit(0x07, 2, number=128)
    to.leave(0x2D, 2, 1)


def _find_object(to: Assembler, row: Helper, kind: ProgramType) -> bool:
    """Put a socket or a task in r8, if the row takes one; True when it must be released."""
    wanted = {struct for name in row.signature.structs if _is_object(struct := row.signature.struct(name))}
    if Task in wanted:
        to.call(_CURRENT_TASK)
        to.move(8, 0)
    if not wanted & {Socket, SocketCommon}:
        return False
    if kind in _SOCKETS:
        to.emit(_DOUBLE, 8, 6, _SOCKETS[kind])
        to.leave(0x15, 8)
        return False
    to.move(1, 6)
    to.move(2, 10)
    to.emit(0x07, 2, number=_TUPLE)
    for register, number in ((3, 12), (4, -1), (5, 0)):
        to.number(register, number)
    to.call(_LOOKUP_TCP)
    to.move(8, 0)
    to.leave(0x15, 8)
    return True


def _fill(to: Assembler, row: Helper, register: int, argument: str, in_packet: str) -> None:
    signature = row.signature
    kinds = dict(signature.parameters)
    if argument == "self":
        to.move(register, 6)
    elif argument.startswith("#"):
        to.number(register, _octets(signature.struct(argument[1:])))
    elif argument not in kinds:
        to.number(register, int(argument, 0))
    elif kinds[argument] is Pass.SCALAR:
        to.move(register, 7)
    elif kinds[argument] is Pass.LENGTH:
        to.move(register, 7)
        to.emit(0x57, register, number=_SLOT // 2 - 1)
        to.emit(0x07, register, number=1)
    elif _is_object(signature.struct(argument)):
        to.move(register, 8)
    elif argument == in_packet:
        to.move(register, 9)
    else:
        to.move(register, 10)
        to.emit(0x07, register, number=_FRAME + _SLOT * memories(row).index(argument))


def _release(to: Assembler, register: int) -> None:
    to.move(1, register)
    to.emit(0x15, 1, offset=1)
    to.call(_RELEASE)


def _octets(kind: type[Struct] | None) -> int:
    return _SLOT if kind is None else kind.size_bytes


def _is_object(kind: type[Struct] | None) -> bool:
    return kind is not None and issubclass(kind, KernelObject)


def pairs(rows: tuple[Helper, ...], available: dict[ProgramType, frozenset[int]]) -> Iterator[tuple[Helper, ProgramType]]:
    """Every row with every type of program that may call it."""
    for row in rows:
        yield from ((row, kind) for kind in ProgramType if row.number in available[kind] and has_row(kind, row))
