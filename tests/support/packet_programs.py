"""Kernel programs that call helpers of packets and sockets and look at what they did: 0 when it was what the rows say, else a step's number.

What differs from run to run (ports, devices) they read at the start of their packet, behind the Ethernet header.
"""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang import (
    CURRENT_NETNS,
    AddressFamily,
    Array,
    ArrayMap,
    Count,
    Length,
    NextHop4,
    RoomMode,
    RouteQuery4,
    RouteResult,
    Skb,
    SockAddr,
    SocketAddress4,
    SocketTuple4,
    SocketTuple6,
    Struct,
    TcpState,
    TunnelFlag,
    TunnelKey4,
    TunnelKey6,
    Xdp,
    be16,
    be32,
    program,
    redirect_neigh_to,
    sk_fullsock,
    sk_release,
    tcp_sock,
    u8,
)

AFTER_ETHERNET = 14
LOOPBACK = 0x7F000001
PEER, GATEWAY, FAR = 0xC0000201, 0xC0000209, 0xC6336405  # 192.0.2.1, 192.0.2.9, 198.51.100.5
ULA = 0xFD000000  # the first word of fd00::/32
FIXED_GSO = 1  # BPF_F_ADJ_ROOM_FIXED_GSO
MONOTONIC = 1  # BPF_SKB_CLOCK_MONOTONIC
SOCKET_LEVEL, PRIORITY, PRIORITY_GIVEN = 1, 12, 5  # SOL_SOCKET, SO_PRIORITY


class Ports(Struct, packed=True):
    """A connection's ports, as the socket that receives sees them; `remote` is 0 where nobody is connected."""

    local: be16
    remote: be16


class Device(Struct, packed=True):
    """A device's number."""

    index: be32


class Tag(Struct, packed=True):
    """The Ethernet header of a packet with a VLAN tag in it."""

    addresses: Annotated[Array[u8], Count(12)]
    kind: be16
    tag: be16
    inner_kind: be16


@program("tc")
def tags_a_packet(packet: Skb) -> int:
    """A tag lies beside the packet until there is a second one."""
    if not packet.vlan_push(0x123) or packet.vlan_present == 0 or packet.vlan_tag != 0x123 or packet.vlan_protocol != 0x8100:
        return 1
    if not packet.vlan_pop() or packet.vlan_present != 0:
        return 2
    if not packet.vlan_push(0x123) or not packet.vlan_push_service(0x456) or packet.vlan_tag != 0x456 or packet.vlan_protocol != 0x88A8:
        return 3
    head = packet.header(Tag, 0)
    if head is None or head.kind != 0x8100 or head.tag != 0x123 or head.inner_kind != 0x0800:
        return 4
    return 0


@program("tc")
def changes_the_protocol(packet: Skb) -> int:
    """An IPv6 header is 20 bytes longer."""
    length = packet.length
    if not packet.change_protocol_to_ip6() or packet.protocol != 0x86DD or packet.length != length + 20:
        return 1
    if not packet.change_protocol_to_ip4() or packet.protocol != 0x0800 or packet.length != length:
        return 2
    return 0


@program("tc")
def sets_what_the_kernel_knows(packet: Skb) -> int:
    """What is set is what the fields give afterwards."""
    if not packet.change_type(3) or packet.packet_type != 3:
        return 1
    if not packet.set_hash(0x1234567) or packet.hash != 0x1234567:
        return 2
    packet.set_hash_invalid()
    if packet.hash != 0 or packet.get_hash_recalc() == 0:
        return 3
    if not packet.set_timestamp(123456789, MONOTONIC) or packet.timestamp != 123456789 or packet.timestamp_type != MONOTONIC:
        return 4
    return 0


@program("tc")
def makes_room(packet: Skb) -> int:
    """Room between the headers of layers 2 and 3 moves the latter."""
    length = packet.length
    if not packet.adjust_room(20, RoomMode.MAC, FIXED_GSO) or packet.length != length + 20:
        return 1
    if not packet.adjust_room(-20, RoomMode.MAC, FIXED_GSO) or packet.length != length:
        return 2
    return 0


@program("tc")
def finds_tcp(packet: Skb) -> int:
    """A listening socket, or a connection when the packet says with whom."""
    ports = packet.header(Ports, AFTER_ETHERNET)
    if ports is None:
        return 1
    addresses = SocketTuple4()
    addresses.local_ip = LOOPBACK
    addresses.remote_ip = LOOPBACK
    addresses.local_port = ports.local
    addresses.remote_port = ports.remote
    wanted = TcpState.LISTEN if ports.remote == 0 else TcpState.ESTABLISHED
    found = packet.sk_lookup_tcp(addresses, CURRENT_NETNS)
    if found is None:
        return 2
    right = found.state == wanted and found.local_port == ports.local and found.remote_port == ports.remote
    full = sk_fullsock(found)
    if full is None or full.local_ip4 != LOOPBACK:
        right = False
    if wanted == TcpState.ESTABLISHED:
        measured = tcp_sock(found)
        if measured is None or measured.congestion_window == 0:
            right = False
    sk_release(found)
    return 0 if right else 3


