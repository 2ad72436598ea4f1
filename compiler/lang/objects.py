"""Kernel objects: what programs hold a pointer to and the kernel owns. Layouts are those of include/uapi/linux/bpf.h.

Ports and addresses are the numbers they mean, whatever their order in memory. "Local" and "remote" are as seen from
the socket, where the kernel's names say src and dst. An IPv6 address is four words, the first of them word 0.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from pybpf.compiler.lang.integers import be16, be32, s32, u32, u64
from pybpf.compiler.lang.memory import KernelObject


class AddressFamily(IntEnum):
    """AF_*: what a `family` says (include/linux/socket.h)."""

    UNSPECIFIED = 0
    UNIX = 1
    INET = 2
    INET6 = 10


class SocketType(IntEnum):
    """SOCK_*: what a socket's `type` says (include/linux/net.h)."""

    STREAM = 1
    DATAGRAM = 2
    RAW = 3
    SEQUENCED_PACKET = 5


class TcpState(IntEnum):
    """BPF_TCP_*: what a `state` says (include/uapi/linux/bpf.h, the same numbers as TCP_* in net/tcp_states.h)."""

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECEIVED = 3
    FIN_WAIT_1 = 4
    FIN_WAIT_2 = 5
    TIME_WAIT = 6
    CLOSE = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11
    NEW_SYN_RECEIVED = 12
    BOUND_INACTIVE = 13


class SocketCommon(KernelObject, symbol="bpf_sock"):
    """What every socket has (struct sock_common, as struct bpf_sock shows it): one that a packet brought along, or that was
    looked up as a mere connection, may be a request or a TIME_WAIT remnant. sk_fullsock gives the Socket, where it is one.
    """

    interface_index: u32  # the device it is bound to, 0 for none
    family: u32
    if not TYPE_CHECKING:  # they take their room, and nobody reads them here (bpf_sock_common_is_valid_access, net/core/filter.c)
        type: u32
        protocol: u32
        mark: u32
        priority: u32
    local_ip4: be32
    local_ip6_0: be32
    local_ip6_1: be32
    local_ip6_2: be32
    local_ip6_3: be32
    local_port: u32
    remote_port: be16
    remote_ip4: be32
    remote_ip6_0: be32
    remote_ip6_1: be32
    remote_ip6_2: be32
    remote_ip6_3: be32
    state: u32
    receive_queue: s32  # -1 for none: 64 ones in the register, though 32 are loaded


for _field in ("type", "protocol", "mark", "priority"):
    del SocketCommon.layout[_field]


class Socket(SocketCommon, symbol="bpf_sock"):
    """struct bpf_sock: a full socket."""

    if TYPE_CHECKING:
        type: u32
        protocol: u32
        mark: u32
        priority: u32


class TcpSocket(KernelObject, symbol="bpf_tcp_sock"):
    """struct bpf_tcp_sock: the measurements of a TCP connection. Windows and `..._out` count packets."""

    congestion_window: u32
    smoothed_rtt: u32  # in eighths of a microsecond
    minimum_rtt: u32  # in microseconds
    slow_start_threshold: u32
    receive_next: u32
    send_next: u32
    send_unacknowledged: u32
    segment_size: u32  # in bytes
    ecn_flags: u32
    rate_delivered: u32
    rate_interval: u32  # in microseconds
    packets_out: u32
    retransmitted_out: u32
    total_retransmitted: u32
    segments_in: u32
    data_segments_in: u32
    segments_out: u32
    data_segments_out: u32
    lost_out: u32
    selectively_acknowledged_out: u32
    bytes_received: u64
    bytes_acknowledged: u64
    duplicate_acknowledgements: u32  # DSACK blocks received
    delivered: u32
    delivered_marked: u32  # of these, with the congestion mark of ECN
    timeouts: u32  # in a row, without an answer


class Task(KernelObject, symbol="task_struct"):
    """A thread. Its fields are read by CO-RE, not here."""


class Inode(KernelObject, symbol="inode"):
    """A file, whatever its names."""


class Cgroup(KernelObject, symbol="cgroup"):
    """A control group."""
