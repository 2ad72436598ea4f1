"""The tables of contexts and sections against this kernel's verifier and its own types: the verifier says who is right.

Each question is a program of a few instructions, written by hand: the compiler is not involved.
"""

from __future__ import annotations

import ctypes
import os
import re
import struct
import subprocess
from collections.abc import Iterator
from enum import IntEnum, IntFlag
from itertools import count
from pathlib import Path

import pytest

from pybpf.btf import Kind, Type
from pybpf.btf_kernel import KernelTypes, kernel_types
from pybpf.compiler.lang.context import Context, ContextField, Rights
from pybpf.compiler.lang.contexts import (
    CONTEXTS,
    RawTracepoint,
    SockOpsEvent,
    SockOpsFlag,
    Tracepoint,
    Verdict,
    XdpAction,
    data_loc,
)
from pybpf.compiler.lang.integers import Width, s32, u16, u64
from pybpf.compiler.lang.kinds import SECTIONS, AttachType, ProgramType, Section
from pybpf.compiler.lang.memory import KernelObject
from pybpf.compiler.lang.objects import Socket, TcpSocket, TcpState
from pybpf.syscalls import Accepted, LogSpace, prog_load

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]

SIZES = {8: 0x10, 16: 0x08, 32: 0x00, 64: 0x18}
REFUSALS = {1, 13, 22}  # EPERM, EACCES and EINVAL: the verifier's own; anything else is a fault of the test
FIXED = sorted({kind for kind in CONTEXTS.values() if kind.symbol}, key=lambda kind: kind.__name__)
FULL_SOCKET, TCP_SOCKET = 95, 96  # bpf_sk_fullsock, bpf_tcp_sock


class SchedExec(Tracepoint):
    filename: data_loc
    pid: s32
    old_pid: s32


class SocketState(Tracepoint):
    address: u64
    oldstate: s32
    newstate: s32
    sport: u16
    dport: u16
    family: u16
    protocol: u16


class Arguments(RawTracepoint):
    first: u64
    second: s32
    third: u16


def instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    """One instruction of eight bytes."""
    return struct.pack("<BBhi", code, target | source << 4, offset, immediate)


def load(bits: int, target: int, source: int, offset: int) -> bytes:
    return instruction(0x61 | SIZES[bits], target, source, offset)


def result(number: int) -> bytes:
    return instruction(0xB7, 0, immediate=number) + instruction(0x95)


def is_accepted(section: Section, body: bytes, number: int | None = None) -> bool:
    """Whether the verifier takes a program that does `body` and returns `number` (None: one that its hook allows)."""
    number = (section.returns or (0, 0))[0] if number is None else number
    answer = prog_load(
        b"question", section.type, instructions=body + result(number), license_name="GPL",
        expected_attach_type=section.expected_attach_type, log=LogSpace(1, 1 << 16),
    )  # fmt: skip
    if isinstance(answer, Accepted):
        os.close(answer.fd)
        return True
    assert answer.errno in REFUSALS, answer
    return False


def context_and_rights(row: str) -> tuple[type[Context], Rights]:
    """The context of a row of SECTIONS (for those that a program declares, a declared one), and what our table says of it."""
    kind = CONTEXTS[SECTIONS[row].type]
    declared: dict[type[Context], type[Context]] = {Tracepoint: SchedExec, RawTracepoint: Arguments}
    context = declared.get(kind, kind)
    return context, context.rights_of(row.rstrip("+"))


def is_readable(section: Section, field: ContextField) -> bool:
    return is_accepted(section, load(field.access.bits, 0, 1, field.offset))


def is_writable(section: Section, field: ContextField) -> bool:
    return is_accepted(section, instruction(0xB7, 2) + instruction(0x63 | SIZES[field.access.bits], 1, 2, field.offset))


@pytest.mark.parametrize("section", SECTIONS)
def test_a_program_reads_the_fields_that_the_verifier_lets_it_read(section: str) -> None:
    context, rights = context_and_rights(section)
    hidden = {name for name, field in context.context_fields.items() if not is_readable(SECTIONS[section], field)}
    assert hidden == rights.hidden - meaningless(section)


