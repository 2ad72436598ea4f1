"""The table of helpers: complete, without contradictions, and what its stand-ins do."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest

from pybpf.compiler.lang import Array, ArrayType, ProgramType, Width
from pybpf.compiler.lang.helper import Helper, Pass
from pybpf.compiler.lang.helpers import (
    NoStandIn,
    RouteQuery4,
    RouteQuery6,
    Signed,
    SocketAddress4,
    SocketAddress6,
    SocketTuple4,
    SocketTuple6,
    TransformState,
    TunnelKey4,
    TunnelKey6,
    Unsigned,
    checksum_add,
    checksum_difference,
    get_current_pid_tgid,
    get_prandom_u32,
    get_smp_processor_id,
    ktime_get_boot_ns,
    ktime_get_coarse_ns,
    ktime_get_tai_ns,
    ktime_ns,
    redirect,
    standing_in,
    strncmp,
    strtol,
    strtoul,
)
from pybpf.compiler.lang.helpers.availability import (
    AVAILABLE,
    CONFIGURED,
    ELSEWHERE,
    callable_from,
)
from pybpf.compiler.lang.helpers.names import KERNEL_NAMES
from pybpf.compiler.lang.helpers.of_xdp import XdpMethods
from pybpf.compiler.lang.helpers.records import NextHop4, NextHop6, PidInNamespace
from pybpf.compiler.lang.helpers.table import rows
from pybpf.compiler.lang.memory import Struct
from pybpf.compiler.lang.skb import PSEUDO_HEADER, Skb

_SHARED = {17, 18, 26, 28, 31, 119, 124, 152, 189}  # numbers with more than one row: another context, constant or length
_PREFIXES = ("skb_", "xdp_", "msg_")
# method or function -> the kernel's name, where dropping a prefix is not all
_RENAMED = {
    "ktime_ns": "ktime_get_ns", "checksum_add": "csum_diff", "checksum_difference": "csum_diff", "load": "skb_load_bytes xdp_load_bytes",
    "store": "skb_store_bytes xdp_store_bytes", "pull": "skb_pull_data msg_pull_data", "push": "msg_push_data", "pop": "msg_pop_data",
    "load_relative": "skb_load_bytes_relative", "replace_l3_checksum": "l3_csum_replace", "replace_l4_checksum": "l4_csum_replace",
    "update_checksum": "csum_update", "checksum_level": "csum_level", "vlan_push_service": "skb_vlan_push",
    "get_tunnel_options": "skb_get_tunnel_opt", "set_tunnel_options": "skb_set_tunnel_opt", "change_protocol_to_ip4": "skb_change_proto",
    "change_protocol_to_ip6": "skb_change_proto", "set_callback_flags": "sock_ops_cb_flags_set",
    "set_congestion_experienced": "skb_ecn_set_ce", "get_branch_records_length": "read_branch_records", "sk_unassign": "sk_assign",
    "load_header_option": "load_hdr_opt", "store_header_option": "store_hdr_opt", "reserve_header_option": "reserve_hdr_opt",
    "redirect_neigh_to": "redirect_neigh", "get_buffer_length": "xdp_get_buff_len", "set_timestamp": "skb_set_tstamp",
}  # fmt: skip


def array(content: bytes) -> Array[int]:
    """An array of bytes."""
    made: Array[int] = Array(ArrayType(Width(8), len(content)), memoryview(bytearray(len(content))))
    made.fill(content)
    return made


def test_every_helper_that_a_program_may_call_has_a_row_or_is_said_to_be_elsewhere() -> None:
    callable_ones = frozenset().union(*AVAILABLE.values()) | set(CONFIGURED)
    here = {row.number for row in rows()}
    assert here | set(ELSEWHERE) == callable_ones
    assert not here & set(ELSEWHERE)


def test_a_number_has_one_row_unless_it_is_known_to_have_more() -> None:
    named = defaultdict(list)
    for row in rows():
        named[row.number].append(row.name)
    assert {number for number, names in named.items() if len(names) > 1} == _SHARED
    assert len({row.name for row in rows()}) == len(rows())


def test_rows_are_in_the_order_of_their_numbers() -> None:
    assert [row.number for row in rows()] == sorted(row.number for row in rows())


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_row_is_named_as_the_kernel_names_it_or_in_full_words(row: Helper) -> None:
    name, kernel = row.name.rpartition(".")[2], KERNEL_NAMES[row.number]
    assert name == kernel or name in [kernel.removeprefix(prefix) for prefix in _PREFIXES] or kernel in _RENAMED[name].split()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_row_fills_at_most_five_registers_with_every_parameter(row: Helper) -> None:
    parameters = [name for name, _ in row.signature.parameters]
    given = [argument for argument in row.registers if argument in parameters]
    assert given == sorted(given, key=row.registers.index) and sorted(given) == sorted(parameters)
    assert len(row.registers) <= 5
    for argument in row.registers:
        assert argument == "self" or argument.lstrip("#") in parameters or re.fullmatch(r"0x[0-9a-f]+|\d+", argument), argument


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_row_says_a_release_of_the_kernel(row: Helper) -> None:
    assert re.fullmatch(r"[3-6]\.\d+", row.since)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_row_that_takes_the_packet_has_a_parameter_to_take_it(row: Helper) -> None:
    assert not row.takes_packet or Pass.MEMORY in [kind for _, kind in row.signature.parameters]


def test_what_is_acquired_can_be_released() -> None:
    assert [row.name for row in rows() if row.releases] == ["sk_release"]
    assert {row.number for row in rows() if row.acquires} == {84, 85, 99}


def test_every_type_of_program_has_its_helpers() -> None:
    assert set(AVAILABLE) == set(ProgramType)


def test_later_numbers_did_not_come_with_earlier_kernels() -> None:
    first = [row for row in rows() if not row.name.startswith("SkLookup")]  # whose sk_assign is a second helper of that number
    releases = [tuple(map(int, row.since.split("."))) for row in first]
    assert releases == sorted(releases)


@pytest.mark.parametrize(
    ("section", "number", "may"),
    [
        ("cgroup/connect4", 64, True), ("cgroup/bind4", 64, False), ("cgroup/sendmsg6", 64, False), ("cgroup/bind6", 187, True),
        ("cgroup/getsockname4", 187, False), ("?cgroup/recvmsg6", 186, False), ("sockops", 187, False), ("xdp", 44, True), ("tc", 44, False),
        ("kprobe/do_exit", 58, True), ("tracepoint/a/b", 58, False), ("tracepoint/a/b", 36, True), ("xdp", 36, False),
        ("kprobe/do_exit", 173, True), ("tracepoint/a/b", 173, False), ("nowhere", 5, False),
    ],
)  # fmt: skip
def test_the_section_decides_what_may_be_called(section: str, number: int, may: bool) -> None:
    assert (number in callable_from(section)) is may


@pytest.mark.parametrize(
    ("kind", "octets"),
    [
        (SocketTuple4, 12), (SocketTuple6, 36), (SocketAddress4, 16), (SocketAddress6, 28), (NextHop4, 20), (NextHop6, 20), (TunnelKey4, 44),
        (TunnelKey6, 44), (TransformState, 28), (RouteQuery4, 64), (RouteQuery6, 64), (PidInNamespace, 8), (Signed, 8), (Unsigned, 8),
    ],
)  # fmt: skip
def test_a_record_is_as_large_as_the_kernels(kind: type[Struct], octets: int) -> None:
    assert kind.size_bytes == octets


def test_both_uses_of_a_route_query_have_the_same_places() -> None:
    for name in ("length", "interface_index", "source_ip", "destination_ip", "vlan_protocol", "source_mac", "destination_mac"):
        assert RouteQuery4.layout[name].offset == RouteQuery6.layout[name].offset
    assert (RouteQuery4.layout["destination_ip"].offset, RouteQuery4.layout["source_mac"].offset) == (32, 52)


def test_clocks_go_on() -> None:
    for clock in (ktime_ns, ktime_get_boot_ns, ktime_get_coarse_ns, ktime_get_tai_ns):
        assert 0 < clock() <= clock()


def test_random_numbers_have_32_bits_and_differ() -> None:
    drawn = {get_prandom_u32() for _ in range(20)}
    assert len(drawn) > 1 and all(0 <= each < 1 << 32 for each in drawn)


def test_cpython_has_one_processor() -> None:
    assert get_smp_processor_id() == 0


def test_a_helper_without_a_meaning_in_cpython_says_how_to_give_it_one() -> None:
    with pytest.raises(NoStandIn, match=r"with standing_in\(get_current_pid_tgid=\.\.\.\)"):
        get_current_pid_tgid()


def test_a_test_says_what_a_helper_means() -> None:
    with standing_in(get_current_pid_tgid=lambda: 42, redirect=lambda interface, flags: 7 if interface == 3 and flags == 0 else 2):
        assert get_current_pid_tgid() == 42
        assert (redirect(3, 0), redirect(4, 0)) == (7, 2)
    with pytest.raises(NoStandIn):
        redirect(3, 0)


def test_given_meanings_nest_and_replace_what_cpython_has() -> None:
    with standing_in(ktime_ns=lambda: 1, get_smp_processor_id=lambda: 3):
        with standing_in(ktime_ns=lambda: 2):
            assert (ktime_ns(), get_smp_processor_id()) == (2, 3)
        assert ktime_ns() == 1
    assert ktime_ns() > 1


def test_a_method_is_given_its_context() -> None:
    with standing_in(get_socket_cookie=lambda given: 5 if given is packet else 6):
        packet = Skb(b"")
        assert (packet.get_socket_cookie(), Skb(b"").get_socket_cookie()) == (5, 6)


@pytest.mark.parametrize(
    ("text", "base", "length", "number"),
    [
        (b"42\0", 10, 2, 42), (b"  -42,", 10, 5, -42), (b"0x1F\0", 16, 4, 31), (b"1f\0", 16, 2, 31), (b"0x1f\0", 0, 4, 31), (b"017\0", 0, 3, 15),
        (b"17\0", 8, 2, 15), (b"x\0", 10, -22, 0), (b"\0", 10, -22, 0), (b"1\0", 7, -22, 0), (b"-9223372036854775808\0", 10, 20, -(1 << 63)),
        (b"9223372036854775808\0", 10, -34, 0), (b"0\0", 0, 1, 0), (b"0x\0", 0, 1, 0),
    ],
)  # fmt: skip
def test_numbers_are_read_from_text(text: bytes, base: int, length: int, number: int) -> None:
    into = Signed()
    assert (strtol(array(text), base, into), into.value) == (length, number)


def test_numbers_without_a_sign_have_all_64_bits() -> None:
    into = Unsigned()
    assert strtoul(array(b"18446744073709551615\0"), 10, into) == 20 and into.value == (1 << 64) - 1
    assert strtoul(array(b"18446744073709551616\0"), 10, into) == -34
    assert strtoul(array(b"-1\0"), 10, into) == -22


@pytest.mark.parametrize(("text", "other", "order"), [(b"GET /", b"GET\0", 1), (b"GET\0", b"GET\0", 0), (b"GE", b"GET\0", 0), (b"GA\0", b"GET\0", -1)])
def test_text_is_compared_with_a_constant(text: bytes, other: bytes, order: int) -> None:
    assert strncmp(array(text), other) == order


def folded(total: int) -> int:
    """A one's-complement sum of 16 bits."""
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def test_a_difference_turns_one_sum_into_the_other() -> None:
    old, new = Signed.of(value=0x1234_5678_9ABC), Signed.of(value=-77)
    assert folded(checksum_difference(old, new, checksum_add(old, 5))) % 0xFFFF == folded(checksum_add(new, 5)) % 0xFFFF


