"""Requests while rule sets change: one is let through by the old rules or by the new, and connections go on for what both allow."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, pairwise

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.demo import namespaces
from pybpf.demo.network import Network, network
from pybpf.enforce import EndpointConfig, enforce

pytestmark = pytest.mark.kernel
PORT, CHANGES, SECONDS = 8080, 12, 10.0
KINDS = ("always", "never", "first", "second")
SETS: tuple[tuple[str, ...], ...] = (("always",), ("always", "first"), ("second", "always"), ("always", "first", "second"))
POLICY = """
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: server, namespace: default}
spec:
  endpointSelector: {matchLabels: {app: server}}
  ingress:
  - fromEndpoints: [{matchLabels: {app: client}}]
    toPorts:
    - ports: [{port: "8080", protocol: TCP}]
      rules:
        http:
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, when it was sent, and whether it was answered with 200. Times are CLOCK_MONOTONIC."""

    kind: str
    sent_ns: int
    answered: bool


class Service:
    """Answers every request with 200, and knows when each first came: its path is its kind and its number."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.came_ns: dict[int, int] = {}
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._answer, args=(self._listener.accept()[0],), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rwb") as stream:
            while line := stream.readline():
                self.came_ns.setdefault(int(line.split()[1].rpartition(b"/")[2]), time.monotonic_ns())
                while stream.readline() not in (b"\r\n", b""):
                    continue
                stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                stream.flush()


class Asking:
    """Requests one after the other until it is stopped: of all kinds, each over a connection of its own, or of one that is always
    allowed, all over one connection."""

    def __init__(self, built: Network, numbers: Iterator[int], *, stays: bool) -> None:
        self._address = (built.place("server").ipv4, PORT)
        self._namespace = built.place("client").namespace
        self._numbers, self._stays = numbers, stays
        self._stop = threading.Event()
        self.asked: dict[int, Asked] = {}
        self.connections = 0
        self._thread = threading.Thread(target=lambda: namespaces.run(self._namespace, self._run), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(2 * SECONDS)

    def _run(self) -> None:
        chance = random.Random(3)
        while not self._stop.is_set():
            self.connections += 1
            with suppress(OSError), socket.create_connection(self._address, SECONDS) as connection:
                self._ask(connection, "always" if self._stays else chance.choice(KINDS))
                while self._stays and not self._stop.is_set():
                    self._ask(connection, "always")

    def _ask(self, connection: socket.socket, kind: str) -> None:
        number, sent_ns = next(self._numbers), time.monotonic_ns()
        self.asked[number] = Asked(kind, sent_ns, False)
        connection.sendall(f"GET /{kind}/{number} HTTP/1.1\r\nHost: server\r\n\r\n".encode())
        answered = connection.recv(1000).startswith(b"HTTP/1.1 200 ")
        self.asked[number] = Asked(kind, sent_ns, answered)


@pytest.fixture
def built() -> Iterator[Network]:
    with network(["client", "server"]) as made:
        yield made


def sources(kinds: tuple[str, ...]) -> list[Source]:
    return [Source("policy.yaml", POLICY + "".join(f'        - {{method: GET, path: "/{kind}/.*"}}\n' for kind in kinds))]


def test_each_request_is_judged_by_the_old_or_the_new_rules(built: Network) -> None:
    configs = [EndpointConfig(place.name, "default", {"app": place.name}, place.ipv4, place.interface) for place in built.places]
    inventory, chance = Inventory(tuple(each.endpoint() for each in configs)), random.Random(4)
    with namespaces.run(built.place("server").namespace, lambda: socket.create_server(("", PORT), backlog=64)) as listener:
        service, numbers = Service(listener), count()
        with namespaces.run(built.node, lambda: enforce(sources(SETS[0]), configs)) as enforcement:
            moments = [(0, 0, SETS[0])]
            asking = [Asking(built, numbers, stays=False), Asking(built, numbers, stays=True)]
            for _ in range(CHANGES):
                kinds, begun_ns = chance.choice(SETS), time.monotonic_ns()
                namespaces.run(built.node, lambda kinds=kinds: enforcement.update(sources(kinds), inventory))  # type: ignore[misc]  # a default binds it
                moments.append((begun_ns, time.monotonic_ns(), kinds))
                time.sleep(0.1)
            for each in asking:
                each.stop()
    asked = asking[0].asked | asking[1].asked
    spans = [(begun_ns, ended_ns, kinds) for (begun_ns, _, kinds), (_, ended_ns, _) in pairwise([*moments, (0, 1 << 63, ())])]
    for number, came_ns in service.came_ns.items():
        allowed = {kind for begun_ns, ended_ns, kinds in spans if begun_ns <= came_ns and asked[number].sent_ns <= ended_ns for kind in kinds}
        assert asked[number].kind in allowed, (number, asked[number], came_ns)
    assert [each for each in asked.values() if each.kind == "always" and not each.answered] == []
    assert asking[1].connections == 1
    assert {asked[number].kind for number in service.came_ns} == {"always", "first", "second"}
    assert len(asked) > 20 * CHANGES
