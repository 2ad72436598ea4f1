"""Options of SYN and SYN-ACK: what would make more than one plain stream of a connection is not there any more when they pass."""

from __future__ import annotations

import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pybpf.demo import namespaces
from pybpf.demo.network import Network, network
from pybpf.kernel_progs.abi import PolicyAction, Reason
from tests.kernel.test_enforcement import INGRESS, enforced, get
from tests.support.datapath import CLIENT, PASSED, SERVICE, Datapath
from tests.support.http_service import PORT, Server
from tests.support.packets import ACK, SYN, Segment, frame, reply_to
from tests.support.rules import tables_of

pytestmark = pytest.mark.kernel

UNWANTED = (30, 34, 253, 254)
CASES = 400
MPTCP, SOL_MPTCP, MPTCP_INFO = 262, 284, 1  # of linux/in.h and linux/mptcp.h
TCP_FASTOPEN, MSG_FASTOPEN, TCPI_OPT_SYN_DATA = 23, 0x20000000, 32


@pytest.fixture(scope="module")
def datapath() -> Iterator[Datapath]:
    with Datapath(tables_of([("GET", "/flights")])) as made:
        made.set_endpoint(ingress=1, egress=0)
        made.set_policy(80, PolicyAction.INSPECT)
        yield made


def made_plain(options: bytes) -> bytes | None:
    """What these options must have become; None: they cannot be read, or not by all in the same way."""
    plain, at = b"", 0
    while at < len(options):
        kind = options[at]
        if kind in (0, 1):
            if kind == 0 and any(each not in (0, 1) for each in options[at:]):
                return None
            plain, at = plain + options[at : at + 1], at + 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size < 2 or at + size > len(options):
            return None
        plain, at = plain + (b"\x01" * size if kind in UNWANTED else options[at : at + size]), at + size
    return plain


def option(source: random.Random) -> bytes:
    kind = source.choice([1, 1, 0, 2, 3, 4, 8, 5, *UNWANTED, 30, 34])
    if kind in (0, 1):
        return bytes([kind])
    return bytes([kind, size := source.choice([2, 3, 4, 10, 12, source.randrange(14)])]) + source.randbytes(max(size - 2, 0))


def generated(seed: int) -> Iterator[bytes]:
    source = random.Random(seed)
    for _ in range(CASES):
        options = b"".join(option(source) for _ in range(source.randrange(5)))[:40]
        yield options + source.choice([b"\x00", b"\x01"]) * (-len(options) % 4)


def after(segment: Segment, options: bytes | None) -> bytes | None:
    """The frame that must pass, if any."""
    return None if options is None else frame(replace(segment, options=options))


def test_a_syn_passes_with_the_plain_ones_only(datapath: Datapath) -> None:
    passed = 0
    for number, options in enumerate(generated(1)):
        syn = Segment(CLIENT, SERVICE, 10_000 + number, 80, flags=SYN, options=options)
        run, expected = datapath.receive(frame(syn)), after(syn, made_plain(options))
        assert (run.data if run.return_value == PASSED else None) == expected, options
        if expected is None:
            assert datapath.events()[-1].reason == Reason.BAD_SYN
        passed += expected is not None and options != made_plain(options)
    assert passed > CASES // 8


def test_a_syn_ack_passes_with_the_plain_ones_only(datapath: Datapath) -> None:
    passed = 0
    for number, options in enumerate(generated(2)):
        syn = Segment(CLIENT, SERVICE, 20_000 + number, 80, sequence=7, flags=SYN)
        assert datapath.receive(frame(syn)).return_value == PASSED
        answer = replace(reply_to(syn, sequence=5000, flags=SYN | ACK), options=options)
        run, expected = datapath.send(frame(answer)), after(answer, made_plain(options))
        assert (run.data if run.return_value == PASSED else None) == expected, options
        passed += expected is not None and options != made_plain(options)
    assert passed > CASES // 8


@pytest.fixture(scope="module")
def built() -> Iterator[Network]:
    with network(["client", "server"]) as made:
        yield made


def is_multipath(connection: socket.socket) -> bool:
    """Whether a connection is of MPTCP, and has not fallen back to TCP."""
    try:
        connection.getsockopt(SOL_MPTCP, MPTCP_INFO, 256)
    except OSError:
        return False
    return True


@contextmanager
def serving(built: Network, protocol: int = 0, waiting: int = 0) -> Iterator[Server]:
    """A server in the namespace "server" by this protocol; `waiting` is its queue for Fast Open."""

    def listening() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, waiting)
        made.bind((built.place("server").ipv4, PORT))
        made.listen(8)
        return made

    server = Server(namespaces.run(built.place("server").namespace, listening))
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    yield server
    server.listener.shutdown(socket.SHUT_RDWR)
    server.listener.close()
    thread.join(5)


def client_of(built: Network, protocol: int = 0) -> socket.socket:
    made = namespaces.run(built.place("client").namespace, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol))
    made.settimeout(5)
    return made


def asked_by_multipath(built: Network, path: str) -> tuple[bool, bytes]:
    """Over MPTCP from a client to a server that both want it: whether it was, and the answer."""
    with serving(built, MPTCP), client_of(built, MPTCP) as client:
        client.connect((built.place("server").ipv4, PORT))
        client.sendall(get(path))
        return is_multipath(client), client.recv(1000)


def test_multipath_falls_back_to_one_path(built: Network) -> None:
    try:
        multipath, answer = asked_by_multipath(built, "/open")
    except OSError as error:
        pytest.skip(f"no MPTCP here: {error}")
    assert multipath and answer.endswith(b"ok")
    with enforced(built, INGRESS):
        multipath, answer = asked_by_multipath(built, "/open")
        assert not multipath and answer.endswith(b"ok")
        assert asked_by_multipath(built, "/closed")[1].startswith(b"HTTP/1.1 403 ")


def asked_early(built: Network, path: str) -> tuple[bool, bytes]:
    """By Fast Open: whether the request went with the SYN, and the answer."""
    with client_of(built) as client:
        client.settimeout(None)  # a socket with a time limit gives up waiting for the handshake at once
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", 5, 0))
        client.sendto(get(path), MSG_FASTOPEN, (built.place("server").ipv4, PORT))
        answer = client.recv(1000)
        state_and_options = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
        return bool(state_and_options[5] & TCPI_OPT_SYN_DATA), answer


def test_fast_open_waits_for_the_handshake(built: Network) -> None:
    for place in built.places:
        namespaces.run(place.namespace, lambda: Path("/proc/sys/net/ipv4/tcp_fastopen").write_text("3"))
    with serving(built, waiting=8):
        assert [asked_early(built, "/open")[0] for _ in range(2)] == [False, True]
        with enforced(built, INGRESS):  # the client knows a cookie, and sends data with its SYN: that is dropped, and sent again without
            early, answer = asked_early(built, "/open")
            assert not early and answer.endswith(b"ok")
            assert asked_early(built, "/closed")[1].startswith(b"HTTP/1.1 403 ")
