"""BPF object file -> ObjectSpec.

Pure: the same bytes give the same spec, on any machine. Here a section's name decides what it is; sections.py reads the
ELF, mapdefs.py the maps, link.py makes whole programs, btf.py and btf_ext.py the types. What an object asks for and this loader
does not do is refused, never left out: kconfig, external symbols, struct_ops.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import replace

from . import btf, btf_ext, mapdefs
from .btf import Btf
from .btf_repair import Layout, kernel_symbols, repair
from .errors import ObjectError
from .kinds import (
    HOLDS_MAPS,
    HOLDS_PROGRAMS,
    SECTIONS,
    SECTIONS_WITH_PLACE,
    AttachType,
    ProgramType,
    section_kind,
)
from .link import Function, Unit, functions, link
from .sections import Elf, Section, Symbol, SymbolKind, read
from .spec import MapSpec, ObjectSpec, ProgramSpec, VariableSpec

_READ = frozenset({".text", ".maps", "license", "version", ".BTF", ".BTF.ext"})
_R_BPF_64_ABS64 = 2
# not loaded and not needed: symbol tables, types (read apart), unwinding, what debuggers want
_IGNORED = (".BTF", ".strtab", ".symtab", ".shstrtab", ".rel", ".debug_", ".eh_frame", ".llvm_addrsig", ".comment", ".note")


def parse(data: bytes) -> ObjectSpec:
    """What an object asks for. Raises ObjectError, and nothing else, for whatever bytes it is given."""
    elf = read(data)
    named = _by_name(elf)
    types = btf.parse(named[".BTF"].content) if ".BTF" in named else None
    externals = kernel_symbols(types) if types is not None else {}
    if types is not None:
        types = repair(types, {name: _layout(section, elf) for name, section in named.items()})
    ext = btf_ext.parse(named[".BTF.ext"].content, types) if types is not None and ".BTF.ext" in named else btf_ext.Ext()
    maps, data_sections, declared_at = _maps(elf, named, types)
    found = functions(elf)
    unit = Unit(found, declared_at, data_sections, ext, types, externals)
    programs = {each.name: link(each, kind, unit) for each, kind in _entries(found)}
    if set(programs) & set(maps):
        raise ObjectError("file", f"{sorted(set(programs) & set(maps))} are both programs and maps")
    if types is None:
        return ObjectSpec(programs, maps, license=_license(named))
    if ".maps" in named:
        maps |= _with_slots(named[".maps"], types, maps, declared_at, programs)
    variables = _variables(maps, data_sections.values(), types)
    return ObjectSpec(programs, maps, variables, _license(named), btf.emit(types))


def _by_name(elf: Elf) -> dict[str, Section]:
    """The sections that mean something, by name."""
    named: dict[str, Section] = {}
    for section in elf.sections.values():
        if section.name not in _READ and section_kind(section.name) is None and not mapdefs.is_data(section):
            _check_ignored(section)
        elif section.name in named:
            raise ObjectError(f"section {section.name}", "there are two of that name")
        else:
            named[section.name] = section
    return named


def _check_ignored(section: Section) -> None:
    if section.number == 0 or not section.name or section.name.startswith(_IGNORED):
        return
    if section.is_executable or section.is_allocated:
        known = SECTIONS.keys() | SECTIONS_WITH_PLACE.keys()
        near = difflib.get_close_matches(section.name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}"
        raise ObjectError(f"section {section.name}", "this loader does not know what it is", hint)


def _layout(section: Section, elf: Elf) -> Layout:
    inside = [symbol for symbol in elf.symbols if symbol.section == section.number and symbol.kind is SymbolKind.OBJECT]
    return Layout(len(section.content), {symbol.name: symbol.value for symbol in inside})


def _maps(elf: Elf, named: dict[str, Section], types: Btf | None) -> tuple[dict[str, MapSpec], dict[int, str], dict[tuple[int, int], str]]:
    """(every map by name, data sections' map names by section number, declared maps' names by section number and offset)."""
    data_sections = [section for section in named.values() if mapdefs.is_data(section) and section.content]
    maps = {section.name: mapdefs.data(section, types) for section in data_sections}
    variables = {section.number: section.name for section in data_sections}
    if ".maps" not in named:
        return maps, variables, {}
    if types is None:
        raise ObjectError("section .maps", "maps are declared in BTF, and the object has none", "compile with -g")
    number = named[".maps"].number
    names = {value: name for name, value in _layout(named[".maps"], elf).offsets.items()}
    maps |= mapdefs.declared(types, names)
    return maps, variables, {(number, offset): name for offset, name in names.items()}


def _variables(maps: dict[str, MapSpec], data_sections: Iterable[str], types: Btf) -> dict[str, VariableSpec]:
    """The global variables by name. Raises ObjectError when two share one: nobody could say which is meant."""
    found: dict[str, VariableSpec] = {}
    for variable in (each for name in data_sections for each in mapdefs.variables(maps[name], types)):
        if variable.name in found:
            raise ObjectError(f"variable {variable.name!r}", f"it is in {found[variable.name].map_name} and in {variable.map_name}", "rename one")
        found[variable.name] = variable
    return found


def _entries(found: dict[tuple[int, int], Function]) -> list[tuple[Function, tuple[ProgramType, AttachType]]]:
    """The functions that are programs, and what they are: global, in a section named after a hook. Static ones there are subprograms."""
    entries = [(each, kind) for each in found.values() if not each.is_local and (kind := section_kind(each.section.name)) is not None]
    if len({each.name for each, _ in entries}) != len(entries):
        raise ObjectError("file", "two programs have the same name")
    return entries


def _with_slots(
    section: Section, types: Btf, maps: dict[str, MapSpec], declared_at: dict[tuple[int, int], str], programs: dict[str, ProgramSpec]
) -> dict[str, MapSpec]:
    """The declared maps with what their `values` name: programs in a prog array, maps in a map of maps."""
    starts = sorted((offset, name) for (_, offset), name in declared_at.items())
    changed: dict[str, MapSpec] = {}
    for relocation in section.relocations:
        name = next((name for offset, name in reversed(starts) if offset <= relocation.offset), None)
        if name is None or relocation.type != _R_BPF_64_ABS64:
            raise ObjectError("section .maps", f"relocation of type {relocation.type} at byte {relocation.offset} is unknown here")
        start = next(offset for offset, each in starts if each == name) + mapdefs.values_offset(types, name)
        index, rest = divmod(relocation.offset - start, 8)
        spec = changed.get(name, maps[name])
        if rest or not 0 <= index < spec.max_entries:
            raise ObjectError(f"map {name!r}", f"a value at byte {relocation.offset - start} fits none of {spec.max_entries} slots")
        _check_slot(spec, relocation.symbol, maps, programs)
        changed[name] = replace(spec, slots=(*spec.slots, (index, relocation.symbol.name)))
    return changed


def _check_slot(spec: MapSpec, target: Symbol, maps: dict[str, MapSpec], programs: dict[str, ProgramSpec]) -> None:
    if spec.key_size != 4:
        raise ObjectError(f"map {spec.name!r}", f"its values have numbers of 4 bytes, its keys {spec.key_size}", "use keys of 4 bytes")
    held = programs if spec.type in HOLDS_PROGRAMS else maps if spec.type in HOLDS_MAPS else {}
    if target.name not in held:
        raise ObjectError(f"map {spec.name!r}", f"a {spec.type.name} cannot hold {target.name!r}")


def _license(named: dict[str, Section]) -> str:
    """The text of section "license", empty when there is none. Raises ObjectError unless it is one zero-terminated ASCII text."""
    content = named["license"].content if "license" in named else b"\0"
    text, zero, rest = content.partition(b"\0")
    if not zero or rest.strip(b"\0") or not text.isascii():
        raise ObjectError("section license", f"{content[:32]!r} is no text that ends with a zero byte")
    return text.decode()
