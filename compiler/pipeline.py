"""Policies -> what the kernel needs of them.

    sources --read--> policies --resolve--> Resolved --lowered--> Lowered --http_tables--> HttpTables of each rule set

Nothing here touches the machine. Every intermediate value is kept in the Compilation, for dumps and tests. From tables and kernel
programs to ELF it is building.py's way, which is imported when something is built.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

from pybpf.compiler.diag import CompileError, Diagnostic, Source, Span
from pybpf.compiler.lower import (
    Lowered,
    RuleSet,
    lowered,
    not_enforced,
    origin_at,
    rule_sets_of,
)
from pybpf.compiler.lower.keys import NO_SERIALS
from pybpf.compiler.policy.inventory import merged
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.layer7 import Http
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.model.resolved import Resolved
from pybpf.compiler.policy.reading import Load, must_read
from pybpf.compiler.policy.resolve import Resolver

if TYPE_CHECKING:
    from pybpf.compiler.building import Built
    from pybpf.compiler.lower.http_tables import HttpTables

__all__ = [
    "Compilation",
    "CompileError",
    "Diagnostic",
    "Endpoint",
    "Inventory",
    "Source",
    "Span",
    "compile_policies",
    "compile_policy",
]

NOBODY = Inventory()


@dataclass(frozen=True)
class Compilation:
    """What a set of policies became."""

    policies: tuple[Policy, ...]
    resolved: Resolved
    lowered: Lowered

    @cached_property
    def rule_sets(self) -> tuple[RuleSet, ...]:
        """Those that the sides of endpoints need; without endpoints those that the policies name, as they stand."""
        return rule_sets_of(self.lowered.every_side()) if self.resolved.inventory.endpoints else tuple(_stand_alone(self.policies))

    @cached_property
    def tables(self) -> tuple[HttpTables, ...]:
        """Those of each rule set; rule n is the n-th of all their origins, from 1. Raises CompileError for what is too large."""
        from pybpf.compiler.lower.http_tables import rule_set_tables

        origins = dict.fromkeys(origin for each in self.rule_sets for origin in each.every_origin)
        numbers = {origin: number for number, origin in enumerate(origins, 1)}
        return tuple(rule_set_tables(each, numbers) for each in self.rule_sets)

    def datapath(self) -> Built:
        """The programs every endpoint runs; the same whatever the policy."""
        from pybpf.compiler.building import build, datapath_module

        return build(datapath_module())

    def rule_set(self, index: int) -> Built:
        """The L7 program of one rule set, with its tables."""
        from pybpf.compiler.building import build, rule_set_module

        return build(rule_set_module(self.tables[index]))

    def objects(self) -> tuple[Built, ...]:
        """The datapath, then the program of each rule set: all that an endpoint needs, made side by side."""
        from pybpf.compiler.building import build_all, datapath_module, rule_set_module

        return build_all([datapath_module, *(partial(rule_set_module, tables) for tables in self.tables)])

    def whole(self) -> Built:
        """Everything in one object; the program of rule set i is called judge_http_i."""
        from pybpf.compiler.building import build, datapath_module, rule_set_module
        from pybpf.compiler.ir.merge import merge

        parts = [(f"_{index}", rule_set_module(tables)) for index, tables in enumerate(self.tables)]
        return build(merge([("", datapath_module()), *parts]))


def compile_policy(sources: Sequence[Source], inventory: Inventory = NOBODY, load: Load | None = None) -> Compilation:
    """Policies and who exists -> what the kernel needs. CompileError names every error of every source, and everything that
    the kernel programs do not enforce yet.

    `load` gives the text of files that others import (compiler/policy/reading.py). Without endpoints each rule set of the
    policies is compiled as it stands, which is what a file by itself says.
    """
    reading = must_read(sources, load)
    return compile_policies(reading.policies, merged(inventory, reading.cidr_groups))


def compile_policies(policies: Sequence[Policy], inventory: Inventory, serials: Mapping[int, bytes] = NO_SERIALS) -> Compilation:
    """The same of policies that were read. CompileError for what the kernel programs do not enforce. `serials` are those of policies
    that were compiled before, by id (compiler/lower/keys.py)."""
    if wrong := not_enforced(policies):
        raise CompileError(wrong)
    resolved = Resolver(policies, inventory).resolved  # its sides are made when they are looked at
    return Compilation(tuple(policies), resolved, lowered(resolved, serials))


def _stand_alone(policies: Sequence[Policy]) -> Iterator[RuleSet]:
    """The rule sets that policies name, without endpoints to apply them to."""
    for policy in policies:
        for port_rule in (part for rule in policy.rules for part in rule.port_rules or ()):
            if isinstance(port_rule.layer7, Http):
                yield RuleSet(port_rule.layer7.rules, tuple(origin_at(policy.name, each.span, "http rule") for each in port_rule.layer7.rules))
