"""The structs that helpers read and fill, as include/uapi/linux/bpf.h lays them out. A union has a class for each use.

Field by field the numbers they mean: addresses and ports are be32 and be16 where the kernel keeps them so.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Annotated

from pybpf.compiler.lang.integers import be16, be32, s64, u8, u16, u32, u64
from pybpf.compiler.lang.memory import Array, Count, Struct


class Signed(Struct):
    """A place for a number with a sign."""

    value: s64


class Unsigned(Struct):
    """A place for a number without a sign."""

    value: u64


class Length(Struct):
    """A place for a length in bytes."""

    value: u32


class PidInNamespace(Struct, symbol="bpf_pidns_info"):
    """A thread and its process, as a pid namespace numbers them."""

    thread: u32
    process: u32


class SocketTuple4(Struct):
    """The addresses of an IPv4 connection (struct bpf_sock_tuple). For the socket that receives, "local" is the destination."""

    remote_ip: be32
    local_ip: be32
    remote_port: be16
    local_port: be16


class SocketTuple6(Struct):
    """The addresses of an IPv6 connection (struct bpf_sock_tuple)."""

    remote_ip: Annotated[Array[be32], Count(4)]
    local_ip: Annotated[Array[be32], Count(4)]
    remote_port: be16
    local_port: be16


class SocketAddress4(Struct, symbol="sockaddr_in"):
    """An IPv4 address and port, as bind(2) takes them; `family` is AF_INET."""

    family: u16
    port: be16
    ip: be32
    unused: u64


class SocketAddress6(Struct, symbol="sockaddr_in6"):
    """An IPv6 address and port, as bind(2) takes them; `family` is AF_INET6."""

    family: u16
    port: be16
    flow: be32
    ip: Annotated[Array[be32], Count(4)]
    scope: u32


class NextHop4(Struct):
    """An IPv4 neighbour to send to (struct bpf_redir_neigh); `family` is AF_INET."""

    family: u32
    ip: be32
    unused_0: u32
    unused_1: u32
    unused_2: u32


class NextHop6(Struct):
    """An IPv6 neighbour to send to (struct bpf_redir_neigh); `family` is AF_INET6."""

    family: u32
    ip: Annotated[Array[be32], Count(4)]


class TunnelKey4(Struct):
    """The outer header of a packet in a tunnel over IPv4 (struct bpf_tunnel_key). Addresses are plain numbers, not big-endian."""

    tunnel_id: u32
    remote_ip: u32
    unused_0: u32
    unused_1: u32
    unused_2: u32
    type_of_service: u8
    time_to_live: u8
    flags: be16
    label: u32
    local_ip: u32
    unused_3: u32
    unused_4: u32
    unused_5: u32


class TunnelKey6(Struct):
    """The outer header of a packet in a tunnel over IPv6 (struct bpf_tunnel_key); for this, give TunnelFlag.IP6.

    The kernel copies these addresses as they are, where it turns those of TunnelKey4 (bpf_skb_set_tunnel_key, net/core/filter.c).
    """

    tunnel_id: u32
    remote_ip: Annotated[Array[be32], Count(4)]
    type_of_service: u8
    time_to_live: u8
    flags: be16
    label: u32
    local_ip: Annotated[Array[be32], Count(4)]


class TransformState(Struct, symbol="bpf_xfrm_state"):
    """An IPsec state that a packet went through; of `remote_ip`, IPv4 has the first word only."""

    request_id: u32
    security_index: be32
    family: u16
    unused: u16
    remote_ip: Annotated[Array[be32], Count(4)]


class RouteQuery4(Struct):
    """What fib_lookup is asked for IPv4, and its answer (struct bpf_fib_lookup).

    Asked: family (AF_INET), protocol, ports, length (0 for no check of the MTU), interface_index (where the packet came in,
    or goes out with OUTPUT), type_of_service, addresses. Answered: length (the MTU), interface_index (where it goes out),
    gateway in destination_ip, the VLAN, both MAC addresses.
    """

    family: u8
    protocol: u8
    source_port: be16
    destination_port: be16
    length: u16
    interface_index: u32
    type_of_service: u8
    unused_0: u8
    unused_1: u16
    source_ip: be32
    unused_2: u32
    unused_3: u32
    unused_4: u32
    destination_ip: be32
    unused_5: u32
    unused_6: u32
    unused_7: u32
    vlan_protocol: be16
    vlan_tag: be16
    source_mac: Annotated[Array[u8], Count(6)]
    destination_mac: Annotated[Array[u8], Count(6)]


class RouteQuery6(Struct):
    """As RouteQuery4, for IPv6: `family` is AF_INET6, and `flow` is traffic class and flow label."""

    family: u8
    protocol: u8
    source_port: be16
    destination_port: be16
    length: u16
    interface_index: u32
    flow: be32
    source_ip: Annotated[Array[be32], Count(4)]
    destination_ip: Annotated[Array[be32], Count(4)]
    vlan_protocol: be16
    vlan_tag: be16
    source_mac: Annotated[Array[u8], Count(6)]
    destination_mac: Annotated[Array[u8], Count(6)]


class RouteFlag(IntFlag):
    """BPF_FIB_LOOKUP_*: how fib_lookup goes about it."""

    DIRECT = 1  # ask the interface's table, no rules
    OUTPUT = 2  # interface_index is where the packet goes out
    SKIP_NEIGHBOUR = 4  # no MAC addresses
    TABLE = 8  # the table's number is in the place of the VLAN
    SOURCE = 16  # answer which source address to use
    MARK = 32  # a mark is in the place of the MAC addresses


class RouteResult(IntEnum):
    """BPF_FIB_LKUP_RET_*: what fib_lookup found."""

    SUCCESS = 0
    BLACKHOLE = 1
    UNREACHABLE = 2
    PROHIBITED = 3
    NOT_FORWARDED = 4
    FORWARDING_DISABLED = 5
    UNSUPPORTED_LIGHTWEIGHT_TUNNEL = 6
    NO_NEIGHBOUR = 7
    FRAGMENTATION_NEEDED = 8
    NO_SOURCE_ADDRESS = 9


class StackFlag(IntFlag):
    """BPF_F_*: of get_stack and get_task_stack. The lower eight bits are how many frames to skip."""

    USER = 1 << 8  # the user's frames instead of the kernel's
    USER_BUILD_ID = 1 << 11  # with USER: build id and offset instead of addresses


class TunnelFlag(IntFlag):
    """BPF_F_*: of set_tunnel_key and, IP6 alone, of get_tunnel_key."""

    IP6 = 1
    ZERO_CHECKSUM = 2
    DONT_FRAGMENT = 4
    SEQUENCE_NUMBER = 8
    NO_TUNNEL_KEY = 16


class RoomMode(IntEnum):
    """BPF_ADJ_ROOM_*: where adjust_room makes or takes room."""

    NETWORK = 0  # between the headers of layers 3 and 4
    MAC = 1  # between the headers of layers 2 and 3


class HeaderStart(IntEnum):
    """BPF_HDR_START_*: what an offset counts from."""

    MAC = 0
    NETWORK = 1


class ChecksumLevel(IntEnum):
    """BPF_CSUM_LEVEL_*: what checksum_level does."""

    QUERY = 0
    INCREASE = 1
    DECREASE = 2
    RESET = 3


CURRENT_NETNS = (1 << 64) - 1  # BPF_F_CURRENT_NETNS is -1: look in the namespace of the device or socket
