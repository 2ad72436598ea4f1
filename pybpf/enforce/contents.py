"""What the kernel's maps should say -> bytes of keys and values. The layouts are those of kernel_progs/abi.py."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from pybpf.kernel_progs.numbers import MAPPED, PAGE_ENTRIES

Columns = tuple[int, int]
_DECISION: Final = struct.Struct("<BBBxIII")  # action, refusal, audited, rule set, rule, rule of the audit
_MAPPED_BITS: Final = 96  # what is before an IPv4 address


def number(value: int) -> bytes:
    """An index, an identity or an interface's number."""
    return value.to_bytes(4, "little")


def address(value: IPv4Address | IPv6Address) -> bytes:
    """The key of `addresses`: 128 bits in network order, an IPv4 address mapped."""
    return (int(value) | (MAPPED if value.version == 4 else 0)).to_bytes(16, "big")


def network(value: IPv4Network | IPv6Network) -> bytes:
    """The key of `networks`: a length in bits of 128, and the address."""
    bits = value.prefixlen + (_MAPPED_BITS if value.version == 4 else 0)
    return number(bits) + address(value.network_address)


def supernets(key: bytes) -> Iterator[bytes]:
    """The keys of networks of the same family that hold that of a key: itself, then wider and wider ones."""
    bits, value = int.from_bytes(key[:4], "little"), int.from_bytes(key[4:], "big")
    least = _MAPPED_BITS if bits >= _MAPPED_BITS and value >> 32 == MAPPED >> 32 else 0
    for length in range(bits, least - 1, -1):
        yield number(length) + (value >> (128 - length) << (128 - length)).to_bytes(16, "big")


def owner(identities: Columns, endpoints: Columns) -> bytes:
    """A value of `addresses`, by column."""
    return b"".join(map(number, (*identities, *endpoints)))


def pair(columns: Columns) -> bytes:
    """A value of `networks`, by column."""
    return number(columns[0]) + number(columns[1])


def peer(side: int, identity: int) -> bytes:
    """The key of `peers`."""
    return number(side) + number(identity)


def page(runs: Sequence[tuple[int, int]]) -> bytes:
    """A value of `pages`: (first index, entry), each entry up to the next first; the first first is 0."""
    assert runs[0][0] == 0, runs
    ends = [first for first, _ in runs[1:]] + [PAGE_ENTRIES]
    return b"".join(number(entry) * (end - first) for (first, entry), end in zip(runs, ends, strict=True))


def decision(action: int, refusal: int, *, rule: int, rule_set: int, audit_rule: int) -> bytes:
    """A value of `decisions`; audit_rule 0: nothing is audited."""
    return _DECISION.pack(action, refusal, audit_rule != 0, rule_set, rule, audit_rule)


def endpoint(own: int, identities: Columns, ingress: Columns, egress: Columns) -> bytes:
    """A value of `endpoints`: the endpoint's number, and by column its identity and the numbers of its sides."""
    return number(own) + number(0) + b"".join(map(number, (*identities, *ingress, *egress)))
