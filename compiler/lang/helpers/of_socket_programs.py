"""Methods of the contexts of socket programs: SockAddr, Sock, SockOps, SkMsg, SkLookup.

Those that move the packet are by bpf_helper_changes_pkt_data (net/core/filter.c, 6.18).
"""

from __future__ import annotations

from pybpf.compiler.lang.context import Context, PacketContext
from pybpf.compiler.lang.helpers.of_several import (
    FindsSockets,
    HasNamespaceCookie,
    HasSocketCookie,
    HasSocketOptions,
)
from pybpf.compiler.lang.helpers.records import SocketAddress4, SocketAddress6
from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s64, u32, u64
from pybpf.compiler.lang.memory import Array, Struct
from pybpf.compiler.lang.objects import Socket


class SockMethods(HasSocketCookie, HasNamespaceCookie, Context):
    """Of a socket that a process makes, binds or closes."""


class SockAddrMethods(FindsSockets, HasSocketCookie, HasNamespaceCookie, HasSocketOptions, Context):
    """Of a system call with an address."""

    @row(64, "self address #address", "4.17")
    def bind(self, address: SocketAddress4 | SocketAddress6) -> bool:
        """Bind the socket before it connects, mostly to a local address and port 0; "cgroup/connect4" and "cgroup/connect6" only."""
        raise NoStandIn


class SockOpsMethods(HasSocketCookie, HasNamespaceCookie, HasSocketOptions, Context):
    """Of an event of a TCP connection."""

    @row(59, "self flags", "4.16")
    def set_callback_flags(self, flags: u32) -> s64:
        """Choose which further events (SockOpsFlag) the program is run for. Gives the flags that this kernel does not know, or a negative errno."""
        raise NoStandIn

    @row(142, "self option #option flags", "5.10")
    def load_header_option(self, option: Struct | Array[int], flags: u64) -> s64:
        """Find a TCP option of the kind (and for kinds 253 and 254 the magic) that `option` begins with; it is copied there.

        Gives its length, or a negative errno. 1 in `flags`: in the SYN that was kept.
        """
        raise NoStandIn

    @row(143, "self option #option 0", "5.10", moves_packet=True)
    def store_header_option(self, option: Struct | Array[int]) -> s64:
        """Write a TCP option into the header: 0, or a negative errno. Views are dead afterwards."""
        raise NoStandIn

    @row(144, "self length 0", "5.10")
    def reserve_header_option(self, length: u32) -> s64:
        """Ask for room for an option that is stored later: 0, or a negative errno."""
        raise NoStandIn


class SkMsgMethods(HasNamespaceCookie, PacketContext):
    """Of a message that a process sends. Views are dead after pull, push and pop."""

    @row(61, "self length", "4.17")
    def apply_bytes(self, length: u32) -> bool:
        """Let the verdict hold for the next `length` bytes, whatever messages they come in. Never False."""
        raise NoStandIn

    @row(62, "self length", "4.17")
    def cork_bytes(self, length: u32) -> bool:
        """Do not ask for a verdict again before there are `length` bytes. Never False."""
        raise NoStandIn

    @row(63, "self start end 0", "4.17", moves_packet=True)
    def pull(self, start: u32, end: u32) -> bool:
        """Make the bytes [start, end) linear, so that `header` reaches them, at offset 0."""
        raise NoStandIn

    @row(90, "self start length 0", "4.20", moves_packet=True)
    def push(self, start: u32, length: u32) -> bool:
        """Put `length` bytes, of any content, in before byte `start`."""
        raise NoStandIn

    @row(91, "self start length 0", "5.0", moves_packet=True)
    def pop(self, start: u32, length: u32) -> bool:
        """Take out `length` bytes from byte `start` on."""
        raise NoStandIn


class SkLookupMethods(Context):
    """Of the search for a socket that is to receive a packet."""

    @row(124, "self socket flags", "5.9")
    def sk_assign(self, socket: Socket, flags: u64) -> s64:
        """Choose the socket: 0, or a negative errno. 1 in `flags`: in place of one chosen before. It must be released all the same."""
        raise NoStandIn

    @row(124, "self 0 1", "5.9")
    def sk_unassign(self) -> s64:
        """Take back the choice of a socket: 0, or a negative errno."""
        raise NoStandIn
