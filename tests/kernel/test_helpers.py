"""The table of helpers against the running kernel: who may call what, and whether each row is as the verifier has it."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from pybpf import btf
from pybpf.compiler.lang import Array, ArrayType, ProgramType, Struct, Width, u64
from pybpf.compiler.lang.helper import Helper
from pybpf.compiler.lang.helpers import Signed, Unsigned, checksum_add, strtol, strtoul
from pybpf.compiler.lang.helpers.availability import (
    AVAILABLE,
    CONFIGURED,
    GPL_COMPATIBLE,
    GPL_ONLY,
    callable_from,
)
from pybpf.compiler.lang.helpers.names import KERNEL_NAMES
from pybpf.compiler.lang.helpers.strings import strncmp
from pybpf.compiler.lang.helpers.table import rows
from pybpf.compiler.lang.kinds import SECTIONS, AttachType
from pybpf.kinds import MapType
from pybpf.syscalls import (
    Accepted,
    LogSpace,
    map_create,
    map_freeze,
    map_update,
    prog_load,
    prog_test_run,
)
from tests.support.helper_programs import PACKETS, Assembler, calling, memories, pairs

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]

# For which hook a type is loaded where it needs one; the kernel decides some helpers by it
HOOKS: dict[ProgramType, int] = {
    ProgramType.XDP: AttachType.XDP,
    ProgramType.CGROUP_SOCK: AttachType.CGROUP_INET_SOCK_CREATE,
    ProgramType.SOCK_OPS: AttachType.CGROUP_SOCK_OPS,
    ProgramType.SK_MSG: AttachType.SK_MSG_VERDICT,
    ProgramType.CGROUP_SOCK_ADDR: AttachType.CGROUP_INET4_CONNECT,
    ProgramType.SK_LOOKUP: AttachType.SK_LOOKUP,
}
NOT_HERE = (b"invalid func", b"unknown func", b"cannot use helper", b"not supported for program type")
MAY_SLEEP = {148, 191}  # only where the program may, which needs a flag at load
# A row that no program of the type can call as it is: the same number is another helper there, or there is nothing to give
ELSEWISE = {("get_cgroup_classid", ProgramType.SCHED_CLS), ("sk_release", ProgramType.SK_LOOKUP)}
OK = ""


def complaint(kind: ProgramType, code: bytes, hook: int | None = None, licence: str = "GPL") -> str:
    """What the verifier says against a program, nothing when it takes it."""
    loaded = prog_load(
        b"helper", kind, instructions=code, license_name=licence, expected_attach_type=HOOKS.get(kind, 0) if hook is None else hook, log=LogSpace(1, 1 << 16)
    )
    if isinstance(loaded, Accepted):
        os.close(loaded.fd)
        return OK
    lines = loaded.log.decode(errors="replace").strip().splitlines()
    return "\n".join(lines[-3:]) or f"errno {loaded.errno}"


def has_helper(kind: ProgramType, number: int, hook: int | None = None) -> bool:
    """Whether the kernel lets programs of this type call a helper at all; arguments are another matter."""
    to = Assembler()
    to.call(number)
    said = complaint(kind, to.finished(), hook).encode()
    return not any(each in said for each in NOT_HERE)


def kernel_names() -> dict[int, str]:
    """enum bpf_func_id of the running kernel."""
    types = btf.parse(Path("/sys/kernel/btf/vmlinux").read_bytes())
    enum = next(each for each in types.types if each is not None and each.kind is btf.Kind.ENUM and types.string(each.name) == "bpf_func_id")
    names = {entry[1]: types.string(entry[0]) for entry in enum.entries}
    return {number: name.removeprefix("BPF_FUNC_") for number, name in names.items() if name.startswith("BPF_FUNC_") and number}


def test_helpers_have_the_kernels_names() -> None:
    found = kernel_names()
    assert {number: found.get(number) for number in KERNEL_NAMES} == KERNEL_NAMES
    assert {number: name for number, name in found.items() if number not in KERNEL_NAMES} == {}, "this kernel has helpers the table does not"


@pytest.mark.parametrize("kind", ProgramType)
def test_the_kernel_has_exactly_these_helpers_for(kind: ProgramType) -> None:
    found = {number for number in KERNEL_NAMES if has_helper(kind, number)}
    wanted = AVAILABLE[kind] | {number for number, (kinds, _) in CONFIGURED.items() if kind in kinds and number in found}
    assert {KERNEL_NAMES[number] for number in found - wanted} == set(), "the kernel has more than the table"
    assert {KERNEL_NAMES[number] for number in wanted - found} == set(), "the kernel has less than the table"


@pytest.mark.parametrize("section", SECTIONS)
def test_the_kernel_has_exactly_these_helpers_in(section: str) -> None:
    row = SECTIONS[section]
    found = {number for number in KERNEL_NAMES if has_helper(row.type, number, row.expected_attach_type)}
    wanted = callable_from(section.removesuffix("+"))
    assert {KERNEL_NAMES[number] for number in found - wanted} == set(), "the kernel has more than the table"
    assert {KERNEL_NAMES[number] for number in wanted - found - set(CONFIGURED)} == set(), "the kernel has less than the table"


def is_for_the_gpl(kind: ProgramType, number: int, licence: str) -> bool:
    """Whether the kernel refuses the helper to programs of this type for their licence."""
    to = Assembler()
    to.call(number)
    return "GPL-restricted" in complaint(kind, to.finished(), licence=licence)


GET_STACKID = 27  # for the GPL but in perf events, and not in the language


@pytest.mark.parametrize("kind", ProgramType)
def test_the_kernel_wants_the_gpl_for_exactly_these_helpers_of(kind: ProgramType) -> None:
    available = AVAILABLE[kind] - {GET_STACKID}
    assert {number for number in available if is_for_the_gpl(kind, number, "Proprietary")} == GPL_ONLY & available


@pytest.mark.parametrize("licence", sorted(GPL_COMPATIBLE))
def test_a_licence_that_goes_with_the_gpl_may_call_what_is_for_it(licence: str) -> None:
    assert not is_for_the_gpl(ProgramType.SCHED_CLS, 6, licence)


@pytest.mark.parametrize("licence", ["", "MIT", "BSD", "GPL v3", "gpl", "Apache-2.0"])
def test_any_other_licence_may_not(licence: str) -> None:
    assert is_for_the_gpl(ProgramType.SCHED_CLS, 6, licence)


STRNCMP = 182  # takes a constant in a map: has its own test
CALLED = [
    (row, kind) for row, kind in pairs(rows(), AVAILABLE) if row.number not in MAY_SLEEP | {STRNCMP} and (row.name, kind) not in ELSEWISE
]


@pytest.mark.parametrize("kind", ProgramType)
def test_the_verifier_takes_each_row_as_it_fills_the_registers_in(kind: ProgramType) -> None:
    refused = {row.name: said for row, each in CALLED if each is kind and (said := complaint(kind, calling(row, kind)))}
    assert refused == {}


@pytest.mark.parametrize("kind", PACKETS)
def test_views_on_the_packet_die_in_just_the_helpers_that_say_so(kind: ProgramType) -> None:
    for row, each in CALLED:
        if each is kind:
            said = complaint(kind, calling(row, kind, uses_packet_after=True))
            assert (said == OK) is not row.moves_packet, f"{row.name}: {said}"
            assert said == OK or "R9 invalid mem access 'scalar'" in said, f"{row.name}: {said}"


@pytest.mark.parametrize("kind", PACKETS)
def test_the_packet_is_given_to_just_the_helpers_that_say_so(kind: ProgramType) -> None:
    for row, each in CALLED:
        for parameter in memories(row) if each is kind else []:
            said = complaint(kind, calling(row, kind, in_packet=parameter))
            assert (said == OK) is row.takes_packet, f"{row.name}({parameter}): {said}"


@pytest.mark.parametrize("row", [row for row in rows() if row.number in MAY_SLEEP], ids=lambda row: row.name)
def test_what_may_sleep_is_refused_for_that_alone(row: Helper) -> None:
    assert "helper call might sleep in a non-sleepable prog" in complaint(ProgramType.KPROBE, calling(row, ProgramType.KPROBE))


def test_what_is_acquired_must_be_released() -> None:
    for row, kind in CALLED:
        if row.acquires:
            kept = calling(row, kind).replace(struct.pack("<BBhi", 0x85, 0, 0, 86), struct.pack("<BBhi", 0xB7, 0, 0, 0))
            assert "reference" in complaint(kind, kept), row.name


def test_a_row_with_registers_in_another_order_is_refused() -> None:
    """The tests above can fail: rows whose registers are exchanged are not taken."""
    changed = 0
    for row, kind in CALLED:
        code = calling(row, kind)
        if len(row.registers) == 3 and row.registers[1:] == ("into", "#into"):
            at = code.rindex(struct.pack("<BBhi", 0x85, 0, 0, row.number))
            assert complaint(kind, code[:at] + struct.pack("<BBhi", 0xBF, 0x32, 0, 0) + code[at:]) != OK, row.name
            changed += 1
    assert changed > 0


# What helpers do, against their stand-ins in CPython.

TEXTS = (
    b"42\0", b"  -42,", b"0x1F\0", b"1f\0", b"017\0", b"x\0", b"\0", b"-\0", b"--1\0", b"- 1\0", b"0x\0", b"9223372036854775807\0",
         b"-9223372036854775808\0", b"9223372036854775808\0", b"18446744073709551615\0", b"18446744073709551616\0", b"\t\n 7\0", b"+5\0", b"00000009\0")  # fmt: skip
_TEXT_AT, _INTO_AT, _TEXT_OCTETS = -64, -72, 24


def run(to: Assembler) -> int:
    """The signed number that the program has in r0. It leaves by the packet's first eight bytes: what is returned has 32 bits."""
    for register, offset in ((2, 76), (3, 80)):
        to.emit(0x61, register, 6, offset)
    to.move(4, 2)
    to.emit(0x07, 4, number=8)
    to.leave(0x2D, 4, 3)
    to.emit(0x7B, 2, 0)
    loaded = prog_load(b"helper", ProgramType.SCHED_CLS, instructions=to.finished(), license_name="GPL", log=LogSpace(1, 1 << 16))
    assert isinstance(loaded, Accepted), loaded.log.decode()
    try:
        _, _, after, _ = prog_test_run(loaded.fd, bytes(64), context=b"", repeat=1, data_out_size=64)
    finally:
        os.close(loaded.fd)
    return int.from_bytes(after[:8], "little", signed=True)


