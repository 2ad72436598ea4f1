"""What user space is told: one record for a new connection, a judged request, a refusal, a verdict of an audit.

The log keeps the newest records and overwrites the oldest: any number of readers looks at it, each at its own place, late ones
see what happened before they came, and one that is too slow knows from the numbers how many it has missed. (A BPF ring buffer
has one reader and keeps the oldest.) A record is whole when its number is the one expected before and after it is read.
"""

from __future__ import annotations

from pybpf.compiler.lang import Action, Skb, function, get_prandom_u32, ktime_ns, u32, u64, wrap
from pybpf.kernel_progs.abi import MAX_EVENTS, Counted, Direction, Verdict
from pybpf.kernel_progs.counting import count, count_frame, is_within
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.state import control, event_buckets, log, log_head


@function
def finish(packet: Skb, scratch: Scratch, action: int) -> int:
    """A packet is decided: count it, and tell of it if that is wanted. Every program of the datapath ends here, once a packet.

    Gives `action`, but what may pass may do so for our part only: it goes to the programs behind ours, which OK would keep it from.
    """
    count_frame(scratch, packet.length)
    if scratch.verdict != 0:
        report(scratch, scratch.verdict, scratch.reason, scratch.rule, packet.length)
    if action == Action.OK:
        return wrap(u32, Action.UNSPEC)
    return action


@function
def report(scratch: Scratch, verdict: u32, reason: u32, rule: u32, length: u32) -> None:
    """Write one event about the packet that `scratch` describes, unless there are too many of its kind; that is counted."""
    settings = control.lookup(0)
    if settings is None:
        return
    number = claim(scratch, verdict, reason, settings.connections_sampled)
    if number != 0:
        write(scratch, number, verdict, reason, rule, length, 0)


@function
def claim(scratch: Scratch, verdict: u32, reason: u32, one_of: u32) -> u64:
    """The number of a new event, whose record is empty; 0 when none is wanted."""
    if not is_wanted(scratch, verdict, reason, one_of):
        count(Counted.EVENTS_SUPPRESSED)
        return 0
    head = log_head.lookup(0)
    if head is None:
        return 0
    number = wrap(u64, head.fetch_add("written", 1) + 1)
    event = log.lookup(place_of(number))
    if event is None:
        return 0
    event.exchange("number", 0)
    return number


@function
def place_of(number: u64) -> u32:
    """Where the event of this number is in the log, and all that belongs to it."""
    return wrap(u32, (number - 1) & (MAX_EVENTS - 1))


@function
def write(scratch: Scratch, number: u64, verdict: u32, reason: u32, rule: u32, length: u32, text_bytes: u32) -> None:
    """Fill the record of a claimed number; from then on it is to be read."""
    event = log.lookup(place_of(number))
    if event is None:
        return
    event.time_ns = ktime_ns()
    event.text_bytes = text_bytes
    event.endpoint = scratch.key.endpoint
    event.rule = rule
    event.length = length
    event.direction = scratch.direction
    event.protocol = scratch.protocol
    event.verdict = verdict & 0xFF
    event.reason = reason & 0xFF
    event.flags = scratch.flags
    event.version = scratch.version
    event.vlan_tags = scratch.vlan_tags
    if scratch.direction == Direction.INGRESS:
        event.source_identity = scratch.peer_identity
        event.destination_identity = scratch.identity
        event.source_address.copy_from(scratch.key.remote_address)
        event.destination_address.copy_from(scratch.key.local_address)
        event.source_port = scratch.key.remote_port
        event.destination_port = scratch.key.local_port
    else:
        event.source_identity = scratch.identity
        event.destination_identity = scratch.peer_identity
        event.source_address.copy_from(scratch.key.local_address)
        event.destination_address.copy_from(scratch.key.remote_address)
        event.source_port = scratch.key.local_port
        event.destination_port = scratch.key.remote_port
    event.kind = scratch.kind
    event.exchange("number", number)


@function
def is_wanted(scratch: Scratch, verdict: u32, reason: u32, one_of: u32) -> bool:
    """Whether the event is in the sample, one of so many that were let through, and within the rate of its reason."""
    settings = control.lookup(0)
    if settings is None:
        return False
    if verdict == Verdict.FORWARDED and one_of != 1 and (one_of == 0 or get_prandom_u32() % one_of != 0):
        return False
    bucket = event_buckets.lookup((reason & 31) + (Counted.REASONS if verdict == Verdict.FORWARDED else 0))
    return bucket is not None and is_within(bucket, settings.events_per_second, scratch.now_ns)

