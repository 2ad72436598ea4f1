"""Sockets that a program holds a pointer to.

What was looked up is held: every way on must `sk_release` it. A socket that the context has, or that another socket
gave, is not held and must not be released. Addresses of the kernel's own socket structs are for KernelStruct.at.
"""

from __future__ import annotations

from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s32, s64, u64
from pybpf.compiler.lang.memory import Struct
from pybpf.compiler.lang.objects import Socket, SocketCommon, TcpSocket


@row(86, "socket", "4.20", releases=True)
def sk_release(socket: SocketCommon) -> bool:
    """Give back what sk_lookup_tcp, sk_lookup_udp, skc_lookup_tcp or the lookup of a socket map gave."""
    raise NoStandIn


@row(95, "socket", "5.1")
def sk_fullsock(socket: SocketCommon) -> Socket | None:
    """The socket with all its fields, or None for a request or a TIME_WAIT remnant."""
    raise NoStandIn


@row(96, "socket", "5.1")
def tcp_sock(socket: SocketCommon) -> TcpSocket | None:
    """The measurements of the socket's TCP connection, or None when it is none."""
    raise NoStandIn


@row(98, "socket", "5.1")
def get_listener_sock(socket: SocketCommon) -> Socket | None:
    """The listening socket itself, or None when it does not listen."""
    raise NoStandIn


@row(128, "socket", "5.8")
def sk_cgroup_id(socket: SocketCommon) -> u64:
    """The id of the control group that the socket was made in; 0 when it is no full socket."""
    raise NoStandIn


@row(129, "socket level", "5.8")
def sk_ancestor_cgroup_id(socket: SocketCommon, level: s32) -> u64:
    """The id of the ancestor at `level` of the socket's control group, the root being 0; 0 when there is none that deep."""
    raise NoStandIn


@row(100, "socket ip #ip tcp #tcp", "5.2", takes_packet=True)
def tcp_check_syncookie(socket: SocketCommon, ip: Struct, tcp: Struct) -> s64:
    """0 when the acknowledgement in these headers is a valid SYN cookie of the listening socket, else a negative errno."""
    raise NoStandIn


@row(110, "socket ip #ip tcp #tcp", "5.4", takes_packet=True)
def tcp_gen_syncookie(socket: SocketCommon, ip: Struct, tcp: Struct) -> s64:
    """A SYN cookie for these headers (lower 32 bits) and the segment size it stands for (the next 16), or a negative errno."""
    raise NoStandIn


@row(204, "ip tcp #tcp", "6.0", takes_packet=True)
def tcp_raw_gen_syncookie_ipv4(ip: Struct, tcp: Struct) -> s64:
    """As tcp_gen_syncookie, without a socket. `ip` has 20 bytes, and `tcp` as many as its own length field says."""
    raise NoStandIn


@row(205, "ip tcp #tcp", "6.0", takes_packet=True)
def tcp_raw_gen_syncookie_ipv6(ip: Struct, tcp: Struct) -> s64:
    """As tcp_gen_syncookie, without a socket. `ip` has 40 bytes, and `tcp` as many as its own length field says."""
    raise NoStandIn


@row(206, "ip tcp", "6.0", takes_packet=True)
def tcp_raw_check_syncookie_ipv4(ip: Struct, tcp: Struct) -> s64:
    """As tcp_check_syncookie, without a socket: 0 for a valid cookie. Both headers have 20 bytes."""
    raise NoStandIn


@row(207, "ip tcp", "6.0", takes_packet=True)
def tcp_raw_check_syncookie_ipv6(ip: Struct, tcp: Struct) -> s64:
    """As tcp_check_syncookie, without a socket: 0 for a valid cookie. The headers have 40 and 20 bytes."""
    raise NoStandIn


@row(136, "socket", "5.9")
def skc_to_tcp6_sock(socket: SocketCommon) -> u64:
    """The address of the socket's struct tcp6_sock, 0 when it is none."""
    raise NoStandIn


@row(137, "socket", "5.9")
def skc_to_tcp_sock(socket: SocketCommon) -> u64:
    """The address of the socket's struct tcp_sock, 0 when it is none."""
    raise NoStandIn


@row(138, "socket", "5.9")
def skc_to_tcp_timewait_sock(socket: SocketCommon) -> u64:
    """The address of the socket's struct tcp_timewait_sock, 0 when it is none."""
    raise NoStandIn


@row(139, "socket", "5.9")
def skc_to_tcp_request_sock(socket: SocketCommon) -> u64:
    """The address of the socket's struct tcp_request_sock, 0 when it is none."""
    raise NoStandIn


@row(140, "socket", "5.9")
def skc_to_udp6_sock(socket: SocketCommon) -> u64:
    """The address of the socket's struct udp6_sock, 0 when it is none."""
    raise NoStandIn


@row(178, "socket", "5.16")
def skc_to_unix_sock(socket: SocketCommon) -> u64:
    """The address of the socket's struct unix_sock, 0 when it is none."""
    raise NoStandIn


@row(196, "socket", "5.19")
def skc_to_mptcp_sock(socket: SocketCommon) -> u64:
    """The address of the struct mptcp_sock that the socket is a subflow of, 0 when there is none."""
    raise NoStandIn