def with_text(text: bytes) -> Assembler:
    """The beginning of a program: r6 is the context, the text is on the stack."""
    to = Assembler()
    to.move(6, 1)
    for at in range(0, _TEXT_OCTETS, 4):
        to.emit(0x62, 10, offset=_TEXT_AT + at, number=int.from_bytes(text.ljust(_TEXT_OCTETS, b"\0")[at : at + 4], "little", signed=True))
    to.emit(0x7A, 10, offset=_INTO_AT)
    return to


def on_stack(to: Assembler, register: int, offset: int) -> None:
    to.move(register, 10)
    to.emit(0x07, register, number=offset)


def array(content: bytes) -> Array[int]:
    made: Array[int] = Array(ArrayType(Width(8), _TEXT_OCTETS), memoryview(bytearray(_TEXT_OCTETS)))
    made.fill(content)
    return made


@pytest.mark.parametrize("base", [0, 8, 10, 16, 7])
@pytest.mark.parametrize("number", [105, 106])
def test_numbers_are_read_as_the_kernel_reads_them(number: int, base: int) -> None:
    for text in TEXTS:
        answers = []
        for wants_value in (False, True):
            to = with_text(text)
            on_stack(to, 1, _TEXT_AT)
            to.number(2, _TEXT_OCTETS)
            to.number(3, base)
            on_stack(to, 4, _INTO_AT)
            to.call(number)
            if wants_value:
                to.emit(0x79, 0, 10, _INTO_AT)
            answers.append(run(to))
        into = Signed() if number == 105 else Unsigned()
        length = strtol(array(text), base, into) if isinstance(into, Signed) else strtoul(array(text), base, into)
        if answers[0] < 0:
            assert length == answers[0], f"{text!r} in base {base}"
        else:
            assert (length, int.from_bytes(bytes(into), "little", signed=True)) == tuple(answers), f"{text!r} in base {base}"


