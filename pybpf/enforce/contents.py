"""What the kernel's maps should say -> bytes of keys and values. The layouts are those of kernel_progs/abi.py."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from pybpf.kernel_progs import abi
from pybpf.kernel_progs.headers import MAPPED

Columns = tuple[int, int]


def number(value: int) -> bytes:
    """An index, an identity or an interface's number."""
    return value.to_bytes(4, "little")


def address(value: IPv4Address | IPv6Address) -> bytes:
    """The key of `addresses`: 128 bits in network order, an IPv4 address mapped."""
    return (int(value) | (MAPPED if value.version == 4 else 0)).to_bytes(16, "big")


def network(value: IPv4Network | IPv6Network) -> bytes:
    """The key of `networks`."""
    bits = value.prefixlen + (96 if value.version == 4 else 0)
    return number(bits) + address(value.network_address)


def owner(identities: Columns, endpoints: Columns) -> bytes:
    """A value of `addresses`, by column."""
    return b"".join(map(number, (*identities, *endpoints)))


def pair(columns: Columns) -> bytes:
    """A value of `networks`, by column."""
    return number(columns[0]) + number(columns[1])


def peer(side: int, identity: int) -> bytes:
    """The key of `peers`."""
    return number(side) + number(identity)


def page(entries: Sequence[int]) -> bytes:
    """A value of `pages`."""
    assert len(entries) == abi.PAGE_ENTRIES, len(entries)
    return b"".join(map(number, entries))


def decision(action: int, refusal: int, *, rule: int, rule_set: int, audit_rule: int) -> bytes:
    """A value of `decisions`; audit_rule 0: nothing is audited."""
    return bytes(
        abi.Decision.of(action=action, refusal=refusal, audited=int(audit_rule != 0), rule_set=rule_set, rule=rule, audit_rule=audit_rule)
    )


def endpoint(own: int, identities: Columns, ingress: Columns, egress: Columns) -> bytes:
    """A value of `endpoints`: the endpoint's number, and by column its identity and the numbers of its sides."""
    return number(own) + number(0) + b"".join(map(number, (*identities, *ingress, *egress)))
