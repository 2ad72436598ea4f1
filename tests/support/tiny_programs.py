"""Programs of a few instructions: one that returns a number, and ones that leave a trace in a map."""

from __future__ import annotations

import struct

from pybpf import maps, programs
from pybpf.kinds import LOADED_WITHOUT_HOOK, AttachType, MapType, ProgramType
from pybpf.maps import Map
from pybpf.programs import Program
from pybpf.spec import MapSpec, ProgramSpec

_EXIT = bytes.fromhex("9500000000000000")
_FIRST = bytes(4)
_GET_ATTACH_COOKIE = 174


def counter() -> Map:
    """A map of one u64."""
    return maps.create(MapSpec("counter", MapType.ARRAY, 4, 8, 1))


def count_of(counted: Map) -> int:
    """The number in it."""
    value = counted.lookup(_FIRST)
    assert value is not None
    return int.from_bytes(value, "little")


def returning(kind: ProgramType, value: int, hook: AttachType = AttachType.NONE) -> Program:
    """A program that does nothing but return `value`."""
    return _load(kind, hook, _instruction(0xB7, 0, 0, 0, value) + _EXIT)


def returning_argument(kind: ProgramType) -> Program:
    """A program that returns the first u64 of its context."""
    return _load(kind, AttachType.NONE, _instruction(0x79, 0, 1, 0, 0) + _EXIT)


def counting(kind: ProgramType, counted: Map, value: int = 0) -> Program:
    """A program that adds 1 to the counter and returns `value`."""
    return _load(kind, AttachType.NONE, _adding(counted, _instruction(0xB7, 1, 0, 0, 1), value))


def adding_cookie(kind: ProgramType, counted: Map) -> Program:
    """A program that adds its attachment's cookie to the counter."""
    cookie = (
        _instruction(0xBF, 7, 0, 0, 0)  # r7 = r0, the counter
        + _instruction(0xBF, 1, 6, 0, 0)  # r1 = the context
        + _instruction(0x85, 0, 0, 0, _GET_ATTACH_COOKIE)
        + _instruction(0xBF, 1, 0, 0, 0)  # r1 = the cookie
        + _instruction(0xBF, 0, 7, 0, 0)
    )
    return _load(kind, AttachType.NONE, _adding(counted, cookie, 0))


def spec(name: str, kind: ProgramType, value: int, hook: AttachType) -> ProgramSpec:
    """What an object with a program that returns `value` would ask for."""
    return ProgramSpec(name, "test", kind, hook, _instruction(0xB7, 0, 0, 0, value) + _EXIT)


def _adding(counted: Map, amount: bytes, value: int) -> bytes:
    """Code that finds the counter (r0), has `amount` put what to add into r1, adds it, returns `value`."""
    return (
        _instruction(0xBF, 6, 1, 0, 0)  # r6 = the context
        + _instruction(0x18, 1, 1, 0, counted.fileno()) + bytes(8)  # r1 = the map
        + _instruction(0x62, 10, 0, -4, 0)  # the key, on the stack
        + _instruction(0xBF, 2, 10, 0, 0) + _instruction(0x07, 2, 0, 0, -4)
        + _instruction(0x85, 0, 0, 0, 1)  # bpf_map_lookup_elem
        + _instruction(0x15, 0, 0, len(amount) // 8 + 1, 0)  # if r0 == 0: skip
        + amount
        + _instruction(0xDB, 0, 1, 0, 0)  # lock *r0 += r1
        + _instruction(0xB7, 0, 0, 0, value) + _EXIT
    )  # fmt: skip


def _load(kind: ProgramType, hook: AttachType, code: bytes) -> Program:
    expected = AttachType.NONE if kind in LOADED_WITHOUT_HOOK else hook
    return programs.create(ProgramSpec("tiny", "test", kind, expected, code), code, license_name="GPL")


def _instruction(opcode: int, target: int, source: int, offset: int, immediate: int) -> bytes:
    return struct.pack("<BBhi", opcode, source << 4 | target, offset, immediate)
