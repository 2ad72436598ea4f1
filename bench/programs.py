"""Kernel programs that only the benchmarks run: the floor, and the rewinding of a connection between repeats.

BPF_PROG_TEST_RUN repeats one packet; a connection would see it as a retransmission after the first time. So the
repeated program first sets the stream back, then goes on to the datapath. Its own cost is measured alone, too.
"""

from __future__ import annotations

from typing import Final

from pybpf.compiler.lang import Action, Skb, program
from pybpf.kernel_progs.abi import ConnectionKey, ConnectionState
from pybpf.kernel_progs.headers import Frame
from pybpf.kernel_progs.state import connections, stages

ENDPOINT: Final = 1
STAGE_DATAPATH: Final = 1


@program("tc")
def empty(packet: Skb) -> int:
    """Nothing: what any program costs."""
    return Action.OK


@program("tc")
def rewind(packet: Skb) -> int:
    """Set the packet's connection back to before it."""
    frame = packet.header(Frame, 0)
    if frame is None:
        return Action.SHOT
    key = ConnectionKey()
    key.endpoint = ENDPOINT
    key.local_address = frame.ip.destination
    key.remote_address = frame.ip.source
    key.local_port = frame.tcp.destination
    key.remote_port = frame.tcp.source
    connection = connections.lookup(key)
    if connection is None:
        return Action.SHOT
    connection.next_sequence = frame.tcp.sequence
    connection.busy = 0
    connection.state = ConnectionState.OPEN
    connection.stream.fresh = 1
    connection.stream.seen = 0
    connection.stream.head_bytes = 0
    connection.stream.length_left = 0
    connection.stream.requests = 0
    stages.tail_call(packet, STAGE_DATAPATH)
    return Action.OK
