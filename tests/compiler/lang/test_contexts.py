"""The contexts as tables and as CPython stand-ins. What the kernel says of them is asked in tests/kernel/test_contexts.py."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import pytest

from pybpf.compiler.lang.context import Context, all_rights
from pybpf.compiler.lang.contexts import (
    CONTEXTS,
    PerfEvent,
    RawTracepoint,
    Registers,
    SkLookup,
    Sock,
    SockAddr,
    SockOps,
    Tracepoint,
    Xdp,
    data_loc,
)
from pybpf.compiler.lang.integers import Width, s32, s64, u8, u16, u32, u64
from pybpf.compiler.lang.kinds import SECTIONS, ProgramType
from pybpf.compiler.lang.memory import Array, Count
from pybpf.compiler.lang.objects import AddressFamily, Socket, TcpSocket
from pybpf.compiler.lang.skb import Skb

CLASSES = sorted(set(CONTEXTS.values()), key=lambda kind: kind.__name__)


class SchedExec(Tracepoint):
    filename: data_loc
    pid: s32
    old_pid: s32


class Uneven(Tracepoint):
    flag: u8
    number: u64
    small: u16
    comm: Annotated[Array[u8], Count(16)]
    last: s64


class SchedSwitch(RawTracepoint):
    preempt: u8
    previous: u64
    following: u64
    state: s32


@pytest.mark.parametrize("kind", ProgramType, ids=lambda kind: kind.name)
def test_every_type_of_program_has_a_context_with_rights_for_it(kind: ProgramType) -> None:
    assert kind in CONTEXTS[kind].rights


@pytest.mark.parametrize("context", CLASSES, ids=lambda context: context.__name__)
def test_rights_name_fields_that_there_are_and_write_none_that_is_hidden(context: type[Context]) -> None:
    for row in all_rights(context):
        assert row.hidden | row.writable <= set(context.context_fields)
        assert not row.hidden & row.writable
        assert row.reads_packet or not row.writes_packet


@pytest.mark.parametrize("context", CLASSES, ids=lambda context: context.__name__)
def test_a_section_with_rights_of_its_own_allows_no_less_than_its_type(context: type[Context]) -> None:
    for section, row in context.section_rights.items():
        common = context.rights[SECTIONS[section].type]
        assert row.hidden <= common.hidden and row.writable >= common.writable


@pytest.mark.parametrize("context", CLASSES, ids=lambda context: context.__name__)
def test_fields_are_aligned_and_overlap_only_when_they_are_one(context: type[Context]) -> None:
    fields = sorted(context.context_fields.values(), key=lambda field: field.offset)
    assert all(field.offset % field.access.octets == 0 for field in fields)
    for before, after in pairwise(fields):
        assert before.offset + before.access.octets <= after.offset or {before.name, after.name} == {"reply", "argument_0"}


def test_rights_follow_the_hook_where_the_kernel_follows_it() -> None:
    connect4, connect6 = SockAddr.rights_of("cgroup/connect4"), SockAddr.rights_of("?cgroup/connect6")
    assert "ip4" in connect4.writable and "ip4" in connect6.hidden
    assert Xdp.rights_of("xdp/devmap") != Xdp.rights_of("xdp")


def test_there_are_no_rights_to_another_context() -> None:
    for context, section in ((Skb, "xdp"), (Xdp, "no such section"), (PerfEvent, "kprobe/do_exit"), (Registers, "perf_event")):
        with pytest.raises(KeyError):
            context.rights_of(section)


def test_a_port_of_an_address_is_loaded_as_the_verifier_asks() -> None:
    field = SockAddr.context_fields["port"]
    assert (field.offset, field.access, field.value, field.symbol) == (24, Width(32), Width(16, "big"), "user_port")


def test_a_pointer_is_a_field_of_eight_bytes() -> None:
    field = SkLookup.context_fields["socket"]
    assert (field.value, field.access.octets, field.symbol) == (Socket, 8, "sk")


def test_a_context_has_what_it_is_given_and_zero_for_the_rest() -> None:
    address = SockAddr(ip4=0x7F000001, port=80, family=AddressFamily.INET)
    assert (address.ip4, address.port, address.family, address.protocol, address.socket) == (0x7F000001, 80, AddressFamily.INET, 0, None)


def test_a_field_that_some_program_may_write_is_written() -> None:
    address = SockAddr(port=80)
    address.port = 8080
    assert address.port == 8080


def test_a_field_that_no_program_may_write_is_not() -> None:
    address = SockAddr(family=AddressFamily.INET)
    with pytest.raises(AttributeError, match=r"SockAddr\.family"):
        address.family = AddressFamily.INET6
    assert address.family == AddressFamily.INET


def test_a_field_that_there_is_not_cannot_be_given() -> None:
    with pytest.raises(AttributeError, match="colour"):
        Xdp(colour=1)


def test_a_number_that_does_not_fit_its_field_is_refused() -> None:
    with pytest.raises(AssertionError, match="16 bits"):
        SockAddr(port=65536)


def test_two_names_of_one_place_see_each_other() -> None:
    event = SockOps(argument_0=3)
    event.reply = 14
    assert event.argument_0 == 14


def test_a_socket_comes_with_a_packet_that_has_one() -> None:
    packet = Skb(b"", socket=Socket.of(mark=7))
    assert isinstance(packet.socket, Socket) and packet.socket.mark == 7
    assert Skb(b"").socket is None


def test_sockets_lie_as_the_kernel_has_them() -> None:
    assert (Socket.size_bytes, Socket.layout["remote_port"].offset, Socket.layout["remote_ip4"].offset) == (80, 48, 52)
    assert (TcpSocket.size_bytes, TcpSocket.layout["bytes_received"].offset) == (112, 80)


def test_the_fields_of_a_tracepoint_begin_after_the_common_ones() -> None:
    assert {name: field.offset for name, field in SchedExec.context_fields.items()} == {"filename": 8, "pid": 12, "old_pid": 16}
    assert SchedExec(pid=-1).pid == -1


def test_the_fields_of_a_tracepoint_lie_as_c_has_them_and_arrays_take_their_room() -> None:
    assert {name: field.offset for name, field in Uneven.context_fields.items()} == {"flag": 8, "number": 16, "small": 24, "last": 48}


def test_a_tracepoint_is_only_read() -> None:
    assert SchedExec.rights_of("tp/sched/sched_process_exec") == SchedExec.rights_of("tracepoint")
    with pytest.raises(AttributeError):
        SchedExec().pid = 1


def test_each_argument_of_a_raw_tracepoint_has_eight_bytes() -> None:
    fields = SchedSwitch.context_fields
    assert {name: (field.offset, field.access.bits) for name, field in fields.items()} == {
        "preempt": (0, 8), "previous": (8, 64), "following": (16, 64), "state": (24, 32),
    }  # fmt: skip


def test_a_raw_tracepoint_has_no_more_arguments_than_the_kernel_passes() -> None:
    with pytest.raises(TypeError, match="at most 12"):
        type("Many", (RawTracepoint,), {"__annotations__": {f"argument_{index}": u64 for index in range(13)}})


@pytest.mark.parametrize("hint", [int, str, Socket, Array[u8]], ids=repr)
def test_a_tracepoint_has_no_field_of_another_type(hint: object) -> None:
    with pytest.raises(TypeError, match=r"Odd\.it"):
        type("Odd", (Tracepoint,), {"__annotations__": {"it": hint}})


def test_a_sample_has_the_registers_and_more() -> None:
    shared = {name: field.offset for name, field in PerfEvent.context_fields.items() if name in Registers.context_fields}
    assert shared == {name: field.offset for name, field in Registers.context_fields.items()}


def test_a_bound_socket_shows_only_the_address_of_its_family() -> None:
    four = Sock.rights_of("cgroup/post_bind4")
    assert "local_ip4" not in four.hidden and "local_ip6_0" in four.hidden
    assert u32 is data_loc
