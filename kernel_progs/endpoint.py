"""The entry points of an endpoint: every packet to it and every packet from it begins here.

Parse, connection, source, identity, policy, then (inspected ports) the stream and the rule set's program. Invariant I3, what is not
understood is not allowed: each way out of parsing that is not understood is a drop.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Action, Skb, function, program, u8, u32
from pybpf.kernel_progs.abi import STAGE_PARSE, Direction, Endpoint, Reason
from pybpf.kernel_progs.answers import take_mark
from pybpf.kernel_progs.events import finish
from pybpf.kernel_progs.headers import (
    ETHERNET_BYTES,
    KIND_ARP,
    KIND_IPV4,
    KIND_IPV6,
    KIND_SERVICE_VLAN,
    KIND_VLAN,
    VLAN_BYTES,
    Ethernet,
    Vlan,
)
from pybpf.kernel_progs.judging import judge, judge_unread
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.neighbours import is_neighbour_discovery, judge_arp, judge_discovery
from pybpf.kernel_progs.packets import begin, drop, forget_ends
from pybpf.kernel_progs.parsing import read_ipv4, read_ipv6
from pybpf.kernel_progs.plain import read_plain
from pybpf.kernel_progs.policy import is_open
from pybpf.kernel_progs.related import is_error, is_related
from pybpf.kernel_progs.state import control, endpoints, scratches, stages

MOST_TAGS: Final = 2  # IEEE 802.1Q, a service's around a customer's; a third makes a frame unknown


@program("tc")
def to_endpoint(packet: Skb) -> int:
    """Egress of the host-side device: what the endpoint receives. Enforces its ingress policy."""
    return run(packet, Direction.INGRESS)


@program("tc")
def from_endpoint(packet: Skb) -> int:
    """Ingress of the host-side device: what the endpoint sends. Enforces its egress policy."""
    return run(packet, Direction.EGRESS)


@program("tc")
def parse_packet(packet: Skb) -> int:
    """A packet that is not a plain one, in the direction that `scratch` says."""
    scratch = scratches.lookup(0)
    endpoint = endpoints.lookup(packet.interface_index)
    if scratch is None or endpoint is None:
        return Action.SHOT
    direction: u8 = scratch.direction & 1
    forget_ends(scratch)
    return finish(packet, scratch, read_and_judge(packet, scratch, endpoint, direction))


@function
def run(packet: Skb, direction: u8) -> int:
    """The tc action for one packet, and its event if it is worth one."""
    scratch = scratches.lookup(0)
    endpoint = endpoints.lookup(packet.interface_index)
    settings = control.lookup(0)
    if scratch is None or endpoint is None or settings is None:
        return Action.SHOT
    scratch.is_answer = take_mark(packet)
    begin(scratch, endpoint, direction, settings.word)
    if read_plain(packet, scratch, direction):
        return finish(packet, scratch, judge(packet, scratch, endpoint, direction))
    begin(scratch, endpoint, direction, scratch.control)
    stages.tail_call(packet, STAGE_PARSE)
    return Action.SHOT


@function
def read_and_judge(packet: Skb, scratch: Scratch, endpoint: Endpoint, direction: u8) -> int:
    """The tc action for a packet of any kind."""
    ethernet = Ethernet()
    if not packet.load(0, ethernet):
        return drop(scratch, Reason.MALFORMED)
    kind: u32 = ethernet.kind
    offset: u32 = ETHERNET_BYTES
    scratch.vlan_tags = packet.vlan_present & 1  # the outermost tag, once the kernel has taken it out of the frame
    for _ in range(MOST_TAGS):
        if scratch.vlan_tags < MOST_TAGS and (kind == KIND_VLAN or kind == KIND_SERVICE_VLAN):
            tag = Vlan()
            if not packet.load(offset, tag):
                return drop(scratch, Reason.MALFORMED)
            kind = tag.kind
            offset = (offset + VLAN_BYTES) & 0xFF
            scratch.vlan_tags += 1
    if kind == KIND_ARP:
        return judge_arp(packet, scratch, direction, offset)
    if kind == KIND_IPV4:
        understood = read_ipv4(packet, scratch, direction, offset)
    elif kind == KIND_IPV6:
        understood = read_ipv6(packet, scratch, direction, offset)
    else:
        return Action.OK if is_open(scratch, endpoint, direction) else drop(scratch, Reason.UNSUPPORTED)
    if not understood:
        return judge_unread(scratch, endpoint, direction, scratch.reason)
    if is_neighbour_discovery(scratch):
        return judge_discovery(packet, scratch, direction)
    if is_error(scratch) and is_related(packet, scratch, direction):
        return Action.OK
    return judge(packet, scratch, endpoint, direction)
