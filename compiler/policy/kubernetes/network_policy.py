"""NetworkPolicy nodes -> policies.

Where Kubernetes' API and Cilium differ, the narrower reading is taken: rules of a direction that is not in policyTypes are
not read (Cilium would let them allow), and are warned of. ipBlock means addresses outside the cluster, as in Cilium.
"""

from __future__ import annotations

from collections.abc import Mapping as Table
from typing import Final

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.kubernetes.metadata import called, refuse_other_version
from pybpf.compiler.policy.kubernetes.networks import exceptions, network
from pybpf.compiler.policy.kubernetes.ports import port
from pybpf.compiler.policy.kubernetes.selectors import pods_of, pods_of_namespaces
from pybpf.compiler.policy.kubernetes.shapes import (
    API_VERSION,
    EGRESS_RULE,
    INGRESS_RULE,
    IP_BLOCK,
    KIND,
    NETWORK_POLICY,
    PEER,
    POLICY_TYPES,
    SPEC,
)
from pybpf.compiler.policy.model.peers import Cidr, Endpoints, Peer
from pybpf.compiler.policy.model.policy import Action, Direction, Kind, Policy, PortRule, Rule, Tier
from pybpf.compiler.policy.text.fields import Text, choice, fields, items, text
from pybpf.compiler.policy.text.positions import Entry, Node
from pybpf.compiler.policy.text.report import Report

_RULES: Final = {Direction.INGRESS: INGRESS_RULE, Direction.EGRESS: EGRESS_RULE}
_PEERS: Final = {Direction.INGRESS: "from", Direction.EGRESS: "to"}
_TYPES: Final = {"Ingress": Direction.INGRESS, "Egress": Direction.EGRESS}
_NOT_BOTH: Final = "write two peers: one with the ipBlock, one with the selectors"


def policies(node: Node, report: Report) -> tuple[Policy, ...]:
    """The policy of one document; none if there is an error in it."""
    already = report.errors
    found = fields(node, NETWORK_POLICY, report)
    refuse_other_version(found, API_VERSION, report)
    if "kind" in found:
        choice(found["kind"].value, (KIND,), report)
    object_called = called(found, Text("", node.span), report)
    name, namespace = object_called.name.value, object_called.namespace
    read = _spec(found["spec"].value, name, namespace, report) if "spec" in found else None
    return (read,) if read is not None and report.errors == already else ()


def _spec(node: Node, name: str, namespace: str, report: Report) -> Policy | None:
    """The policy of a spec; None where even its subject is missing."""
    found = fields(node, SPEC, report)
    written = {direction: _listed(found, direction.value, report) for direction in Direction}
    directions = _directions(found, written, report)
    rules: list[Rule] = []
    for direction in Direction:
        read = [_rule(each, direction, namespace, report) for each in written[direction]]
        if direction in directions:
            rules += read or [_nothing(direction, node.span)]
        elif read:
            _warn_of_unread(found[direction.value], direction, report)
    if "podSelector" not in found:
        return None
    subject = Endpoints(pods_of(namespace, found["podSelector"].value, report))
    return Policy(
        kind=Kind.KUBERNETES,
        name=name,
        namespace=namespace,
        subject=subject,
        rules=tuple(rules),
        default_deny=directions,
        audit=False,
        on_deny=None,
        tier=Tier.NORMAL,
        priority=0.0,
        labels=(),
        log="",
        description="",
        span=node.span,
    )


def _listed(found: Table[str, Entry], key: str, report: Report) -> tuple[Node, ...]:
    """The items of a list; an absent list has none."""
    return items(found[key].value, report) if key in found else ()


def _directions(found: Table[str, Entry], written: Table[Direction, tuple[Node, ...]], report: Report) -> frozenset[Direction]:
    """policyTypes, or where none is written what Kubernetes fills in: Ingress, and Egress if there is an egress rule."""
    types = _listed(found, "policyTypes", report)
    named = [choice(each, POLICY_TYPES, report) for each in types]
    if types:
        return frozenset(_TYPES[each.value] for each in named if each is not None)
    if written[Direction.EGRESS]:
        return frozenset(Direction)
    if "egress" in found:
        message = "an empty egress list refuses nothing: Kubernetes reads it as if it were not there"
        hint = "add `policyTypes: [Egress]` to refuse everything that goes out, or remove `egress`"
        report.warn("lint-policy-types", found["egress"].key.span, message, hint)
    return frozenset({Direction.INGRESS})


def _warn_of_unread(entry: Entry, direction: Direction, report: Report) -> None:
    wanted = direction.value.capitalize()
    message = f"these rules are not read: policyTypes does not have {wanted}"
    report.warn("lint-policy-types", entry.key.span, message, f"add {wanted} to policyTypes, or remove the rules")


def _nothing(direction: Direction, span: Span) -> Rule:
    """A rule that covers nothing, so that the direction is seen to be refused by this policy."""
    return Rule(direction, Action.ALLOW, (), None, None, None, span)


def _rule(node: Node, direction: Direction, namespace: str, report: Report) -> Rule:
    """One element of ingress or egress. An empty list of peers or ports is the same as none: everybody, every port."""
    found = fields(node, _RULES[direction], report)
    listed = _listed(found, _PEERS[direction], report)
    peers = [each for each in (_peer(item, namespace, report) for item in listed) if each is not None]
    ports = tuple(port(each, report) for each in _listed(found, "ports", report))
    port_rules = (PortRule(ports, None, (), None, None, None, found["ports"].value.span),) if ports else None
    return Rule(direction, Action.ALLOW, tuple(peers) if listed else None, port_rules, None, None, node.span)


def _peer(node: Node, namespace: str, report: Report) -> Peer | None:
    """One element of from or to; None after a report."""
    already = report.errors
    found = fields(node, PEER, report)
    if "ipBlock" in found:
        if len(found) > 1:
            report.refuse("policy-peer", node.span, "a peer is either an ipBlock or chosen by selectors, not both", _NOT_BOTH)
        return _ip_block(found["ipBlock"].value, report)
    if "namespaceSelector" in found:
        pods = found["podSelector"].value if "podSelector" in found else None
        return Endpoints(pods_of_namespaces(found["namespaceSelector"].value, pods, report))
    if "podSelector" in found:
        return Endpoints(pods_of(namespace, found["podSelector"].value, report))
    if report.errors == already:
        hint = "write podSelector: {} for the pods of this namespace, namespaceSelector: {} for those of all, or remove the peer"
        report.refuse("policy-peer", node.span, "this peer does not say who it is", hint)
    return None


def _ip_block(node: Node, report: Report) -> Cidr | None:
    found = fields(node, IP_BLOCK, report)
    if "cidr" not in found:
        return None
    already = report.errors
    written = text(found["cidr"].value, report)
    whole = network(written, report) if report.errors == already else None
    holes = tuple(text(each, report) for each in _listed(found, "except", report))
    if whole is None:
        return None
    return Cidr(whole, exceptions(holes, whole, report), node.span)
