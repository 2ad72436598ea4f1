"""Sources -> ELF bytes: the whole pipeline, top to bottom.

    sources --read--> policies --resolve--> Resolved --entries--> Entries --http_tables--> HttpTables of each rule set
    kernel programs --translate--> ir.Module --check, emit--> LLVM --compile_llvm--> ELF

Nothing here touches the machine. Every intermediate value is kept in the Compilation, for dumps and tests.
LLVM is imported when something is compiled, not before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pybpf.compiler.diag import CompileError, Diagnostic, Source, Span
from pybpf.compiler.frontend import Specialisation, translate
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.check import check
from pybpf.compiler.ir.merge import merge
from pybpf.compiler.lower import Entries, HttpTables, Origin, RuleSet, entries, http_tables
from pybpf.compiler.policy import Endpoint, Policy, Resolved, read, resolve
from pybpf.kernel_progs import endpoint as endpoint_programs
from pybpf.kernel_progs import http as http_programs
from pybpf.kernel_progs import refuse as refuse_programs

__all__ = [
    "Built",
    "Compilation",
    "CompileError",
    "Diagnostic",
    "Endpoint",
    "Source",
    "Span",
    "build",
    "compile_policy",
    "datapath_module",
    "read_all",
    "rule_set_module",
]

DATAPATH = (endpoint_programs.to_endpoint, endpoint_programs.from_endpoint, refuse_programs.refuse_packet)


@dataclass(frozen=True, slots=True)
class Built:
    """One module through the back end: the ELF object, and the stages before it as text."""

    module: ir.Module
    llvm: str
    assembly: str
    elf: bytes


@dataclass(frozen=True, slots=True)
class Compilation:
    """What a set of policies became. `tables[i]` are those of rule set i of `entries`."""

    policies: tuple[Policy, ...]
    resolved: Resolved
    entries: Entries
    tables: tuple[HttpTables, ...]

    def datapath(self) -> Built:
        """The programs every endpoint runs; the same whatever the policy."""
        return build(datapath_module())

    def rule_set(self, index: int) -> Built:
        """The L7 program of one rule set, with its tables."""
        return build(rule_set_module(self.tables[index]))

    def whole(self) -> Built:
        """Everything in one object; the program of rule set i is called judge_http_i."""
        parts = [(f"_{index}", rule_set_module(tables)) for index, tables in enumerate(self.tables)]
        return build(merge([("", datapath_module()), *parts]))


def compile_policy(sources: Sequence[Source], endpoints: Sequence[Endpoint] = ()) -> Compilation:
    """Policies and the endpoints they are about -> what the kernel needs. CompileError names every error of every source.

    Without endpoints each rule set of the policies is compiled as it stands, which is what a file by itself says.
    """
    policies = read_all(sources)
    resolved = resolve(policies, endpoints)
    lowered = entries(resolved)
    if not endpoints:
        lowered = _stand_alone(policies)
    tables = tuple(http_tables(rule_set.rules, rule_set.numbers) for rule_set in lowered.rule_sets)
    return Compilation(policies, resolved, lowered, tables)


def read_all(sources: Sequence[Source]) -> tuple[Policy, ...]:
    """The policies of all sources. One CompileError with the errors of all of them."""
    policies: list[Policy] = []
    wrong: list[Diagnostic] = []
    for source in sources:
        try:
            policies.extend(read(source))
        except CompileError as error:
            wrong.extend(error.diagnostics)
    if wrong:
        raise CompileError(wrong)
    return tuple(policies)


def datapath_module() -> ir.Module:
    """The entry points of an endpoint and the refusing program."""
    return translate(DATAPATH)


def rule_set_module(tables: HttpTables) -> ir.Module:
    """The HTTP program, specialised for one rule set."""
    programs: Sequence[Callable[..., Any]] = (http_programs.judge_http,)
    return translate(programs, Specialisation(tables.constants, tables.arrays))


def build(module: ir.Module) -> Built:
    """IR -> ELF, by LLVM in a child process. Deterministic: the same module gives the same bytes."""
    from pybpf.compiler import codegen  # 150 ms and 65 MB: only where something is compiled

    llvm = codegen.emit(check(module))
    made = codegen.compile_llvm(llvm)
    return Built(module, llvm, made.assembly, made.elf)


def _stand_alone(policies: Sequence[Policy]) -> Entries:
    """The rule sets that policies name, without endpoints to apply them to."""
    sets: list[RuleSet] = []
    origins: list[Origin] = []
    for policy in policies:
        for rule in policy.rules:
            for port in rule.to_ports or ():
                if port.http:
                    numbers = tuple(range(len(origins) + 1, len(origins) + 1 + len(port.http)))
                    origins.extend(Origin(policy.name, each.span, "http rule") for each in port.http)
                    sets.append(RuleSet(port.http, numbers))
    return Entries((), (), tuple(sets), tuple(origins))
