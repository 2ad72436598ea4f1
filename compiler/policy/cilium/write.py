"""Policies -> the YAML of CiliumNetworkPolicies and CiliumClusterwideNetworkPolicies.

No policy is written weaker than it is: one that cannot be said in Cilium's words is left out, and reported. What is written is
read back, so that nothing leaves here that Cilium's rules of validity refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pybpf.compiler.diag import Diagnostic, Severity, Source
from pybpf.compiler.policy.cilium.labels import UNSPECIFIED
from pybpf.compiler.policy.cilium.plain import Data, Object, changed, document, not_in_cilium
from pybpf.compiler.policy.cilium.policy import policies as read_policies
from pybpf.compiler.policy.cilium.selectors import Scope
from pybpf.compiler.policy.cilium.shapes import API_VERSION, RULES
from pybpf.compiler.policy.cilium.write_rule import written_rule
from pybpf.compiler.policy.cilium.write_selectors import written_selector, written_subject
from pybpf.compiler.policy.model.peers import Endpoints, Nodes
from pybpf.compiler.policy.model.policy import Action, Direction, Kind, Policy, Tier
from pybpf.compiler.policy.text.positions import parse
from pybpf.compiler.policy.text.report import Report


@dataclass(frozen=True, slots=True)
class Written:
    """YAML documents, and what they do not say. An error in `lost` stands for a policy that was left out; a warning for
    something that did not come along, though what is allowed is the same."""

    text: str
    lost: tuple[Diagnostic, ...]


def to_cilium(policies: Iterable[Policy]) -> Written:
    """The documents of some policies. Policies of one name and namespace become the specs of one document, which is written whole
    or not at all."""
    named: dict[tuple[str | None, str], list[Policy]] = {}
    for policy in policies:
        named.setdefault((policy.namespace, policy.name), []).append(policy)
    report = Report()
    texts = [_document(namespace, name, same, report) for (namespace, name), same in named.items()]
    return Written("".join(texts), tuple(report.found))


def _document(namespace: str | None, name: str, policies: Sequence[Policy], report: Report) -> str:
    """One document; empty if there is anything in its policies that cannot be said."""
    already = report.errors
    specs = [_spec(each, report) for each in policies]
    kind = Kind.CILIUM_CLUSTERWIDE if namespace is None else Kind.CILIUM
    metadata: Object = {"name": name, **({"namespace": namespace} if namespace is not None else {})}
    body: Object = {"spec": specs[0]} if len(specs) == 1 else {"specs": specs}
    text = document({"apiVersion": API_VERSION, "kind": kind.value, "metadata": metadata, **body})
    if report.errors == already:
        _check(text, policies, report)
    return text if report.errors == already else ""


def _check(text: str, policies: Sequence[Policy], report: Report) -> None:
    """Read the document back; what is refused in it cannot be said."""
    documents, wrong = parse(Source(policies[0].name, text))
    found = Report(list(wrong))
    again = [policy for node in documents for policy in read_policies(node, found)]
    for each in found.found:
        if each.severity is Severity.ERROR:
            not_in_cilium(policies[0].span, f"{each.message} ({each.code})", report)
        elif each.code == "lint-object-name":
            changed(policies[0].span, each.message, each.hint, report)
    if not found.errors:
        assert [each.default_deny for each in again] == [each.default_deny for each in policies], "a policy denies as it did"


def _spec(policy: Policy, report: Report) -> Data:
    _report_unsayable(policy, report)
    written: Object = {"description": policy.description} if policy.description else {}
    match policy.subject:
        case Endpoints(selector):
            written["endpointSelector"] = written_subject(selector, policy.namespace, report)
        case Nodes(selector):
            written["nodeSelector"] = written_selector(selector)
            if policy.namespace is not None:
                not_in_cilium(policy.span, "hosts as the subject of a policy of one namespace", report)
    scope = Scope(policy.namespace)
    lists = _lists(policy, scope, report)
    written |= {RULES[key].name: elements for key, elements in lists.items() if elements}
    open_directions = {direction for (direction, _), elements in lists.items() if elements} - policy.default_deny
    if open_directions:
        written["enableDefaultDeny"] = {each.value: False for each in Direction if each in open_directions}
    if policy.labels:
        written["labels"] = [_label(each) for each in policy.labels]
    if policy.log:
        written["log"] = {"value": policy.log}
    return written


def _lists(policy: Policy, scope: Scope, report: Report) -> dict[tuple[Direction, Action], list[Object]]:
    """The elements of each list of rules. A direction that denies by default has one at least."""
    lists: dict[tuple[Direction, Action], list[Object]] = {key: [] for key in RULES}
    for rule in policy.rules:
        lists[rule.direction, Action.ALLOW if rule.action is Action.PASS else rule.action] += written_rule(rule, scope, report)
    for direction in policy.default_deny:
        if not any(lists[direction, action] for action in (Action.ALLOW, Action.DENY)):
            lists[direction, Action.ALLOW].append({})
    return lists


def _report_unsayable(policy: Policy, report: Report) -> None:
    """Report what a whole policy says and Cilium's policies cannot."""
    if policy.audit:
        not_in_cilium(policy.span, "refusals are told and not done (audit)", report)
    if policy.tier is not Tier.NORMAL or policy.priority:
        not_in_cilium(policy.span, f"tier {policy.tier.name.lower()} with priority {policy.priority:g}", report)
    if policy.on_deny is not None:
        message = f"how this policy refuses ({policy.on_deny.value}) does not come along"
        changed(policy.span, message, "refusals look as Cilium makes them", report)


def _label(label: str) -> Data:
    """A label of the policy itself, as Cilium's schema has it."""
    name, _, value = label.partition("=")
    source, colon, key = name.partition(":")
    own: Object = {"key": key, "source": source} if colon else {"key": name, "source": UNSPECIFIED}
    return {**own, "value": value} if value else own
