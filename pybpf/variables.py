"""Global variables: set in a spec before it is loaded, read and written in the kernel afterwards.

Before, any of them may be set, and constants only then: the verifier counts on their values. Afterwards a write goes through shared
memory, because an update of the map would write the section's other variables too, with what they were when it was read. A number
of natural alignment is read and written in one machine access; that is all there is of order between this process and the programs.
"""

from __future__ import annotations

import difflib
import mmap
import struct
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from .errors import KernelError, ObjectError
from .kinds import MapFlag
from .maps import Map
from .spec import MapSpec, NumberKind, ObjectSpec, VariableSpec

_FIRST = bytes(4)  # the key of a one-element array
# size in bytes -> struct's and memoryview's letter for a number that takes one machine access
_LETTERS: dict[int, Literal["B", "H", "I", "Q"]] = {1: "B", 2: "H", 4: "I", 8: "Q"}
Octets = bytes  # the type's name inside a class that has a property `bytes`


def with_values(spec: ObjectSpec, values: Mapping[str, int | bytes]) -> ObjectSpec:
    """`spec` with these first values for its global variables, by name. Pure.

    Raises ObjectError for a name that is no variable of the object and a value that does not fit its variable.
    """
    maps = dict(spec.maps)
    for name, value in values.items():
        variable = spec.variables.get(name)
        if variable is None:
            raise _no_such_variable(name, spec)
        maps[variable.map_name] = _written(maps[variable.map_name], variable, value)
    return replace(spec, maps=maps)


def _written(section: MapSpec, variable: VariableSpec, value: int | bytes) -> MapSpec:
    contents = bytearray(section.contents if section.contents is not None else bytes(section.value_size))
    try:
        contents[variable.offset : variable.offset + variable.size] = encoded(variable, value)
    except (TypeError, ValueError) as error:
        raise ObjectError(f"variable {variable.name!r}", str(error), f"give {_wanted(variable)}") from error
    return replace(section, contents=bytes(contents))


def _no_such_variable(name: str, spec: ObjectSpec) -> ObjectError:
    if name in spec.maps:
        return ObjectError(f"variable {name!r}", "that is a map, not a variable", "write to the map after loading")
    near = difflib.get_close_matches(name, spec.variables, n=3)
    known = ", ".join(sorted(spec.variables)) or "none that has a type; compile with -g"
    hint = f"did you mean {' or '.join(repr(each) for each in near)}?" if near else f"it has {known}"
    return ObjectError(f"variable {name!r}", "the object has no variable of that name", hint)


def encoded(variable: VariableSpec, value: int | bytes) -> bytes:
    """The bytes that `value` is in `variable`. TypeError for a number where there is none, ValueError for what does not fit."""
    if isinstance(value, int):
        if variable.number is None:
            raise TypeError(f"it is no number but {variable.size} bytes")
        low, high = _range(variable.number, variable.size)
        if not low <= value <= high:
            raise ValueError(f"{value} is outside {low}..{high}")
        order = "big" if variable.number is NumberKind.BIG_ENDIAN else sys.byteorder
        return value.to_bytes(variable.size, order, signed=variable.number is NumberKind.SIGNED)
    if len(value) != variable.size:
        raise ValueError(f"{len(value)} bytes do not fit its {variable.size}")
    return bytes(value)


def decoded(variable: VariableSpec, octets: bytes) -> int:
    """The number that `octets` are in `variable`. TypeError when it is none."""
    if variable.number is None:
        raise TypeError(f"variable {variable.name!r} is no number but {variable.size} bytes: use .bytes")
    order = "big" if variable.number is NumberKind.BIG_ENDIAN else sys.byteorder
    return int.from_bytes(octets, order, signed=variable.number is NumberKind.SIGNED)


def _range(number: NumberKind, size: int) -> tuple[int, int]:
    match number:
        case NumberKind.BOOLEAN:
            return 0, 1
        case NumberKind.SIGNED:
            return -(1 << 8 * size - 1), (1 << 8 * size - 1) - 1
        case NumberKind.UNSIGNED | NumberKind.BIG_ENDIAN:
            return 0, (1 << 8 * size) - 1


