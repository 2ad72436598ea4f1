"""Networks as peers: fromCIDR, toCIDR and the CIDR rules with exceptions and groups; and the groups themselves."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

from pybpf.compiler.policy.cilium.peer_shapes import CIDR_RULE
from pybpf.compiler.policy.cilium.selectors import GROUP_SOURCES, of_one_source
from pybpf.compiler.policy.cilium.texts import filled, string
from pybpf.compiler.policy.kubernetes.names import name
from pybpf.compiler.policy.kubernetes.networks import network
from pybpf.compiler.policy.model.peers import Cidr, CidrGroups, Network
from pybpf.compiler.policy.text.fields import Text, fields, items
from pybpf.compiler.policy.text.positions import Node
from pybpf.compiler.policy.text.report import Report

_ALTERNATIVES: Final = ("cidr", "cidrGroupRef", "cidrGroupSelector")


def cidr(node: Node, report: Report) -> Cidr | None:
    """An item of fromCIDR or toCIDR; None after a report. An address alone is the network of that address: Cilium took it
    until 1.19."""
    written = string(node, report)
    if written is None:
        return None
    if "/" in written.value:
        whole = network(written, report)
    else:
        whole = _address(written, report)
    return Cidr(whole, (), node.span) if whole is not None else None


def cidr_rule(node: Node, report: Report) -> Cidr | CidrGroups | None:
    """An item of fromCIDRSet or toCIDRSet; None after a report."""
    already = report.errors
    found = fields(node, CIDR_RULE, report)
    given = [key for key in _ALTERNATIVES if key in found]
    if len(given) != 1 and report.errors == already:
        message = "one of cidr, cidrGroupRef and cidrGroupSelector belongs here" + (f", not {' and '.join(given)}" if given else "")
        report.refuse("policy-one-of", node.span, message, "make an item for each of them" if given else "add one of them")
    written = filled(found.get("cidr"), report)
    whole = network(written, report) if written is not None else None
    excepts = [string(each, report) for each in items(found["except"].value, report)] if "except" in found else []
    holes = tuple(sorted({left for each in excepts if each is not None and (left := hole(each, whole, report)) is not None}, key=in_order))
    if "cidrGroupRef" in found:
        written = filled(found["cidrGroupRef"], report)
        called = name(found["cidrGroupRef"].value, report).value if written is not None else ""
        return CidrGroups(called, None, holes, node.span) if report.errors == already else None
    if "cidrGroupSelector" in found:
        chosen = of_one_source(found["cidrGroupSelector"].value, GROUP_SOURCES, report)
        return CidrGroups(None, chosen, holes, node.span) if report.errors == already else None
    return Cidr(whole, holes, node.span) if whole is not None and report.errors == already else None


def _address(written: Text, report: Report) -> Network | None:
    """The network of one address, with a warning."""
    try:
        length = ip_network(written.value).prefixlen
    except ValueError:
        return network(written, report)  # which reports it
    whole = network(Text(f"{written.value}/{length}", written.span), report)
    if whole is not None:
        message = f"{written.value} is an address and no network; it is read as {whole}, and Cilium 1.20 refuses it"
        report.warn("lint-bare-address", written.span, message, f"write {whole}")
    return whole


def hole(written: Text, outer: Network | None, report: Report) -> Network | None:
    """An exception; it must lie within the network that it is an exception of, where that is known."""
    inner = network(written, report)
    if inner is None or outer is None:
        return inner
    if inner.version != outer.version or inner.prefixlen < outer.prefixlen or inner.network_address not in outer:
        message = f"allow CIDR prefix {outer} does not contain exclude CIDR prefix {written.value}"
        report.refuse("policy-cidr", written.span, message, f"an exception lies within {outer}")
        return None
    return inner


def in_order(network: Network) -> tuple[int, int, int]:
    """The place of a network among others: by version, address and length."""
    return network.version, int(network.network_address), network.prefixlen
