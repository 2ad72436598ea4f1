"""Texts of Cilium's objects, and what is read of them."""

from __future__ import annotations

from pybpf.compiler.diag import Diagnostic, Severity, Source, render
from pybpf.compiler.policy.cilium import policies
from pybpf.compiler.policy.model.policy import Policy, Rule
from pybpf.compiler.policy.text.positions import parse
from pybpf.compiler.policy.text.report import Report, in_order


def found_in(text: str) -> tuple[Diagnostic, ...]:
    """What is found in the one document of a text, which gives policies exactly if there is no error."""
    (document,), wrong = parse(Source("policy.yaml", text))
    report = Report(list(wrong))
    read = policies(document, report)
    assert bool(read) == all(each.severity is Severity.WARNING for each in report.found[len(wrong) :])
    return in_order(report.found)


def read(text: str) -> tuple[Policy, ...]:
    """The policies of the documents of a text, in which nothing is wrong or doubtful."""
    documents, wrong = parse(Source("policy.yaml", text))
    report = Report(list(wrong))
    every = tuple(policy for each in documents for policy in policies(each, report))
    assert not report.found, "\n".join(map(render, report.found))
    return every


def namespaced(rules: str, subject: str = "endpointSelector: {}") -> str:
    """A CiliumNetworkPolicy with a spec of this subject and these rules, which begin in the first column."""
    head = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: flights, namespace: shop}\n"
    return f"{head}spec:\n{_indented(subject)}{_indented(rules)}"


def clusterwide(rules: str, subject: str = "endpointSelector: {}") -> str:
    """The same as a CiliumClusterwideNetworkPolicy."""
    head = "apiVersion: cilium.io/v2\nkind: CiliumClusterwideNetworkPolicy\nmetadata: {name: flights}\n"
    return f"{head}spec:\n{_indented(subject)}{_indented(rules)}"


def only_policy(text: str) -> Policy:
    (policy,) = read(text)
    return policy


def only_rule(rules: str) -> Rule:
    """The one rule of a CiliumNetworkPolicy with these rules."""
    (rule,) = only_policy(namespaced(rules)).rules
    return rule


def _indented(text: str) -> str:
    return "".join(f"  {line}\n" for line in text.splitlines())
