"""Who may talk to whom: the peer's identity, and what the endpoint's policy says of it.

Entries are looked up from the most specific to the least. Whoever fills the map has put the union of all rules
that cover a key under that key, so the first entry found is the whole answer.
"""

from __future__ import annotations

from pybpf.compiler.lang import function, u8, u16, u32
from pybpf.kernel_progs.abi import ANY, WORLD, AddressKey, PolicyEntry, PolicyKey
from pybpf.kernel_progs.state import identities, policies


@function
def identity_of(address: u32) -> u32:
    """The identity of an address: the longest prefix decides, WORLD when there is none."""
    key = AddressKey()
    key.prefix_bits = 32
    key.address = address
    found = identities.lookup(key)
    if found is None:
        return WORLD
    return found.identity


@function
def entry_of(endpoint: u32, identity: u32, direction: u8, protocol: u8, port: u16) -> PolicyEntry | None:
    """The policy entry that decides, or None: default deny."""
    own = entry_of_peer(endpoint, identity, direction, protocol, port)
    if own is not None:
        return own
    return entry_of_peer(endpoint, ANY, direction, protocol, port)


@function
def entry_of_peer(endpoint: u32, identity: u32, direction: u8, protocol: u8, port: u16) -> PolicyEntry | None:
    """The entry of exactly this identity (ANY: of rules for any peer), the port before the wildcards."""
    key = PolicyKey()
    key.endpoint = endpoint
    key.identity = identity
    key.direction = direction
    key.protocol = protocol
    key.port = port
    exact = policies.lookup(key)
    if exact is not None:
        return exact
    key.port = ANY
    any_port = policies.lookup(key)
    if any_port is not None:
        return any_port
    key.protocol = ANY
    return policies.lookup(key)
