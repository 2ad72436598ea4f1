"""Struct and Array: typed views on somebody's memory.

The layout is C's: fields in declaration order, each at a multiple of its alignment, unless the class says
`packed=True`. A view never copies: two views on one memory see each other's writes, as pointers do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import get_annotations
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Generic,
    Self,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from pybpf.compiler.lang.integers import Width, width_of

E = TypeVar("E", bound=int)


MAX_ELEMENTS = 1 << 24  # what BTF and the offsets of instructions can say is more; no map's value is


@dataclass(frozen=True, slots=True)
class Count:
    """How many elements a fixed array has: `Annotated[Array[u8], Count(64)]`."""

    elements: int

    def __post_init__(self) -> None:
        if not isinstance(self.elements, int) or not 0 < self.elements <= MAX_ELEMENTS:
            raise ValueError(f"an array has from 1 to {MAX_ELEMENTS} elements, not {self.elements!r}")


@dataclass(frozen=True, slots=True)
class ArrayType:
    """A fixed array of integers inside a Struct or a global."""

    element: Width
    count: int

    @property
    def octets(self) -> int:
        """The size in bytes."""
        return self.element.octets * self.count


@dataclass(frozen=True, slots=True)
class Field:
    """Where a field lies: `offset` in bytes from the start of its Struct."""

    name: str
    offset: int
    type: Width | ArrayType | type[Struct]


class Array(Generic[E]):
    """A fixed array of integers: a view on memory, indexed from 0; out of range raises IndexError."""

    __slots__ = ("_memory", "_type")

    def __init__(self, kind: ArrayType, memory: memoryview) -> None:
        self._type, self._memory = kind, memory[: kind.octets]

    def __len__(self) -> int:
        return self._type.count

    def __getitem__(self, index: int) -> int:
        size = self._place(index)
        return self._type.element.read(self._memory[index * size : (index + 1) * size])

    def __setitem__(self, index: int, value: int) -> None:
        size = self._place(index)
        element = self._type.element
        assert element.low <= value <= element.high, f"{value} does not fit {8 * size} bits"
        self._memory[index * size : (index + 1) * size] = element.bytes_of(value)

    def word(self, at: int) -> int:
        """The eight bytes from byte `at`, as a little-endian number; unaligned is fine."""
        if not 0 <= at <= self._type.octets - 8:
            raise IndexError(f"word at {at} of {self._type.octets} bytes")
        return int.from_bytes(self._memory[at : at + 8], "little")

    def fill(self, content: bytes) -> None:
        """Write `content` over the start of the array; for tests and for initial values."""
        self._memory[: len(content)] = content

    def _place(self, index: int) -> int:
        if not 0 <= index < self._type.count:
            raise IndexError(f"index {index} of {self._type.count}")
        return self._type.element.octets

    def __bytes__(self) -> bytes:
        return bytes(self._memory)


class Struct:
    """A C struct. `Kind()` has memory of its own, zeroed; `Kind.view(memory)` looks at somebody else's."""

    layout: ClassVar[dict[str, Field]] = {}
    symbol: ClassVar[str]  # the name of the struct in C and BTF
    size_bytes: ClassVar[int]
    alignment_bytes: ClassVar[int]
    _packed: ClassVar[bool] = False
    _memory: memoryview

    def __init_subclass__(cls, packed: bool | None = None, symbol: str = "") -> None:
        cls.symbol = symbol or cls.__name__
        base = _base(cls)
        cls._packed = base._packed if packed is None else packed
        if base.layout and cls._packed != base._packed:
            raise TypeError(f"{cls.__name__} is not packed as {base.__name__}, whose fields come first")
        cls.layout, at, strictest = {}, 0, 1
        for name, hint in _declared(cls, base):
            kind, size, alignment = _measure(cls, name, hint)
            alignment = 1 if cls._packed else alignment
            at += -at % alignment
            cls.layout[name] = Field(name, at, kind)
            at, strictest = at + size, max(strictest, alignment)
        cls.size_bytes, cls.alignment_bytes = at + -at % strictest, strictest

    def __init__(self) -> None:
        object.__setattr__(self, "_memory", memoryview(bytearray(type(self).size_bytes)))

    @classmethod
    def view(cls, memory: memoryview | bytearray) -> Self:
        """The first bytes of `memory` seen as this struct; raises ValueError when there are too few."""
        if len(memory) < cls.size_bytes:
            raise ValueError(f"{cls.__name__} needs {cls.size_bytes} bytes, not {len(memory)}")
        self = cls.__new__(cls)
        object.__setattr__(self, "_memory", memoryview(memory)[: cls.size_bytes])
        return self

    @classmethod
    def of(cls, **fields: int) -> Self:
        """A new struct with these fields set; for user space and tests."""
        self = cls()
        for name, value in fields.items():
            setattr(self, name, value)
        return self

    def copy_from(self, other: Self) -> None:
        """Overwrite every byte of this struct with those of `other`."""
        self._memory[:] = other._memory

    def compare_exchange(self, field: str, expected: int, desired: int) -> int:
        """Atomically: read the field, and if it is `expected` set it to `desired`. Returns what was read."""
        found: int = getattr(self, field)
        if found == expected:
            setattr(self, field, desired)
        return found

    def add_atomic(self, field: str, amount: int) -> None:
        """Atomically add to the field; wraps at its width."""
        self.fetch_add(field, amount)

    def and_atomic(self, field: str, mask: int) -> None:
        """Atomically keep only the bits of the field that `mask` has. Since 5.12."""
        self.fetch_and(field, mask)

    def or_atomic(self, field: str, bits: int) -> None:
        """Atomically set bits of the field. Since 5.12."""
        self.fetch_or(field, bits)

    def xor_atomic(self, field: str, bits: int) -> None:
        """Atomically flip bits of the field. Since 5.12."""
        self.fetch_xor(field, bits)

    def fetch_add(self, field: str, amount: int) -> int:
        """`add_atomic` that returns what was read. Since 5.12."""
        return self._change(field, lambda found: found + amount)

    def fetch_and(self, field: str, mask: int) -> int:
        """`and_atomic` that returns what was read. Since 5.12."""
        return self._change(field, lambda found: found & mask)

    def fetch_or(self, field: str, bits: int) -> int:
        """`or_atomic` that returns what was read. Since 5.12."""
        return self._change(field, lambda found: found | bits)

    def fetch_xor(self, field: str, bits: int) -> int:
        """`xor_atomic` that returns what was read. Since 5.12."""
        return self._change(field, lambda found: found ^ bits)

    def exchange(self, field: str, desired: int) -> int:
        """Atomically set the field. Returns what was read. Since 5.12."""
        return self._change(field, lambda _: desired)

    def _change(self, field: str, change: Callable[[int], int]) -> int:
        """Set a field to what `change` makes of it, cut to its width. Returns what was there."""
        place = type(self).layout[field]
        assert isinstance(place.type, Width)
        found: int = getattr(self, field)
        setattr(self, field, place.type.wrapped(change(found)))
        return found

    def __bytes__(self) -> bytes:
        return bytes(self._memory)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in type(self).layout)})"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            field = type(self).layout.get(name)
            if field is None:
                raise AttributeError(f"{type(self).__name__} has no field {name!r}")
            match field.type:
                case Width() as width:
                    return width.read(self._memory[field.offset : field.offset + width.octets])
                case ArrayType() as array:
                    return Array(array, self._memory[field.offset :])
                case inner:
                    return inner.view(self._memory[field.offset :])

        def __setattr__(self, name: str, value: int) -> None:
            field = type(self).layout.get(name)
            if field is None or not isinstance(field.type, Width):
                raise AttributeError(f"{type(self).__name__}.{name} cannot be assigned")
            width = field.type
            assert width.low <= value <= width.high, f"{name} = {value} does not fit {width.bits} bits"
            self._memory[field.offset : field.offset + width.octets] = width.bytes_of(value)


