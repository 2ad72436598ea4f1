"""Event records -> Flow values: what was decided about whom, and which line of which policy decided it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from types import MappingProxyType
from typing import Final

from pybpf.compiler.lower import Origin
from pybpf.compiler.policy.model.resolved import RESERVED_IDENTITIES
from pybpf.eventlog import Record
from pybpf.kernel_progs.abi import Address, Direction, Event, Reason, Replied, Verdict

NOBODY: Final[Mapping[str, str]] = MappingProxyType({})
_RESERVED: Final = {number: name for name, number in RESERVED_IDENTITIES.items()}


@dataclass(frozen=True, slots=True)
class Request:
    """A request as far as the log has its head. What is not a printable ASCII character is written \\xNN; `path` has the query, "" and
    `host` "" where the log does not reach; `is_cut`: there is more of the path. Of the reply: None as long as none was seen."""

    method: str
    path: str
    host: str
    is_cut: bool
    status: int | None
    latency_ns: int | None  # from the last byte of the request's head to the first of the reply's

    def __str__(self) -> str:
        told = f" -> {self.status} in {self.latency_ns / 1e6:.1f} ms" if self.status is not None and self.latency_ns is not None else ""
        return f"{self.method} {self.host}{self.path}{'...' if self.is_cut else ''}{told}"


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
    request: Request | None

    def __str__(self) -> str:
        request = f" {self.request}" if self.request is not None else ""
        rule = f" ({self.rule.text} at {self.rule.place})" if self.rule else ""
        source, destination = (_end(*each) for each in ((self.source_address, self.source_port), (self.destination_address, self.destination_port)))
        return f"{source} -> {destination} {self.verdict.name} {self.reason.name}{request}{rule}"


def flow_of(record: Record, origins: Mapping[int, Origin], endpoints: Mapping[int, str], owners: Mapping[str, str] = NOBODY) -> Flow:
    """The Flow of one record of the log. `endpoints` by number, `owners` by address: the names of endpoints."""
    event = Event.view(bytearray(record.event))
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
        request=_request(record) if record.text else None,
    )


def _request(record: Record) -> Request:
    """A head may end anywhere, for the log keeps no more or because it was refused there; what stands behind it is not its own."""
    head, _, _ = record.text.partition(b"\r\n\r\n")
    line, ended, rest = head.partition(b"\r\n")
    method, _, behind = line.partition(b" ")
    target, spaced, _ = behind.partition(b" ")
    host = next((value.strip() for name, colon, value in (each.partition(b":") for each in rest.split(b"\r\n")) if colon and name.lower() == b"host"), b"")
    replied = Replied.view(bytearray(record.reply)) if record.reply is not None else None
    return Request(
        _printable(method), _printable(target), _printable(host), not (ended or spaced), replied.status if replied else None, replied.after_ns if replied else None
    )


def _printable(text: bytes) -> str:
    """So that it can do nothing to a terminal or a log."""
    return "".join(chr(octet) if 0x20 <= octet < 0x7F and octet != 0x5C else f"\\x{octet:02x}" for octet in text)


def _name(address: str, identity: int, owners: Mapping[str, str]) -> str:
    return owners.get(address) or _RESERVED.get(identity) or str(identity)


def _address(address: Address) -> str:
    """As people write it; an IPv4 address is not shown as one of IPv6."""
    found = IPv6Address(address.high << 64 | address.low)
    return str(found.ipv4_mapped or found)


def _end(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