class Pair(Struct):
    """Sixteen bytes."""

    first: u64
    second: u64


@pytest.mark.parametrize("content", [bytes(16), bytes(range(16)), b"\xff" * 16, b"\xff\xff\xfe\xff" * 4])
@pytest.mark.parametrize("seed", [0, 1, 0xFFFF, 0x7FFF_FFFF])
def test_a_checksum_is_the_kernels_once_it_is_folded(content: bytes, seed: int) -> None:
    to = with_text(content)
    for register, value in ((1, 0), (2, 0), (4, 16), (5, seed)):
        to.number(register, value)
    on_stack(to, 3, _TEXT_AT)
    to.call(28)
    pair = Pair.view(bytearray(content))
    assert run(to) % 0xFFFF == checksum_add(pair, seed) % 0xFFFF


def test_text_is_compared_as_the_kernel_compares_it() -> None:
    other = b"GET\0"
    constants = map_create(b"constants", MapType.ARRAY, key_size=4, value_size=len(other), max_entries=1, flags=0x80)  # BPF_F_RDONLY_PROG
    try:
        map_update(constants, bytes(4), other, 0)
        map_freeze(constants)
        for text in (b"GET /", b"GET", b"GA", b"GEX", b"", b"get"):
            to = with_text(text)
            on_stack(to, 1, _TEXT_AT)
            to.number(2, _TEXT_OCTETS)
            to.emit(0x18, 3, 2, number=constants)  # the address of the map's value
            to.emit(0)
            to.call(STRNCMP)
            found = run(to)
            assert (found > 0) - (found < 0) == strncmp(array(text), other), text
    finally:
        os.close(constants)
