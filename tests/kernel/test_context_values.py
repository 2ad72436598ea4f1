"""The fields of contexts have the numbers they mean: each program copies fields of a real event to a map, and we read them.

The programs are written by hand; what a field means is computed from its row in the table alone.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pybpf.compiler.lang.context import Context
from pybpf.compiler.lang.contexts import SkLookup, Sock, SockAddr, SockOps, SockOpsEvent
from pybpf.compiler.lang.integers import Width
from pybpf.compiler.lang.kinds import section_of
from pybpf.compiler.lang.objects import AddressFamily, Socket, SocketType, TcpState
from pybpf.compiler.lang.skb import Skb
from pybpf.syscalls import Accepted, LogSpace, link_create, map_create, map_lookup, prog_load, prog_test_run

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]

SIZES = {8: 0x10, 16: 0x08, 32: 0x00, 64: 0x18}
ARRAY, ONLY = 2, bytes(4)
LOOKUP, FULL_SOCKET = 1, 95  # bpf_map_lookup_elem, bpf_sk_fullsock
IPV4, LOCALHOST = 0x800, 0x7F000001
IP6_WORDS = (0x20010DB8, 0x00000001, 0x00020003, 0x00040005)
IP6 = "2001:db8:0:1:2:3:4:5"


@dataclass(frozen=True, slots=True)
class Place:
    """What a program copies: `access` bits at `offset`, which mean a `value`."""

    offset: int
    access: Width
    value: Width

    def meaning(self, word: int) -> int:
        """The number that the lower bits of the register mean: a missing receive queue comes as 64 ones from a 32-bit load."""
        return self.value.read(word.to_bytes(8, "little")[: self.value.octets])


def places(context: type[Context], *names: str) -> list[Place]:
    """The places of some fields of a context."""
    fields = [context.context_fields[name] for name in names]
    return [Place(each.offset, each.access, each.value) for each in fields if isinstance(each.value, Width)]


def instruction(code: int, target: int = 0, source: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    """One instruction of eight bytes."""
    return struct.pack("<BBhi", code, target | source << 4, offset, immediate)


def copying(wanted: Sequence[Place], map_fd: int, number: int, base: bytes, when: bytes = b"") -> bytes:
    """A program that puts `wanted` into the map, one in eight bytes. `base` leaves in R8 where they lie (the context is in R6).

    `when` leaves R0 other than 0 when there is nothing to copy.
    """
    leave = instruction(0xB7, 0, immediate=number) + instruction(0x95)
    find = (
        instruction(0x62, 10, offset=-4) + instruction(0x18, 1, 1, immediate=map_fd) + instruction(0)
        + instruction(0xBF, 2, 10) + instruction(0x07, 2, immediate=-4) + instruction(0x85, immediate=LOOKUP)
        + instruction(0x55, 0, offset=2) + leave + instruction(0xBF, 7, 0)
    )  # fmt: skip
    guard = when + instruction(0x15, 0, offset=2) + leave if when else b""
    copies = b"".join(
        instruction(0x61 | SIZES[each.access.bits], 2, 8, each.offset) + instruction(0x7B, 7, 2, 8 * index)
        for index, each in enumerate(wanted)
    )
    return instruction(0xBF, 6, 1) + guard + find + base + copies + leave


THE_CONTEXT = instruction(0xBF, 8, 6)


def the_socket_at(offset: int, number: int) -> bytes:
    """R8 is the full socket that the context's pointer at `offset` leads to; without one the program ends."""
    leave = instruction(0xB7, 0, immediate=number) + instruction(0x95)
    return (
        instruction(0x79, 1, 6, offset) + instruction(0x55, 1, offset=2) + leave
        + instruction(0x85, immediate=FULL_SOCKET) + instruction(0x55, 0, offset=2) + leave + instruction(0xBF, 8, 0)
    )  # fmt: skip


