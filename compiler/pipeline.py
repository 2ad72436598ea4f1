"""Sources -> ELF bytes: the whole pipeline, top to bottom.

    sources --read--> policies --resolve--> Resolved --lowered--> Lowered --http_tables--> HttpTables of each rule set
    kernel programs --translate--> ir.Module --check, emit--> LLVM --compile_llvm--> ELF

Nothing here touches the machine. Every intermediate value is kept in the Compilation, for dumps and tests.
LLVM is imported when something is compiled, not before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pybpf.compiler.diag import CompileError, Diagnostic, Source, Span, span_of_line
from pybpf.compiler.frontend import Specialisation, translate
from pybpf.compiler.frontend.translate import too_deep
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.ir.check import check
from pybpf.compiler.ir.depth import deep
from pybpf.compiler.ir.merge import merge
from pybpf.compiler.lower import (
    HttpTables,
    Lowered,
    RuleSet,
    http_tables,
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
from pybpf.compiler.policy.resolve import resolve
from pybpf.kernel_progs import endpoint as endpoint_programs
from pybpf.kernel_progs import http as http_programs
from pybpf.kernel_progs import prohibit as prohibit_programs
from pybpf.kernel_progs import refuse as refuse_programs

if TYPE_CHECKING:
    from pybpf.compiler.codegen import BackendError, Started

__all__ = [
    "Built",
    "Compilation",
    "CompileError",
    "Diagnostic",
    "Endpoint",
    "Inventory",
    "Source",
    "Span",
    "build",
    "build_all",
    "compile_policies",
    "compile_policy",
    "compile_programs",
    "datapath_module",
    "rule_set_module",
]

NOBODY = Inventory()
MOST_CHILDREN = 4  # that LLVM works in at a time
DATAPATH = (
    endpoint_programs.to_endpoint,
    endpoint_programs.from_endpoint,
    endpoint_programs.parse_packet,
    refuse_programs.refuse_packet,
    prohibit_programs.prohibit_packet,
)


@dataclass(frozen=True, slots=True)
class Built:
    """One module through the back end: the ELF object, and the stages before it as text."""

    module: ir.Module
    llvm: str
    elf: bytes

    @property
    def assembly(self) -> str:
        """The same as BPF assembly, for people: made anew each time it is asked for."""
        from pybpf.compiler import codegen

        return codegen.assembly(self.llvm)


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
        origins = dict.fromkeys(origin for each in self.rule_sets for origin in each.origins)
        numbers = {origin: number for number, origin in enumerate(origins, 1)}
        return tuple(http_tables(each.rules, [numbers[origin] for origin in each.origins]) for each in self.rule_sets)

    def datapath(self) -> Built:
        """The programs every endpoint runs; the same whatever the policy."""
        return build(datapath_module())

    def rule_set(self, index: int) -> Built:
        """The L7 program of one rule set, with its tables."""
        return build(rule_set_module(self.tables[index]))

    def objects(self) -> tuple[Built, ...]:
        """The datapath, then the program of each rule set: all that an endpoint needs, made side by side."""
        return build_all([datapath_module, *(partial(rule_set_module, tables) for tables in self.tables)])

    def whole(self) -> Built:
        """Everything in one object; the program of rule set i is called judge_http_i."""
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
    resolved = resolve(policies, inventory)
    return Compilation(tuple(policies), resolved, lowered(resolved, serials))


def datapath_module() -> ir.Module:
    """The entry points of an endpoint and the refusing program."""
    return translate(DATAPATH)


def rule_set_module(tables: HttpTables) -> ir.Module:
    """The HTTP program, specialised for one rule set."""
    programs: Sequence[Callable[..., Any]] = (http_programs.judge_http,)
    return translate(programs, Specialisation(tables.constants, tables.arrays))


def compile_programs(*programs: Callable[..., Any], target: str = "") -> Built:
    """Typed Python functions (each a @program) and all they call and use, as one object.

    `target` is the oldest kernel it has to run on ("5.15"); empty: whatever the language knows. CompileError names
    everything that is wrong, each with its place in the Python file.
    """
    return build(translate(programs, target=target))


def build(module: ir.Module) -> Built:
    """IR -> ELF, by LLVM in a child process. Deterministic: the same module gives the same bytes.

    Raises CompileError for a stack that only LLVM could measure, BackendError for anything else LLVM cannot compile.
    """
    (built,) = build_all([lambda: module])
    return built


def build_all(modules: Iterable[Callable[[], ir.Module]]) -> tuple[Built, ...]:
    """Several modules -> ELF. LLVM works on one in its child process while the next is translated here. Raises as `build`."""
    from pybpf.compiler import codegen  # 150 ms and 65 MB: only where something is compiled

    with ExitStack() as abandoned:  # after an error no child is left behind
        begun: deque[tuple[ir.Module, str, Started]] = deque()
        made: list[Built] = []
        for make in modules:
            module = make()
            llvm = _emitted(module)
            if len(begun) == MOST_CHILDREN:
                made.append(_finished(*begun.popleft()))
            begun.append((module, llvm, codegen.started(llvm)))
            abandoned.callback(codegen.abandon, begun[-1][2])
        return (*made, *(_finished(*each) for each in begun))


def _emitted(module: ir.Module) -> str:
    """A module as LLVM's text, checked."""
    from pybpf.compiler import codegen

    try:
        with deep():
            return codegen.emit(check(module))
    except RecursionError:
        raise too_deep(module.functions[-1].source, module.functions[-1].place.line) from None


def _finished(module: ir.Module, llvm: str, child: Started) -> Built:
    """What a child made of a module."""
    from pybpf.compiler import codegen

    try:
        return Built(module, llvm, codegen.finished(child).elf)
    except codegen.BackendError as error:
        raise _located(module, error) from error


def _located(module: ir.Module, error: BackendError) -> Exception:
    """The error about the user's line, where LLVM names one and what is wrong there is the user's doing."""
    sources = {each.source.name: each.source for each in module.functions}
    source = sources.get(error.place[0]) if error.place is not None else None
    if error.place is None or source is None or not error.hint:
        return error
    said = str(error).splitlines()[0].rpartition(": ")[2]
    return CompileError([Diagnostic("kernel-stack", span_of_line(source, error.place[1]), f"`{error.function}`: {said}", error.hint)])


def _stand_alone(policies: Sequence[Policy]) -> Iterator[RuleSet]:
    """The rule sets that policies name, without endpoints to apply them to."""
    for policy in policies:
        for port_rule in (part for rule in policy.rules for part in rule.port_rules or ()):
            if isinstance(port_rule.layer7, Http):
                yield RuleSet(port_rule.layer7.rules, tuple(origin_at(policy.name, each.span, "http rule") for each in port_rule.layer7.rules))
