"""ELF bytes -> Elf: the sections, symbols and relocations of a BPF object, as plain values.

The only importer of pyelftools. The file is foreign: every length is checked against the file before anything walks it, so that
a damaged object costs a bounded time and ends in ObjectError. What the sections mean is not known here (elf.py, link.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from io import BytesIO
from typing import Any

from elftools.common.utils import struct_parse
from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import SymbolTableSection

from .errors import ObjectError

MAX_FILE_SIZE = 64 << 20
MAX_SECTIONS = 4096
MAX_SYMBOLS = 1 << 16
MAX_NAME_SIZE = 4096
MAX_BSS_SIZE = 64 << 20

# what compilers put into BPF objects; pyelftools walks some other kinds as soon as it meets them
_SHT_LLVM_ADDRSIG = 0x6FFF4C03  # has no name in pyelftools
_SECTION_TYPES = frozenset({"SHT_NULL", "SHT_PROGBITS", "SHT_NOBITS", "SHT_SYMTAB", "SHT_STRTAB", "SHT_REL", _SHT_LLVM_ADDRSIG})
_SHF_ALLOC, _SHF_EXECINSTR, _SHF_COMPRESSED = 0x2, 0x4, 0x800
_SYMBOL_SIZE, _RELOCATION_SIZE, _HEADER_SIZE = 24, 16, 64


class SymbolKind(Enum):
    """STT_*, the ones a BPF object has."""

    OTHER = "other"
    OBJECT = "STT_OBJECT"
    FUNCTION = "STT_FUNC"
    SECTION = "STT_SECTION"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A name for bytes `value` to `value + size` of section number `section` (None: undefined or absolute)."""

    name: str
    kind: SymbolKind
    section: int | None
    value: int
    size: int
    is_local: bool
    is_weak: bool = False


@dataclass(frozen=True, slots=True)
class ElfRelocation:
    """At byte `offset` of its section: refer to `symbol`. `type` is R_BPF_*; the addend lies in the bytes themselves."""

    offset: int
    type: int
    symbol: Symbol


@dataclass(frozen=True, slots=True)
class Section:
    """A section's bytes (zeros for .bss) with the relocations that apply to it, by offset."""

    number: int
    name: str
    content: bytes
    is_allocated: bool
    is_executable: bool
    is_zeroed: bool
    relocations: tuple[ElfRelocation, ...] = ()


@dataclass(frozen=True, slots=True)
class Elf:
    """An object's sections by number, and its symbols in file order."""

    sections: Mapping[int, Section]
    symbols: tuple[Symbol, ...]


def read(data: bytes) -> Elf:
    """The object in `data`. Raises ObjectError if it is not a little-endian BPF object file of 64 bits, or is damaged."""
    if len(data) > MAX_FILE_SIZE:
        raise ObjectError("file", f"{len(data)} bytes are more than the {MAX_FILE_SIZE} that an object may have")
    try:
        return _read(data)
    except ObjectError:
        raise
    except Exception as error:
        # pyelftools answers damage with whatever it trips over (KeyError, AttributeError, its own errors); to the
        # caller all of them mean one thing.
        raise ObjectError("file", f"damaged: {type(error).__name__}: {error}") from error


def _read(data: bytes) -> Elf:
    elf = ELFFile(BytesIO(data))
    header = elf.header
    if (elf.elfclass, elf.little_endian, header.e_machine, header.e_type) != (64, True, "EM_BPF", "ET_REL"):
        found = f"ELF{elf.elfclass} {header.e_machine} {header.e_type}, {'little' if elf.little_endian else 'big'}-endian"
        raise ObjectError("file", f"not a BPF object file but {found}", "compile with -target bpfel -c")
    if header.e_shentsize != _HEADER_SIZE or header.e_shoff + header.e_shnum * _HEADER_SIZE > len(data):
        raise ObjectError("file", "its section table lies outside the file")
    if not 0 < header.e_shnum <= MAX_SECTIONS or header.e_shstrndx >= header.e_shnum:
        raise ObjectError("file", f"{header.e_shnum} sections, expected 1 to {MAX_SECTIONS}")
    headers = [struct_parse(elf.structs.Elf_Shdr, elf.stream, header.e_shoff + number * _HEADER_SIZE) for number in range(header.e_shnum)]
    _check_headers(headers, data)
    raw = [elf.get_section(number) for number in range(header.e_shnum)]
    sections = {number: _section(number, section, data) for number, section in enumerate(raw)}
    tables = [section for section in raw if section["sh_type"] == "SHT_SYMTAB"]
    if len(tables) != 1:
        raise ObjectError("file", f"{len(tables)} symbol tables, expected one")
    symbols = _symbols(tables[0], len(raw))
    for section in raw:
        if section["sh_type"] in ("SHT_REL", "SHT_RELA"):
            _attach_relocations(sections, section, symbols)
    return Elf(sections, symbols)


