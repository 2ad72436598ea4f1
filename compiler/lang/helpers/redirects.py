"""Packets sent elsewhere: what these give is what the program must return. Through a device map: its `redirect`."""

from __future__ import annotations

from pybpf.compiler.lang.helpers.records import NextHop4, NextHop6
from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s64, u32, u64


@row(23, "interface_index flags", "4.4")
def redirect(interface_index: u32, flags: u64) -> s64:
    """Send the packet out of a device or, REDIRECT_INGRESS and in tc only, into it. In XDP `flags` are 0."""
    raise NoStandIn


@row(155, "interface_index 0", "5.10")
def redirect_peer(interface_index: u32) -> s64:
    """Let the packet come in at the other end of a veth or netkit pair, in whichever namespace; in tc at ingress only."""
    raise NoStandIn


@row(152, "interface_index 0 0 0", "5.10")
def redirect_neigh(interface_index: u32) -> s64:
    """Send the packet out of a device, with the MAC addresses that the kernel's routes and neighbours say."""
    raise NoStandIn


@row(152, "interface_index next_hop #next_hop 0", "5.10")
def redirect_neigh_to(interface_index: u32, next_hop: NextHop4 | NextHop6) -> s64:
    """Send the packet out of a device to this neighbour, with the MAC addresses that the kernel's neighbours say."""
    raise NoStandIn
