"""The running kernel's types: a BTF blob of megabytes, indexed by name and read type by type as it is asked.

vmlinux has some 130,000 types in 5 MB. Reading each into an object takes a second; here one pass notes only where each type
begins and what name it has (0.1 s), and a type is read when somebody wants it. Not here: types of kernel modules.
"""

from __future__ import annotations

import errno
from array import array
from collections.abc import Collection
from functools import cache
from pathlib import Path

from .btf import RECORD_WORDS, SINGLE_WORDS, Kind, Type, TypeTable, parse_type, split, text_at
from .errors import NotSupported, ObjectError

VMLINUX = Path("/sys/kernel/btf/vmlinux")
_HEADER_WORDS = 3
# by kind; a kind that is unknown here ends the index with KeyError, for nobody knows where the next type begins
_FIXED_WORDS = {int(kind): _HEADER_WORDS + SINGLE_WORDS.get(kind, 0) for kind in Kind}
_WORDS_PER_RECORD = {int(kind): RECORD_WORDS.get(kind, 0) for kind in Kind}


class KernelTypes(TypeTable):
    """A TypeTable over a blob. What has been read is kept."""

    __slots__ = ("_blob", "_numbers", "_read", "_starts", "_strings")

    def __init__(self, blob: bytes) -> None:
        """Index `blob`. Raises ObjectError on damage and on kinds that are unknown here."""
        parts = split(blob)
        self._blob, self._strings = parts.types, parts.strings
        self._starts, self._numbers = _index(parts.types)
        self._read: dict[int, Type] = {}

    def type(self, number: int) -> Type:
        """Type `number`; ObjectError for void or beyond the end."""
        found = self._read.get(number)
        if found is None:
            if not 0 < number < len(self._starts):
                raise ObjectError("the kernel's BTF", f"type {number} is used and is not there")
            found = self._read[number] = parse_type(self._blob, 4 * self._starts[number], number)[0]
        return found

    def string(self, offset: int) -> str:
        """The text at `offset` of the strings."""
        return text_at(self._strings, offset)

    def named(self, name: str, kinds: Collection[Kind]) -> tuple[int, ...]:
        """The ids of all types of that name and one of those kinds, in order."""
        numbers = [number for offset in self._offsets(name) for number in self._numbers.get(offset, ())]
        return tuple(sorted(number for number in numbers if self.type(number).kind in kinds))

    def _offsets(self, name: str) -> list[int]:
        """Every place in the strings where `name` stands as a whole."""
        if not name:
            return []
        wanted, found, at = b"\0" + name.encode() + b"\0", [], -1
        while (at := self._strings.find(wanted, at + 1)) >= 0:
            found.append(at + 1)
        return found


@cache
def kernel_types(path: Path = VMLINUX) -> KernelTypes:
    """The running kernel's types, read once. Raises NotSupported when it was built without them (CONFIG_DEBUG_INFO_BTF)."""
    try:
        return KernelTypes(path.read_bytes())
    except OSError as error:
        remedy = "use a kernel built with CONFIG_DEBUG_INFO_BTF"
        raise NotSupported("open", error.errno or errno.ENOENT, f"description of its own types ({path})", remedy) from error


def _index(blob: bytes) -> tuple[array[int], dict[int, list[int]]]:
    """(where each type begins, in words; name's offset -> ids). Type 0 is void's place."""
    if len(blob) % 4:
        raise ObjectError("the kernel's BTF", f"{len(blob)} bytes of types are no whole number of words")
    words, end = memoryview(blob).cast("I"), len(blob) // 4
    starts, numbers = array("I", [0]), dict[int, list[int]]()
    position = 0
    try:
        while position < end:
            name, information = words[position], words[position + 1]
            if name:
                numbers.setdefault(name, []).append(len(starts))
            starts.append(position)
            kind = information >> 24 & 0x1F
            position += _FIXED_WORDS[kind] + _WORDS_PER_RECORD[kind] * (information & 0xFFFF)
    except (IndexError, KeyError) as error:
        raise ObjectError("the kernel's BTF", f"type {len(starts)} is cut short or of an unknown kind") from error
    return starts, numbers
