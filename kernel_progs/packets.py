"""A packet's facts, as parsing writes them down: between whom, what, and where its parts lie."""

from __future__ import annotations

from pybpf.compiler.lang import function, u8, u16, u32
from pybpf.kernel_progs.abi import Direction, Endpoint, Verdict
from pybpf.kernel_progs.headers import (
    ACK,
    ECHO,
    ECHO_REPLY,
    ECHO_REPLY_V6,
    ECHO_V6,
    MAPPED,
    PROTOCOL_ICMP,
    SYN,
)
from pybpf.kernel_progs.matching import NO_HEAD, Scratch


@function
def begin(scratch: Scratch, endpoint: Endpoint, direction: u8, control: int) -> None:
    """Nothing is known yet but whose packet it is."""
    scratch.control = control
    scratch.direction = direction
    scratch.key.endpoint = endpoint.number & 0xFFFF
    scratch.identity = endpoint.identities[0]
    scratch.peer_identity = 0
    scratch.version = 0
    scratch.vlan_tags = 0
    scratch.protocol = 0
    scratch.key.protocol = 0
    scratch.flags = 0
    scratch.kind = 0
    scratch.opens = 0
    scratch.is_piece = 0
    scratch.reason = 0
    scratch.audited = 0
    scratch.refusal = 0
    scratch.verdict = 0
    scratch.rule = 0
    scratch.position = 0
    scratch.head_at = NO_HEAD
    scratch.key.local_port = 0
    scratch.key.remote_port = 0


@function
def forget_ends(scratch: Scratch) -> None:
    """No addresses are known yet: an event of a packet without any must not name those of an earlier one."""
    scratch.key.local_address.high = 0
    scratch.key.local_address.low = 0
    scratch.key.remote_address.high = 0
    scratch.key.remote_address.low = 0


@function
def set_between4(scratch: Scratch, direction: u8, source: u32, destination: u32) -> None:
    """From whom to whom, by IPv4."""
    scratch.version = 4
    scratch.key.local_address.high = 0
    scratch.key.remote_address.high = 0
    if direction == Direction.INGRESS:
        scratch.key.local_address.low = MAPPED | destination
        scratch.key.remote_address.low = MAPPED | source
    else:
        scratch.key.local_address.low = MAPPED | source
        scratch.key.remote_address.low = MAPPED | destination


@function
def set_ports(scratch: Scratch, direction: u8, source: u16, destination: u16) -> None:
    """From which port to which."""
    if direction == Direction.INGRESS:
        scratch.key.local_port = destination
        scratch.key.remote_port = source
    else:
        scratch.key.local_port = source
        scratch.key.remote_port = destination


@function
def set_protocol(scratch: Scratch, protocol: u8) -> None:
    """What lies above IP."""
    scratch.protocol = protocol
    scratch.key.protocol = protocol


@function
def set_segment(scratch: Scratch, flags: u8, sequence: u32, acknowledgement: u32) -> None:
    """What a TCP segment says. Only a SYN opens a connection: it says who opened it."""
    scratch.flags = flags
    scratch.opens = 1 if (flags & (SYN | ACK)) == SYN else 0
    scratch.sequence = sequence
    scratch.acknowledgement = acknowledgement


@function
def set_message(scratch: Scratch, direction: u8, kind: u8, identifier: u16) -> None:
    """An ICMP message. An echo has its identifier for a port at the end that asks; only its request opens.

    Identifier 0 becomes two ports that are no other echo's: with 0 at both ends, who asked could not be told from who answers,
    nor an echo from messages of other types, and these would pass as its answers.
    """
    scratch.kind = kind
    is_v4 = scratch.protocol == PROTOCOL_ICMP
    asking: u16 = identifier if identifier != 0 else 65535
    asked: u16 = 0 if identifier != 0 else 1
    if kind == (ECHO if is_v4 else ECHO_V6):
        set_ports(scratch, direction, asking, asked)
        scratch.opens = 1
    elif kind == (ECHO_REPLY if is_v4 else ECHO_REPLY_V6):
        set_ports(scratch, direction, asked, asking)


@function
def drop(scratch: Scratch, reason: u32) -> int:
    """Drop it, to be reported: the tc action TC_ACT_SHOT."""
    scratch.verdict = Verdict.DROPPED
    scratch.reason = reason & 0xFF
    return 2
