"""Addresses as the interpreter has them: a buffer and an offset in it. None is the null pointer.

Every access is checked against its buffer; one that the verifier would refuse is an IrFault, our bug.
"""

from __future__ import annotations

from pybpf.compiler.lang import Array, ArrayType, Struct, Width
from pybpf.compiler.lang.memory import memory_of

Memory = bytearray | memoryview
Address = tuple[Memory, int]


class IrFault(AssertionError):
    """The IR did what no program may do. `place` is file:line:column; the front end should have refused it."""

    def __init__(self, place: str, message: str) -> None:
        self.place, self.message = place, message
        super().__init__(f"{place}: {message}")


def span(place: str, address: Address | None, offset: int, octets: int) -> tuple[Memory, int]:
    """(buffer, start) of `octets` bytes at `address + offset`, all of them there."""
    if address is None:
        raise IrFault(place, "None has no memory")
    memory, start = address
    start += offset
    try:
        size = len(memory)
    except ValueError:
        raise IrFault(place, "this view on the packet died when the packet moved") from None
    if start + octets > size:
        raise IrFault(place, f"bytes {start} to {start + octets} of {size}")
    return memory, start


def read(place: str, address: Address | None, offset: int, width: Width) -> int:
    """The number at `address + offset`."""
    memory, start = span(place, address, offset, width.octets)
    return width.read(memory[start : start + width.octets])


def write(place: str, address: Address | None, offset: int, width: Width, value: int) -> None:
    """Store the lower bits of `value`."""
    memory, start = span(place, address, offset, width.octets)
    memory[start : start + width.octets] = width.bytes_of(width.wrapped(value))


def view(place: str, address: Address | None, kind: type[Struct] | ArrayType) -> Struct | Array[int]:
    """The struct or array at an address, as the stand-ins of the language take it."""
    octets = kind.octets if isinstance(kind, ArrayType) else kind.size_bytes
    memory, start = span(place, address, 0, octets)
    seen = memoryview(memory)[start : start + octets]
    return Array(kind, seen) if isinstance(kind, ArrayType) else kind.view(seen)


def address(struct: Struct | None) -> Address | None:
    """Where a struct that the stand-ins gave lies."""
    return None if struct is None else (memory_of(struct), 0)
