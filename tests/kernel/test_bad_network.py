"""Transfers through a policy over a network that loses packets and lets some overtake others: all of them arrive, whole."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import random
import shutil
import threading
from collections.abc import Callable, Iterator

import pytest

from pybpf.compiler.diag import Source
from pybpf.demo import namespaces
from pybpf.demo.network import Network, network
from pybpf.enforce import EndpointConfig, Enforcement, enforce
from pybpf.kernel_progs.abi import Reason
from tests.support.bad_network import bad_network
from tests.support.http_service import PORT

pytestmark = pytest.mark.kernel

POLICY = "policy api for app=server {\n  allow from app=client on port 8080: GET /open/*, POST /open\n}\n"
CONTENT = random.Random(1).randbytes(8_000_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Site(http.server.BaseHTTPRequestHandler):
    """GET /open/N gives the first N bytes of CONTENT; POST tells the digest of what came."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply(CONTENT[: int(self.path.rpartition("/")[2])])

    def do_POST(self) -> None:
        if "Content-Length" in self.headers:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        else:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        self._reply(hashlib.sha256(body).hexdigest().encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""

    def _reply(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def built() -> Iterator[Network]:
    for tool in ("tc", "nft"):
        if shutil.which(tool) is None:
            pytest.skip(f"missing: {tool} (tests/install-tools)")
    with network(["client", "server"]) as made:
        address = (made.place("server").ipv4, PORT)
        server = namespaces.run(made.place("server").namespace, lambda: http.server.ThreadingHTTPServer(address, Site))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield made
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def enforcement(built: Network) -> Iterator[Enforcement]:
    configs = [EndpointConfig(place.name, "default", {"app": place.name}, place.ipv4, place.interface) for place in built.places]
    with namespaces.run(built.node, lambda: enforce([Source("api.policy", POLICY)], configs)) as made:
        yield made


def asked(built: Network, job: Callable[[http.client.HTTPConnection], object]) -> None:
    """`job` with a client's connection."""

    def run() -> None:
        connection = http.client.HTTPConnection(built.place("server").ipv4, PORT, timeout=60)
        job(connection)
        connection.close()

    namespaces.run(built.place("client").namespace, run)


def get(connection: http.client.HTTPConnection, octets: int) -> bytes:
    connection.request("GET", f"/open/{octets}")
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read()


def post(connection: http.client.HTTPConnection, body: bytes | list[bytes]) -> str:
    connection.request("POST", "/open", body if isinstance(body, bytes) else iter(body), encode_chunked=not isinstance(body, bytes), headers={} if isinstance(body, bytes) else {"Transfer-Encoding": "chunked"})
    answer = connection.getresponse()
    assert answer.status == 200
    return answer.read().decode()


def transfers(connection: http.client.HTTPConnection) -> None:
    """Small and large ones, both ways, on one connection."""
    for octets in (1, 1000, 100_000):
        assert get(connection, octets) == CONTENT[:octets]
    assert post(connection, CONTENT) == DIGEST
    assert post(connection, [CONTENT[at : at + 60_000] for at in range(0, len(CONTENT), 60_000)]) == DIGEST
    assert hashlib.sha256(get(connection, len(CONTENT))).hexdigest() == DIGEST
    for number in range(60):
        assert get(connection, number) == CONTENT[:number]


@pytest.mark.parametrize("where", ["client", "server"])
def test_transfers_arrive_whole(built: Network, enforcement: Enforcement, where: str) -> None:
    with bad_network(built.place(where), loss_percent=1, overtaken_percent=3):
        asked(built, transfers)


def test_the_network_was_bad(built: Network, enforcement: Enforcement) -> None:
    """What came out of order was seen as such: else the tests above would have shown nothing."""
    with bad_network(built.place("client"), loss_percent=2, overtaken_percent=10):
        asked(built, lambda connection: post(connection, [CONTENT[at : at + 5_000] for at in range(0, 2_000_000, 5_000)]))
    assert Reason.AHEAD in {flow.reason for flow in enforcement.flows(0)}