@pytest.mark.parametrize("section", SECTIONS)
def test_a_program_writes_the_fields_that_the_verifier_lets_it_write(section: str) -> None:
    context, rights = context_and_rights(section)
    writable = {name for name, field in context.context_fields.items() if is_writable(SECTIONS[section], field)}
    assert writable - meaningless(section) == rights.writable


def meaningless(section: str) -> set[str]:
    """What the verifier allows and the language does not: the port of an address that is a path."""
    return {"port"} if section.startswith("cgroup/") and section.endswith("_unix") else set()


@pytest.mark.parametrize("section", SECTIONS)
def test_a_program_reaches_the_packet_as_the_verifier_lets_it(section: str) -> None:
    context, rights = context_and_rights(section)
    if (bounds := context.bounds) is None:
        assert not rights.reads_packet
        return
    first_byte = (
        load(bounds.bits, 2, 1, bounds.data) + load(bounds.bits, 3, 1, bounds.data_end)
        + instruction(0xBF, 4, 2) + instruction(0x07, 4, immediate=1) + instruction(0x2D, 4, 3, 1)
    )  # fmt: skip
    assert is_accepted(SECTIONS[section], first_byte + load(8, 0, 2, 0)) == rights.reads_packet
    assert is_accepted(SECTIONS[section], first_byte + instruction(0x72, 2)) == rights.writes_packet


@pytest.mark.parametrize("section", SECTIONS)
def test_a_program_returns_what_the_verifier_lets_it_return(section: str) -> None:
    low, high = SECTIONS[section].returns or (-2, 6)
    taken = [number for number in range(-2, 7) if is_accepted(SECTIONS[section], b"", number)]
    assert taken == list(range(low, high + 1))


def test_nobody_reads_the_common_fields_of_a_tracepoint_or_a_thirteenth_argument() -> None:
    tracepoint, raw = SECTIONS["tracepoint+"], SECTIONS["raw_tracepoint+"]
    assert [is_accepted(tracepoint, load(32, 0, 1, offset)) for offset in (0, 4, 8, 8188, 8192)] == [False, False, True, True, False]
    assert [is_accepted(raw, load(64, 0, 1, 8 * index)) for index in (0, 11, 12)] == [True, True, False]


def test_every_field_of_a_full_socket_is_read_in_place() -> None:
    base = load(64, 1, 1, 184) + instruction(0x55, 1, 0, 2) + result(1)
    for field in Socket.layout.values():
        assert isinstance(field.type, Width)
        assert is_accepted(SECTIONS["sockops"], base + load(field.type.bits, 0, 1, field.offset)), field.name


def test_the_socket_of_a_packet_may_be_less_than_a_full_one() -> None:
    base = load(64, 1, 1, 168) + instruction(0x55, 1, 0, 2) + result(1)
    section = SECTIONS["cgroup/skb"]
    refused = {
        field.name
        for field in Socket.layout.values()
        if isinstance(field.type, Width) and not is_accepted(section, base + load(field.type.bits, 0, 1, field.offset))
    }
    assert refused == {"type", "protocol", "mark", "priority"}
    full = base + instruction(0x85, immediate=FULL_SOCKET) + instruction(0x55, 0, 0, 2) + result(1)
    assert all(is_accepted(section, full + load(32, 0, 0, Socket.layout[name].offset)) for name in refused)


def test_every_field_of_a_tcp_socket_is_read_in_place() -> None:
    socket = load(64, 1, 1, 184) + instruction(0x55, 1, 0, 2) + result(1)
    base = socket + instruction(0x85, immediate=TCP_SOCKET) + instruction(0x55, 0, 0, 2) + result(1)
    for field in TcpSocket.layout.values():
        assert isinstance(field.type, Width)
        assert is_accepted(SECTIONS["sockops"], base + load(field.type.bits, 0, 0, field.offset)), field.name


