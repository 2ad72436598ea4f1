"""What is doubtful in one policy, whatever others say."""

from __future__ import annotations

from pybpf.compiler.policy.lint.http import check_http
from pybpf.compiler.policy.lint.implies import is_contradiction
from pybpf.compiler.policy.model.labels import NAMESPACE_KEY, RESERVED, Operator, Selector
from pybpf.compiler.policy.model.layer7 import Http
from pybpf.compiler.policy.model.peers import CidrGroups, Endpoints, Nodes, Peer, Services
from pybpf.compiler.policy.model.policy import Action, Policy, PortRule, Rule
from pybpf.compiler.policy.text.report import Report

_NEGATIVE = (Operator.NOT_IN, Operator.DOES_NOT_EXIST)


def check_policy(policy: Policy, report: Report) -> None:
    """Warn of rules that cannot match, of selectors that choose whom nobody means, and of conditions on requests (http.py)."""
    if is_contradiction(policy.subject.selector):
        report.warn("lint-never-matches", policy.subject.selector.span, "no endpoint has such labels, so this policy is for nobody", "remove one of the conditions on that label")
    for rule in policy.rules:
        _check_rule(rule, report)
        for peer in rule.peers or ():
            _check_peer(peer, rule, report)
        for part in rule.port_rules or ():
            _check_part(part, report)


def _check_rule(rule: Rule, report: Report) -> None:
    """A rule for nobody that names ports says something that never happens; without ports it only switches default deny on."""
    if rule.peers == () and rule.port_rules is not None:
        report.warn("lint-never-matches", rule.span, "this rule names ports and nobody who may use them", "name whom it is for, or write anybody")
    if rule.port_rules == ():
        report.warn("lint-never-matches", rule.span, "this rule is for no port", "name ports, or leave them out for every port")


def _check_part(part: PortRule, report: Report) -> None:
    if not part.ports and part.layer7 is None and not part.server_names:
        report.warn("lint-never-matches", part.span, "this is for no port", "name ports, or leave the list out for every port")
    if isinstance(part.layer7, Http):
        check_http(part.layer7.rules, report)


def _check_peer(peer: Peer, rule: Rule, report: Report) -> None:
    selector = _selector(peer)
    if selector is None:
        return
    if is_contradiction(selector):
        report.warn("lint-never-matches", selector.span, "nobody has such labels", "remove one of the conditions on that label, or use In with several values")
    is_negative = isinstance(peer, Endpoints) and selector.requirements and all(each.operator in _NEGATIVE for each in selector.requirements)
    lifted = any(each.source == RESERVED and each.operator in _NEGATIVE for each in selector.requirements)
    if lifted and not is_negative and not any(each.key == NAMESPACE_KEY for each in selector.requirements):
        message = "a selector that names a reserved label is looked for in every namespace, and among hosts"
        report.warn("lint-negative-selector", selector.span, message, "leave the reserved label out, or ask for a namespace as well")
    if is_negative and rule.action is Action.ALLOW:
        message = "this chooses whatever lacks these labels, hosts and the world among them"
        report.warn("lint-negative-selector", selector.span, message, "ask for a namespace as well, or for a label that those who are meant have")


def _selector(peer: Peer) -> Selector | None:
    return peer.selector if isinstance(peer, (Endpoints, Nodes, Services, CidrGroups)) else None
