""".BTF.ext -> which function and source line each instruction of a section belongs to, and which hold facts about types (CO-RE).

    header      magic u16, version u8, flags u8, header length u32, then (offset, length) u32 pairs: functions, lines, CO-RE
    each part   record length u32, then per ELF section: name u32, count u32, count records
    function    byte offset in the section u32, BTF type u32
    line        byte offset u32, file name u32, line text u32, line << 10 | column u32
    CO-RE       byte offset u32, BTF type u32, access string u32, kind u32

Records of a newer compiler may be longer; what is beyond is left out.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

from .btf import MAGIC, Btf
from .errors import ObjectError

_HEADER = struct.Struct("<HBBIIIII")
_CORE = struct.Struct("<II")
_PAIR = struct.Struct("<II")
FUNCTION_WORDS, LINE_WORDS, CORE_WORDS = 2, 4, 4

Records = Mapping[str, tuple[tuple[int, ...], ...]]


@dataclass(frozen=True, slots=True)
class Ext:
    """Section name -> records in order of offset; each begins with its byte offset in the section."""

    functions: Records = field(default_factory=dict)
    lines: Records = field(default_factory=dict)
    core: Records = field(default_factory=dict)


def parse(blob: bytes, btf: Btf) -> Ext:
    """The records of a .BTF.ext section. Raises ObjectError on damage."""
    try:
        magic, version, flags, header_size, function_at, function_size, line_at, line_size = _HEADER.unpack_from(blob)
        core_at, core_size = _CORE.unpack_from(blob, _HEADER.size) if header_size >= _HEADER.size + _CORE.size else (0, 0)
        if (magic, version, flags) != (MAGIC, 1, 0):
            raise ValueError(f"magic {magic:#x} version {version} flags {flags}")
        return Ext(
            _part(blob, header_size + function_at, function_size, FUNCTION_WORDS, btf),
            _part(blob, header_size + line_at, line_size, LINE_WORDS, btf),
            _part(blob, header_size + core_at, core_size, CORE_WORDS, btf),
        )
    except (struct.error, ValueError) as error:
        raise ObjectError("section .BTF.ext", str(error)) from error


def _part(blob: bytes, start: int, size: int, words: int, btf: Btf) -> Records:
    """One part's records by section name, each cut to `words` u32s."""
    if not size:
        return {}
    part = blob[start : start + size]
    if len(part) != size:
        raise ValueError("a part lies outside of it")
    (record_size,) = struct.unpack_from("<I", part)
    if record_size < 4 * words or record_size % 4 or record_size > 1024:
        raise ValueError(f"records of {record_size} bytes, expected {4 * words}")
    found: dict[str, tuple[tuple[int, ...], ...]] = {}
    position = 4
    while position < size:
        name_at, count = _PAIR.unpack_from(part, position)
        position += _PAIR.size
        name, end = btf.string(name_at), position + count * record_size
        if end > size or not count or name in found:
            raise ValueError(f"{count} records for section {name!r}")
        records = [struct.unpack_from(f"<{words}I", part, at) for at in range(position, end, record_size)]
        found[name] = tuple(sorted(records))
        position = end
    return found


def rebased(records: Records, section: str, start: int, end: int, at_instruction: int) -> bytes | None:
    """The records of bytes `start` to `end` of a section, for a program that has them from instruction `at_instruction` on.

    None when there is none for the very first instruction: the kernel takes a program's records only if each function has one there.
    """
    chosen = [record for record in records.get(section, ()) if start <= record[0] < end]
    if not chosen or chosen[0][0] != start or any(record[0] % 8 for record in chosen):
        return None
    return b"".join(struct.pack(f"<{len(record)}I", (record[0] - start) // 8 + at_instruction, *record[1:]) for record in chosen)
