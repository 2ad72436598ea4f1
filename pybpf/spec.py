"""What an object file asks the kernel for: plain values, the same for the same bytes, editable with dataclasses.replace.

No file descriptors, no kernel, no ELF here. `elf.parse` makes these, `load.load` carries them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .kinds import LOADED_WITHOUT_HOOK, AttachType, MapFlag, MapType, ProgramType

INSTRUCTION_SIZE = 8


class RelocationKind(Enum):
    """What the loader writes into a two-slot `ld_imm64`."""

    MAP = "map"  # the map itself: BPF_PSEUDO_MAP_FD
    MAP_VALUE = "value"  # the address of the map's only value, plus an offset: BPF_PSEUDO_MAP_VALUE


@dataclass(frozen=True, slots=True)
class Relocation:
    """Instruction number `instruction` refers to map `map_name`; `offset` is in bytes and counts for MAP_VALUE only."""

    instruction: int
    kind: RelocationKind
    map_name: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class MapSpec:
    """One map. Sizes are in bytes; `key_type_id` and `value_type_id` are ids in the object's BTF, 0 for none.

    `contents` is the first value of a global-data map; `frozen` means: read-only for everyone once it is set.
    `inner` is the shape of a map of maps' values. `slots` are (index, name of the program or map that goes there).
    `pinned` marks a map that is meant to be shared by name; its owner gives it to `load`.
    """

    name: str
    type: MapType
    key_size: int
    value_size: int
    max_entries: int
    flags: MapFlag = MapFlag.NONE
    extra: int = 0
    key_type_id: int = 0
    value_type_id: int = 0
    contents: bytes | None = None
    frozen: bool = False
    inner: MapSpec | None = None
    slots: tuple[tuple[int, str], ...] = ()
    pinned: bool = False


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """One program with every subprogram it reaches appended, calls already bound; only map references are open.

    `func_info` (8 bytes a record) and `line_info` (16 bytes a record) are as BPF_PROG_LOAD takes them, counted in this
    program's instructions; empty when the object does not describe every one of its functions.
    `attach_type` is the hook its section names.
    """

    name: str
    section: str
    type: ProgramType
    attach_type: AttachType
    instructions: bytes
    relocations: tuple[Relocation, ...] = ()
    func_info: bytes = b""
    line_info: bytes = b""

    @property
    def expected_attach_type(self) -> AttachType:
        """The hook as BPF_PROG_LOAD is told of it."""
        return AttachType.NONE if self.type in LOADED_WITHOUT_HOOK else self.attach_type


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """A whole object. `btf` is ready for BPF_BTF_LOAD, or None when the object has none."""

    programs: Mapping[str, ProgramSpec] = field(default_factory=dict)
    maps: Mapping[str, MapSpec] = field(default_factory=dict)
    license: str = ""
    btf: bytes | None = None
