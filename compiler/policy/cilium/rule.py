"""Elements of ingress, ingressDeny, egress and egressDeny -> rules.

What an element leaves out (Cilium: pkg/policy/utils/parserules.go):

    neither peers nor ports     nobody: the element only switches default deny on
    ports without peers         anybody at all, on these ports
    peers without ports         every port of every protocol; an empty list of ports is none
"""

from __future__ import annotations

from collections.abc import Mapping as Table

from pybpf.compiler.policy.cilium import port_rules
from pybpf.compiler.policy.cilium.icmp import icmp_rule
from pybpf.compiler.policy.cilium.peers import peers
from pybpf.compiler.policy.cilium.port_rules import Side
from pybpf.compiler.policy.cilium.selectors import Scope
from pybpf.compiler.policy.cilium.shapes import AUTHENTICATION, RULES
from pybpf.compiler.policy.model.policy import Action, Authentication, PortRule, Rule
from pybpf.compiler.policy.text.fields import choice, fields, items
from pybpf.compiler.policy.text.positions import Entry, Node
from pybpf.compiler.policy.text.report import Report


def rule(node: Node, action: Action, side: Side, scope: Scope, report: Report) -> Rule:
    """One element. After a report it is not to be used."""
    found = fields(node, RULES[side.direction, action], report)
    named = peers(found, action, scope, report)
    ports = _port_rules(found, action, side, report)
    mode = _authentication(found["authentication"], report) if "authentication" in found else None
    return Rule(side.direction, action, () if named is None and ports is None else named, ports, mode, None, node.span)


def _port_rules(found: Table[str, Entry], action: Action, side: Side, report: Report) -> tuple[PortRule, ...] | None:
    """What toPorts or icmps say; None where neither says anything."""
    ports = items(found["toPorts"].value, report) if "toPorts" in found else ()
    types = items(found["icmps"].value, report) if "icmps" in found else ()
    if ports and types:
        message = "The ICMPs block may only be present without ToPorts"
        report.refuse("policy-icmp-ports", found["icmps"].key.span, message, "define a separate rule for toPorts")
    if action is Action.ALLOW:
        read = [port_rules.allowed(each, side, report) for each in ports]
    else:
        read = [port_rules.denied(each, report) for each in ports]
    read += [icmp_rule(each, report) for each in types]
    return tuple(read) or None


def _authentication(entry: Entry, report: Report) -> Authentication | None:
    found = fields(entry.value, AUTHENTICATION, report)
    mode = choice(found["mode"].value, [each.value for each in Authentication], report) if "mode" in found else None
    return Authentication(mode.value) if mode is not None else None
