"""The lists of peers of one rule -> peers. A rule has peers of one kind, as in Cilium.

    no list                  None: whatever the rule says of ports holds for anybody at all
    a list with items        any of them
    a list without items     (): nobody. Cilium takes empty toFQDNs, toServices and groups for anybody; that is not followed
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Table
from typing import Final

from pybpf.compiler.policy.cilium.cidrs import cidr, cidr_rule
from pybpf.compiler.policy.cilium.names import dns_name
from pybpf.compiler.policy.cilium.peer_shapes import (
    AWS,
    ENTITIES,
    FROM,
    GROUP,
    SERVICE,
    SERVICE_BY_LABELS,
    SERVICE_BY_NAME,
    TO,
    TO_NAMES,
)
from pybpf.compiler.policy.cilium.selectors import NODE_SOURCES, SERVICE_SOURCES, Scope, of_one_source, peer
from pybpf.compiler.policy.cilium.texts import filled
from pybpf.compiler.policy.kubernetes.names import name, namespace
from pybpf.compiler.policy.model.peers import (
    CloudGroups,
    DnsNames,
    Endpoints,
    Entities,
    Entity,
    Nodes,
    Peer,
    Services,
)
from pybpf.compiler.policy.model.policy import Action
from pybpf.compiler.policy.text.fields import choice, fields, items, strings
from pybpf.compiler.policy.text.positions import Entry, Node
from pybpf.compiler.policy.text.report import Report

KEYS: Final = tuple(row.name for row in (*FROM, *TO, TO_NAMES))
# Empty lists of these are anybody in Cilium: a deny rule with one denies everything there and would deny nothing here.
_OPEN_IN_CILIUM: Final = ("fromGroups", "toGroups", "toServices")


def peers(found: Table[str, Entry], action: Action, scope: Scope, report: Report) -> tuple[Peer, ...] | None:
    """The peers of a rule's entries; None where it names none. Reports peers of two kinds."""
    lists = [(key, found[key], items(found[key].value, report)) for key in KEYS if key in found]
    for key, entry, written in lists:
        if action is Action.DENY and key in _OPEN_IN_CILIUM and not written:
            message = f"an empty {key} in a deny rule denies everybody in Cilium, and names nobody"
            report.refuse("policy-deny-nobody", entry.value.span, message, "name whom to deny, or remove the key to deny everybody")
    if len(lists) > 1:
        (first, _, _), (second, entry, _) = lists[:2]
        message = f"Combining {_capital(first)} and {_capital(second)} is not supported yet"
        report.refuse("policy-combined-peers", entry.key.span, message, "make two rules of it: rules add up")
    read = [_peer(key, item, action, scope, report) for key, _, written in lists for item in written]
    return tuple(each for each in read if each is not None) if lists else None


def _peer(key: str, item: Node, action: Action, scope: Scope, report: Report) -> Peer | None:
    """One item of the list `key`; None after a report."""
    kind = key.removeprefix("from").removeprefix("to")
    if kind == "Endpoints":
        return Endpoints(peer(item, scope, report))
    if kind == "Groups" and action is Action.DENY:
        message = "who is in a cloud's group is not known here, so a deny rule would deny nobody"
        report.refuse("policy-deny-nobody", item.span, message, "deny addresses by a CIDR set instead")
        return None
    return _READERS[kind](item, report)


def _entity(node: Node, report: Report) -> Entities | None:
    written = choice(node, ENTITIES, report)
    return Entities(Entity(written.value), written.span) if written is not None else None


def _nodes(node: Node, report: Report) -> Nodes:
    return Nodes(of_one_source(node, NODE_SOURCES, report))


def _name(node: Node, report: Report) -> DnsNames | None:
    pattern = dns_name(node, report)
    return DnsNames(pattern) if pattern is not None else None


def _service(node: Node, report: Report) -> Services | None:
    """An item of toServices."""
    already = report.errors
    found = fields(node, SERVICE, report)
    if len(found) != 1 and report.errors == already:
        report.refuse("policy-one-of", node.span, "one of k8sService and k8sServiceSelector belongs here", "make an item for each of them")
        return None
    called, chosen, lies_in = None, None, None
    if "k8sService" in found:
        inner = fields(found["k8sService"].value, SERVICE_BY_NAME, report)
        called = name(inner["serviceName"].value, report).value if "serviceName" in inner else None
        lies_in = _namespace(inner.get("namespace"), report)
    elif "k8sServiceSelector" in found:
        inner = fields(found["k8sServiceSelector"].value, SERVICE_BY_LABELS, report)
        chosen = of_one_source(inner["selector"].value, SERVICE_SOURCES, report) if "selector" in inner else None
        lies_in = _namespace(inner.get("namespace"), report)
    return Services(called, chosen, lies_in, node.span) if report.errors == already else None


def _namespace(entry: Entry | None, report: Report) -> str | None:
    """The namespace of a service, None where none is written."""
    if entry is None or filled(entry, report) is None:
        return None
    return namespace(entry.value, report).value


def _group(node: Node, report: Report) -> CloudGroups | None:
    """An item of fromGroups or toGroups. A tag `key: value` becomes the field `labels.key`."""
    already = report.errors
    found = fields(node, GROUP, report)
    if "aws" not in found:
        return None
    written: dict[str, tuple[str, ...]] = {}
    inner = fields(found["aws"].value, AWS, report)
    for key, value in strings(inner["labels"].value, report) if "labels" in inner else ():
        written[f"labels.{key.value}"] = (value.value,)
    for listed in ("securityGroupsIds", "securityGroupsNames"):
        if listed in inner:
            texts = [filled(Entry(inner[listed].key, each), report) for each in items(inner[listed].value, report)]
            written[listed] = tuple(each.value for each in texts if each is not None)
    region = filled(inner.get("region"), report)
    if region is not None:
        written["region"] = (region.value,)
    if report.errors > already:
        return None
    message = "pybpf asks no cloud provider, so nobody is known to be in this group"
    report.warn("lint-cloud-group", node.span, message, "name the addresses in a CiliumCIDRGroup")
    return CloudGroups("aws", tuple(sorted(written.items())), node.span)


def _capital(key: str) -> str:
    return key[0].upper() + key[1:]


# the key without its from or to -> how an item is read; endpoints need a scope and are read apart
_READERS: Final[Table[str, Callable[[Node, Report], Peer | None]]] = {
    "Entities": _entity,
    "CIDR": cidr,
    "CIDRSet": cidr_rule,
    "Nodes": _nodes,
    "Services": _service,
    "FQDNs": _name,
    "Groups": _group,
}
