"""Rules -> elements of ingress, ingressDeny, egress and egressDeny.

A rule with peers of several kinds, or with ports and ICMP types, becomes several elements: elements add up.
"""

from __future__ import annotations

from typing import assert_never

from pybpf.compiler.policy.cilium.plain import Data, Object, changed, not_in_cilium
from pybpf.compiler.policy.cilium.selectors import Scope
from pybpf.compiler.policy.cilium.shapes import RULES
from pybpf.compiler.policy.cilium.write_layer7 import written_name
from pybpf.compiler.policy.cilium.write_ports import written_ports
from pybpf.compiler.policy.cilium.write_selectors import written_peer, written_selector
from pybpf.compiler.policy.model.peers import (
    Cidr,
    CidrGroups,
    CloudGroups,
    DnsNames,
    Endpoints,
    Entities,
    Nodes,
    Peer,
    Services,
)
from pybpf.compiler.policy.model.policy import Action, Direction, Rule
from pybpf.compiler.policy.text.report import Report

_PREFIX = {Direction.INGRESS: "from", Direction.EGRESS: "to"}


def written_rule(rule: Rule, scope: Scope, report: Report) -> list[Object]:
    """The elements that together say what a rule says; reports what none can."""
    if rule.action is Action.PASS:
        not_in_cilium(rule.span, "a rule that passes flows on to the next tier", report)
        return []
    if rule.on_deny is not None:
        message = f"how this rule refuses ({rule.on_deny.value}) does not come along"
        changed(rule.span, message, "refusals look as Cilium makes them", report)
    ports = written_ports(rule.port_rules, report)
    peers = _peers(rule, scope, report)
    rest: Object = {"authentication": {"mode": rule.authentication.value}} if rule.authentication is not None else {}
    elements = [{**who, **where, **rest} for who in peers for where in ports]
    return [_known(each, rule, report) for each in elements]


def _known(element: Object, rule: Rule, report: Report) -> Object:
    """The element; reports keys that Cilium has not for rules of its direction and action."""
    shape = RULES[rule.direction, rule.action]
    for key in element:
        if key not in {row.name for row in shape.fields}:
            not_in_cilium(rule.span, f"{key} in {shape.name}", report)
    to_ports = element.get("toPorts", ())
    if rule.action is Action.DENY and isinstance(to_ports, list):
        for key in sorted({key for each in to_ports for key in each if key != "ports"}):
            not_in_cilium(rule.span, f"{key} in {shape.name}, which covers whole ports", report)
    return element


def _peers(rule: Rule, scope: Scope, report: Report) -> list[Object]:
    """The peers of a rule, one part for each kind of them."""
    if rule.peers is None:
        # Neither peers nor ports would be nobody to Cilium; ports alone are anybody's.
        return [{"fromEntities" if rule.direction is Direction.INGRESS else "toEntities": ["all"]}] if rule.port_rules is None else [{}]
    if not rule.peers:
        return [{}] if rule.port_rules is None else [{f"{_PREFIX[rule.direction]}Endpoints": []}]
    with_sets = any(isinstance(each, CidrGroups) or (isinstance(each, Cidr) and each.excepts) for each in rule.peers)
    lists: dict[str, list[Data]] = {}
    for each in rule.peers:
        kind, item = _peer(each, with_sets, scope, report)
        lists.setdefault(_PREFIX[rule.direction] + kind, []).append(item)
    return [{key: listed} for key, listed in lists.items()]


def _peer(peer: Peer, with_sets: bool, scope: Scope, report: Report) -> tuple[str, Data]:
    """A peer and the key of its list, without from or to."""
    match peer:
        case Endpoints(selector):
            return "Endpoints", written_peer(selector, scope, report)
        case Nodes(selector):
            return "Nodes", written_selector(selector)
        case Entities(entity):
            return "Entities", entity.value
        case Cidr(network, excepts):
            return ("CIDRSet", _cidr_set({"cidr": str(network)}, excepts)) if with_sets else ("CIDR", str(network))
        case CidrGroups(name, selector, excepts):
            chosen: Data = written_selector(selector) if selector is not None else {}
            return "CIDRSet", _cidr_set({"cidrGroupRef": name} if name is not None else {"cidrGroupSelector": chosen}, excepts)
        case Services():
            return "Services", _service(peer)
        case DnsNames(pattern):
            return "FQDNs", written_name(pattern)
        case CloudGroups():
            return "Groups", _group(peer)
        case _:
            assert_never(peer)


def _cidr_set(base: Object, excepts: tuple[object, ...]) -> Data:
    return {**base, "except": [str(each) for each in excepts]} if excepts else base


def _service(peer: Services) -> Data:
    namespace: Object = {"namespace": peer.namespace} if peer.namespace is not None else {}
    if peer.selector is None:
        return {"k8sService": {"serviceName": peer.name or "", **namespace}}
    return {"k8sServiceSelector": {"selector": written_selector(peer.selector), **namespace}}


def _group(peer: CloudGroups) -> Data:
    written: Object = {}
    labels: Object = {}
    for key, values in peer.fields:
        if key.startswith("labels."):
            labels[key.removeprefix("labels.")] = values[0]
        else:
            written[key] = values[0] if key == "region" else list(values)
    return {peer.provider: {**({"labels": labels} if labels else {}), **written}}
