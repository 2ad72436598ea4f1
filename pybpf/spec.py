"""What an object file asks the kernel for: plain values, the same for the same bytes, editable with dataclasses.replace.

No file descriptors, no kernel, no ELF here. `elf.parse` makes these, `loading.load` carries them out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from .kinds import (
    LOADED_WITHOUT_HOOK,
    AttachType,
    LoadFlag,
    MapFlag,
    MapType,
    ProgramType,
    load_flags,
)

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


class KernelUse(Enum):
    """What an instruction does with a function or variable of the kernel."""

    CALL = "call"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class KernelSymbol:
    """Instruction number `instruction` uses the kernel's function or variable `name`; one that is weak may be missing.

    `type_id` is its declaration in the object's BTF.
    """

    instruction: int
    use: KernelUse
    name: str
    is_weak: bool
    type_id: int


class CoreKind(Enum):
    """enum bpf_core_relo_kind: which fact about the kernel's types an instruction holds."""

    FIELD_BYTE_OFFSET = 0
    FIELD_BYTE_SIZE = 1
    FIELD_EXISTS = 2
    FIELD_SIGNED = 3
    FIELD_LSHIFT_U64 = 4
    FIELD_RSHIFT_U64 = 5
    TYPE_ID_LOCAL = 6
    TYPE_ID_TARGET = 7
    TYPE_EXISTS = 8
    TYPE_SIZE = 9
    ENUMVAL_EXISTS = 10
    ENUMVAL_VALUE = 11
    TYPE_MATCHES = 12


@dataclass(frozen=True, slots=True)
class CoreRelocation:
    """Instruction number `instruction` holds a fact about type `type_id` of the object's BTF, and wants it of the kernel's.

    `access` says what of the type, as compilers write it: "0:1:2" is the first element's member 1's member (or element) 2.
    """

    instruction: int
    kind: CoreKind
    type_id: int
    access: str


class NumberKind(Enum):
    """How the bytes of a variable are a number. BIG_ENDIAN is for typedefs __be16, __be32, __be64; others are in host order."""

    UNSIGNED = "unsigned"
    SIGNED = "signed"
    BOOLEAN = "boolean"
    BIG_ENDIAN = "big-endian"


@dataclass(frozen=True, slots=True)
class VariableSpec:
    """A global variable: `size` bytes from `offset` of the value of data map `map_name`. `number` is None when it is no number."""

    name: str
    map_name: str
    offset: int
    size: int
    number: NumberKind | None
    is_constant: bool


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
    """One program with every subprogram it reaches appended, calls between them bound.

    Still open are its references to maps (`relocations`), and what only a kernel can answer: `kernel_symbols` and
    `core_relocations`. `poisoned` says for instructions that were made invalid what this kernel lacks.

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
    kernel_symbols: tuple[KernelSymbol, ...] = ()
    core_relocations: tuple[CoreRelocation, ...] = ()
    poisoned: Mapping[int, str] = field(default_factory=dict)

    @property
    def expected_attach_type(self) -> AttachType:
        """The hook as BPF_PROG_LOAD is told of it."""
        return AttachType.NONE if self.type in LOADED_WITHOUT_HOOK else self.attach_type

    @property
    def load_flags(self) -> LoadFlag:
        """What BPF_PROG_LOAD is told besides."""
        return load_flags(self.section)


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """A whole object. `variables` are the global ones that have a type; `btf` is ready for BPF_BTF_LOAD, None when there is none."""

    programs: Mapping[str, ProgramSpec] = field(default_factory=dict)
    maps: Mapping[str, MapSpec] = field(default_factory=dict)
    variables: Mapping[str, VariableSpec] = field(default_factory=dict)
    license: str = ""
    btf: bytes | None = None