class Probe:
    """A loaded program of `section` that copies places, its map, and what is attached; all is closed with it."""

    def __init__(self, section: str, wanted: Sequence[Place], *, base: bytes = THE_CONTEXT, when: bytes = b"") -> None:
        found = section_of(section)
        assert found is not None
        self.wanted, self.hook = wanted, found.expected_attach_type
        self.map_fd = map_create(b"seen", ARRAY, key_size=4, value_size=8 * len(wanted), max_entries=1)
        code = copying(wanted, self.map_fd, 1, base, when)
        answer = prog_load(
            b"probe", found.type, instructions=code, license_name="GPL", expected_attach_type=found.expected_attach_type, log=LogSpace(1, 1 << 16)
        )
        assert isinstance(answer, Accepted), answer.log.decode()
        self.fds = [self.map_fd, answer.fd]
        self.program_fd = answer.fd

    def attach(self, folder: Path) -> None:
        """To the control group at `folder`."""
        group = os.open(folder, os.O_RDONLY)
        self.fds += [group, link_create(self.program_fd, group, attach_type=self.hook)]

    def seen(self) -> list[int]:
        """What the places meant when the program last ran."""
        value = map_lookup(self.map_fd, ONLY, space=8 * len(self.wanted))
        assert value is not None
        words = struct.unpack(f"<{len(self.wanted)}Q", value)
        return [place.meaning(word) for place, word in zip(self.wanted, words, strict=True)]

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)


Probing = Callable[..., Probe]


@pytest.fixture
def probe(no_leaks: None) -> Iterator[Probing]:
    """Makes probes, and closes them after the test."""
    with ExitStack() as stack:

        def make(section: str, wanted: Sequence[Place], *, base: bytes = THE_CONTEXT, when: bytes = b"") -> Probe:
            made = Probe(section, wanted, base=base, when=when)
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group (version 2) of the test's own."""
    with open("/proc/self/mounts", encoding="ascii") as mounts:
        root = next((line.split()[1] for line in mounts if line.split()[2] == "cgroup2"), None)
    if root is None:
        pytest.skip("missing: a mounted cgroup2 file system (mount -t cgroup2 none /sys/fs/cgroup)")
    folder = Path(root) / f"pybpf-test-{os.getpid()}"
    folder.mkdir()
    yield folder
    folder.rmdir()


def within(group: Path, code: str) -> str:
    """What a Python process in the control group prints."""
    start = f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')\nimport socket\n"
    return subprocess.run([sys.executable, "-I", "-S", "-c", start + code], check=True, capture_output=True, text=True).stdout


def test_an_address_to_connect_to_is_the_number_that_was_given(group: Path, probe: Probing) -> None:
    seen = probe("cgroup/connect4", places(SockAddr, "given_family", "ip4", "port", "family", "type", "protocol"))
    seen.attach(group)
    within(group, "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 5353))")
    assert seen.seen() == [AddressFamily.INET, LOCALHOST, 5353, AddressFamily.INET, SocketType.DATAGRAM, socket.IPPROTO_UDP]


def test_the_words_of_an_ipv6_address_come_in_order(group: Path, probe: Probing) -> None:
    seen = probe("cgroup/connect6", places(SockAddr, "ip6_0", "ip6_1", "ip6_2", "ip6_3", "port"))
    seen.attach(group)
    within(group, f"socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect_ex(({IP6!r}, 53))")
    assert seen.seen() == [*IP6_WORDS, 53]


