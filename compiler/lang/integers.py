"""The integer types of a kernel program: how many bits, signed or not, in which byte order.

To mypy and CPython each is a plain `int`; the width says how the value lies in memory and which values it can
have. Reading a big-endian field gives the number it means, so byte order never leaves the field that has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

Order = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class Width:
    """How an integer lies in memory: `bits` is 8, 16, 32 or 64; a signed one is in two's complement.

    A volatile one is really read and written each time. What is read back is any number of its width to the
    verifier, too: a loop that passes its state through one is verified as one round, not as every history.
    """

    bits: int
    order: Order = "little"
    volatile: bool = False
    signed: bool = False

    @property
    def octets(self) -> int:
        """The size in bytes."""
        return self.bits // 8

    @property
    def low(self) -> int:
        """The lowest number that fits."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """The highest number that fits."""
        return (1 << (self.bits - self.signed)) - 1

    def wrapped(self, value: int) -> int:
        """The number of this width with the same lower bits as `value`."""
        return (value - self.low) % (1 << self.bits) + self.low

    def read(self, memory: bytes | bytearray | memoryview) -> int:
        """The number that `octets` bytes mean."""
        return int.from_bytes(memory, self.order, signed=self.signed)

    def bytes_of(self, value: int) -> bytes:
        """A number that fits, as it lies in memory. Raises OverflowError for one that does not fit."""
        return value.to_bytes(self.octets, self.order, signed=self.signed)


u8 = Annotated[int, Width(8)]
u16 = Annotated[int, Width(16)]
u32 = Annotated[int, Width(32)]
u64 = Annotated[int, Width(64)]
s8 = Annotated[int, Width(8, signed=True)]
s16 = Annotated[int, Width(16, signed=True)]
s32 = Annotated[int, Width(32, signed=True)]
s64 = Annotated[int, Width(64, signed=True)]
volatile_u16 = Annotated[int, Width(16, volatile=True)]
volatile_u32 = Annotated[int, Width(32, volatile=True)]
be16 = Annotated[int, Width(16, "big")]
be32 = Annotated[int, Width(32, "big")]
be64 = Annotated[int, Width(64, "big")]


def width_of(hint: object) -> Width | None:
    """The Width of an integer annotation, or None when the annotation is not one of the types above."""
    for item in getattr(hint, "__metadata__", ()):
        if isinstance(item, Width):
            return item
    return None


def wrap(kind: object, value: int) -> int:
    """`value` as a number of type `kind` (u8 to s64): its lower bits, whatever they then mean.

    The one way to say that a result may leave its range, and that this is meant: wrap(u32, a - b).
    """
    width = width_of(kind)
    assert width is not None, f"{kind!r} is not an integer type"
    return width.wrapped(value)


def swap16(value: int) -> int:
    """The lower 16 bits of `value` with their two bytes exchanged."""
    return int.from_bytes((value & 0xFFFF).to_bytes(2, "little"), "big")


def swap32(value: int) -> int:
    """The lower 32 bits of `value` with their bytes in reverse order."""
    return int.from_bytes((value & 0xFFFFFFFF).to_bytes(4, "little"), "big")


def swap64(value: int) -> int:
    """The 64 bits of `value` with their bytes in reverse order."""
    return int.from_bytes((value & 0xFFFFFFFFFFFFFFFF).to_bytes(8, "little"), "big")
