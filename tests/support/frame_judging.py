"""An endpoint of the datapath in the kernel, frames for it, and whether it does with each what it must."""

from __future__ import annotations

import random
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Final

from pybpf.compiler.lower import Judgement, Origin, lowered
from pybpf.compiler.policy.model.flow import Flow, Party
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.peers import Cidr, Peer
from pybpf.compiler.policy.model.policy import Direction, Policy, Rule
from pybpf.compiler.policy.model.ports import IcmpType, Port, Protocol
from pybpf.compiler.policy.resolve import resolve
from pybpf.enforce.datapath import load_datapath
from pybpf.enforce.tables import Tables
from pybpf.eventlog import LogReader
from pybpf.kernel_progs.abi import ConnectionKey, Control, Event, PolicyAction, Reason, Verdict
from pybpf.programs import SkbContext
from tests.compiler.lower.test_sides import expected
from tests.compiler.policy.made import HERE, endpoint, policy, port, ports, rule, selecting
from tests.support.frame_reading import Kind, Reading, read
from tests.support.generated_frames import Pools
from tests.support.understanding import (
    Asked,
    Memory,
    Neighbours,
    Passes,
    Refused,
    Understood,
    may_send,
    understood,
)

__all__ = ["FRAMES_FROM_OWN", "OWN", "OWN_ADDRESSES", "Judge", "policies_by_chance"]

INTERFACE: Final = 1
CONTEXT: Final = SkbContext(ifindex=INTERFACE).pack()
PASSED: Final = 0xFFFFFFFF  # TC_ACT_UNSPEC: what passes is for the programs behind ours
ENTRIES: Final = {Direction.INGRESS: "to_endpoint", Direction.EGRESS: "from_endpoint"}
OWN_ADDRESSES: Final = (ip_address("10.0.0.1"), ip_address("10.0.0.2"), ip_address("fd00::1"), ip_address("fd00::2"))
OWN: Final = Endpoint("a", "default", endpoint("a", app="a").labels, OWN_ADDRESSES)
OTHER: Final = Endpoint("b", "default", endpoint("b", app="b").labels, (ip_address("10.0.0.9"), ip_address("fd00::9")))
WHO: Final = Inventory((OWN, OTHER), ())
FRAMES_FROM_OWN: Final = Pools(  # so that most frames it sends have its own addresses for their source
    v4=("10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.9", "192.0.2.77"),
    v6=("fd00::1", "fd00::1", "fd00::2", "fd00::2", "fd00::9", "2001:db8::77", "fe80::1"),
)
PORTS: Final = Pools().ports[1:]  # 0 is every port, in a policy
TYPES: Final = (0, 1, 2, 3, 4, 8, 11, 12, 128, 129, 137, 255)
PLAIN_PROTOCOLS: Final = (Protocol.IGMP, Protocol.IPIP, Protocol.IPV6, Protocol.GRE, Protocol.ESP, Protocol.AH, Protocol.VRRP)
PEERS: Final[tuple[Peer, ...]] = (
    selecting(app="b"),
    *(Cidr(ip_network(each), (), HERE) for each in ("0.0.0.0/0", "192.0.2.0/24", "::/0", "2001:db8::/32", "fe80::/10", "ff00::/8")),
)


def policies_by_chance(seed: int) -> list[Policy]:
    """A policy for both directions that lets about half of all ports, types and protocols pass, for some peers or for all."""
    source = random.Random(seed)
    return [policy(selecting(app="a"), *(_rule(source, direction) for direction in Direction for _ in range(2)))]


def _rule(source: random.Random, direction: Direction) -> Rule:
    peers = None if source.random() < 0.6 else source.sample(PEERS, 3)
    return rule(peers, [ports(*(each for each in _ports() if source.random() < 0.4))], direction)


def _ports() -> list[Port]:
    with_ports = [port(number, protocol) for protocol in (Protocol.TCP, Protocol.UDP, Protocol.SCTP) for number in PORTS]
    types = [IcmpType(protocol, number, HERE) for protocol in (Protocol.ICMP, Protocol.ICMPV6) for number in TYPES]
    return [*with_ports, *types, *(port(0, each) for each in PLAIN_PROTOCOLS)]


@dataclass(frozen=True, slots=True)
class Met:
    """One frame at the datapath: whether it passed as it was, and its event."""

    passed: bool
    event: Event | None


