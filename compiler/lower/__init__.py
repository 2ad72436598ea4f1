"""Policy -> what the kernel holds: what its maps say, and the tables of its L7 programs."""

from pybpf.compiler.lower.enforceable import not_enforced
from pybpf.compiler.lower.judgements import Judgement, Origin, RuleSet, origin_at
from pybpf.compiler.lower.keys import new_serial
from pybpf.compiler.lower.lowered import (
    Lowered,
    LoweredEndpoint,
    judgements,
    lowered,
    origins_of,
    rule_sets_of,
)
from pybpf.compiler.lower.sides import Branch, LoweredSide, Node

__all__ = [
    "Branch", "Judgement", "Lowered", "LoweredEndpoint", "LoweredSide", "Node", "Origin", "RuleSet",
    "judgements", "lowered", "new_serial", "not_enforced", "origin_at", "origins_of", "rule_sets_of",
]  # fmt: skip
