"""SockOps: a TCP connection and what has just happened to it (struct bpf_sock_ops)."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated, ClassVar

from pybpf.compiler.lang.context import At, Bounds, PacketContext, Rights, names
from pybpf.compiler.lang.helpers.of_socket_programs import SockOpsMethods
from pybpf.compiler.lang.integers import be32, u32, u64
from pybpf.compiler.lang.kinds import ProgramType
from pybpf.compiler.lang.objects import Socket


class SockOpsEvent(IntEnum):
    """BPF_SOCK_OPS_*: what `event` says. Those up to BASE_RTT are answered in `reply`; those after the three ESTABLISHED
    ones and CONNECT come only to a socket whose program asked for them with a SockOpsFlag.
    """

    VOID = 0
    TIMEOUT_INITIAL = 1
    RECEIVE_WINDOW_INITIAL = 2
    CONNECT = 3
    ACTIVE_ESTABLISHED = 4
    PASSIVE_ESTABLISHED = 5
    NEEDS_ECN = 6
    BASE_RTT = 7
    RETRANSMISSION_TIMEOUT = 8
    RETRANSMITTED = 9
    STATE = 10
    LISTEN = 11
    RTT = 12
    PARSE_HEADER_OPTION = 13
    HEADER_OPTION_LENGTH = 14
    WRITE_HEADER_OPTION = 15
    TIMESTAMP_SCHEDULED = 16
    TIMESTAMP_SENT_SOFTWARE = 17
    TIMESTAMP_SENT_HARDWARE = 18
    TIMESTAMP_ACKNOWLEDGED = 19
    TIMESTAMP_SENDMSG = 20


class SockOpsFlag(IntFlag):
    """BPF_SOCK_OPS_*_CB_FLAG: the events that a socket's program asks for, as `callback_flags` has them."""

    RETRANSMISSION_TIMEOUT = 1 << 0
    RETRANSMITTED = 1 << 1
    STATE = 1 << 2
    RTT = 1 << 3
    PARSE_ALL_HEADER_OPTIONS = 1 << 4
    PARSE_UNKNOWN_HEADER_OPTIONS = 1 << 5
    WRITE_HEADER_OPTIONS = 1 << 6


class SockOps(SockOpsMethods, PacketContext, symbol="bpf_sock_ops", packet=Bounds(192, 200, 64)):
    """One event of one connection. `reply` lies where `argument_0` does. There is a packet only for the header option
    events and the three ESTABLISHED ones; everything from `congestion_window` to `bytes_acknowledged` is 0 unless `is_full_socket`.
    """

    event: Annotated[int, At(0, u32, "op")]
    reply: Annotated[int, At(4, u32)]
    argument_0: Annotated[int, At(4, u32, "args[0]")]
    argument_1: Annotated[int, At(8, u32, "args[1]")]
    argument_2: Annotated[int, At(12, u32, "args[2]")]
    argument_3: Annotated[int, At(16, u32, "args[3]")]
    family: Annotated[int, At(20, u32)]
    remote_ip4: Annotated[int, At(24, be32)]
    local_ip4: Annotated[int, At(28, be32)]
    remote_ip6_0: Annotated[int, At(32, be32, "remote_ip6[0]")]
    remote_ip6_1: Annotated[int, At(36, be32, "remote_ip6[1]")]
    remote_ip6_2: Annotated[int, At(40, be32, "remote_ip6[2]")]
    remote_ip6_3: Annotated[int, At(44, be32, "remote_ip6[3]")]
    local_ip6_0: Annotated[int, At(48, be32, "local_ip6[0]")]
    local_ip6_1: Annotated[int, At(52, be32, "local_ip6[1]")]
    local_ip6_2: Annotated[int, At(56, be32, "local_ip6[2]")]
    local_ip6_3: Annotated[int, At(60, be32, "local_ip6[3]")]
    remote_port: Annotated[int, At(64, be32)]
    local_port: Annotated[int, At(68, u32)]
    is_full_socket: Annotated[int, At(72, u32, "is_fullsock")]
    congestion_window: Annotated[int, At(76, u32, "snd_cwnd")]  # in packets
    smoothed_rtt: Annotated[int, At(80, u32, "srtt_us")]  # in eighths of a microsecond
    callback_flags: Annotated[int, At(84, u32, "bpf_sock_ops_cb_flags")]  # SockOpsFlag
    state: Annotated[int, At(88, u32)]  # TcpState
    minimum_rtt: Annotated[int, At(92, u32, "rtt_min")]  # in microseconds
    slow_start_threshold: Annotated[int, At(96, u32, "snd_ssthresh")]
    receive_next: Annotated[int, At(100, u32, "rcv_nxt")]
    send_next: Annotated[int, At(104, u32, "snd_nxt")]
    send_unacknowledged: Annotated[int, At(108, u32, "snd_una")]
    segment_size: Annotated[int, At(112, u32, "mss_cache")]  # in bytes
    ecn_flags: Annotated[int, At(116, u32)]
    rate_delivered: Annotated[int, At(120, u32)]
    rate_interval: Annotated[int, At(124, u32, "rate_interval_us")]  # in microseconds
    packets_out: Annotated[int, At(128, u32)]
    retransmitted_out: Annotated[int, At(132, u32, "retrans_out")]
    total_retransmitted: Annotated[int, At(136, u32, "total_retrans")]
    segments_in: Annotated[int, At(140, u32, "segs_in")]
    data_segments_in: Annotated[int, At(144, u32, "data_segs_in")]
    segments_out: Annotated[int, At(148, u32, "segs_out")]
    data_segments_out: Annotated[int, At(152, u32, "data_segs_out")]
    lost_out: Annotated[int, At(156, u32)]
    selectively_acknowledged_out: Annotated[int, At(160, u32, "sacked_out")]
    transmit_hash: Annotated[int, At(164, u32, "sk_txhash")]
    bytes_received: Annotated[int, At(168, u64)]
    bytes_acknowledged: Annotated[int, At(176, u64, "bytes_acked")]
    socket: Annotated[Socket | None, At(184, Socket, "sk")]
    packet_length: Annotated[int, At(208, u32, "skb_len")]
    tcp_flags: Annotated[int, At(212, u32, "skb_tcp_flags")]
    hardware_timestamp: Annotated[int, At(216, u64, "skb_hwtstamp")]  # nanoseconds

    rights: ClassVar = {
        ProgramType.SOCK_OPS: Rights(writable=names("reply", "argument_0", "transmit_hash"), reads_packet=True),
    }