class Judge:
    """A datapath in the kernel with one endpoint, OWN, behind the interface of this index. `check` makes no connections that stay."""

    def __init__(self, owned: ExitStack, interface: int = INTERFACE) -> None:
        self._interface = interface
        self.datapath = load_datapath(owned)
        self.maps = self.datapath.maps
        self.memory: Memory = {}
        rates = Control.of(events_per_second=1 << 30, connections_sampled=1, answers_per_second=1 << 30)
        self.maps["control"].update(bytes(4), bytes(rates))
        self._log = owned.enter_context(LogReader(self.maps))
        self._tables = Tables(self.maps)
        owned.callback(self._tables.close)
        self.enforce([])

    def enforce(self, policies: list[Policy]) -> None:
        """Only these policies count from now on."""
        self._resolved = resolve(policies, WHO)
        self._enforced = {direction for each in policies for direction in each.default_deny}
        self._answers: dict[Flow, Judgement | None] = {}
        self._tables.switch(lowered(self._resolved), {(OWN.namespace, OWN.name): self._interface})

    def meet(self, frame: bytes, direction: Direction) -> Met:
        """What becomes of the frame; a connection that it opens stays."""
        run = self.datapath.programs[ENTRIES[direction]].test_run(frame, context=CONTEXT)
        events = self.events()
        assert len(events) <= 1, events
        return Met(run.return_value == PASSED and run.data == frame, events[0] if events else None)

    def events(self) -> list[Event]:
        """The events since the last call."""
        return [Event.view(bytearray(record.event)) for record in self._log.read(0)]

    def check(self, frame: bytes, direction: Direction) -> Understood:
        """What the frame must be understood as; AssertionError when the kernel does something else with it."""
        reading = read(frame)
        right = understood(frame, reading, direction, OWN_ADDRESSES, self.memory, enforced=direction in self._enforced)
        met = self.meet(frame, direction)
        assert self._is_right(right, met, direction), (direction, frame.hex(), reading, right, met)
        if met.event is not None:
            assert is_about(met.event, frame, reading, direction), (direction, frame.hex(), reading, right, met)
            if met.event.verdict == Verdict.FORWARDED:
                self.maps["connections"].delete(connection_key(met.event, direction))
        return right

    def _is_right(self, right: Understood, met: Met, direction: Direction) -> bool:
        match right:
            case Passes():
                return met == Met(True, None)
            case Neighbours():
                return met == Met(True, None) or dropped_for(met, Reason.NEIGHBOUR, Reason.SPOOFED_SOURCE, Reason.MALFORMED)
            case Refused(reason):
                return dropped_for(met, reason)
            case Asked():
                return self._is_as_asked(right, met, direction)

    def policy_on(self, asked: Asked, direction: Direction) -> Judgement | None:
        """What the oracle says of it; None where nothing is enforced."""
        own = next(each for each in OWN_ADDRESSES if each.version == asked.source.version)
        source = Party(address=own if direction is Direction.EGRESS else asked.source)
        destination = Party(address=own if direction is Direction.INGRESS else asked.destination)
        flow = Flow(source, destination, direction, asked.protocol, asked.port)
        if flow not in self._answers:
            self._answers[flow] = expected(self._resolved, OWN, flow)
        return self._answers[flow]

    def _is_as_asked(self, asked: Asked, met: Met, direction: Direction) -> bool:
        right, event = self.policy_on(asked, direction), met.event
        if right is not None and right.action is PolicyAction.REFUSE:
            return dropped_for(met, Reason.POLICY) and event is not None and self._has_rule(event, right.rule) and says(event, asked)
        begins = asked.opens and (direction is Direction.EGRESS or may_send(asked.destination, asked.protocol, OWN_ADDRESSES))
        if not met.passed or (event is not None) != begins:
            return False
        return event is None or (event.verdict == Verdict.FORWARDED and says(event, asked) and (right is None or self._has_rule(event, right.rule)))

    def _has_rule(self, event: Event, origin: Origin) -> bool:
        return self._tables.rules.numbers[origin] == event.rule


def dropped_for(met: Met, *reasons: Reason) -> bool:
    """Whether it was dropped, and told so, for one of these reasons."""
    return not met.passed and met.event is not None and met.event.verdict == Verdict.DROPPED and met.event.reason in reasons


def says(event: Event, asked: Asked) -> bool:
    """Whether the event has protocol, ports, type and flags right."""
    told = (event.protocol, event.source_port, event.destination_port, event.kind, event.flags)
    return told == (asked.protocol, asked.source_port, asked.destination_port, asked.kind, asked.flags)


def is_about(event: Event, frame: bytes, reading: Reading, direction: Direction) -> bool:
    """Whether the event is about this frame: its length, tags, IP version, and the addresses that stand in it, or none."""
    if (event.length, event.vlan_tags, event.direction) != (len(frame), reading.vlans, [Direction.INGRESS, Direction.EGRESS].index(direction)):
        return False
    at, told = reading.l3_offset, (address_of(event, "source"), address_of(event, "destination"))
    match event.version:
        case 4:
            there = tuple(bytes(10) + b"\xff\xff" + frame[at + start : at + start + 4] for start in (12, 16))
            return reading.kind is Kind.IPV4 and told == there
        case 6:
            return reading.kind is Kind.IPV6 and told == tuple(frame[at + start : at + start + 16] for start in (8, 24))
        case _:
            return reading.source is None and told == (bytes(16), bytes(16))


def address_of(event: Event, end: str) -> bytes:
    """The address of one end, 16 bytes."""
    address = event.source_address if end == "source" else event.destination_address
    return bytes(address)


def connection_key(event: Event, direction: Direction) -> bytes:
    """The key under which the packet's connection is remembered."""
    there = [(address_of(event, "source"), event.source_port), (address_of(event, "destination"), event.destination_port)]
    (local, local_port), (remote, remote_port) = there if direction is Direction.EGRESS else there[::-1]
    key = local + remote + local_port.to_bytes(2, "big") + remote_port.to_bytes(2, "big") + event.endpoint.to_bytes(2, "little")
    return (key + bytes([event.protocol])).ljust(len(bytes(ConnectionKey())), b"\0")
