"""Kernel programs that only the benchmarks run: the floor, the rewinding of a connection between repeats, and packets of ever new flows.

BPF_PROG_TEST_RUN repeats one packet; a connection would see it as a retransmission after the first time. So the
repeated program first sets the stream back, then goes on to the datapath. Its own cost is measured alone, too.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Action, Skb, function, program, u16, u64, variable, wrap
from pybpf.kernel_progs.abi import ConnectionKey
from pybpf.kernel_progs.headers import MAPPED, PROTOCOL_TCP, TRANSPORT4, Frame4, Frame6, Tcp
from pybpf.kernel_progs.matching import StreamState
from pybpf.kernel_progs.retained import give_all_back
from pybpf.kernel_progs.state import connections, stages, streams

ENDPOINT: Final = 1
STAGE_DATAPATH: Final = 7  # the last there is
EACH_ADDRESS: Final = 256  # flows of one address, so that not every packet has another identity to be found
STRIDE: Final = 40_503  # odd: all of 2^16 are met before one comes again

flows = variable(u64)  # made so far; not shared between CPUs


@program("tc")
def empty(packet: Skb) -> int:
    """Nothing: what any program costs."""
    return Action.UNSPEC


@program("tc")
def rewind(packet: Skb) -> int:
    """Set the packet's connection back to before it."""
    frame = packet.header(Frame4, 0)
    tcp = packet.header(Tcp, TRANSPORT4)
    if frame is None or tcp is None:
        return Action.SHOT
    key = ConnectionKey()
    key.endpoint = ENDPOINT
    key.protocol = PROTOCOL_TCP
    key.local_address.low = MAPPED | frame.ip.destination
    key.remote_address.low = MAPPED | frame.ip.source
    key.local_port = tcp.destination
    key.remote_port = tcp.source
    connection = connections.lookup(key)
    if connection is None:
        return Action.SHOT
    stream = streams.lookup(connection.stream)
    if stream is None:
        return Action.SHOT
    give_all_back(stream, connection.stream)
    stream.next_sequence = tcp.sequence
    stream.busy = 0
    stream.state = StreamState.OPEN
    stream.matcher.fresh = 1
    stream.matcher.seen = 0
    stream.matcher.head_bytes = 0
    stream.matcher.opaque_left = 0
    stream.matcher.requests = 0
    stages.tail_call(packet, STAGE_DATAPATH)
    return Action.UNSPEC


@program("tc")
def fresh_from4(packet: Skb) -> int:
    """Make a UDP packet one of a flow that was not there before, from another source of the same /16, and go on in the datapath."""
    frame = packet.header(Frame4, 0)
    if frame is None:
        return Action.SHOT
    frame.udp.source = next_flow()
    frame.ip.source = (frame.ip.source & 0xFFFF0000) | ((flows.value // EACH_ADDRESS) & 0xFFFF)
    stages.tail_call(packet, STAGE_DATAPATH)
    return Action.UNSPEC


@program("tc")
def fresh_to4(packet: Skb) -> int:
    """The same, to another destination."""
    frame = packet.header(Frame4, 0)
    if frame is None:
        return Action.SHOT
    frame.udp.source = next_flow()
    frame.ip.destination = (frame.ip.destination & 0xFFFF0000) | ((flows.value // EACH_ADDRESS) & 0xFFFF)
    stages.tail_call(packet, STAGE_DATAPATH)
    return Action.UNSPEC


@program("tc")
def fresh_from6(packet: Skb) -> int:
    """The same over IPv6, from another source of the same /64."""
    frame = packet.header(Frame6, 0)
    if frame is None:
        return Action.SHOT
    frame.udp.source = next_flow()
    frame.ip.source_low = flows.value // EACH_ADDRESS
    stages.tail_call(packet, STAGE_DATAPATH)
    return Action.UNSPEC


@program("tc")
def fresh_to6(packet: Skb) -> int:
    """The same over IPv6, to another destination."""
    frame = packet.header(Frame6, 0)
    if frame is None:
        return Action.SHOT
    frame.udp.source = next_flow()
    frame.ip.destination_low = flows.value // EACH_ADDRESS
    stages.tail_call(packet, STAGE_DATAPATH)
    return Action.UNSPEC


@program("tc")
def from_everywhere4(packet: Skb) -> int:
    """Make the packet one from another /24 of 12.0.0.0/8 each time, none of them near the one before, and go on in the datapath."""
    frame = packet.header(Frame4, 0)
    if frame is None:
        return Action.SHOT
    flows.value += 1
    frame.ip.source = 0x0C000001 | (((flows.value * STRIDE) & 0xFFFF) << 8)
    stages.tail_call(packet, STAGE_DATAPATH)
    return Action.UNSPEC


@function
def next_flow() -> u16:
    """The source port of one more flow, from 16384 on; the address must change at least once in 16384 flows."""
    flows.value += 1
    return wrap(u16, 0x4000 | (flows.value & 0x3FFF))