def _check_headers(headers: list[Any], data: bytes) -> None:
    """Refuse what would lead a reader out of the file or in circles: after this, all sections together are no longer than the file."""
    in_file = zeroed = 0
    for number, header in enumerate(headers):
        kind, start, size, place = header.sh_type, header.sh_offset, header.sh_size, f"section {number}"
        if kind not in _SECTION_TYPES:
            raise ObjectError(place, f"its type {kind} is unknown here")
        if header.sh_flags & _SHF_COMPRESSED:
            raise ObjectError(place, "it is compressed", "compile without -gz")
        if kind == "SHT_NULL":
            continue
        if kind == "SHT_NOBITS":
            zeroed += size
            continue
        in_file += size
        if start + size > len(data):
            raise ObjectError(place, f"it ends at {start + size}, the file at {len(data)}", "the file was cut short: copy it again")
        if kind == "SHT_STRTAB" and max(map(len, data[start : start + size].split(b"\0"))) > MAX_NAME_SIZE:
            raise ObjectError(place, f"it holds a name of more than {MAX_NAME_SIZE} bytes")
        if in_file > len(data):
            raise ObjectError(place, "sections overlap")
    if zeroed > MAX_BSS_SIZE:
        raise ObjectError("file", f"{zeroed} zero bytes asked for are more than the {MAX_BSS_SIZE} that .bss may have")


def _section(number: int, section: Any, data: bytes) -> Section:
    start, size, flags = section["sh_offset"], section["sh_size"], section["sh_flags"]
    kind = section["sh_type"]
    content = bytes(size) if kind == "SHT_NOBITS" else b"" if kind == "SHT_NULL" else data[start : start + size]
    is_zeroed = kind == "SHT_NOBITS"
    return Section(number, section.name, content, bool(flags & _SHF_ALLOC), bool(flags & _SHF_EXECINSTR), is_zeroed)


_KINDS = {"STT_OBJECT": SymbolKind.OBJECT, "STT_FUNC": SymbolKind.FUNCTION, "STT_SECTION": SymbolKind.SECTION}


def _symbols(table: Any, section_count: int) -> tuple[Symbol, ...]:
    if not isinstance(table, SymbolTableSection) or table["sh_entsize"] != _SYMBOL_SIZE or table["sh_size"] % _SYMBOL_SIZE:
        raise ObjectError("symbol table", f"entries of {table['sh_entsize']} bytes in {table['sh_size']}, expected {_SYMBOL_SIZE}")
    if table.num_symbols() > MAX_SYMBOLS:
        raise ObjectError("symbol table", f"{table.num_symbols()} symbols are more than {MAX_SYMBOLS}")
    return tuple(_symbol(entry, section_count) for entry in table.iter_symbols())


def _symbol(entry: Any, section_count: int) -> Symbol:
    index, kind = entry["st_shndx"], _KINDS.get(entry["st_info"]["type"], SymbolKind.OTHER)
    section = index if isinstance(index, int) else None  # pyelftools gives SHN_UNDEF, SHN_ABS and so on as text
    if section is not None and section >= section_count:
        raise ObjectError(f"symbol {entry.name!r}", f"it lies in section {section} of {section_count}")
    binding = entry["st_info"]["bind"]
    return Symbol(entry.name, kind, section, entry["st_value"], entry["st_size"], binding == "STB_LOCAL", binding == "STB_WEAK")


def _attach_relocations(sections: dict[int, Section], table: Any, symbols: tuple[Symbol, ...]) -> None:
    """Give the section that `table` is about its relocations."""
    place = f"section {table.name}"
    if not isinstance(table, RelocationSection) or table.is_RELA() or table["sh_entsize"] != _RELOCATION_SIZE:
        raise ObjectError(place, "its relocations are not of type REL, which is all BPF has")
    target = sections.get(table["sh_info"])
    if target is None or target.relocations:
        raise ObjectError(place, f"it relocates section {table['sh_info']}, which does not exist or has relocations already")
    found = []
    for entry in table.iter_relocations():
        number = entry["r_info_sym"]
        if number >= len(symbols):
            raise ObjectError(place, f"it names symbol {number} of {len(symbols)}")
        found.append(ElfRelocation(entry["r_offset"], entry["r_info_type"], symbols[number]))
    found.sort(key=lambda each: each.offset)
    sections[target.number] = Section(
        target.number, target.name, target.content, target.is_allocated, target.is_executable, target.is_zeroed, tuple(found)
    )
