"""Doubts about policies that can be used: rules without effect, and rules with another effect than they seem to have."""

from __future__ import annotations

from collections.abc import Sequence

from pybpf.compiler.diag import Diagnostic
from pybpf.compiler.policy.lint.alone import check_policy
from pybpf.compiler.policy.lint.existing import check_inventory
from pybpf.compiler.policy.lint.pairs import Neighbours
from pybpf.compiler.policy.lint.together import check_together
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.text.report import Report, in_order


def lint(policies: Sequence[Policy], inventory: Inventory | None = None) -> tuple[Diagnostic, ...]:
    """Everything doubtful, each once, by file and line. With an inventory also what does not fit it."""
    report = Report()
    neighbours = Neighbours(policies)
    for policy in policies:
        check_policy(policy, report)
        check_together(policy, neighbours, report)
    if inventory is not None:
        check_inventory(policies, inventory, report)
    return tuple(dict.fromkeys(in_order(report.found)))
