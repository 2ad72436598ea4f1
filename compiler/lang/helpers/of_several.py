"""Methods that more than one kind of context has: the mixins its own ones are made of."""

from __future__ import annotations

from pybpf.compiler.lang.context import Context
from pybpf.compiler.lang.helpers.records import (
    Length,
    RouteQuery4,
    RouteQuery6,
    SocketTuple4,
    SocketTuple6,
)
from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s32, s64, u32, u64
from pybpf.compiler.lang.memory import Array, Struct
from pybpf.compiler.lang.objects import Socket, SocketCommon


class FindsSockets(Context):
    """Looking up sockets of the machine by the addresses of a connection."""

    @row(84, "self addresses #addresses namespace 0", "4.20", takes_packet=True, acquires=True)
    def sk_lookup_tcp(self, addresses: SocketTuple4 | SocketTuple6, namespace: u64) -> Socket | None:
        """The TCP socket that a packet with these addresses would reach; it must be released.

        `namespace` is CURRENT_NETNS, or the 32-bit id of another network namespace as seen from this one.
        """
        raise NoStandIn

    @row(85, "self addresses #addresses namespace 0", "4.20", takes_packet=True, acquires=True)
    def sk_lookup_udp(self, addresses: SocketTuple4 | SocketTuple6, namespace: u64) -> Socket | None:
        """As sk_lookup_tcp, for UDP."""
        raise NoStandIn

    @row(99, "self addresses #addresses namespace 0", "5.2", takes_packet=True, acquires=True)
    def skc_lookup_tcp(self, addresses: SocketTuple4 | SocketTuple6, namespace: u64) -> SocketCommon | None:
        """As sk_lookup_tcp, and finds requests and TIME_WAIT remnants too: ask sk_fullsock or tcp_sock for more than addresses."""
        raise NoStandIn


class FindsRoutes(Context):
    """Asking the kernel's routing tables."""

    @row(69, "self query #query flags", "4.18")
    def fib_lookup(self, query: RouteQuery4 | RouteQuery6, flags: u32) -> s64:
        """Where a packet would be forwarded to: a RouteResult, or a negative errno. `flags` are RouteFlag; the answer is in `query`."""
        raise NoStandIn

    @row(163, "self interface_index length difference flags", "5.12")
    def check_mtu(self, interface_index: u32, length: Length, difference: s32, flags: u64) -> s64:
        """0 when the packet, made longer by `difference`, fits the device (0: the packet's own); 1 when not, 2 when its segments do not.

        `length` is 0, or the layer-3 length to check in the packet's place; it then is the device's MTU. 1 in `flags` asks
        for the segments of a GSO packet, in tc only. A negative errno when the device is not there.
        """
        raise NoStandIn


class HasSocketCookie(Context):
    """A number for the socket."""

    @row(46, "self", "4.12")
    def get_socket_cookie(self) -> u64:
        """A number that no other socket has until the machine is started again; 0 when there is no socket."""
        raise NoStandIn


class HasNamespaceCookie(Context):
    """A number for the network namespace."""

    @row(122, "self", "5.7")
    def get_netns_cookie(self) -> u64:
        """A number that no other network namespace has until the machine is started again."""
        raise NoStandIn


class HasSocketOptions(Context):
    """setsockopt(2) and getsockopt(2) on the socket, for the options that the kernel allows here."""

    @row(49, "self level option value #value", "4.13")
    def setsockopt(self, level: s32, option: s32, value: Struct | Array[int]) -> s64:
        """Set an option: 0, or a negative errno."""
        raise NoStandIn

    @row(57, "self level option into #into", "4.15")
    def getsockopt(self, level: s32, option: s32, into: Struct | Array[int]) -> s64:
        """Read an option: 0, or a negative errno and zeroes."""
        raise NoStandIn
