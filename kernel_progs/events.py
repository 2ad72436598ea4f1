"""What user space is told: one record for a new connection, a judged request, a refusal."""

from __future__ import annotations

from pybpf.compiler.lang import function, ktime_ns, u32
from pybpf.kernel_progs.abi import Direction, Event, Scratch
from pybpf.kernel_progs.headers import PROTOCOL_TCP
from pybpf.kernel_progs.state import events


@function
def report(scratch: Scratch, verdict: u32, reason: u32, rule: u32, length: u32) -> None:
    """Send one event about the packet that `scratch` describes. A full ring loses it; the verdict stands."""
    event = Event()
    event.time_ns = ktime_ns()
    event.endpoint = scratch.endpoint
    event.rule = rule
    event.direction = scratch.direction
    event.protocol = PROTOCOL_TCP
    event.verdict = verdict
    event.reason = reason
    event.length = length
    if scratch.direction == Direction.INGRESS:
        event.source_identity = scratch.peer_identity
        event.destination_identity = scratch.identity
        event.source_address = scratch.key.remote_address
        event.destination_address = scratch.key.local_address
        event.source_port = scratch.key.remote_port
        event.destination_port = scratch.key.local_port
    else:
        event.source_identity = scratch.identity
        event.destination_identity = scratch.peer_identity
        event.source_address = scratch.key.local_address
        event.destination_address = scratch.key.remote_address
        event.source_port = scratch.key.local_port
        event.destination_port = scratch.key.remote_port
    events.output(event)
