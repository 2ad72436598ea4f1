"""Network policy: text -> Policy -> Resolved, and `verdict`, which says what a Resolved means."""

from __future__ import annotations

from pybpf.compiler.policy.cilium import read
from pybpf.compiler.policy.codes import CODES
from pybpf.compiler.policy.model import (
    Allow,
    Direction,
    Endpoint,
    HttpRule,
    Identity,
    Policy,
    Port,
    PortRule,
    Protocol,
    Resolved,
    ResolvedEndpoint,
    Rule,
    Selector,
    Side,
    Text,
)
from pybpf.compiler.policy.plain import Plain, read_plain
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import Flow, Outcome, Request, Step, Verdict, matches, verdict

__all__ = [
    "CODES",
    "Allow",
    "Direction",
    "Endpoint",
    "Flow",
    "HttpRule",
    "Identity",
    "Outcome",
    "Plain",
    "Policy",
    "Port",
    "PortRule",
    "Protocol",
    "Request",
    "Resolved",
    "ResolvedEndpoint",
    "Rule",
    "Selector",
    "Side",
    "Step",
    "Text",
    "Verdict",
    "matches",
    "read",
    "read_plain",
    "resolve",
    "verdict",
]
