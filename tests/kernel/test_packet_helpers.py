"""What helpers of packets and sockets do in the kernel is what their rows say: byte orders, units, constants, directions."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from pybpf.compiler import compile_programs
from pybpf.compiler.lang import TunnelKey4
from pybpf.elf import parse
from pybpf.hooks import TcxHook, attach_cgroup, attach_tcx, cgroup_root
from pybpf.kinds import AttachType
from pybpf.loading import Loaded, load
from tests.support import packet_programs as programs

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]

ETHERNET = bytes(12) + b"\x08\x00"
IP = bytes.fromhex("45000028000100004006000000000000") + bytes(4)
FRAME = ETHERNET + IP + bytes(46)
OUR_MAC, GATEWAY_MAC = bytes.fromhex("020000000001"), bytes.fromhex("02000a0b0c0d")


def loading(*wanted: Callable[..., int]) -> Loaded:
    """These programs in the kernel; to be closed."""
    return load(parse(compile_programs(*wanted).elf))


def step(program: Callable[..., int], packet: bytes) -> int:
    """What one run of the program on the packet says."""
    with loading(program) as loaded:
        return loaded.programs[program.__name__].test_run(packet).return_value


@pytest.mark.parametrize(
    "program", [programs.tags_a_packet, programs.changes_the_protocol, programs.sets_what_the_kernel_knows, programs.makes_room], ids=lambda each: each.__name__
)
def test_a_packet_is_changed_as_its_fields_tell(program: Callable[..., int]) -> None:
    assert step(program, FRAME) == 0


def test_a_listening_socket_and_its_connections_are_found() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server, closing(socket.create_connection(server.getsockname())) as client:
        server_port, client_port = server.getsockname()[1], client.getsockname()[1]
        assert step(programs.finds_tcp, ETHERNET + struct.pack(">HH", server_port, 0) + bytes(46)) == 0
        assert step(programs.finds_tcp, ETHERNET + struct.pack(">HH", server_port, client_port) + bytes(46)) == 0
        assert step(programs.finds_tcp, ETHERNET + struct.pack(">HH", client_port, server_port) + bytes(46)) == 0
    assert step(programs.finds_tcp, ETHERNET + struct.pack(">HH", server_port, 0) + bytes(46)) == 2


def test_a_socket_for_datagrams_is_found() -> None:
    with closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as receiver:
        receiver.bind(("::1", 0))
        packet = ETHERNET + struct.pack(">HH", receiver.getsockname()[1], 0) + bytes(46)
        assert step(programs.finds_udp6, packet) == 0
    assert step(programs.finds_udp6, packet) == 2


def ip(*words: str) -> None:
    """One command of ip(8), in the namespace of this thread."""
    subprocess.run(["ip", *words], check=True)


def become_a_host(device: str) -> int:
    """Give a device PEER's address, a gateway and a way by it; its number."""
    ip("link", "set", device, "address", OUR_MAC.hex(":"))
    ip("address", "add", "192.0.2.1/24", "dev", device)
    ip("neighbour", "add", "192.0.2.9", "lladdr", GATEWAY_MAC.hex(":"), "dev", device)
    ip("route", "add", "198.51.100.0/24", "via", "192.0.2.9")
    Path(f"/proc/sys/net/ipv4/conf/{device}/forwarding").write_text("1")
    return socket.if_nametoindex(device)


def test_a_route_is_found_with_its_gateway(namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(become_a_host, "left").result()
    packet = ETHERNET + struct.pack(">I", index) + bytes(60)
    assert namespace.submit(step, programs.asks_for_a_route, packet).result() == 0


def test_a_device_says_what_fits(namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(socket.if_nametoindex, "left").result()
    packet = ETHERNET + struct.pack(">I", index) + bytes(60)
    assert namespace.submit(step, programs.asks_what_fits, packet).result() == 0


def sent_and_seen(out: str, frame: bytes, seen: str, wanted: Callable[[bytes], bool]) -> bytes:
    """Send a frame out of one device, and give the first one at another that is wanted."""
    with closing(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))) as listener, closing(socket.socket(socket.AF_PACKET, socket.SOCK_RAW)) as sender:
        listener.bind((seen, 3))
        listener.settimeout(3)
        sender.bind((out, 0))
        sender.send(frame)
        while not wanted(got := listener.recv(2048)):
            pass
    return got


