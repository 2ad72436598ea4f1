"""ObjectSpec -> Loaded: its maps and programs in the kernel.

Order: types, maps, their contents, programs, slots. Either all of it stands, or nothing is left behind.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Self

from . import maps as kernel_maps
from . import programs as kernel_programs
from . import syscalls
from .errors import KernelError, ObjectError
from .kinds import HOLDS_PROGRAMS, AttachType
from .maps import Map
from .programs import Program
from .spec import INSTRUCTION_SIZE, MapSpec, ObjectSpec, ProgramSpec, Relocation, RelocationKind

_PSEUDO_MAP_FD, _PSEUDO_MAP_VALUE = 1, 2
_INSTRUCTION = struct.Struct("<BBhi")
_FIRST = bytes(4)  # the key of a one-element array


@dataclass(frozen=True, slots=True)
class Loaded:
    """An object in the kernel. Closing it closes what `load` made, not the maps it was given.

    `attach_types` says for each program which hook its section names; `notes` what was left out, and why.
    A prog array that outlives this must be pinned (see Map).
    """

    maps: Mapping[str, Map]
    programs: Mapping[str, Program]
    attach_types: Mapping[str, AttachType]
    notes: tuple[str, ...]
    _owned: ExitStack

    def close(self) -> None:
        """Close every map and program that `load` made. Closing twice does nothing."""
        self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def load(spec: ObjectSpec, *, maps: Mapping[str, Map] = MappingProxyType({})) -> Loaded:
    """`spec` carried out. `maps` stand in for the object's maps of the same names, as they are: contents and slots are not written.

    Raises ObjectError for a map that does not fit or an object that cannot be loaded so, VerifierError or KernelError when the
    kernel refuses. After an error nothing of it is left.
    """
    for name, given in maps.items():
        _check_given(name, given, spec)
    _check_pinned(spec, maps)
    with ExitStack() as owned:
        btf_fd, notes = _load_types(spec, owned)
        made = {name: owned.enter_context(kernel_maps.create(each, btf_fd=btf_fd)) for name, each in spec.maps.items() if name not in maps}
        everything = {**made, **maps}
        for name, each in made.items():
            _fill(each, spec.maps[name], everything)
        fds = {name: each.fileno() for name, each in everything.items()}
        programs = {
            name: owned.enter_context(kernel_programs.create(each, placed(each, fds), license_name=spec.license, btf_fd=btf_fd))
            for name, each in spec.programs.items()
        }
        for name, each in made.items():
            _fill_programs(each, spec.maps[name], programs)
        attach_types = {name: each.attach_type for name, each in spec.programs.items()}
        return Loaded(everything, programs, attach_types, notes, owned.pop_all())


def placed(program: ProgramSpec, fds: Mapping[str, int]) -> bytes:
    """The program's instructions with the fds of its maps in place. Pure."""
    code = bytearray(program.instructions)
    for relocation in program.relocations:
        _place(code, relocation, fds[relocation.map_name])
    return bytes(code)


def _place(code: bytearray, relocation: Relocation, fd: int) -> None:
    """Write one map reference into its two instruction slots."""
    at = relocation.instruction * INSTRUCTION_SIZE
    opcode, registers, offset, _ = _INSTRUCTION.unpack_from(code, at)
    is_value = relocation.kind is RelocationKind.MAP_VALUE
    source = _PSEUDO_MAP_VALUE if is_value else _PSEUDO_MAP_FD
    _INSTRUCTION.pack_into(code, at, opcode, registers & 0x0F | source << 4, offset, fd)
    _INSTRUCTION.pack_into(code, at + INSTRUCTION_SIZE, 0, 0, 0, relocation.offset if is_value else 0)


def _check_given(name: str, given: Map, spec: ObjectSpec) -> None:
    wanted = spec.maps.get(name)
    if wanted is None:
        raise ObjectError(f"map {name!r}", "it was given, and the object has no map of that name", f"it has {', '.join(sorted(spec.maps))}")
    is_, should = (given.type, given.key_size, given.value_size), (wanted.type, wanted.key_size, wanted.value_size)
    if is_ != should:
        words = "{0.name} with keys of {1} and values of {2} bytes"
        raise ObjectError(f"map {name!r}", f"given is a {words.format(*is_)}, the object wants a {words.format(*should)}", "give one that fits")


def _check_pinned(spec: ObjectSpec, maps: Mapping[str, Map]) -> None:
    missing = sorted(name for name, each in spec.maps.items() if each.pinned and name not in maps)
    if missing:
        raise ObjectError(f"map {missing[0]!r}", "it is to be shared by name (LIBBPF_PIN_BY_NAME)", "open or make it, and give it in maps=")


def _load_types(spec: ObjectSpec, owned: ExitStack) -> tuple[int, tuple[str, ...]]:
    """(the fd of the object's BTF, notes). Programs run without types: a kernel that refuses them gives fd 0 and a note."""
    if spec.btf is None:
        return 0, ()
    try:
        fd = syscalls.btf_load(spec.btf)
    except KernelError as error:
        if error.errno in (errno.EPERM, errno.ENOMEM, errno.EMFILE):
            raise
        return 0, (f"loaded without types: {error}",)
    owned.callback(os.close, fd)
    return fd, ()


def _fill(made: Map, spec: MapSpec, everything: Mapping[str, Map]) -> None:
    """A new map's first contents, and its freezing; programs in slots come later, when there are programs."""
    if spec.contents is not None:
        made.update(_FIRST, spec.contents)
    if spec.type not in HOLDS_PROGRAMS:
        for index, target in spec.slots:
            made.update(struct.pack("=I", index), everything[target])
    if spec.frozen:
        made.freeze()


def _fill_programs(made: Map, spec: MapSpec, programs: Mapping[str, Program]) -> None:
    if spec.type in HOLDS_PROGRAMS:
        for index, target in spec.slots:
            made.update(struct.pack("=I", index), programs[target])
