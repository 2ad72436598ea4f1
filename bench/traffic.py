"""Real traffic between two namespaces, measured: what each contender leaves of what the kernel can do without policy.

    client 10.77.1.2  =====  node (routes, enforces)  =====  server 10.77.2.2

Every contender has a site of its own, with its own node, so that nothing one leaves behind in the kernel is paid by
another, and samples can alternate between contenders without installing anything. The traffic comes from
connector.c. Sender and sinks are pinned: where the scheduler would put them is the largest noise of all.
"""

from __future__ import annotations

import os
import select
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

from bench.flow_rules import FlowRule
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.demo import namespaces
from pybpf.demo.network import Network, network

CLIENT: Final = "client"
SERVER: Final = "server"
SOURCE: Final = Path(__file__).with_name("connector.c")
READY_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 30.0  # of one sample, beyond its duration
TCP_PORT: Final = 5000
UDP_PORT: Final = 5001
REFUSED_PORT: Final = 5002  # UDP; the sink is there, but no rule allows it
_SINKS: Final = (("sink-tcp", TCP_PORT), ("sink-udp", UDP_PORT), ("sink-udp", REFUSED_PORT))
_MANY_PENDING: Final = "65535"  # connections that are not yet accepted: more than a sample makes


class Unreachable(Exception):
    """The sink did not answer: the traffic is refused, or the site is not up."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What is measured: a mode of the connector, against a port.

    `milliseconds` is how long a sample takes that is to be believed. `beside_sink` runs the sender on the sink's
    processor: what takes turns is woken there without an interrupt.
    """

    name: str
    mode: str
    port: int
    unit: str
    milliseconds: int = 60
    beside_sink: bool = False

    def value(self, sample: Sample) -> float:
        """The sample in the measure's unit."""
        match self.unit:
            case "connections/s":
                return sample.operations * 1e9 / sample.nanoseconds
            case "Gbit/s":
                return sample.operations * 8 / sample.nanoseconds
            case "ns/packet" | "ns/round trip":
                return sample.nanoseconds / sample.operations
            case unknown:
                raise AssertionError(unknown)


CONNECTIONS: Final = Measure("connections", "connect", TCP_PORT, "connections/s")
STREAM: Final = Measure("stream", "stream", TCP_PORT, "Gbit/s", milliseconds=200)
ESTABLISHED: Final = Measure("established", "flood", UDP_PORT, "ns/packet")
ROUND_TRIP: Final = Measure("round-trip", "ping", UDP_PORT, "ns/round trip", beside_sink=True)
REFUSED: Final = Measure("refused", "shout", REFUSED_PORT, "ns/packet")
MEASURES: Final = (CONNECTIONS, STREAM, ESTABLISHED, ROUND_TRIP, REFUSED)


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of the connector: `operations` (bytes of a stream) took `nanoseconds`; the sink got `arrived` of them."""

    operations: int
    nanoseconds: int
    arrived: int


@dataclass(frozen=True, slots=True)
class Site:
    """A network with a client and a server whose sinks are up."""

    network: Network
    connector: Path

    def sample(self, measure: Measure, milliseconds: int) -> Sample:
        """Make traffic for so long (0: as little as the mode can). Raises Unreachable when it does not get through."""
        address = self.network.place(SERVER).ipv4
        words = [str(self.connector), measure.mode, address, str(measure.port), str(milliseconds)]
        processor = _processors()[1 if measure.beside_sink else 0]
        return self._run(CLIENT, words, processor, milliseconds)

    def lets_through(self, port: int) -> bool:
        """Whether a UDP sink got any datagram of a flood since this was last asked; asked from beside it, past all policy."""
        address = self.network.place(SERVER).ipv4
        words = [str(self.connector), "report", address, str(port), "0"]
        return self._run(SERVER, words, _processors()[1], milliseconds=0).arrived > 0

    def _run(self, role: str, words: list[str], processor: int, milliseconds: int) -> Sample:
        def job() -> subprocess.CompletedProcess[str]:
            os.sched_setaffinity(0, {processor})  # of this thread, and of what it starts
            return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE_SECONDS + milliseconds / 1000)

        done = namespaces.run(self.network.place(role).namespace, job)
        if done.returncode:
            raise Unreachable(f"{' '.join(words[1:])}: {done.stderr.strip()}")
        operations, nanoseconds, arrived = map(int, done.stdout.split())
        return Sample(operations, nanoseconds, arrived)


def build_connector(folder: Path) -> Path:
    """connector.c compiled into `folder`. Raises FileNotFoundError without a compiler, CalledProcessError when it fails."""
    made = folder / "connector"
    subprocess.run(["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(made), str(SOURCE)], check=True)
    return made


@contextmanager
def site(connector: Path) -> Iterator[Site]:
    """A site of its own, ready for traffic; removed, with every process in it, however the block is left."""
    with network([CLIENT, SERVER]) as made, ExitStack() as sinks:
        server = made.place(SERVER)
        namespaces.run(server.namespace, _allow_many_pending)
        for mode, port in _SINKS:
            sinks.enter_context(_sink([str(connector), mode, server.ipv4, str(port)], server.namespace))
        yield Site(made, connector)


def measured_rules(network: Network) -> tuple[FlowRule, ...]:
    """The rules that allow every measure but REFUSED, from this network's client to its server."""
    source, destination = (IPv4Network(network.place(name).ipv4) for name in (CLIENT, SERVER))
    return (
        FlowRule(source, destination, Protocol.UDP, UDP_PORT, allow=True),
        FlowRule(source, destination, Protocol.TCP, TCP_PORT, allow=True),
    )


def one_round(sites: Mapping[str, Site], measure: Measure, milliseconds: int, number: int) -> dict[str, float]:
    """A sample's value at each site, by the site's name. Odd rounds go the other way round, so that drift favours nobody."""
    order = list(sites) if number % 2 == 0 else list(sites)[::-1]
    return {name: measure.value(sites[name].sample(measure, milliseconds)) for name in order}


def _processors() -> tuple[int, int]:
    """The sender's and the sinks' processor; the same where there is only one."""
    usable = sorted(os.sched_getaffinity(os.getpid()))  # of the main thread, which is never pinned
    return usable[0], usable[-1]


def _allow_many_pending() -> None:
    Path("/proc/sys/net/core/somaxconn").write_text(_MANY_PENDING)


@contextmanager
def _sink(command: list[str], namespace: str) -> Iterator[None]:
    """A sink that can be reached; ended with the block."""

    def start() -> subprocess.Popen[str]:
        os.sched_setaffinity(0, {_processors()[1]})
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    with namespaces.run(namespace, start) as process:
        try:
            assert process.stdout is not None
            if not select.select([process.stdout], [], [], READY_SECONDS)[0] or process.stdout.readline() != "ready\n":
                raise Unreachable(f"{' '.join(command[1:])}: the sink is not ready")
            yield
        finally:
            process.kill()