def memory_of(view: Struct | Array[Any]) -> memoryview:
    """The memory that a view looks at: exactly its bytes, not a copy."""
    return view._memory


# What makes a Struct a view: a class that has its own is not what a kernel program sees.
_LANGUAGE = "pybpf.compiler.lang."
_OURS = frozenset({"__init__", "__new__", "__getattr__", "__setattr__", "__getattribute__", "__delattr__", "__init_subclass__", "__bytes__", "__len__"})


def _base(cls: type[Struct]) -> type[Struct]:
    """The one Struct that a class extends. Raises TypeError for several."""
    bases = [each for each in cls.__bases__ if issubclass(each, Struct)]
    if len(bases) > 1:
        raise TypeError(f"{cls.__name__} extends several Structs: make all but one of them fields")
    return bases[0]


def _declared(cls: type[Struct], base: type[Struct]) -> list[tuple[str, object]]:
    """(name, annotation) of each field, those of the base first. Raises TypeError for what would be another thing in CPython."""
    hints = get_type_hints(cls, include_extras=True)
    for name in get_annotations(cls):
        if ClassVar in (hints[name], get_origin(hints[name])):
            continue
        if name in vars(cls):
            raise TypeError(f"{cls.__name__}.{name} has a value: fields start as zeroes")
        if name in base.layout:
            raise TypeError(f"{cls.__name__}.{name} is a field of {base.__name__} already")
        if hasattr(Struct, name) or name in get_annotations(Struct) or name == "_section" or (name.startswith("__") and name.endswith("__")):
            raise TypeError(f"{cls.__name__}.{name}: every Struct has something of that name; use another")
    methods = () if cls.__module__.startswith(_LANGUAGE) else (each for each in vars(cls) if hasattr(Struct, each) and not each.startswith("__"))
    if own := sorted({*(_OURS & vars(cls).keys()), *methods} - {"symbol", "layout", "_packed"}):
        raise TypeError(f"{cls.__name__} has {', '.join(own)} of its own, which no kernel program would see")
    return [(name, hint) for name, hint in hints.items() if name not in get_annotations(Struct) and ClassVar not in (hint, get_origin(hint))]


def _measure(owner: type[Struct], name: str, hint: object) -> tuple[Width | ArrayType | type[Struct], int, int]:
    """(type, size, natural alignment) of a field's annotation; TypeError when it is none the language has."""
    if (width := width_of(hint)) is not None:
        return width, width.octets, width.octets
    if isinstance(hint, type) and issubclass(hint, Struct):
        return hint, hint.size_bytes, hint.alignment_bytes
    if get_origin(hint) is Annotated:
        base, *notes = get_args(hint)
        count = next((note for note in notes if isinstance(note, Count)), None)
        if get_origin(base) is Array and count is not None and (element := width_of(get_args(base)[0])):
            return ArrayType(element, count.elements), element.octets * count.elements, element.octets
    raise TypeError(f"{owner.__name__}.{name}: {hint!r} is not a kernel type (u8..u64, s8..s64, be16..be64, Struct, counted Array)")


# Last, for what measures it stands above.
class KernelObject(Struct):
    """An object of the kernel that programs only hold a pointer to: never made, copied or written by them.

    The verifier rewrites each access to it, at exactly the offset of a field.
    """