def test_an_ip_checksum_follows_a_change_of_four_bytes() -> None:
    packet = Skb(bytes.fromhex("4500003c1c4640004006b1e6ac100a63ac100a0c"))
    assert packet.replace_l3_checksum(10, 0x630A10AC, 0x0100000A, 4)
    packet.octets[12:16] = bytes.fromhex("0a000001")
    assert folded(sum(int.from_bytes(packet.octets[at : at + 2], "big") for at in range(0, 20, 2))) == 0xFFFF


def test_a_checksum_follows_a_difference_in_the_pseudo_header() -> None:
    old, new = Signed.of(value=0x0102_0304), Signed.of(value=0x1112_1314)
    one, two = Skb(b"\x12\x34"), Skb(b"\x12\x34")
    assert one.replace_l4_checksum(0, 0, checksum_difference(old, new, 0), PSEUDO_HEADER)
    assert two.replace_l4_checksum(0, 0x0102_0304, 0x1112_1314, PSEUDO_HEADER | 4)
    assert one.octets == two.octets


def test_an_odd_place_or_size_of_a_checksum_is_refused() -> None:
    packet = Skb(bytes(20))
    assert not packet.replace_l3_checksum(11, 0, 1, 2) and not packet.replace_l3_checksum(10, 0, 1, 3) and not packet.replace_l3_checksum(20, 0, 1, 2)


