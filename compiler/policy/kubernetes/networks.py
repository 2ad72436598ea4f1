"""Texts -> networks and addresses, read more strictly than Python's ipaddress reads them.

Refused: netmasks in words (/255.0.0.0), zones (fe80::1%eth0), leading zeros, IPv4 addresses dressed as IPv6
(::ffff:10.0.0.1): in each, two programs may see two different networks.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

from pybpf.compiler.policy.model.peers import Network
from pybpf.compiler.policy.text.fields import Text
from pybpf.compiler.policy.text.report import Report

Address: TypeAlias = IPv4Address | IPv6Address
_LENGTH: Final = re.compile("0|[1-9][0-9]{0,2}")
_DRESSED: Final = IPv6Network("::ffff:0:0/96")
_NETWORK_HINT: Final = "write an address, '/' and the length of the prefix, such as 192.0.2.0/24 or 2001:db8::/64"
_ADDRESS_HINT: Final = "write an address such as 192.0.2.7 or 2001:db8::7"


def network(written: Text, report: Report) -> Network | None:
    """The network that a text such as 192.0.2.0/24 names; None after a report. Warns of bits behind the prefix: the
    network is meant, as everywhere, not the one address."""
    base, _, length = written.value.partition("/")
    start = _address(base)
    if start is None or not _LENGTH.fullmatch(length) or int(length) > start.max_prefixlen:
        report.refuse("policy-cidr", written.span, f"{written.value!r} is not a network", _NETWORK_HINT)
        return None
    whole = ip_network((start, int(length)), strict=False)
    if whole.network_address != start:
        message = f"{written.value} has bits behind its prefix; it is read as {whole}"
        report.warn("lint-cidr-host-bits", written.span, message, f"write {whole}, or {start}/{start.max_prefixlen} for the one address")
    return whole


def exceptions(written: tuple[Text, ...], outer: Network, report: Report) -> tuple[Network, ...]:
    """Networks that are left out of `outer`, sorted, each once; reports what is not smaller and within."""
    found: set[Network] = set()
    for each in written:
        inner = network(each, report)
        if inner is None:
            continue
        if _within(inner, outer) and inner != outer:
            found.add(inner)
        else:
            message = f"{each.value} is no smaller part of {outer}"
            report.refuse("policy-cidr", each.span, message, f"an exception lies within {outer} and is not all of it")
    return tuple(sorted(found, key=lambda each: (int(each.network_address), each.prefixlen)))


def address(written: Text, report: Report) -> Address | None:
    """The address of one owner; None after a report. Addresses that nobody or everybody has are refused."""
    found = _address(written.value)
    if found is None:
        report.refuse("policy-address", written.span, f"{written.value!r} is not an address", _ADDRESS_HINT)
        return None
    if found.is_unspecified or found.is_multicast or found.is_loopback:
        message = f"{written.value} is no address of one owner"
        report.refuse("policy-address", written.span, message, "write an address at which others reach it")
        return None
    return found


def _address(text: str) -> Address | None:
    if "%" in text:
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return None if isinstance(found, IPv6Address) and found in _DRESSED else found


def _within(inner: Network, outer: Network) -> bool:
    match inner, outer:
        case (IPv4Network(), IPv4Network()):
            return inner.subnet_of(outer)
        case (IPv6Network(), IPv6Network()):
            return inner.subnet_of(outer)
        case _:
            return False
