"""Network policy: text -> Policy -> Resolved, and `verdict`, which says what a Resolved means."""

from __future__ import annotations

from pybpf.compiler.narrow.cilium import read
from pybpf.compiler.narrow.codes import CODES
from pybpf.compiler.narrow.model import (
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
from pybpf.compiler.narrow.resolve import resolve
from pybpf.compiler.narrow.verdict import Flow, Outcome, Request, Step, Verdict, matches, verdict

__all__ = [
    "CODES",
    "Allow",
    "Direction",
    "Endpoint",
    "Flow",
    "HttpRule",
    "Identity",
    "Outcome",
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
    "resolve",
    "verdict",
]
