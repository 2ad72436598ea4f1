"""Context: what a program is called with. Its fields, and which types of program may read or write them.

A context class declares each field with its place in the kernel's struct:

    class Xdp(Context, symbol="xdp_md", packet=Bounds(0, 4)):
        ingress_interface: Annotated[int, At(12, u32, "ingress_ifindex")]

A field has no memory: the verifier rewrites each access to it, at exactly that offset. In CPython the fields are
attributes; those not given to the constructor are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_type_hints

from pybpf.compiler.lang.integers import Width, u32, width_of
from pybpf.compiler.lang.kinds import ProgramType, program_type, row_of
from pybpf.compiler.lang.memory import KernelObject, Struct

H = TypeVar("H", bound=Struct)
MAX_HEADER_OFFSET = 0x7FFF  # with a struct's size it stays below the verifier's MAX_PACKET_OFF (0xFFFF)


class At:
    """Where a context's field lies: its byte offset, the type of its value, and its name in the kernel's struct.

    `loads` is the type of the access when that is wider than the value: a be16 in the first bytes of a u32. A field
    whose value is a KernelObject is a pointer to one, or None.
    """

    __slots__ = ("loads", "offset", "symbol", "value")

    def __init__(self, offset: int, value: object = u32, symbol: str = "", loads: object = None) -> None:
        kind = value if isinstance(value, type) and issubclass(value, KernelObject) else width_of(value)
        access = Width(64) if isinstance(kind, type) else width_of(value if loads is None else loads)
        assert kind is not None and access is not None, f"{value!r} is not the type of a field"
        self.offset, self.value, self.symbol, self.loads = offset, kind, symbol, access


@dataclass(frozen=True, slots=True)
class ContextField:
    """One field: `access` bits are loaded at byte `offset`, and mean a `value`. `symbol` is the kernel's name for it."""

    name: str
    offset: int
    access: Width
    value: Width | type[KernelObject]
    symbol: str


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a context has the start and the end of the packet: byte offsets of two fields of `bits` (32, or 64 for pointers)."""

    data: int
    data_end: int
    bits: int = 32


@dataclass(frozen=True, slots=True)
class Rights:
    """What one type of program may do with a context: the names of fields it may not read, and of those it may write."""

    hidden: frozenset[str] = frozenset()
    writable: frozenset[str] = frozenset()
    reads_packet: bool = False
    writes_packet: bool = False


class Context:
    """The base of all contexts. `rights` has a row for each type of program whose context this is.

    Where the kernel decides by the hook and not by the type alone, `section_rights` has a row for each section (by its
    name in kinds.SECTIONS), and the type's row is what holds for all of them. Readers ask `rights_of`.
    """

    context_fields: ClassVar[dict[str, ContextField]] = {}
    symbol: ClassVar[str] = ""
    bounds: ClassVar[Bounds | None] = None
    rights: ClassVar[dict[ProgramType, Rights]] = {}
    section_rights: ClassVar[dict[str, Rights]] = {}

    def __init_subclass__(cls, symbol: str = "", packet: Bounds | None = None) -> None:
        cls.symbol, cls.bounds = symbol or cls.symbol, packet or cls.bounds
        own = [each for each in vars(cls) if not each.startswith("__") and callable(vars(cls)[each]) and any(each in vars(base) for base in cls.__mro__[1:])]
        if own and not cls.__module__.startswith("pybpf.compiler.lang."):
            raise TypeError(f"{cls.__name__} has {', '.join(own)} of its own, which no kernel program would see")
        found = dict(cls.context_fields)
        for name, hint in get_type_hints(cls, include_extras=True).items():
            place = next((note for note in getattr(hint, "__metadata__", ()) if isinstance(note, At)), None)
            if place is not None:
                found[name] = ContextField(name, place.offset, place.loads, place.value, place.symbol or name)
        cls.context_fields = found

    @classmethod
    def rights_of(cls, section: str) -> Rights:
        """What a program in `section` may do with this context. KeyError when this is not what such a program is called with."""
        row, kind = row_of(section), program_type(section)
        if row is None or kind is None:
            raise KeyError(section)
        return cls.section_rights.get(row, cls.rights[kind])

    def __init__(self, **fields: int | KernelObject | None) -> None:
        self._values: dict[int, Any] = {}  # by offset: two names of one place see each other's writes
        for name, value in fields.items():
            _put(self, name, value)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("_") or name not in type(self).context_fields:
                raise AttributeError(f"{type(self).__name__} has no field {name!r}")
            field = type(self).context_fields[name]
            return self._values.get(field.offset, 0 if isinstance(field.value, Width) else None)

        def __setattr__(self, name: str, value: Any) -> None:
            if name not in type(self).context_fields:
                object.__setattr__(self, name, value)
            elif any(name in row.writable for row in all_rights(type(self))):
                _put(self, name, value)
            else:
                raise AttributeError(f"{type(self).__name__}.{name} cannot be written by any program")


class PacketContext(Context):
    """A context with a packet: `octets` are the bytes it has, from what the program sees as its start."""

    def __init__(self, packet: bytes = b"", **fields: int | KernelObject | None) -> None:
        super().__init__(**fields)
        self.octets = bytearray(packet)

    def header(self, kind: type[H], offset: int) -> H | None:
        """The bytes [offset, offset + size) in place, or None when the packet's linear part is shorter."""
        if offset + kind.size_bytes > len(self.octets):
            return None
        return kind.view(memoryview(self.octets)[offset:])


    def slice(self, kind: type[H], offset: int, buffer: H) -> H | None:
        """The bytes [offset, offset + size) to read: in place where they are linear, else copied into `buffer`. None
        when the packet is shorter. Unlike `header` it reaches all of a packet (bpf_dynptr_slice, since 6.4)."""
        if offset + kind.size_bytes > len(self.octets):
            return None
        return kind.view(bytearray(self.octets[offset : offset + kind.size_bytes]))


def all_rights(context: type[Context]) -> tuple[Rights, ...]:
    """Every row of rights that a context has."""
    return (*context.rights.values(), *context.section_rights.values())


def names(*fields: str) -> frozenset[str]:
    """A set of names, for rows of rights."""
    return frozenset(fields)


def _put(context: Context, name: str, value: Any) -> None:
    """Give a field its value, whoever may write it: what the kernel does before the program runs."""
    field = type(context).context_fields.get(name)
    if field is None:
        raise AttributeError(f"{type(context).__name__} has no field {name!r}")
    if isinstance(field.value, Width):
        assert field.value.low <= value <= field.value.high, f"{name} = {value} does not fit {field.value.bits} bits"
    context._values[field.offset] = value