def test_an_xdp_packet_is_cut_and_grown_at_both_ends() -> None:
    packet = XdpMethods(bytes(range(20)))
    assert packet.adjust_head(4) and packet.octets == bytes(range(4, 20))
    assert packet.adjust_head(-2) and packet.octets[2:] == bytes(range(4, 20)) and packet.get_buffer_length() == 18
    assert packet.adjust_tail(-4) and packet.adjust_tail(1) and packet.octets[2:] == bytes([*range(4, 16), 0])
    assert not packet.adjust_head(2) and not packet.adjust_tail(-2) and not packet.adjust_head(-257)


def test_xdp_bytes_are_loaded_and_stored_anywhere_in_the_packet() -> None:
    packet, number = XdpMethods(bytes(range(20))), Unsigned()
    assert packet.load(12, number) and bytes(number) == bytes(range(12, 20))
    assert not packet.load(13, number) and bytes(number) == bytes(range(12, 20))
    assert packet.store(0, number) and packet.octets[:8] == bytes(range(12, 20)) and not packet.store(13, number)
    into = array(bytes(16))
    assert packet.load_bytes(16, into, 4) and bytes(into)[:5] == bytes([16, 17, 18, 19, 0])


def test_a_packet_grows_at_its_head() -> None:
    packet = Skb(b"abc")
    assert packet.change_head(2) and packet.octets == b"\0\0abc"
