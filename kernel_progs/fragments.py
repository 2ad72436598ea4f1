"""Fragments: only the first of a datagram says to which ports it goes, and the others follow its word.

A later fragment passes only behind a first one that was seen, and only where it leaves what that one said alone: it begins at or
behind its end (RFC 1858 and RFC 3128 describe what overlaps do). Entries are read as in connections.py: the key last.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import function, ktime_get_coarse_ns, u8, u32
from pybpf.kernel_progs.abi import Direction, Fragmented, FragmentKey, Reason
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.packets import set_ports, set_protocol
from pybpf.kernel_progs.state import fragments

AWAITED_NS: Final = 60 * 1_000_000_000  # RFC 8200 section 4.5: a datagram is put together within 60 seconds


@function
def set_key(key: FragmentKey, scratch: Scratch, direction: u8, identification: u32) -> None:
    """The datagram that the packet of `scratch` is part of."""
    if direction == Direction.INGRESS:
        key.source_address.copy_from(scratch.key.remote_address)
        key.destination_address.copy_from(scratch.key.local_address)
    else:
        key.source_address.copy_from(scratch.key.local_address)
        key.destination_address.copy_from(scratch.key.remote_address)
    key.identification = identification
    key.endpoint = scratch.key.endpoint
    key.protocol = scratch.protocol if scratch.version == 4 else 0
    key.direction = direction


@function
def take_first(scratch: Scratch, direction: u8, identification: u32, length: u32) -> bool:
    """Remember the ports of a first fragment for the others; False and a reason when there is no room."""
    fresh = Fragmented()
    set_key(fresh.key, scratch, direction, identification)
    fresh.seen_ns = ktime_get_coarse_ns()
    incoming = direction == Direction.INGRESS
    fresh.source_port = scratch.key.remote_port if incoming else scratch.key.local_port
    fresh.destination_port = scratch.key.local_port if incoming else scratch.key.remote_port
    fresh.length = length & 0xFFFF
    fresh.protocol = scratch.protocol
    fresh.kind = scratch.kind
    if fragments.update(fresh.key, fresh):
        return True
    scratch.reason = Reason.TABLE_FULL
    return False


@function
def take_later(scratch: Scratch, direction: u8, identification: u32, offset: u32) -> bool:
    """Give a later fragment the ports of its first; False and FRAGMENT when that is not known or overlapped."""
    key = FragmentKey()
    set_key(key, scratch, direction, identification)
    scratch.reason = Reason.FRAGMENT
    found = fragments.lookup(key)
    if found is None:
        return False
    source = found.source_port
    destination = found.destination_port
    length = found.length
    protocol = found.protocol
    kind = found.kind
    seen_ns = found.seen_ns
    now_ns = ktime_get_coarse_ns()
    if not is_same_datagram(found.key, key) or offset < length or now_ns > seen_ns + AWAITED_NS:
        return False
    scratch.reason = Reason.POLICY
    set_protocol(scratch, protocol)
    scratch.kind = kind
    set_ports(scratch, direction, source, destination)
    return True


@function
def is_same_datagram(one: FragmentKey, other: FragmentKey) -> bool:
    """Whether two keys are of one datagram."""
    if one.source_address.low != other.source_address.low or one.source_address.high != other.source_address.high:
        return False
    if one.destination_address.low != other.destination_address.low or one.destination_address.high != other.destination_address.high:
        return False
    if one.identification != other.identification or one.endpoint != other.endpoint:
        return False
    return one.protocol == other.protocol and one.direction == other.direction