def test_a_packet_is_sent_to_a_neighbour(namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(become_a_host, "right").result()
    frame = OUR_MAC + bytes(6) + b"\x08\x00" + IP + struct.pack(">I", index) + bytes(42)  # not a broadcast: the kernel drops those here
    with loading(programs.sends_to_a_neighbour) as loaded:
        program = loaded.programs["sends_to_a_neighbour"]
        with namespace.submit(attach_tcx, program, index, TcxHook.INGRESS).result():
            got = namespace.submit(sent_and_seen, "left", frame, "left", lambda each: each[:6] == GATEWAY_MAC).result()
    assert got[12:] == frame[12:]


def become_an_end_of_a_tunnel() -> int:
    """A device for VXLAN tunnels of which each packet says where to; its number."""
    become_a_host("left")
    ip("address", "add", "fd00::1/64", "dev", "left", "nodad")
    ip("neighbour", "add", "fd00::9", "lladdr", GATEWAY_MAC.hex(":"), "dev", "left")
    ip("link", "add", "tunnel", "type", "vxlan", "external", "dstport", "4789")
    ip("link", "set", "tunnel", "up")
    return socket.if_nametoindex("tunnel")


TIME_TO_LIVE = 33
VXLAN_PORT = struct.pack(">H", 4789)


def is_vxlan4(frame: bytes) -> bool:
    """Whether it is UDP over IPv4 to port 4789."""
    return frame[12:14] == b"\x08\x00" and frame[23] == 17 and frame[36:38] == VXLAN_PORT


def is_vxlan6(frame: bytes) -> bool:
    """Whether it is UDP over IPv6 to port 4789."""
    return frame[12:14] == b"\x86\xdd" and frame[20] == 17 and frame[56:58] == VXLAN_PORT


def vxlan4(tunnel: int, inner: bytes) -> bytes:
    """The IPv4 packet from the gateway to us that carries `inner` (RFC 7348, section 5)."""
    carried = bytes.fromhex("08000000") + (tunnel << 8).to_bytes(4, "big") + inner
    datagram = struct.pack(">H", 1000) + VXLAN_PORT + struct.pack(">HH", 8 + len(carried), 0) + carried
    header = bytearray(struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(datagram), 1, 0, TIME_TO_LIVE, 17, 0) + bytes([192, 0, 2, 9, 192, 0, 2, 1]))
    total = sum(struct.unpack(">10H", header))
    header[10:12] = (~(total + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
    return bytes(header) + datagram


def test_a_packet_goes_out_by_the_tunnel_that_its_key_says(namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(become_an_end_of_a_tunnel).result()
    with (
        loading(programs.sends_through_a_tunnel4) as loaded,
        namespace.submit(attach_tcx, loaded.programs["sends_through_a_tunnel4"], index, TcxHook.EGRESS).result(),
    ):
        got = namespace.submit(sent_and_seen, "tunnel", FRAME, "right", is_vxlan4).result()
    assert (got[26:30], got[30:34], got[22]) == (bytes([192, 0, 2, 1]), bytes([192, 0, 2, 9]), 64)
    assert (int.from_bytes(got[46:49], "big"), got[50:]) == (7, FRAME)


def test_a_packet_goes_out_by_the_tunnel_over_ipv6_that_its_key_says(namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(become_an_end_of_a_tunnel).result()
    with (
        loading(programs.sends_through_a_tunnel6) as loaded,
        namespace.submit(attach_tcx, loaded.programs["sends_through_a_tunnel6"], index, TcxHook.EGRESS).result(),
    ):
        got = namespace.submit(sent_and_seen, "tunnel", FRAME, "right", is_vxlan6).result()
    assert (got[22:38], got[38:54]) == (IPv6Address("fd00::1").packed, IPv6Address("fd00::9").packed)
    assert (int.from_bytes(got[66:69], "big"), got[70:]) == (7, FRAME)


def test_a_packet_that_came_by_a_tunnel_tells_its_key(namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(become_an_end_of_a_tunnel).result()
    frame = OUR_MAC + GATEWAY_MAC + b"\x08\x00" + vxlan4(9, FRAME)
    with (
        loading(programs.takes_from_a_tunnel4) as loaded,
        namespace.submit(attach_tcx, loaded.programs["takes_from_a_tunnel4"], index, TcxHook.INGRESS).result(),
    ):
        namespace.submit(sent_and_seen, "right", frame, "tunnel", lambda each: each == FRAME).result()
        value = loaded.maps["keys4"].lookup(bytes(4))
    assert value is not None
    key = TunnelKey4.view(bytearray(value))
    assert (key.tunnel_id, key.remote_ip, key.local_ip, key.time_to_live) == (9, programs.GATEWAY, programs.PEER, TIME_TO_LIVE)


SCRIPT = """
from socket import *
with create_server(("127.0.0.1", 0)) as server, create_connection(server.getsockname()) as client:
    print(client.getsockname()[0], client.getsockopt(SOL_SOCKET, SO_PRIORITY))
"""


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """An empty cgroup."""
    folder = cgroup_root() / f"pybpf-test-packet-helpers-{os.getpid()}"
    folder.mkdir()
    yield folder
    folder.rmdir()


def test_a_connection_is_bound_and_given_options_before_it_is_made(cgroup: Path) -> None:
    words = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(cgroup), sys.executable, "-S", "-c", SCRIPT]
    with (
        loading(programs.connects_from_elsewhere) as loaded,
        attach_cgroup(loaded.programs["connects_from_elsewhere"], cgroup, AttachType.CGROUP_INET4_CONNECT),
    ):
        ran = subprocess.run(words, check=True, capture_output=True, text=True)
    assert ran.stdout.split() == ["127.0.0.2", str(programs.PRIORITY_GIVEN)]
