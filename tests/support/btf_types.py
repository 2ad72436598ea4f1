"""Types written down one by one: a BTF for tests. Each method adds a type and returns its id."""

from __future__ import annotations

from pybpf.btf import Btf, Kind, Type, emit
from pybpf.btf_kernel import KernelTypes

SIGNED, BOOLEAN = 1 << 24, 4 << 24


class Types:
    """A BTF under construction."""

    def __init__(self) -> None:
        self.types: list[Type | None] = [None]
        self.strings = bytearray(b"\0")

    def add(
        self,
        kind: Kind,
        name: str = "",
        size_or_type: int = 0,
        entries: tuple[tuple[int, ...], ...] = (),
        *,
        flag: bool = False,
        vlen: int | None = None,
    ) -> int:
        count = 0 if kind in (Kind.INT, Kind.ARRAY, Kind.VAR) else len(entries)
        self.types.append(Type(kind, self.text(name), flag, count if vlen is None else vlen, size_or_type, entries))
        return len(self.types) - 1

    def text(self, value: str) -> int:
        if not value:
            return 0
        at = len(self.strings)
        self.strings += value.encode() + b"\0"
        return at

    def integer(self, name: str, size: int, encoding: int = 0) -> int:
        return self.add(Kind.INT, name, size, ((encoding | 8 * size,),))

    def pointer(self, target: int) -> int:
        return self.add(Kind.PTR, size_or_type=target)

    def array(self, element: int, count: int) -> int:
        return self.add(Kind.ARRAY, entries=((element, element, count),))

    def struct(self, name: str, size: int, *members: tuple[str, int, int], kind: Kind = Kind.STRUCT) -> int:
        """Members are (name, type, offset in bits)."""
        return self.add(kind, name, size, tuple((self.text(member), number, bits) for member, number, bits in members))

    def bit_struct(self, name: str, size: int, *members: tuple[str, int, int, int]) -> int:
        """Members are (name, type, offset in bits, width in bits or 0)."""
        entries = tuple((self.text(member), number, width << 24 | bits) for member, number, bits, width in members)
        return self.add(Kind.STRUCT, name, size, entries, flag=True)

    def enum(self, name: str, *values: tuple[str, int], signed: bool = False) -> int:
        entries = tuple((self.text(each), value & 0xFFFFFFFF) for each, value in values)
        return self.add(Kind.ENUM, name, 4, entries, flag=signed)

    def enum64(self, name: str, *values: tuple[str, int]) -> int:
        entries = tuple((self.text(each), value & 0xFFFFFFFF, value >> 32) for each, value in values)
        return self.add(Kind.ENUM64, name, 8, entries)

    def prototype(self, result: int, *parameters: int) -> int:
        return self.add(Kind.FUNC_PROTO, size_or_type=result, entries=tuple((self.text("p"), each) for each in parameters))

    def function(self, name: str, prototype: int, linkage: int) -> int:
        return self.add(Kind.FUNC, name, prototype, vlen=linkage)

    def variable(self, name: str, number: int, linkage: int = 1) -> int:
        return self.add(Kind.VAR, name, number, ((linkage,),))

    def number(self, value: int) -> int:
        """The type by which a map's declaration spells a number."""
        return self.pointer(self.array(self.integer("int", 4), value))

    def btf(self) -> Btf:
        return Btf(tuple(self.types), bytes(self.strings))

    def kernel(self) -> KernelTypes:
        """These types as if a kernel had them."""
        return KernelTypes(emit(self.btf()))
