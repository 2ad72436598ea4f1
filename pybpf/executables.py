"""Executables and libraries (ELF): the name of a function -> where its first instruction lies in the file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from .errors import ObjectError

_GIVE_OFFSET = "give its offset in the file"


def function_offset(binary: Path, name: str) -> int:
    """The byte of the file at which function `name` begins. Costs a walk over all symbols.

    Raises ObjectError when it is not there (stripped, or only imported), or there are several static ones of that name.
    """
    with binary.open("rb") as file:
        try:
            elf = ELFFile(file)
            functions = list(_functions(elf))
            offsets = {offset for each, address in functions if each == name for offset in elf.address_offsets(address)}
        except ELFError as error:
            raise ObjectError(str(binary), f"no executable that can be read: {error}", "give the path of an ELF file") from error
    if not offsets:
        near = difflib.get_close_matches(name, {each for each, _ in functions})
        raise ObjectError(str(binary), f"it has no function {name!r}", f"did you mean {near[0]!r}?" if near else _GIVE_OFFSET)
    if len(offsets) > 1:
        raise ObjectError(str(binary), f"it has {len(offsets)} functions {name!r}", _GIVE_OFFSET)
    return offsets.pop()


def _functions(elf: ELFFile) -> Iterator[tuple[str, int]]:
    """(name, address) of every function that the file defines."""
    for section in elf.iter_sections():
        if isinstance(section, SymbolTableSection):
            for symbol in section.iter_symbols():
                if symbol["st_info"]["type"] == "STT_FUNC" and symbol["st_shndx"] != "SHN_UNDEF":
                    yield symbol.name, symbol["st_value"]