@pytest.mark.parametrize("context", FIXED, ids=[kind.__name__ for kind in FIXED])
def test_a_context_lies_as_the_kernel_says(context: type[Context]) -> None:
    types = kernel_types()
    members = dict(leaves(types, types.named(context.symbol, {Kind.STRUCT})[0]))
    for field in context.context_fields.values():
        assert members.get(field.symbol, members.get(f"regs.{field.symbol}")) == (field.offset, field.access.octets), field.name


@pytest.mark.parametrize("kind", [Socket, TcpSocket], ids=lambda kind: kind.__name__)
def test_an_object_lies_as_the_kernel_says(kind: type[KernelObject]) -> None:
    types = kernel_types()
    members = list(leaves(types, types.named(kind.symbol, {Kind.STRUCT})[0]))
    ours = [(field.offset, field.type.octets) for field in kind.layout.values() if isinstance(field.type, Width)]
    assert ours == [place for _, place in members]


def leaves(types: KernelTypes, number: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """(name, (offset, size in bytes)) of everything in a struct that is not a struct itself; of arrays, each element."""
    found = types.resolve(number)
    for name_offset, member, bits in found.entries:
        name, at, inner = types.string(name_offset), bits // 8, types.resolve(member)
        match inner.kind:
            case Kind.STRUCT | Kind.UNION:
                prefix = f"{name}." if name else ""
                yield from ((prefix + each, (at + offset, size)) for each, (offset, size) in leaves(types, member))
            case Kind.ARRAY:
                element, _, count = inner.entries[0]
                size = types.size_of(element)
                yield from ((f"{name}[{index}]", (at + index * size, size)) for index in range(count))
            case _:
                if name:  # without one it is a bit field that fills up a word
                    yield name, (at, types.size_of(member))


# our enum -> (the kernel's enum, how its names begin); where our names are other words, numbers and their count are compared
ENUMS: list[tuple[type[IntEnum], str, str]] = [
    (ProgramType, "bpf_prog_type", "BPF_PROG_TYPE_"),
    (AttachType, "bpf_attach_type", "BPF_"),
    (XdpAction, "xdp_action", "XDP_"),
    (Verdict, "sk_action", "SK_"),
]


@pytest.mark.parametrize(("ours", "theirs", "prefix"), ENUMS, ids=[theirs for _, theirs, _ in ENUMS])
def test_an_enum_has_the_kernels_names_and_numbers(ours: type[IntEnum], theirs: str, prefix: str) -> None:
    numbers = enumerators(theirs)
    assert {name: numbers.get(prefix + name) for name in ours.__members__ if name != "NONE"} == {
        name: member.value for name, member in ours.__members__.items() if name != "NONE"
    }


# ours -> the kernel's names without BPF_, in the order of ours; the kernel's enums have no names
NAMELESS: list[tuple[type[IntEnum] | type[IntFlag], str]] = [
    (
        SockOpsEvent,
        "SOCK_OPS_VOID SOCK_OPS_TIMEOUT_INIT SOCK_OPS_RWND_INIT SOCK_OPS_TCP_CONNECT_CB SOCK_OPS_ACTIVE_ESTABLISHED_CB "
        "SOCK_OPS_PASSIVE_ESTABLISHED_CB SOCK_OPS_NEEDS_ECN SOCK_OPS_BASE_RTT SOCK_OPS_RTO_CB SOCK_OPS_RETRANS_CB "
        "SOCK_OPS_STATE_CB SOCK_OPS_TCP_LISTEN_CB SOCK_OPS_RTT_CB SOCK_OPS_PARSE_HDR_OPT_CB SOCK_OPS_HDR_OPT_LEN_CB "
        "SOCK_OPS_WRITE_HDR_OPT_CB SOCK_OPS_TSTAMP_SCHED_CB SOCK_OPS_TSTAMP_SND_SW_CB SOCK_OPS_TSTAMP_SND_HW_CB "
        "SOCK_OPS_TSTAMP_ACK_CB SOCK_OPS_TSTAMP_SENDMSG_CB",
    ),
    (
        SockOpsFlag,
        "SOCK_OPS_RTO_CB_FLAG SOCK_OPS_RETRANS_CB_FLAG SOCK_OPS_STATE_CB_FLAG SOCK_OPS_RTT_CB_FLAG "
        "SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG SOCK_OPS_WRITE_HDR_OPT_CB_FLAG",
    ),
    (
        TcpState,
        "TCP_ESTABLISHED TCP_SYN_SENT TCP_SYN_RECV TCP_FIN_WAIT1 TCP_FIN_WAIT2 TCP_TIME_WAIT TCP_CLOSE TCP_CLOSE_WAIT "
        "TCP_LAST_ACK TCP_LISTEN TCP_CLOSING TCP_NEW_SYN_RECV TCP_BOUND_INACTIVE",
    ),
]


@pytest.mark.parametrize(("ours", "names"), NAMELESS, ids=[ours.__name__ for ours, _ in NAMELESS])
def test_an_enum_of_other_words_has_the_kernels_numbers(ours: type[IntEnum] | type[IntFlag], names: str) -> None:
    wanted = {f"BPF_{name}": number.value for name, number in zip(names.split(), ours, strict=True)}
    theirs = nameless_enum(next(iter(wanted)))
    rest = set(theirs) - set(wanted) - {"BPF_TCP_MAX_STATES", "BPF_SOCK_OPS_ALL_CB_FLAGS"}
    assert {name: theirs.get(name) for name in wanted} == wanted and not rest


def enumerators(name: str) -> dict[str, int]:
    """The names and numbers of one of the kernel's enums."""
    types = kernel_types()
    return named_numbers(types, types.type(types.named(name, {Kind.ENUM})[0]))


def nameless_enum(first: str) -> dict[str, int]:
    """Those of the enum that begins with `first`."""
    types = kernel_types()
    for number in count(1):
        found = types.type(number)
        if found.kind is Kind.ENUM and found.entries and types.string(found.entries[0][0]) == first:
            return named_numbers(types, found)
    raise AssertionError("unreachable")


def named_numbers(types: KernelTypes, enum: Type) -> dict[str, int]:
    return {types.string(entry[0]): entry[1] for entry in enum.entries}


@pytest.fixture
def tracefs(tmp_path: Path) -> Iterator[Path]:
    """The kernel's list of tracepoints, mounted for the test."""
    folder = tmp_path / "trace"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tracefs", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(("context", "event"), [(SchedExec, "sched/sched_process_exec"), (SocketState, "sock/inet_sock_set_state")])
def test_a_declared_tracepoint_lies_as_its_format_says(tracefs: Path, context: type[Tracepoint], event: str) -> None:
    text = (tracefs / "events" / event / "format").read_text()
    found = re.findall(r"field:.*?(\w+)(?:\[\d*\])?;\s*offset:(\d+);\s*size:(\d+);", text)
    theirs = [(int(offset), int(size)) for name, offset, size in found if not name.startswith("common_")]
    ours = [(field.offset, field.access.octets) for field in context.context_fields.values()]
    assert ours == theirs[: len(ours)]


def test_libbpf_reads_a_section_as_we_do() -> None:
    try:
        library = ctypes.CDLL("libbpf.so.1")
    except OSError:
        pytest.skip("missing: libbpf.so.1 (install libbpf)")
    library.libbpf_set_print(None)
    kind, hook, agreed = ctypes.c_int(), ctypes.c_int(), 0
    for row, section in SECTIONS.items():
        if library.libbpf_prog_type_by_name(row.rstrip("+").encode(), ctypes.byref(kind), ctypes.byref(hook)) == 0:
            expected = 0 if row == "perf_event" else section.expected_attach_type  # which libbpf gives its link only
            assert (kind.value, hook.value) == (section.type, expected), row
            agreed += 1
    assert agreed >= 50  # libbpf 1.1 knows as many; the others are younger
