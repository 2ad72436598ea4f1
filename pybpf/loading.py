"""ObjectSpec -> Loaded: its maps and programs in the kernel.

Order: values of variables, what the kernel's own types say, types, maps, their contents, programs, slots. Either all of it stands,
or nothing is left behind.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import MappingProxyType, TracebackType
from typing import Self

from . import btf, core, ksyms, syscalls
from . import maps as kernel_maps
from . import programs as kernel_programs
from .btf_kernel import kernel_types
from .errors import KernelError, ObjectError
from .kinds import HOLDS_PROGRAMS, AttachType
from .maps import Map
from .programs import Program
from .spec import INSTRUCTION_SIZE, MapSpec, ObjectSpec, ProgramSpec, Relocation, RelocationKind
from .variables import SectionMemory, Variable, variables, with_values

_PSEUDO_MAP_FD, _PSEUDO_MAP_VALUE = 1, 2
_INSTRUCTION = struct.Struct("<BBhi")
_FIRST = bytes(4)  # the key of a one-element array


@dataclass(frozen=True, slots=True)
class Loaded:
    """An object in the kernel. Closing it closes what `load` made, not the maps it was given.

    `attach_types` says for each program which hook its section names; `notes` what was left out, and why; `variables` are its
    global variables as they are in the kernel now.
    A prog array that outlives this must be pinned (see Map).
    """

    maps: Mapping[str, Map]
    programs: Mapping[str, Program]
    attach_types: Mapping[str, AttachType]
    notes: tuple[str, ...]
    variables: Mapping[str, Variable]
    _owned: ExitStack

    def close(self) -> None:
        """Close every map and program that `load` made. Closing twice does nothing."""
        self._owned.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def load(
    spec: ObjectSpec, *, maps: Mapping[str, Map] = MappingProxyType({}), constants: Mapping[str, int | bytes] = MappingProxyType({})
) -> Loaded:
    """`spec` carried out. `maps` stand in for the object's maps of the same names, as they are: contents and slots are not written.

    `constants` are first values for global variables, by name: a number where the variable is one, else its bytes.
    Raises ObjectError for a map or a value that does not fit or an object that cannot be loaded so, NotSupported when the kernel lacks
    what the object uses of it, VerifierError or KernelError when it refuses. After an error nothing of it is left.
    """
    for name, given in maps.items():
        _check_given(name, given, spec)
    _check_pinned(spec, maps)
    _check_settable(spec, maps, constants)
    spec = bound(with_values(spec, constants))
    with ExitStack() as owned:
        btf_fd, notes = _load_types(spec, owned)
        made: dict[str, Map] = {}
        for name, wanted in spec.maps.items():
            if name not in maps:
                created, more = _create(wanted, btf_fd)
                made[name], notes = owned.enter_context(created), notes + more
        everything = {**made, **maps}
        for name, each in made.items():
            _fill(each, spec.maps[name], everything)
        fds = {name: each.fileno() for name, each in everything.items()}
        programs = {
            name: owned.enter_context(kernel_programs.create(each, placed(each, fds), license_name=spec.license, btf_fd=btf_fd, btf_blob=spec.btf))
            for name, each in spec.programs.items()
        }
        for name, each in made.items():
            _fill_programs(each, spec.maps[name], programs)
        attach_types = {name: each.attach_type for name, each in spec.programs.items()}
        sections = {name: SectionMemory(everything[name]) for name in {each.map_name for each in spec.variables.values()}}
        for section in sections.values():
            owned.callback(section.close)
        live = variables(spec.variables.values(), sections)
        return Loaded(everything, programs, attach_types, notes, live, owned.pop_all())


def bound(spec: ObjectSpec) -> ObjectSpec:
    """`spec` with every question about the running kernel answered. One that asks none does not read the kernel's types."""
    asking = [each for each in spec.programs.values() if each.kernel_symbols or each.core_relocations]
    if not asking or spec.btf is None:
        return spec
    types, kernel = btf.parse(spec.btf), kernel_types()
    answered = {each.name: ksyms.bind(core.relocate(each, types, kernel), types, kernel) for each in asking}
    return replace(spec, programs={**spec.programs, **answered})


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


def _check_settable(spec: ObjectSpec, maps: Mapping[str, Map], constants: Mapping[str, int | bytes]) -> None:
    for name in constants:
        if name in spec.variables and spec.variables[name].map_name in maps:
            hint = "set it in the map, or do not give the map"
            raise ObjectError(f"variable {name!r}", f"it lies in {spec.variables[name].map_name}, which was given and is not written", hint)


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


def _create(spec: MapSpec, btf_fd: int) -> tuple[Map, tuple[str, ...]]:
    """(a new map, notes). Most maps work without types: where the kernel refuses those of one, it is made without, and a note says so.

    Programs that need them (for a lock or a timer in a value) are then refused by the verifier.
    """
    try:
        return kernel_maps.create(spec, btf_fd=btf_fd), ()
    except KernelError as error:
        untyped = _untyped(spec)
        if not btf_fd or untyped == spec or error.errno_name not in ("EINVAL", "ENOTSUPP"):
            raise
        try:
            return kernel_maps.create(untyped, btf_fd=btf_fd), (f"map {spec.name!r} was made without types: {error.errno_name}",)
        except KernelError:
            raise error from None


def _untyped(spec: MapSpec) -> MapSpec:
    return replace(spec, key_type_id=0, value_type_id=0, inner=_untyped(spec.inner) if spec.inner else None)


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
