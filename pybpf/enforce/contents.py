"""Entries -> the bytes of map keys and values. The layouts are those of kernel_progs/abi.py."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from pybpf.compiler.lower import EndpointEntry, Entries
from pybpf.kernel_progs import abi


def number(value: int) -> bytes:
    """An index or interface number as a map key."""
    return value.to_bytes(4, "little")


def policies(entries: Entries) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) pairs of the map `policies`."""
    for key, entry in entries.policies:
        action = abi.PolicyAction.ALLOW if entry.rule_set is None else abi.PolicyAction.INSPECT
        yield (
            bytes(
                abi.PolicyKey.of(
                    endpoint=key.endpoint, identity=key.identity, direction=key.direction, protocol=key.protocol, port=key.port
                )
            ),
            bytes(abi.PolicyEntry.of(action=action, rule_set=entry.rule_set or 0, rule=entry.rule)),
        )


def identity(address: IPv4Address, value: int) -> tuple[bytes, bytes]:
    """The (key, value) pair of one address in the map `identities`."""
    key = abi.AddressKey.of(prefix_bits=32, address=int(address))
    return bytes(key), bytes(abi.Identity.of(identity=value))


def endpoint(entry: EndpointEntry, address: IPv4Address) -> bytes:
    """The value of one endpoint in the map `endpoints`."""
    return bytes(
        abi.Endpoint.of(
            id=entry.number,
            identity=entry.identity,
            address=int(address),
            ingress_enforced=int(entry.ingress_rule != 0),
            egress_enforced=int(entry.egress_rule != 0),
            ingress_rule=entry.ingress_rule,
            egress_rule=entry.egress_rule,
        )
    )
