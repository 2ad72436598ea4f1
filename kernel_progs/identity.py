"""Who is at an address: an endpoint or node by exactly its address, else the longest network that holds it, else the world."""

from __future__ import annotations

from pybpf.compiler.lang import function, u32
from pybpf.kernel_progs.abi import WORLD_IPV4, WORLD_IPV6, Address, NetworkKey
from pybpf.kernel_progs.headers import MAPPED_UPPER
from pybpf.kernel_progs.state import addresses, networks


@function
def is_mapped(address: Address) -> bool:
    """Whether it is an IPv4 address among the 128 bits."""
    return address.high == 0 and (address.low >> 32) == MAPPED_UPPER


@function
def is_link_local(address: Address) -> bool:
    """fe80::/10 (RFC 4291 section 2.5.6)."""
    return (address.high >> 54) == 0x3FA


@function
def is_host(address: Address) -> bool:
    """Whether it can be one host's on a network: not a group's, nor unspecified, loopback or reserved (RFC 1122 section 3.2.1.3,
    RFC 4291 section 2.4)."""
    if is_mapped(address):
        network = (address.low >> 24) & 0xFF
        return network != 0 and network != 127 and network < 224
    if address.high == 0:
        return address.low > 1
    return (address.high >> 56) != 0xFF


@function
def identity_of(address: Address, column: u32) -> u32:
    """The identity of an address in one column. Never 0."""
    owner = addresses.lookup(address)
    if owner is not None and owner.identities[column & 1] != 0:
        return owner.identities[column & 1]
    key = NetworkKey()
    key.prefix_bits = 128
    key.first = address.high >> 32
    key.second = address.high & 0xFFFFFFFF
    key.third = address.low >> 32
    key.fourth = address.low & 0xFFFFFFFF
    network = networks.lookup(key)
    if network is not None and network.identities[column & 1] != 0:
        return network.identities[column & 1]
    return WORLD_IPV4 if is_mapped(address) else WORLD_IPV6


@function
def owns(endpoint: u32, address: Address, columns: u32) -> bool:
    """Whether an address is the endpoint's in every column that counts. Endpoint 0 is nobody, and has none."""
    owner = addresses.lookup(address)
    if owner is None or endpoint == 0:
        return False
    if (columns & 1) != 0 and owner.endpoints[0] != endpoint:
        return False
    return (columns & 2) == 0 or owner.endpoints[1] == endpoint
