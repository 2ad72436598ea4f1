"""A fact about the kernel's types -> the instruction that holds it.

    rX = imm, rX += imm, ...     the immediate            rX = imm64     both halves of it
    load, store                  the offset, and the width when the field's width is another

An instruction that does not hold what the compiler says it holds is refused: it would be changed into something nobody wrote.
"""

from __future__ import annotations

import struct
from enum import IntEnum

from .core_facts import Fact
from .errors import ObjectError
from .spec import INSTRUCTION_SIZE

POISON_CALL = 195896080  # libbpf's and the kernel's number, 0xbad2310
_INSTRUCTION = struct.Struct("<BBhi")
_CALL, _LD_IMM64 = 0x85, 0x18
_SOURCE_IS_REGISTER, _WIDTH = 0x08, 0x18
_WIDTHS = {4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18}  # BPF_W, BPF_H, BPF_B, BPF_DW
_MASK_32, _MASK_64 = (1 << 32) - 1, (1 << 64) - 1


class _Class(IntEnum):
    """BPF_CLASS: the low three bits of an opcode."""

    LD = 0
    LDX = 1
    ST = 2
    STX = 3
    ALU = 4
    ALU64 = 7


def patch(code: bytearray, instruction: int, before: Fact, after: Fact, *, place: str) -> bool:
    """Put `after` where `before` stands; False when no such instruction can do it and it is to be poisoned.

    Raises ObjectError when the instruction is of another form or holds something else.
    """
    at = instruction * INSTRUCTION_SIZE
    if at + INSTRUCTION_SIZE > len(code):
        raise ObjectError(place, "there is no such instruction")
    opcode, registers, offset, immediate = _INSTRUCTION.unpack_from(code, at)
    match opcode & 0x07:
        case _Class.ALU | _Class.ALU64 if not opcode & _SOURCE_IS_REGISTER:
            _check(before, immediate & _MASK_32, before.value & _MASK_32, place)
            _INSTRUCTION.pack_into(code, at, opcode, registers, offset, _immediate(after.value, opcode, place))
            return True
        case _Class.LDX | _Class.ST | _Class.STX:
            _check(before, offset, before.value, place)
            return _patch_access(code, at, before, after, place)
        case _Class.LD if opcode == _LD_IMM64 and registers >> 4 == 0 and at + 2 * INSTRUCTION_SIZE <= len(code):
            second = _INSTRUCTION.unpack_from(code, at + INSTRUCTION_SIZE)
            _check(before, (immediate & _MASK_32) | (second[3] & _MASK_32) << 32, before.value & _MASK_64, place)
            _INSTRUCTION.pack_into(code, at, opcode, registers, offset, _wrapped_32(after.value))
            _INSTRUCTION.pack_into(code, at + INSTRUCTION_SIZE, *second[:3], _wrapped_32(after.value >> 32))
            return True
        case _:
            raise ObjectError(place, f"opcode {opcode:#x} holds no fact about a type")


def poison(code: bytearray, instruction: int) -> None:
    """Make an instruction one that the verifier refuses where it can be reached (both halves of a 64-bit constant)."""
    at = instruction * INSTRUCTION_SIZE
    halves = 2 if code[at] == _LD_IMM64 else 1
    code[at : at + halves * INSTRUCTION_SIZE] = _INSTRUCTION.pack(_CALL, 0, 0, POISON_CALL) * halves


def _patch_access(code: bytearray, at: int, before: Fact, after: Fact, place: str) -> bool:
    """A load or store: its offset, and its width when the field's is another and the value does not suffer."""
    opcode, registers, _, immediate = _INSTRUCTION.unpack_from(code, at)
    if not 0 <= after.value < 1 << 15:
        raise ObjectError(place, f"offset {after.value} does not fit into a load or store", "take the field's address and read it with a helper")
    if before.size != after.size:
        if not (before.widens and after.widens and after.size in _WIDTHS):
            return False
        if opcode & _WIDTH != _WIDTHS.get(before.size):
            raise ObjectError(place, f"it accesses a field of {before.size} bytes with another width")
        opcode = opcode & ~_WIDTH | _WIDTHS[after.size]
    _INSTRUCTION.pack_into(code, at, opcode, registers, after.value, immediate)
    return True


def _check(before: Fact, found: int, expected: int, place: str) -> None:
    if before.is_certain and found != expected:
        raise ObjectError(place, f"it holds {found}, its types say {expected}")


def _immediate(value: int, opcode: int, place: str) -> int:
    """`value` as an immediate, which is 32 bits; arithmetic of 64 bits carries its sign up."""
    wrapped = _wrapped_32(value)
    is_narrow = opcode & 0x07 == _Class.ALU and value <= _MASK_32
    if not is_narrow and value != wrapped & _MASK_64:
        raise ObjectError(place, f"{value:#x} does not fit into 32 bits")
    return wrapped


def _wrapped_32(value: int) -> int:
    low = value & _MASK_32
    return low - (1 << 32) if low >> 31 else low
