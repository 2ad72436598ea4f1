"""Kernel programs that only the benchmarks run: the floor, and the rewinding of a connection between repeats.

BPF_PROG_TEST_RUN repeats one packet; a connection would see it as a retransmission after the first time. So the
repeated program first sets the stream back, then goes on to the datapath. Its own cost is measured alone, too.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Action, Skb, program
from pybpf.kernel_progs.abi import ConnectionKey
from pybpf.kernel_progs.headers import MAPPED, PROTOCOL_TCP, TRANSPORT4, Frame4, Tcp
from pybpf.kernel_progs.matching import StreamState
from pybpf.kernel_progs.state import stages, streams

ENDPOINT: Final = 1
STAGE_DATAPATH: Final = 3


@program("tc")
def empty(packet: Skb) -> int:
    """Nothing: what any program costs."""
    return Action.OK


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
    stream = streams.lookup(key)
    if stream is None:
        return Action.SHOT
    stream.next_sequence = tcp.sequence
    stream.busy = 0
    stream.state = StreamState.OPEN
    stream.matcher.fresh = 1
    stream.matcher.seen = 0
    stream.matcher.head_bytes = 0
    stream.matcher.length_left = 0
    stream.matcher.requests = 0
    stages.tail_call(packet, STAGE_DATAPATH)
    return Action.OK
