"""Parties of a flow -> who they are to policy."""

from __future__ import annotations

import difflib
from ipaddress import ip_network

from pybpf.compiler.policy.model.flow import Party
from pybpf.compiler.policy.model.inventory import Address
from pybpf.compiler.policy.model.resolved import RESERVED_IDENTITIES, Identity, Resolved

HOST = ("", "host")


def identity_of(resolved: Resolved, party: Party) -> Identity:
    """Who a party is. LookupError, with the nearest name, for an endpoint or entity that is not there."""
    if party.endpoint is not None:
        return resolved.identities[_known(resolved, party.endpoint)]
    if party.entity is not None:
        return resolved.identities[_reserved(party.entity)]
    if party.address is None:
        raise LookupError("a party is an endpoint, an entity or an address")
    number = resolved.addresses.get(party.address)
    return resolved.identities[_of_outside(resolved, party.address) if number is None else number]


def endpoint_of(resolved: Resolved, party: Party) -> tuple[str, str] | None:
    """The endpoint that a party is, whose side can be judged; ("", "host") for the local host; None for anything else."""
    if party.endpoint is not None:
        _known(resolved, party.endpoint)
        return party.endpoint
    if party.entity == "host":
        return HOST if HOST in resolved.endpoints else None
    if party.address is None:
        return None
    if resolved.addresses.get(party.address) == RESERVED_IDENTITIES["host"]:
        return HOST if HOST in resolved.endpoints else None
    owners = (each for each in resolved.inventory.endpoints if party.address in each.addresses)
    return next(((each.namespace, each.name) for each in owners), None)


def _known(resolved: Resolved, name: tuple[str, str]) -> int:
    found = resolved.endpoints.get(name)
    if found is not None:
        return found.identity
    written = "/".join(name)
    close = difflib.get_close_matches(written, ["/".join(each) for each in resolved.endpoints], n=1)
    raise LookupError(f"there is no endpoint {written}" + (f": did you mean {close[0]}?" if close else ""))


def _reserved(name: str) -> int:
    if name in RESERVED_IDENTITIES:
        return RESERVED_IDENTITIES[name]
    close = difflib.get_close_matches(name, RESERVED_IDENTITIES, n=1)
    raise LookupError(f"there is no entity {name}" + (f": did you mean {close[0]}?" if close else ""))


def _of_outside(resolved: Resolved, address: Address) -> int:
    """The number of the longest network that holds an address."""
    lengths = range(address.max_prefixlen, -1, -1)
    candidates = (ip_network(f"{address}/{length}", strict=False) for length in lengths)
    return next(resolved.networks[each] for each in candidates if each in resolved.networks)