def _wanted(variable: VariableSpec) -> str:
    if variable.number is None:
        return f"exactly {variable.size} bytes"
    low, high = _range(variable.number, variable.size)
    return f"a number from {low} to {high}, or exactly {variable.size} bytes"


class Variable:
    """A global variable in the kernel. Borrows its section's memory: it lives as long as what was loaded."""

    __slots__ = ("_section", "spec")

    def __init__(self, spec: VariableSpec, section: SectionMemory) -> None:
        self.spec = spec
        self._section = section

    @property
    def value(self) -> int:
        """Its number. TypeError when it is none (an array, a struct): use `bytes`."""
        return decoded(self.spec, self.bytes)

    @value.setter
    def value(self, number: int) -> None:
        self.bytes = encoded(self.spec, number)

    @property
    def bytes(self) -> Octets:
        """All of it, as it lies in memory."""
        return self._section.read(self.spec)

    @bytes.setter  # noqa: A003 - the property, not the type
    def bytes(self, octets: Octets) -> None:
        if self.spec.is_constant:
            raise TypeError(f"variable {self.spec.name!r} is a constant: set it before loading, with load(constants=...)")
        self._section.write(self.spec, encoded(self.spec, octets))

    def __repr__(self) -> str:
        return f"Variable({self.spec.name!r}, {self.spec.size} bytes of {self.spec.map_name})"


class SectionMemory:
    """One data section in the kernel: its map, and the map's memory in this process from the first use on. Borrows the map."""

    __slots__ = ("_is_mappable", "_map", "_memory")

    def __init__(self, section: Map) -> None:
        self._map = section
        self._is_mappable = bool(section.info().map_flags & MapFlag.MMAPABLE)
        self._memory: mmap.mmap | None = None

    def read(self, variable: VariableSpec) -> bytes:
        """The variable's bytes as they are now."""
        end = variable.offset + variable.size
        if not self._is_mappable:
            contents = self._map.lookup(_FIRST)
            return b"" if contents is None else contents[variable.offset : end]
        with memoryview(self._mapped()) as whole, whole[variable.offset : end] as part:
            if _is_one_access(variable):
                with part.cast(_LETTERS[variable.size]) as cell:
                    return struct.pack(f"={_LETTERS[variable.size]}", cell[0])
            return bytes(part)

    def write(self, variable: VariableSpec, octets: bytes) -> None:
        """Set the variable's bytes and no others. TypeError for a map that was given and cannot be memory-mapped."""
        if not self._is_mappable:
            raise TypeError(f"variable {variable.name!r} lies in a map that is not memory-mapped: make the map with MapFlag.MMAPABLE")
        with memoryview(self._mapped()) as whole, whole[variable.offset : variable.offset + variable.size] as part:
            if _is_one_access(variable):
                with part.cast(_LETTERS[variable.size]) as cell:
                    (cell[0],) = struct.unpack(f"={_LETTERS[variable.size]}", octets)
            else:
                part[:] = octets

    def close(self) -> None:
        """Give the memory back. Closing twice does nothing."""
        memory, self._memory = self._memory, None
        if memory is not None:
            memory.close()

    def _mapped(self) -> mmap.mmap:
        if self._memory is None:
            pages = -(-self._map.value_size // mmap.PAGESIZE)
            try:
                self._memory = mmap.mmap(self._map.fileno(), pages * mmap.PAGESIZE)
            except OSError as error:
                raise KernelError("mmap", error.errno or 0, f"map {self._map.name!r}") from error
        return self._memory


def _is_one_access(variable: VariableSpec) -> bool:
    return variable.size in _LETTERS and variable.offset % variable.size == 0


def variables(specs: Iterable[VariableSpec], sections: Mapping[str, SectionMemory]) -> dict[str, Variable]:
    """The live variables by name. `sections` is by map name."""
    return {spec.name: Variable(spec, sections[spec.map_name]) for spec in specs}
