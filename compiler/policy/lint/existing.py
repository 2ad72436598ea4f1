"""What policies say of an inventory that does not have it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from pybpf.compiler.policy.lint.implies import contains
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.labels import Selector, selects
from pybpf.compiler.policy.model.peers import Cidr, CidrGroups, Endpoints, Network, Nodes, Peer, Services
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.model.ports import NamedPort
from pybpf.compiler.policy.model.resolved import Identity
from pybpf.compiler.policy.resolve.identities import identities
from pybpf.compiler.policy.resolve.peers import Peers, chooses_group, chooses_service
from pybpf.compiler.policy.text.report import Report


def check_inventory(policies: Sequence[Policy], inventory: Inventory, report: Report) -> None:
    """Warn of selectors that choose nothing, networks that hold addresses of endpoints or nodes, and names that nothing has."""
    known = identities(policies, inventory)
    peers = Peers(known, inventory)
    own = frozenset(known.of_endpoint.values())
    names = {each.name for endpoint in inventory.endpoints for each in endpoint.port_names}
    inside = _inside(inventory)
    for policy in policies:
        _check_subject(policy, peers, own, known.by_number.values(), report)
        for rule in policy.rules:
            for peer in rule.peers or ():
                _check_peer(peer, peers, inventory, inside, report)
            for port in (port for part in rule.port_rules or () for port in part.ports):
                if isinstance(port, NamedPort) and port.name not in names:
                    message = f"no endpoint calls a port {port.name!r}, so this covers nothing"
                    report.warn("lint-unknown-port", port.span, message, "write the number, or name the port where the endpoint is described")


def _check_subject(policy: Policy, peers: Peers, own: frozenset[int], known: Iterable[Identity], report: Report) -> None:
    selector = policy.subject.selector
    if isinstance(policy.subject, Nodes):
        found = any(selects(selector, each.labels) for each in known)
    else:
        found = bool(peers.selected(selector) & own)
    if not found:
        report.warn("lint-selects-nothing", selector.span, f"the policy {policy.name!r} selects nobody who exists", "compare its labels and namespace with those in the inventory")


def _check_peer(peer: Peer, peers: Peers, inventory: Inventory, inside: Sequence[tuple[Network, str]], report: Report) -> None:
    match peer:
        case Endpoints(selector) | Nodes(selector):
            if not peers.numbers(peer):
                _warn_of_nobody(selector, report)
        case Cidr(network, excepts):
            _check_network(network, excepts, inside, inventory, peer, report)
        case CidrGroups(span=span):
            if not any(chooses_group(peer, each) for each in inventory.cidr_groups):
                report.warn("lint-selects-nothing", span, "there is no such group of networks", "read its CiliumCIDRGroup with the policies, or name another")
        case Services(span=span):
            if not any(chooses_service(peer, each) for each in inventory.services):
                report.warn("lint-selects-nothing", span, "there is no such service", "add it to the inventory, or name another")
        case _:
            pass


def _warn_of_nobody(selector: Selector, report: Report) -> None:
    report.warn("lint-selects-nothing", selector.span, "this chooses nobody who exists", "compare its labels and namespace with those in the inventory")


def _check_network(
    network: Network, excepts: Sequence[Network], inside: Sequence[tuple[Network, str]], inventory: Inventory, peer: Cidr, report: Report
) -> None:
    held = [name for address, name in inside if contains(network, address) and not any(contains(each, address) for each in excepts)]
    if held:
        more = f" and {len(held) - 1} more" if len(held) > 1 else ""
        message = f"{network} holds the address of {held[0]}{more}, which networks in rules never mean"
        report.warn("lint-cidr-inside", peer.span, message, "choose endpoints by their labels, nodes by entity; leave the network out if only they were meant")


def _inside(inventory: Inventory) -> list[tuple[Network, str]]:
    """The addresses that networks do not cover, as the settings have it, and whose they are."""
    settings = inventory.settings
    found: list[tuple[Network, str]] = []
    if not settings.cidr_matches_endpoints:
        found += [(ip_network(address), f"endpoint {each.namespace}/{each.name}") for each in inventory.endpoints for address in each.addresses]
    if not settings.cidr_matches_nodes:
        found += [(ip_network(address), f"node {each.name}") for each in inventory.nodes for address in each.addresses]
    return found