@program("xdp")
def finds_udp6(packet: Xdp) -> int:
    """A socket that receives datagrams at ::1."""
    ports = packet.header(Ports, AFTER_ETHERNET)
    if ports is None:
        return 1
    addresses = SocketTuple6()
    addresses.local_ip[3] = 1
    addresses.remote_ip[3] = 1
    addresses.local_port = ports.local
    addresses.remote_port = 9
    found = packet.sk_lookup_udp(addresses, CURRENT_NETNS)
    if found is None:
        return 2
    right = found.local_port == ports.local and found.local_ip6_3 == 1 and found.local_ip6_0 == 0 and found.family == AddressFamily.INET6
    sk_release(found)
    return 0 if right else 3


@program("xdp")
def asks_for_a_route(packet: Xdp) -> int:
    """The way to FAR is by GATEWAY, whose MAC address is known."""
    device = packet.header(Device, AFTER_ETHERNET)
    if device is None:
        return 1
    query = RouteQuery4()
    query.family = AddressFamily.INET
    query.interface_index = device.index
    query.source_ip = PEER
    query.destination_ip = FAR
    if packet.fib_lookup(query, 0) != RouteResult.SUCCESS:
        return 2
    if query.interface_index != device.index or query.destination_ip != GATEWAY:
        return 3
    return 0 if query.destination_mac[0] == 2 and query.destination_mac[2] == 0x0A and query.destination_mac[5] == 0x0D else 4


@program("xdp")
def asks_what_fits(packet: Xdp) -> int:
    """A veth takes 1500 bytes."""
    device = packet.header(Device, AFTER_ETHERNET)
    if device is None:
        return 1
    length = Length()
    length.value = 1500
    if packet.check_mtu(device.index, length, 0, 0) != 0 or length.value != 1500:
        return 2
    length.value = 1490
    if packet.check_mtu(device.index, length, 20, 0) != 1 or length.value != 1500:
        return 3
    return 0


@program("tc")
def sends_to_a_neighbour(packet: Skb) -> int:
    """Out of the device that the packet names, to GATEWAY."""
    device = packet.header(Device, AFTER_ETHERNET + 20)
    if device is None:
        return 2
    hop = NextHop4()
    hop.family = AddressFamily.INET
    hop.ip = GATEWAY
    return redirect_neigh_to(device.index, hop) & 0xFF


@program("cgroup/connect4")
def connects_from_elsewhere(call: SockAddr) -> int:
    """The socket is bound to 127.0.0.2, and has another priority."""
    address = SocketAddress4()
    address.family = AddressFamily.INET
    address.ip = LOOPBACK + 1
    if not call.bind(address):
        return 0
    priority = Length()
    priority.value = PRIORITY_GIVEN
    if call.setsockopt(SOCKET_LEVEL, PRIORITY, priority) != 0:
        return 0
    priority.value = 0
    if call.getsockopt(SOCKET_LEVEL, PRIORITY, priority) != 0 or priority.value != PRIORITY_GIVEN:
        return 0
    return 1


@program("tc")
def sends_through_a_tunnel4(packet: Skb) -> int:
    """Tunnel 7 to GATEWAY, from PEER."""
    key = TunnelKey4()
    key.tunnel_id = 7
    key.remote_ip = GATEWAY
    key.local_ip = PEER
    key.time_to_live = 64
    return 0 if packet.set_tunnel_key(key, 0) else 2


keys4 = ArrayMap(TunnelKey4, 1)


@program("tc")
def takes_from_a_tunnel4(packet: Skb) -> int:
    """Keep the outer header."""
    key = TunnelKey4()
    if packet.get_tunnel_key(key, 0):
        keys4.update(0, key)
    return 0


@program("tc")
def sends_through_a_tunnel6(packet: Skb) -> int:
    """Tunnel 7 to fd00::9, from fd00::1."""
    key = TunnelKey6()
    key.tunnel_id = 7
    key.remote_ip[0] = ULA
    key.remote_ip[3] = 9
    key.local_ip[0] = ULA
    key.local_ip[3] = 1
    return 0 if packet.set_tunnel_key(key, TunnelFlag.IP6) else 2
