"""Trees of rules -> rules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lark import Token, Tree

from pybpf.compiler.policy.cilium.names import server_name_text
from pybpf.compiler.policy.language.attributes import listener, tls_context
from pybpf.compiler.policy.language.checks import check_port_rule
from pybpf.compiler.policy.language.context import Context, trees, words
from pybpf.compiler.policy.language.peers import peers
from pybpf.compiler.policy.language.ports import ports
from pybpf.compiler.policy.language.requests import requests
from pybpf.compiler.policy.language.syntax import Node
from pybpf.compiler.policy.model.layer7 import Dns
from pybpf.compiler.policy.model.peers import CloudGroups, DnsNames, Peer
from pybpf.compiler.policy.model.policy import Action, Authentication, Direction, OnDeny, PortRule, Rule

_DIRECTIONS: Final = {"from": Direction.INGRESS, "to": Direction.EGRESS}


def rule(node: Node, of_host: bool, context: Context) -> Rule:
    """One rule. After a report it is not to be used."""
    action, way, whom, where, *options = node.children
    direction = _DIRECTIONS[str(way)]
    named = _whom(whom, context)
    found: dict[str, Node] = {}
    for each in options:
        assert isinstance(each, Tree), each
        if each.data in found:
            context.refuse("policy-repeated", each, "this stands twice in one rule", "keep one of them")
        found[str(each.data)] = each
    read = Rule(
        direction,
        Action(str(action)),
        named,
        _port_rules(where, direction, of_host, context),
        Authentication(str(found["authentication"].children[0])) if "authentication" in found else None,
        on_deny(found["on_deny"]) if "on_deny" in found else None,
        context.span(node),
    )
    _check(read, node, context)
    return read


def on_deny(node: Node) -> OnDeny:
    """How a refusal looks."""
    return OnDeny(str(node.children[0]))


def _whom(node: Node | Token | None, context: Context) -> tuple[Peer, ...] | None:
    """The peers; None for anybody, () for nobody."""
    if isinstance(node, Tree):
        return peers(node, context)
    return None if str(node) == "anybody" else ()


def _port_rules(node: Node | Token | None, direction: Direction, of_host: bool, context: Context) -> tuple[PortRule, ...] | None:
    if not isinstance(node, Tree):
        return None
    clauses = [node] if node.data == "port_rule" else trees(node)
    return tuple(_port_rule(each, direction, of_host, context) for each in clauses)


def _port_rule(node: Node, direction: Direction, of_host: bool, context: Context) -> PortRule:
    """`on` ports, with what must hold for what goes there."""
    where, *rest = trees(node)
    parts = _Parts.of(rest, context)
    names = [server_name_text(context.word(each), context.report) for each in words(parts.tls)] if parts.tls is not None else []
    asked = requests(parts.requests, context) if parts.requests is not None else None
    read = PortRule(
        ports(where, context) if where.data == "ports" else (),
        asked,
        tuple(each for each in names if each is not None),
        tls_context(parts.terminating, context) if parts.terminating is not None else None,
        tls_context(parts.originating, context) if parts.originating is not None else None,
        listener(parts.listener, context) if parts.listener is not None else None,
        context.span(node),
    )
    check_port_rule(read, direction, of_host, context.report)
    if isinstance(asked, Dns):
        _check_dns_ports(where, context)
    return read


def _check_dns_ports(where: Node, context: Context) -> None:
    """A port alone is one of TCP, and most queries go over UDP: nobody who writes `port 53: query` means TCP."""
    for each in trees(where):
        if each.data == "port" and "/" not in context.word(each.children[0]).value:
            message = "DNS goes over UDP, and over TCP where answers are long"
            context.refuse("policy-layer7-protocol", each, message, f"write {context.word(each.children[0]).value}/any, /udp or /tcp")


@dataclass(frozen=True, slots=True)
class _Parts:
    """What may stand behind the ports."""

    tls: Node | None = None
    requests: Node | None = None
    terminating: Node | None = None
    originating: Node | None = None
    listener: Node | None = None

    @classmethod
    def of(cls, nodes: Iterable[Node], context: Context) -> _Parts:
        """The parts by name; reports those that stand twice."""
        found: dict[str, Node] = {}
        for each in nodes:
            if each.data in found:
                context.refuse("policy-repeated", each, f"{each.data} stands twice here", "keep one of them")
            found[str(each.data)] = each
        return cls(**found)


def _check(read: Rule, node: Node, context: Context) -> None:
    """Report rules that could not do what they seem to."""
    if read.action is Action.DENY and read.peers == ():
        context.refuse("policy-peers", node, "this denies nobody", "name whom to deny, or write anybody")
    if read.action is Action.DENY and any(isinstance(each, CloudGroups) for each in read.peers or ()):
        message = "who is in a cloud's group is not known here, so a deny rule would deny nobody"
        context.refuse("policy-deny-nobody", node, message, "deny addresses instead")
    if read.direction is Direction.INGRESS and any(isinstance(each, DnsNames) for each in read.peers or ()):
        message = "names are learnt from the queries of those who ask, so nobody is known to come from one"
        context.refuse("policy-peers", node, message, "name the addresses")
