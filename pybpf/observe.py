"""Event records -> Flow values: what was decided about whom, and which line of which policy decided it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from pybpf.compiler.lower import Origin
from pybpf.kernel_progs.abi import Direction, Event, Reason, Verdict


@dataclass(frozen=True, slots=True)
class Flow:
    """One decision. `time_ns` is CLOCK_MONOTONIC; `rule` is None when no rule was reached."""

    time_ns: int
    endpoint: str
    direction: Direction
    source_address: str
    source_port: int
    source_identity: int
    destination_address: str
    destination_port: int
    destination_identity: int
    verdict: Verdict
    reason: Reason
    rule: Origin | None
    length_bytes: int

    def __str__(self) -> str:
        rule = f" ({self.rule.text} at {self.rule.span})" if self.rule else ""
        return (
            f"{self.source_address}:{self.source_port} -> {self.destination_address}:{self.destination_port}"
            f" {self.verdict.name} {self.reason.name}{rule}"
        )


def flow_of(record: bytes, origins: Sequence[Origin], endpoints: Mapping[int, str]) -> Flow:
    """The Flow of one record of the ring buffer `events`."""
    event = Event.view(bytearray(record))
    return Flow(
        time_ns=event.time_ns,
        endpoint=endpoints.get(event.endpoint, f"endpoint {event.endpoint}"),
        direction=Direction(event.direction),
        source_address=str(IPv4Address(event.source_address)),
        source_port=event.source_port,
        source_identity=event.source_identity,
        destination_address=str(IPv4Address(event.destination_address)),
        destination_port=event.destination_port,
        destination_identity=event.destination_identity,
        verdict=Verdict(event.verdict),
        reason=Reason(event.reason),
        rule=origins[event.rule - 1] if 0 < event.rule <= len(origins) else None,
        length_bytes=event.length,
    )
