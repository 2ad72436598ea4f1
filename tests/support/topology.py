"""Eight workloads in namespaces of their own behind one node that routes IPv4 and IPv6, and real sockets in all of them."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, permutations
from pathlib import Path

from pybpf.compiler.policy.model.inventory import Endpoint
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.demo import namespaces

Name = tuple[str, str]
# What every workload offers: protocol and port (an ICMP echo's is its type).
SERVICES = {
    4: ((Protocol.TCP, 80), (Protocol.TCP, 8000), (Protocol.UDP, 81), (Protocol.SCTP, 90), (Protocol.ICMP, 8)),
    6: ((Protocol.TCP, 80), (Protocol.TCP, 8000), (Protocol.UDP, 81), (Protocol.SCTP, 90), (Protocol.ICMPV6, 128)),
}
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
_NODES = {4: ("169.254.7.1", 32), 6: ("fe80::7", 64)}
_SECONDS = 0.12  # in which what passes has arrived, and its answer too
_MOST_RAW = 256


@dataclass(frozen=True, slots=True)
class Probe:
    """Who tries to reach which service of whom, over which version of IP."""

    source: Name
    destination: Name
    version: int
    protocol: Protocol
    port: int


@dataclass(frozen=True, slots=True)
class Workload:
    """An endpoint's namespace, and the number of the host's end of its interface in the node's."""

    endpoint: Endpoint
    namespace: str
    interface_index: int

    @property
    def name(self) -> Name:
        return self.endpoint.namespace, self.endpoint.name

    def address(self, version: int) -> str:
        """Its address of a version of IP."""
        return next(str(each) for each in self.endpoint.addresses if each.version == version)


@contextmanager
def topology(endpoints: Sequence[Endpoint]) -> Iterator[Topology]:
    """The endpoints in namespaces, up and routed; all is removed with the block."""
    node = f"pybpf-topology-{os.getpid()}"
    with ExitStack() as made:
        namespaces.make(node)
        made.callback(namespaces.remove, node)
        namespaces.run(node, _prepare)
        workloads = tuple(_join(made, node, number, endpoint) for number, endpoint in enumerate(endpoints, 1))
        built = Topology(node, workloads)
        made.callback(built.close)
        yield built


class Topology:
    """Workloads with their servers, and the truth about who reaches whom."""

    def __init__(self, node: str, workloads: Sequence[Workload]) -> None:
        self.node, self.workloads = node, tuple(workloads)
        self._owned = ExitStack()
        self._arriving = selectors.DefaultSelector()
        self._raw: dict[tuple[Name, int], socket.socket] = {}
        self._ports = count(20_000)
        for each in workloads:
            namespaces.run(each.namespace, partial(self._serve, each))

    @property
    def interfaces(self) -> dict[Name, int]:
        """The host's ends in the node's namespace."""
        return {each.name: each.interface_index for each in self.workloads}

    def probes(self) -> list[Probe]:
        """Everybody to every service of everybody else."""
        pairs = permutations([each.name for each in self.workloads], 2)
        return [Probe(source, destination, version, *service) for source, destination in pairs for version in FAMILIES for service in SERVICES[version]]

    def reached(self, probes: Sequence[Probe]) -> set[Probe]:
        """Those of `probes` that come through, tried at the same time: for TCP a connection, for UDP and echoes an answer, for SCTP the
        INIT at the server."""
        attempts = _Attempts()
        self._drain()
        for each in self.workloads:
            namespaces.run(each.namespace, partial(self._begin_all, attempts, [probe for probe in probes if probe.source == each.name]))
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            for key, _ in [*self._arriving.select(0), *attempts.selector.select(0.005)]:
                if key.data == "answer":
                    self._answer(key.fileobj)
                elif isinstance(key.data, Probe):
                    attempts.note(key.data)
                else:
                    self._note_raw(attempts, key.data, key.fileobj)
        attempts.close()
        return attempts.reached

    def close(self) -> None:
        """Close all sockets."""
        self._arriving.close()
        self._owned.close()

    def _serve(self, workload: Workload) -> None:
        """Sockets of every service."""
        for version, family in FAMILIES.items():
            for protocol, port in SERVICES[version]:
                if protocol is Protocol.TCP:
                    listener = self._owned.enter_context(socket.create_server((workload.address(version), port), family=family, backlog=256))
                    listener.setblocking(False)
                    self._arriving.register(listener, selectors.EVENT_READ, "answer")
                elif protocol is Protocol.UDP:
                    served = self._owned.enter_context(socket.socket(family, socket.SOCK_DGRAM))
                    served.bind((workload.address(version), port))
                    served.setblocking(False)
                    self._arriving.register(served, selectors.EVENT_READ, "answer")
                elif protocol is Protocol.SCTP:
                    raw = self._owned.enter_context(socket.socket(family, socket.SOCK_RAW, protocol))
                    raw.setblocking(False)
                    self._arriving.register(raw, selectors.EVENT_READ, (workload.name, version))
                    self._raw[workload.name, version] = raw

    def _begin_all(self, attempts: _Attempts, probes: Sequence[Probe]) -> None:
        for probe in probes:
            self._begin(attempts, probe)

    def _begin(self, attempts: _Attempts, probe: Probe) -> None:
        """One attempt, from within the namespace of its source."""
        family = FAMILIES[probe.version]
        target = next(each for each in self.workloads if each.name == probe.destination).address(probe.version)
        if probe.protocol is Protocol.SCTP:
            port = next(self._ports) % 40_000 + 20_000
            attempts.expected[probe.destination, probe.version, port] = probe
            _try_to_send(self._raw[probe.source, probe.version], _sctp_init(port, probe.port), (target, 0))
            return
        is_echo = probe.protocol in (Protocol.ICMP, Protocol.ICMPV6)
        kind = socket.SOCK_STREAM if probe.protocol is Protocol.TCP else socket.SOCK_DGRAM
        made = attempts.add(probe, socket.socket(family, kind, int(probe.protocol) if is_echo else 0))
        made.connect_ex((target, 0 if is_echo else probe.port))
        if probe.protocol is Protocol.UDP:
            _try_to_send(made, b"?")
        elif is_echo:
            _try_to_send(made, bytes([8 if probe.version == 4 else 128]) + bytes(7))

    def _answer(self, served: object) -> None:
        """Accept or echo what a server has."""
        assert isinstance(served, socket.socket)
        if served.type == socket.SOCK_STREAM:
            served.accept()[0].close()
            return
        try:
            content, source = served.recvfrom(64)
            served.sendto(content, source)
        except OSError:
            return  # an ICMP error about an earlier answer

    def _note_raw(self, attempts: _Attempts, at: tuple[Name, int], raw: object) -> None:
        assert isinstance(raw, socket.socket)
        content = raw.recv(2048)
        header = content[20:] if at[1] == 4 else content
        probe = attempts.expected.get((*at, int.from_bytes(header[:2], "big")))
        if probe is not None and probe.port == int.from_bytes(header[2:4], "big"):
            attempts.reached.add(probe)

    def _drain(self) -> None:
        """Forget what came late."""
        for raw in self._raw.values():
            for _ in range(_MOST_RAW):
                try:
                    raw.recv(2048)
                except BlockingIOError:
                    break


