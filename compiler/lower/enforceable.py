"""What this version's kernel programs cannot enforce yet, told policy by policy with its place.

Policies say more than the datapath does. What it cannot do must not be compiled as if it were not there: most conditions
narrow what a rule allows. So a set of policies with any such rule is refused as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pybpf.compiler.diag import Diagnostic, Span
from pybpf.compiler.policy.model.layer7 import Http, HttpRule, Mismatch
from pybpf.compiler.policy.model.peers import DnsNames, Nodes
from pybpf.compiler.policy.model.policy import Action, Authentication, Policy, PortRule, Rule

CODE: Final = "policy-not-enforced"
_HINT: Final = "check, test and compare it as it is; to enforce the rest, keep this rule in a file of its own"


def not_enforced(policies: Iterable[Policy]) -> tuple[Diagnostic, ...]:
    """One diagnostic for everything in these policies that the kernel programs do not do."""
    return tuple(
        Diagnostic(CODE, span, f"pybpf's kernel programs do not enforce {what} yet", _HINT)
        for policy in policies
        for what, span in _policy(policy)
    )


def _policy(policy: Policy) -> Iterator[tuple[str, Span]]:
    if isinstance(policy.subject, Nodes):
        yield "policies for hosts", policy.span
    for rule in policy.rules:
        yield from _rule(rule)


def _rule(rule: Rule) -> Iterator[tuple[str, Span]]:
    if rule.authentication not in (None, Authentication.DISABLED):
        yield "mutual authentication", rule.span
    for peer in rule.peers or ():
        if isinstance(peer, DnsNames):
            yield "peers by DNS name", rule.span
    for port_rule in rule.port_rules or ():
        yield from _port_rule(port_rule)
        if rule.action is not Action.ALLOW and port_rule.layer7 is not None:
            yield f"{rule.action.value} rules on requests", port_rule.span


def _port_rule(rule: PortRule) -> Iterator[tuple[str, Span]]:
    if rule.server_names:
        yield "TLS server names", rule.span
    if rule.terminating_tls is not None or rule.originating_tls is not None:
        yield "TLS termination", rule.span
    if rule.listener is not None:
        yield "Envoy listeners", rule.span
    if isinstance(rule.layer7, Http):
        for each in rule.layer7.rules:
            yield from _http(each)
    elif rule.layer7 is not None:
        yield f"{type(rule.layer7).__name__} rules", rule.span


def _http(rule: HttpRule) -> Iterator[tuple[str, Span]]:
    for header in rule.headers:
        if header.secret is not None:
            yield "header values in Kubernetes secrets", header.span
        elif header.mismatch in (Mismatch.ADD, Mismatch.DELETE, Mismatch.REPLACE):
            yield f"rules that rewrite requests (mismatch: {header.mismatch.value})", header.span
