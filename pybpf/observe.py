"""Event records -> Flow values: what was decided about whom, and which line of which policy decided it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import Final

from pybpf.compiler.lower import Origin
from pybpf.compiler.policy.model.resolved import RESERVED_IDENTITIES
from pybpf.kernel_progs.abi import Address, Direction, Event, Reason, Verdict

NOBODY: Final[Mapping[str, str]] = MappingProxyType({})
_RESERVED: Final = {number: name for name, number in RESERVED_IDENTITIES.items()}


@dataclass(frozen=True, slots=True)
class Flow:
    """One decision. `time_ns` is CLOCK_MONOTONIC; `rule` is None when no rule was reached; `protocol` is an IANA number, 0 for a frame
    without an IP header. Of an echo, the port at the end that asks is its identifier; `icmp_type` is None where there is none."""

    time_ns: int
    endpoint: str
    direction: Direction
    protocol: int
    source_address: str
    source_port: int
    source_identity: int
    destination_address: str
    destination_port: int
    destination_identity: int
    verdict: Verdict
    reason: Reason
    rule: Origin | None
    tcp_flags: int
    icmp_type: int | None
    length_bytes: int
    source: str  # NAMESPACE/NAME of an endpoint, the name of a reserved identity, else the identity's number
    destination: str

    def __str__(self) -> str:
        rule = f" ({self.rule.text} at {self.rule.place})" if self.rule else ""
        source, destination = (_end(*each) for each in ((self.source_address, self.source_port), (self.destination_address, self.destination_port)))
        return f"{source} -> {destination} {self.verdict.name} {self.reason.name}{rule}"


def flow_of(record: bytes, origins: Mapping[int, Origin], endpoints: Mapping[int, str], owners: Mapping[str, str] = NOBODY) -> Flow:
    """The Flow of one record of the log. `endpoints` by number, `owners` by address: the names of endpoints."""
    event = Event.view(bytearray(record))
    return Flow(
        time_ns=event.time_ns,
        endpoint=endpoints.get(event.endpoint, f"endpoint {event.endpoint}"),
        direction=Direction(event.direction),
        protocol=event.protocol,
        source_address=_address(event.source_address),
        source_port=event.source_port,
        source_identity=event.source_identity,
        destination_address=_address(event.destination_address),
        destination_port=event.destination_port,
        destination_identity=event.destination_identity,
        verdict=Verdict(event.verdict),
        reason=Reason(event.reason),
        rule=origins.get(event.rule),
        tcp_flags=event.flags,
        icmp_type=event.kind if event.protocol in (1, 58) else None,
        length_bytes=event.length,
        source=_name(_address(event.source_address), event.source_identity, owners),
        destination=_name(_address(event.destination_address), event.destination_identity, owners),
    )


def _name(address: str, identity: int, owners: Mapping[str, str]) -> str:
    return owners.get(address) or _RESERVED.get(identity) or str(identity)


def _address(address: Address) -> str:
    """As people write it; an IPv4 address is not shown as one of IPv6."""
    found = IPv6Address(address.high << 64 | address.low)
    return str(found.ipv4_mapped or found)


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
