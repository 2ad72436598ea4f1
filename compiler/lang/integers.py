"""The integer types of a kernel program: how many bits, in which byte order.

To mypy and CPython each is a plain `int`; the width says how the value lies in memory. Reading a big-endian
field gives the number it means, so byte order never leaves the field that has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

Order = Literal["little", "big"]


@dataclass(frozen=True, slots=True)
class Width:
    """How an integer lies in memory: `bits` is 8, 16, 32 or 64.

    A volatile one is really read and written each time. What is read back is any number of its width to the
    verifier, too: a loop that passes its state through one is verified as one round, not as every history.
    """

    bits: int
    order: Order = "little"
    volatile: bool = False

    @property
    def octets(self) -> int:
        """The size in bytes."""
        return self.bits // 8


u8 = Annotated[int, Width(8)]
u16 = Annotated[int, Width(16)]
u32 = Annotated[int, Width(32)]
u64 = Annotated[int, Width(64)]
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
