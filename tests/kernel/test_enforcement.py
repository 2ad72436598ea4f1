"""Policy on real TCP connections between namespaces: what clients and servers see, and what is left afterwards."""

from __future__ import annotations

import http.client
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pybpf.compiler.diag import Source
from pybpf.demo import namespaces
from pybpf.demo.network import Network, network
from pybpf.enforce import EndpointConfig, Enforcement, enforce
from pybpf.enforce.attachments import Way
from pybpf.kernel_progs.abi import Verdict
from tests.support.http_service import PORT, Server, serving

pytestmark = pytest.mark.kernel

POLICY = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: api}
spec:
  endpointSelector: {matchLabels: {app: %s}}
  %s:
  - %s: [{matchLabels: {app: %s}}]
    toPorts:
    - ports: [{port: "8080", protocol: TCP}]
      rules: {http: [{method: GET, path: "/open.*"}, {method: POST, path: /upload}]}
"""
INGRESS = POLICY % ("server", "ingress", "fromEndpoints", "client")
EGRESS = POLICY % ("client", "egress", "toEndpoints", "server")

@pytest.fixture(scope="module")
def built() -> Iterator[Network]:
    with network(["client", "server"]) as made:
        yield made


@pytest.fixture
def server(built: Network) -> Iterator[Server]:
    with serving(built) as made:
        yield made


@contextmanager
def enforced(built: Network, policy: str, way: Way | None = None) -> Iterator[Enforcement]:
    configs = [EndpointConfig(place.name, "default", {"app": place.name}, place.ipv4, place.interface) for place in built.places]
    made = namespaces.run(built.node, lambda: enforce([Source("policy.yaml", policy)], configs, way))
    with made:
        yield made


def connect(built: Network) -> socket.socket:
    address = (built.place("server").ipv4, PORT)
    return namespaces.run(built.place("client").namespace, lambda: socket.create_connection(address, timeout=5))


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65536):
        received += part
    return received


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: server:8080\r\n\r\n".encode()


@pytest.mark.parametrize("policy", [INGRESS, EGRESS], ids=["ingress", "egress"])
def test_a_plain_socket_sees_a_clean_403_and_the_server_nothing(built: Network, server: Server, policy: str) -> None:
    with enforced(built, policy) as enforcement, connect(built) as connection:
        connection.sendall(get("/closed"))
        received = read_all(connection)
        assert received.startswith(b"HTTP/1.1 403 Forbidden\r\n") and received.endswith(b"\r\n\r\nAccess denied\r\n")
        verdicts = [flow.verdict for flow in enforcement.flows(1000)]
        assert Verdict.REFUSED_403 in verdicts
        assert server.reset.wait(2), "the server's connection must be reset, not left open"
    assert server.requests == []


def test_clsact_filters_do_the_same_and_go_with_the_enforcement(built: Network, server: Server) -> None:
    with enforced(built, INGRESS, Way.CLSACT), connect(built) as connection:
        connection.sendall(get("/open"))
        assert connection.recv(1000).endswith(b"ok")
    with enforced(built, INGRESS, Way.CLSACT), connect(built) as connection:
        connection.sendall(get("/closed"))
        assert read_all(connection).startswith(b"HTTP/1.1 403 Forbidden\r\n")
    with connect(built) as connection:
        connection.sendall(get("/closed"))
        assert connection.recv(1000).endswith(b"ok")


@pytest.mark.parametrize("policy", [INGRESS, EGRESS], ids=["ingress", "egress"])
def test_allowed_requests_of_one_connection_are_answered(built: Network, server: Server, policy: str) -> None:
    with enforced(built, policy), connect(built) as connection:
        for number in range(20):
            connection.sendall(get(f"/open/{number}"))
            assert connection.recv(1000).endswith(b"ok")
    assert len(server.requests) == 20


def test_curl_sees_a_clean_403(built: Network, server: Server) -> None:
    if shutil.which("curl") is None:
        pytest.skip("missing: curl (apt-get install curl)")
    url = f"http://{built.place('server').ipv4}:{PORT}"
    with enforced(built, INGRESS):
        for path, status, body in (("/open", "200", "ok"), ("/closed", "403", "Access denied\r\n")):
            command = ["ip", "netns", "exec", built.place("client").namespace, "curl", "-sS", "--max-time", "5", "-w", "%{http_code}", url + path]
            ended = subprocess.run(command, capture_output=True, check=True)
            assert ended.stdout.decode() == body + status and ended.stderr == b""


@pytest.mark.parametrize("policy", [INGRESS, EGRESS], ids=["ingress", "egress"])
def test_clients_send_bodies_in_chunks(built: Network, server: Server, policy: str) -> None:
    address = built.place("server").ipv4

    def ask(method: str, path: str, body: Iterator[bytes] | None) -> tuple[int, bytes]:
        connection.request(method, path, body, encode_chunked=body is not None, headers={"Transfer-Encoding": "chunked"} if body is not None else {})
        answer = connection.getresponse()
        return answer.status, answer.read()

    with enforced(built, policy):
        connection = http.client.HTTPConnection(address, PORT, timeout=5)
        namespaces.run(built.place("client").namespace, connection.connect)
        for size in (1, 15, 16, 4096, 70_000):
            assert ask("POST", "/upload", iter([b"x" * size, b"y" * 7])) == (200, b"ok")
            assert ask("GET", "/open", None) == (200, b"ok")
        connection.close()
    assert server.octets == sum((1, 15, 16, 4096, 70_000)) + 5 * 7


def test_curl_uploads_in_chunks_after_asking_whether_it_may(built: Network, server: Server, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("missing: curl (apt-get install curl)")
    (tmp_path / "body").write_bytes(bytes(1_500_000))
    with enforced(built, INGRESS):
        command = ["ip", "netns", "exec", built.place("client").namespace, "curl", "-sS", "--max-time", "20", "-X", "POST", "-H", "Expect: 100-continue"]
        url = f"http://{built.place('server').ipv4}:{PORT}/upload"
        ended = subprocess.run([*command, "-H", "Transfer-Encoding: chunked", "-T", str(tmp_path / "body"), url], capture_output=True, check=True)
    assert (ended.stdout, ended.stderr, server.octets) == (b"ok", b"", 1_500_000)


def test_hosts_and_headers_decide(built: Network, server: Server) -> None:
    rules = """{http: [{path: /open, headers: ["X-Tenant: red"]}, {path: /open, host: "inner[.].*"}]}"""
    with enforced(built, INGRESS[: INGRESS.index("{http:")] + rules):
        for host, fields, status in (
            ("server", "X-Tenant: red\r\n", b"200"), ("server", "x-tenant:red\r\n", b"200"), ("inner.net:8080", "", b"200"), ("server", "", b"403"),
            ("server", "X-Tenant: blue\r\n", b"403"), ("inner", "X-Tenants: red\r\n", b"403"), ("server", "X-Tenant: red\r\nX-Tenant: red\r\n", b"403"),
        ):  # fmt: skip
            with connect(built) as connection:
                connection.sendall(f"GET /open HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode())
                assert connection.recv(1000).split()[1] == status, (host, fields)
    assert len(server.requests) == 3


def test_pipelined_requests_are_judged_one_by_one(built: Network, server: Server) -> None:
    with enforced(built, INGRESS), connect(built) as connection:
        connection.sendall(get("/open") * 100)
        expected = len(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") * 100
        received = 0
        while received < expected:
            received += len(connection.recv(65536))
        connection.sendall(get("/open") + get("/closed"))
        with pytest.raises(ConnectionResetError):
            while connection.recv(65536):
                pass
    assert server.requests.count(b"GET /closed HTTP/1.1") == 0
    assert 100 <= len(server.requests) <= 101


def test_a_large_upload_arrives_whole(built: Network, server: Server) -> None:
    body = bytes(3_000_000)
    with enforced(built, INGRESS), connect(built) as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        assert connection.recv(1000).endswith(b"ok")
        connection.sendall(get("/open"))
        assert connection.recv(1000).endswith(b"ok")
    assert server.octets == len(body)


def test_a_request_hidden_in_a_body_is_no_request_and_one_behind_it_is(built: Network, server: Server) -> None:
    hidden = get("/closed")
    with enforced(built, INGRESS), connect(built) as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(hidden) + hidden)
        assert connection.recv(1000).endswith(b"ok")
        connection.sendall(hidden)
        assert read_all(connection).startswith(b"HTTP/1.1 403 Forbidden\r\n")  # for the first one's answer is known to be over
    assert server.requests == [b"POST /upload HTTP/1.1"]


def test_many_connections_at_once_are_all_judged(built: Network, server: Server) -> None:
    outcomes: list[bytes] = []

    def converse(path: str) -> None:
        with connect(built) as connection:
            connection.sendall(get(path))
            outcomes.append(connection.recv(1000)[9:12])

    with enforced(built, INGRESS):
        threads = [threading.Thread(target=converse, args=(path,)) for path in ["/open", "/closed"] * 30]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sorted(outcomes) == [b"200"] * 30 + [b"403"] * 30
    assert server.requests.count(b"GET /closed HTTP/1.1") == 0


def test_a_policy_ends_connections_that_are_older_than_it(built: Network, server: Server) -> None:
    with connect(built) as connection:
        connection.sendall(get("/closed"))
        assert connection.recv(1000).endswith(b"ok")
        with enforced(built, INGRESS):
            connection.sendall(get("/closed"))
            with pytest.raises(ConnectionResetError):
                connection.recv(1000)
    assert server.requests == [b"GET /closed HTTP/1.1"]


def test_closing_takes_the_programs_off_and_a_wrong_interface_leaves_nothing(built: Network, server: Server) -> None:
    with enforced(built, INGRESS):
        pass
    with connect(built) as connection:
        connection.sendall(get("/closed"))
        assert connection.recv(1000).endswith(b"ok")
    config = EndpointConfig("server", "default", {"app": "server"}, built.place("server").ipv4, "no-such-interface")
    with pytest.raises(OSError, match="no interface 'no-such-interface'"):
        namespaces.run(built.node, lambda: enforce([Source("policy.yaml", INGRESS)], [config]))
