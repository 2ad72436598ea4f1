"""Policies in Python: read them, make them (pybpf.rules), ask what they mean, compare them.

    reading = read([Source("shop.policy", text)])
    resolved = resolve(reading.policies, read_inventory(Source("inventory.yaml", who)))
    verdict(resolved, Flow(Party(endpoint=("shop", "web")), ..., Direction.INGRESS, Protocol.TCP, 80, HttpRequest("GET", "/"))).allowed
    differences(old, new), lint(policies), show(policies), to_cilium(policies).text
"""

from __future__ import annotations

from pybpf.compiler.diag import CompileError, Diagnostic, Severity, Source, Span
from pybpf.compiler.policy.cilium import to_cilium
from pybpf.compiler.policy.diff import Change, Difference, Stated, Unproven, changes, differences
from pybpf.compiler.policy.inventory import merged, read_inventory
from pybpf.compiler.policy.language import formatted, show, simplified
from pybpf.compiler.policy.lint import lint
from pybpf.compiler.policy.model.flow import (
    DnsQuery,
    Flow,
    HttpRequest,
    KafkaRequest,
    Outcome,
    Party,
    Verdict,
)
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory, Node, Service, Settings
from pybpf.compiler.policy.model.policy import Action, Direction, Policy, Rule
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Resolved
from pybpf.compiler.policy.reading import Reading, must_read, read
from pybpf.compiler.policy.resolve import Resolver, resolve
from pybpf.compiler.policy.verdict import verdict

__all__ = [
    "Action",
    "Change",
    "CompileError",
    "Diagnostic",
    "Difference",
    "Direction",
    "DnsQuery",
    "Endpoint",
    "Flow",
    "HttpRequest",
    "Inventory",
    "KafkaRequest",
    "Node",
    "Outcome",
    "Party",
    "Policy",
    "Protocol",
    "Reading",
    "Resolved",
    "Resolver",
    "Rule",
    "Service",
    "Settings",
    "Severity",
    "Source",
    "Span",
    "Stated",
    "Unproven",
    "Verdict",
    "changes",
    "differences",
    "formatted",
    "lint",
    "merged",
    "must_read",
    "read",
    "read_inventory",
    "resolve",
    "show",
    "simplified",
    "to_cilium",
    "verdict",
]