def test_a_port_that_is_written_is_the_port_that_is_connected_to(group: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = SockAddr.context_fields["port"]
        assert isinstance(port.value, Width)
        word = int.from_bytes(port.value.bytes_of(server.getsockname()[1]).ljust(port.access.octets, b"\0"), "little")
        code = instruction(0xB7, 2, immediate=word) + instruction(0x63, 1, 2, port.offset) + instruction(0xB7, 0, immediate=1)
        found = section_of("cgroup/connect4")
        assert found is not None
        answer = prog_load(
            b"redirect", found.type, instructions=code + instruction(0x95), license_name="GPL", expected_attach_type=found.expected_attach_type
        )
        assert isinstance(answer, Accepted)
        folder = os.open(group, os.O_RDONLY)
        link = link_create(answer.fd, folder, attach_type=found.expected_attach_type)
        try:
            within(group, "socket.create_connection(('127.0.0.1', 1), 5)")
        finally:
            for fd in (link, folder, answer.fd):
                os.close(fd)


def test_a_bound_socket_has_its_local_port_in_host_order(group: Path, probe: Probing) -> None:
    seen = probe("cgroup/post_bind4", places(Sock, "local_ip4", "local_port", "family", "type", "protocol"))
    seen.attach(group)
    port = within(group, "s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])")
    assert seen.seen() == [LOCALHOST, int(port), AddressFamily.INET, SocketType.STREAM, socket.IPPROTO_TCP]


DATAGRAM = """
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); receiver.bind(('127.0.0.1', 0))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); sender.bind(('127.0.0.2', 0))
sender.connect(receiver.getsockname()); sender.send(bytes(100))
print(sender.getsockname()[1], receiver.getsockname()[1])
"""


def test_a_packet_knows_the_two_ends_of_its_socket(group: Path, probe: Probing) -> None:
    names = ("length", "protocol", "family", "local_ip4", "local_port", "remote_ip4", "remote_port")
    seen = probe("cgroup_skb/egress", places(Skb, *names))
    seen.attach(group)
    local, remote = map(int, within(group, DATAGRAM).split())
    assert seen.seen() == [20 + 8 + 100, IPV4, AddressFamily.INET, LOCALHOST + 1, local, LOCALHOST, remote]


def test_a_socket_knows_its_two_ends(group: Path, probe: Probing) -> None:
    names = ("family", "type", "protocol", "local_ip4", "local_port", "remote_ip4", "remote_port", "receive_queue")
    layout = Socket.layout
    wanted = [Place(layout[name].offset, kind, kind) for name in names if isinstance(kind := layout[name].type, Width)]
    seen = probe("cgroup_skb/egress", wanted, base=the_socket_at(Skb.context_fields["socket"].offset, 1))
    seen.attach(group)
    local, remote = map(int, within(group, DATAGRAM).split())
    head = [AddressFamily.INET, SocketType.DATAGRAM, socket.IPPROTO_UDP]
    assert seen.seen() == [*head, LOCALHOST + 1, local, LOCALHOST, remote, -1]


def test_a_connection_has_its_ends_and_its_measurements(group: Path, probe: Probing) -> None:
    names = ("event", "family", "local_ip4", "local_port", "remote_ip4", "remote_port", "is_full_socket", "state", "congestion_window")
    event = instruction(0x61, 0, 1, 0) + instruction(0x17, 0, immediate=SockOpsEvent.ACTIVE_ESTABLISHED)
    seen = probe("sockops", places(SockOps, *names), when=event)
    seen.attach(group)
    code = "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); print(c.getsockname()[1], s.getsockname()[1])"
    local, remote = map(int, within(group, code).split())
    ends = [AddressFamily.INET, LOCALHOST, local, LOCALHOST, remote]
    assert seen.seen() == [SockOpsEvent.ACTIVE_ESTABLISHED, *ends, 1, TcpState.ESTABLISHED, 10]  # RFC 6928: ten packets


LOOKED_UP: Mapping[str, tuple[bytes, list[int]]] = {
    "INET": (
        struct.pack("<QII4s16s2sH4s16sII4x", 0, socket.AF_INET, 6, bytes([10, 0, 0, 1]), b"", struct.pack(">H", 443), 0, bytes([10, 0, 0, 2]), b"", 8080, 0),
        [AddressFamily.INET, 6, 443, 8080, 0x0A000001, 0x0A000002],
    ),
    "INET6": (
        struct.pack(
            "<QII4s16s2sH4s16sII4x", 0, socket.AF_INET6, 17, b"", socket.inet_pton(socket.AF_INET6, IP6), struct.pack(">H", 53), 0, b"",
            socket.inet_pton(socket.AF_INET6, "::1"), 5353, 0,
        ),
        [AddressFamily.INET6, 17, 53, 5353, *IP6_WORDS, 0, 0, 0, 1],
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", LOOKED_UP)
def test_a_packet_in_search_of_a_socket_has_its_addresses(family: str, probe: Probing) -> None:
    ends = [f"{end}_ip6_{word}" for end in ("remote", "local") for word in range(4)] if family == "INET6" else ["remote_ip4", "local_ip4"]
    seen = probe("sk_lookup", places(SkLookup, "family", "protocol", "remote_port", "local_port", *ends))
    context, wanted = LOOKED_UP[family]
    assert prog_test_run(seen.program_fd, b"", context=context, repeat=1, data_out_size=0)[0] == 1
    assert seen.seen() == wanted