class _Attempts:
    """Sockets that wait for a connection or an answer."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.reached: set[Probe] = set()
        self.expected: dict[tuple[Name, int, int], Probe] = {}
        self._owned: dict[Probe, socket.socket] = {}

    def add(self, probe: Probe, made: socket.socket) -> socket.socket:
        made.setblocking(False)
        self._owned[probe] = made
        self.selector.register(made, selectors.EVENT_WRITE if probe.protocol is Protocol.TCP else selectors.EVENT_READ, probe)
        return made

    def note(self, probe: Probe) -> None:
        """A socket has something to say: that it is connected, that there is an answer, or an error."""
        found = self._owned[probe]
        self.selector.unregister(found)
        if found.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
            try:
                if probe.protocol is Protocol.TCP:
                    found.getpeername()
                else:
                    found.recv(64)
                self.reached.add(probe)
            except OSError:
                return

    def close(self) -> None:
        for each in self._owned.values():
            if each.type == socket.SOCK_STREAM:
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            each.close()
        self.selector.close()


def _try_to_send(sender: socket.socket, content: bytes, target: tuple[str, int] | None = None) -> None:
    """What is refused at once is not reached."""
    try:
        sender.sendto(content, target) if target is not None else sender.send(content)
    except OSError:
        return


def _sctp_init(source_port: int, port: int) -> bytes:
    """An INIT chunk without its checksum, which nobody on the way looks at (RFC 9260 section 3.3.2)."""
    header = source_port.to_bytes(2, "big") + port.to_bytes(2, "big") + bytes(8)
    return header + bytes([1, 0, 0, 20]) + (1).to_bytes(4, "big") + (65536).to_bytes(4, "big") + b"\0\1\0\1" + (1).to_bytes(4, "big")


def _join(made: ExitStack, node: str, number: int, endpoint: Endpoint) -> Workload:
    name = f"{node}-{number}"
    namespaces.make(name)
    made.callback(namespaces.remove, name)
    namespaces.run(name, _prepare)
    ip = ["ip", "-n", node]
    subprocess.run([*ip, "link", "add", f"w{number}", "type", "veth", "peer", "name", "eth0", "netns", name], check=True)
    for version, (gateway, bits) in _NODES.items():
        subprocess.run([*ip, f"-{version}", "addr", "add", f"{gateway}/{bits}", "dev", f"w{number}", *(["nodad"] if version == 6 else [])], check=True)
    subprocess.run([*ip, "link", "set", f"w{number}", "up"], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "eth0", "up"], check=True)
    for address in endpoint.addresses:
        family, way = f"-{address.version}", _NODES[address.version][0]
        subprocess.run(["ip", "-n", name, family, "addr", "add", str(address), "dev", "eth0", *(["nodad"] if address.version == 6 else [])], check=True)
        subprocess.run(["ip", "-n", name, family, "route", "add", "default", "via", way, "dev", "eth0", *(["onlink"] if address.version == 4 else [])], check=True)
        subprocess.run([*ip, family, "route", "add", str(address), "dev", f"w{number}"], check=True)
    return Workload(endpoint, name, namespaces.run(node, lambda: socket.if_nametoindex(f"w{number}")))


def _prepare() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for setting, value in (
        ("ipv4/ip_forward", "1"), ("ipv6/conf/all/forwarding", "1"), ("ipv4/ping_group_range", "0 2147483647"), ("ipv4/icmp_ratelimit", "0"),
        ("ipv6/conf/default/accept_dad", "0"),
    ):  # fmt: skip
        (Path("/proc/sys/net") / setting).write_text(value)
