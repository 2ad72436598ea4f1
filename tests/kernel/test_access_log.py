"""Requests between real clients and servers, as the access log tells of them; WebSocket where a rule says so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from pybpf.compiler.diag import Source
from pybpf.demo import namespaces
from pybpf.demo.network import Network, network
from pybpf.enforce import EndpointConfig, Enforcement, enforce
from pybpf.kernel_progs.abi import Verdict
from pybpf.observe import Request
from tests.support.http_service import PORT

pytestmark = pytest.mark.kernel

POLICY = """
policy api for app=server {
  allow from app=client on port 8080: GET /open?*, GET /feed websocket, POST /open
}
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(scope="module")
def built() -> Iterator[Network]:
    with network(["client", "server"]) as made:
        yield made


@pytest.fixture(scope="module")
def enforcement(built: Network) -> Iterator[Enforcement]:
    configs = [EndpointConfig(place.name, "default", {"app": place.name}, place.ipv4, place.interface) for place in built.places]
    with namespaces.run(built.node, lambda: enforce([Source("api.policy", POLICY)], configs)) as made:
        yield made


@contextmanager
def conversation(built: Network, serve: Callable[[socket.socket], object]) -> Iterator[socket.socket]:
    """A client's connection, and what its server does with the other end."""
    address = (built.place("server").ipv4, PORT)
    with namespaces.run(built.place("server").namespace, lambda: socket.create_server(address)) as listener:

        def run() -> None:
            accepted, _ = listener.accept()
            with accepted, suppress(ConnectionResetError):
                serve(accepted)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        with namespaces.run(built.place("client").namespace, lambda: socket.create_connection(address, timeout=5)) as client:
            yield client
        thread.join(5)


def requests(enforcement: Enforcement) -> list[tuple[Verdict, Request]]:
    return [(flow.verdict, flow.request) for flow in enforcement.flows(100) if flow.request is not None]


def test_a_request_is_told_with_its_reply(built: Network, enforcement: Enforcement) -> None:
    def serve(connection: socket.socket) -> None:
        for status in (b"200", b"503"):
            connection.recv(1000)
            connection.sendall(OK.replace(b"200", status))
        connection.recv(1000)

    requests(enforcement)
    with conversation(built, serve) as client:
        for path in ("/open", "/open?q=\x1b%5B"):
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: api.shop:8080\r\nX: y\r\n\r\n".replace("\x1b", "%1B").encode())
            assert client.recv(1000).endswith(b"ok")
        client.sendall(b"GET /closed HTTP/1.1\r\nHost: api.shop:8080\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 403 ")
    (first, one), (second, two), (last, three) = requests(enforcement)
    assert (first, one.method, one.path, one.host, one.status) == (Verdict.FORWARDED, "GET", "/open", "api.shop:8080", 200)
    assert (second, two.path, two.status) == (Verdict.FORWARDED, "/open?q=%1B%5B", 503)
    assert two.latency_ns is not None and 1000 < two.latency_ns < 5 * 10**9
    assert (last, three.method, three.path, three.host, three.status) == (Verdict.REFUSED_403, "GET", "/closed", "api.shop:8080", None)


def test_what_is_no_text_cannot_reach_a_terminal(built: Network, enforcement: Enforcement) -> None:
    with conversation(built, lambda connection: connection.recv(1)) as client:
        client.sendall(b"GET /open\x1b]0;owned\x07\\ HTTP/1.1\r\n\r\n")
        client.recv(1000)
    ((verdict, request),) = requests(enforcement)
    assert verdict == Verdict.REFUSED_403 and request.path == "/open\\x1b]0;owned\\x07\\x5c"


def test_a_long_path_is_cut_and_says_so(built: Network, enforcement: Enforcement) -> None:
    with conversation(built, lambda connection: connection.sendall(connection.recv(1000) and OK)) as client:
        client.sendall(b"GET /open?" + b"x" * 300 + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(1000).endswith(b"ok")
    ((_, request),) = requests(enforcement)
    assert request.is_cut and request.path == "/open?" + "x" * 118 and request.host == ""


UPGRADE = b"GET /feed HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


def test_frames_pass_once_the_server_has_switched(built: Network, enforcement: Enforcement) -> None:
    def serve(connection: socket.socket) -> None:
        assert connection.recv(1000) == UPGRADE
        connection.sendall(SWITCH)
        while frame := connection.recv(100_000):
            connection.sendall(frame)

    with conversation(built, serve) as client:
        client.sendall(UPGRADE)
        assert client.recv(1000) == SWITCH
        for frame in (b"\x81\x05hello", b"GET /closed HTTP/1.1\r\n\r\n", bytes(50_000)):
            client.sendall(frame)
            received = b""
            while len(received) < len(frame):
                received += client.recv(100_000)
            assert received == frame
    ((_, request),) = requests(enforcement)
    assert (request.path, request.status) == ("/feed", 101)


def test_nothing_passes_when_it_has_not(built: Network, enforcement: Enforcement) -> None:
    arrived = []

    def serve(connection: socket.socket) -> None:
        arrived.append(connection.recv(1000))
        connection.sendall(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
        try:
            arrived.append(connection.recv(1000))
        except ConnectionResetError:
            arrived.append(b"")

    with conversation(built, serve) as client:
        client.sendall(UPGRADE)
        assert client.recv(1000).startswith(b"HTTP/1.1 426 ")
        client.sendall(b"\x81\x05hello")
        assert client.recv(1000).startswith(b"HTTP/1.1 403 ")
    assert arrived == [UPGRADE, b""]
