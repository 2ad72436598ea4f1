"""Declaration: what every map says of itself, the attributes of BPF_MAP_CREATE, checked when it is made.

What the kernel would refuse at load is a TypeError or ValueError here, at import, with a sentence.
"""

from __future__ import annotations

from typing import ClassVar

from pybpf.compiler.lang.cells import cell_of
from pybpf.compiler.lang.integers import Width, width_of
from pybpf.compiler.lang.maps.facts import (
    FLAGS_OF,
    MAX_ENTRIES,
    MAX_KEY_OCTETS,
    MAX_PER_CPU_OCTETS,
    MAX_VALUE_OCTETS,
    PER_CPU,
    SPECIAL_IN,
    WITHOUT_ENTRIES,
    MapFlag,
    MapType,
)
from pybpf.compiler.lang.memory import Field, KernelObject, Struct

KernelType = Width | type[Struct]
StructType = type[Struct]  # for use in classes whose own `type` is the map's
U32 = Width(32)
U64 = Width(64)
S32 = Width(32, signed=True)


class Declaration:
    """The type, key, value, size and flags of a map. `key` and `value` are None where the kernel wants size 0.

    `extra` is map_extra. `inner` is the template of the maps that this one holds. `special` are the fields of a value
    that only the kernel writes: its spin lock, its timer.
    """

    type: ClassVar[MapType]
    inner: Declaration | None = None

    def __init__(self, key: object, value: object, max_entries: int, *, flags: MapFlag = MapFlag.NONE, extra: int = 0) -> None:
        self._check_entries(max_entries)
        self._check_flags(flags)
        self.key: KernelType | None = self._checked(key, "key", MAX_KEY_OCTETS)
        most = MAX_PER_CPU_OCTETS if self.type in PER_CPU else MAX_VALUE_OCTETS
        self.value: KernelType | None = self._checked(value, "value", most)
        self.max_entries, self.flags, self.extra = max_entries, flags, extra
        self._check_key()
        self.special: tuple[Field, ...] = self._special_fields()

    @property
    def view(self) -> StructType:
        """The struct that views on values are: the value itself, or the cell of an integer. Raises TypeError without values."""
        if self.value is None:
            raise TypeError(f"a {type(self).__name__} has no values to look at")
        return self.value if isinstance(self.value, type) else cell_of(self.value)

    def _check_entries(self, max_entries: int) -> None:
        if self.type in WITHOUT_ENTRIES:
            return
        if not 0 < max_entries <= MAX_ENTRIES:
            raise ValueError(f"a {type(self).__name__} has from 1 to {MAX_ENTRIES} entries, not {max_entries}")

    def _check_flags(self, flags: MapFlag) -> None:
        refused = flags & ~FLAGS_OF.get(self.type, MapFlag.NONE)
        if refused:
            raise ValueError(f"a {type(self).__name__} does not take {refused!r}")
        if MapFlag.RDONLY_PROG in flags and MapFlag.WRONLY_PROG in flags:
            raise ValueError("a map that programs neither read nor write is of no use")

    def _checked(self, hint: object, what: str, most: int) -> KernelType | None:
        """The kernel type of a key or value; TypeError when it is none or has no size, ValueError when it is too large."""
        kind = _kernel_type(hint, f"a {type(self).__name__}'s {what}")
        if kind is not None and not 0 < octets_of(kind) <= most:
            raise ValueError(f"a {type(self).__name__}'s {what} has from 1 to {most} bytes, not {octets_of(kind)}")
        return kind

    def _check_key(self) -> None:
        if isinstance(self.key, type) and any(_special(field) for field in self.key.layout.values()):
            raise TypeError(f"{self.key.__name__} cannot be a key: it has a spin lock or a timer")

    def _special_fields(self) -> tuple[Field, ...]:
        """The locks and timers of a value; TypeError where this type of map has none, or has it elsewhere than the kernel looks."""
        if not isinstance(self.value, type):
            return ()
        found = tuple(field for field in self.value.layout.values() if _special(field))
        for field in found:
            self._check_special(field, found)
        for field in self.value.layout.values():
            if isinstance(field.type, type) and field not in found and _contains_special(field.type):
                raise TypeError(f"{self.value.__name__}.{field.name} has a spin lock or a timer inside: make it a field of the value itself")
        return found

    def _check_special(self, field: Field, found: tuple[Field, ...]) -> None:
        assert isinstance(field.type, type) and isinstance(self.value, type)
        where = f"{self.value.__name__}.{field.name}"
        if self.type not in SPECIAL_IN[field.type.symbol]:
            raise TypeError(f"{where} is a {field.type.symbol}, which the values of a {type(self).__name__} cannot have")
        if sum(other.type is field.type for other in found) > 1:
            raise TypeError(f"{self.value.__name__} has more than one {field.type.symbol}")
        if field.offset % field.type.alignment_bytes:
            raise TypeError(f"{where} lies at byte {field.offset}, no multiple of {field.type.alignment_bytes}: do not pack the struct")
        if self.flags & (MapFlag.RDONLY_PROG | MapFlag.WRONLY_PROG):
            raise TypeError(f"{where} is a {field.type.symbol}: programs must be able to read and write its map")


def octets_of(kind: KernelType) -> int:
    """The size of a key or value in bytes."""
    return kind.octets if isinstance(kind, Width) else kind.size_bytes


def width_named(hint: object) -> Width | None:
    """The width of an integer type given as `u32` or as a Width, None for anything else."""
    return hint if isinstance(hint, Width) else width_of(hint)


def _kernel_type(hint: object, what: str) -> KernelType | None:
    if hint is None or (width := width_named(hint)) is not None:
        return None if hint is None else width
    if not (isinstance(hint, type) and issubclass(hint, Struct)):
        raise TypeError(f"{hint!r} cannot be {what}: use u8 to u64, s8 to s64, be16 to be64 or a Struct")
    if issubclass(hint, KernelObject) or hint.symbol in SPECIAL_IN:
        raise TypeError(f"{hint.__name__} cannot be {what}: it belongs to the kernel")
    if not hint.layout:
        raise TypeError(f"{hint.__name__} cannot be {what}: it has no fields")
    return hint


def _special(field: Field) -> bool:
    return isinstance(field.type, type) and field.type.symbol in SPECIAL_IN


def _contains_special(kind: type[Struct]) -> bool:
    return any(_special(field) or (isinstance(field.type, type) and _contains_special(field.type)) for field in kind.layout.values())
