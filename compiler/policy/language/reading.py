""".policy files -> policies, with the variables of the files that they import."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from lark import Tree

from pybpf.compiler.diag import Diagnostic, Source, Span
from pybpf.compiler.policy.cilium.selectors import ENDPOINT_SOURCES, Scope
from pybpf.compiler.policy.language.conditions import condition
from pybpf.compiler.policy.language.context import Context, Usage, Variable
from pybpf.compiler.policy.language.peers import peers
from pybpf.compiler.policy.language.policies import policy
from pybpf.compiler.policy.language.ports import ports
from pybpf.compiler.policy.language.requests import requests
from pybpf.compiler.policy.language.selecting import requirements
from pybpf.compiler.policy.language.syntax import Node, statements
from pybpf.compiler.policy.language.words import span_of, word
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.text.report import Report, in_order

MAX_DEPTH: Final = 32
# The importing file and a path, as it is written there -> the file. Raises OSError or UnicodeError.
Load: TypeAlias = Callable[[Source, str], Source]


@dataclass(frozen=True, slots=True)
class Parsed:
    """The policies of a file without those that have an error, and everything found wrong or doubtful, each once. `is_empty`: there
    is no statement in it."""

    policies: tuple[Policy, ...]
    found: tuple[Diagnostic, ...]
    is_empty: bool


def read(source: Source, load: Load | None = None) -> Parsed:
    """What a file says. Without `load` there are no files to import."""
    file = _File(source, load, (source.name,))
    read_policies: list[Policy] = []
    written = list(statements(source, file.report))
    for each in written:
        already = file.report.errors
        if each.data == "policy":
            found = policy(each, file.context())
            read_policies += (found,) if file.report.errors == already else ()
        else:
            file.define(each)
    if read_policies and not file.report.errors:
        file.warn_of_unused()
    return Parsed(tuple(read_policies), tuple(dict.fromkeys(in_order(file.report.found))), not written)


@dataclass(slots=True)
class _File:
    """A file while it is read: what is defined in it so far."""

    source: Source
    load: Load | None
    importers: tuple[str, ...]
    names: dict[str, Variable] = field(default_factory=dict)
    own: list[Variable] = field(default_factory=list)
    report: Report = field(default_factory=Report)
    usage: Usage = field(default_factory=Usage)

    def context(self) -> Context:
        """A place in this file."""
        return Context(self.source, dict(self.names), Scope(None), self.report, self.usage)

    def define(self, statement: Node) -> None:
        """Take in a `let`, or those of an imported file."""
        if statement.data == "import":
            self._import(statement)
            return
        token, value = statement.children
        assert isinstance(value, Tree), value
        name = Variable(str(token), value, self.source, dict(self.names), span_of(token, self.source))
        _check(name, self.context())
        self.own.append(name)
        self._add(name, name.span)

    def warn_of_unused(self) -> None:
        """Variables that nothing needs are told."""
        for each in self.own:
            if each.span not in self.usage.used:
                self.report.warn("lint-unused-variable", each.span, f"{each.name} is not used", f"use it as ${each.name}, or remove it")

    def _add(self, variable: Variable, place: Span) -> None:
        known = self.names.get(variable.name)
        if known is not None and known.span != variable.span:
            hint = f"give one of them another name: the other stands in {known.span}"
            self.report.refuse("policy-variable", place, f"the variable {variable.name} is defined already", hint)
            variable = replace(known, value=Tree("twice", []))
        self.names[variable.name] = variable

    def _import(self, statement: Node) -> None:
        path = word(statement.children[0], self.source, self.report)
        if self.load is None:
            self.report.refuse("policy-import", path.span, "there are no files to import from here", "write the variables into this text")
            return
        if not path.value.endswith(".policy") or path.value.startswith("/"):
            hint = "name a .policy file by its path from this one"
            self.report.refuse("policy-import", path.span, f"{path.value!r} is not the path of a .policy file from this one", hint)
            return
        try:
            imported = self.load(self.source, path.value)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.report.refuse("policy-import", path.span, f"{path.value} cannot be read: {reason}", "name the file by its path from this one")
            return
        if len(self.importers) > MAX_DEPTH:
            self.report.refuse("policy-import", path.span, f"files import files more than {MAX_DEPTH} deep", "import what is needed where it is needed")
            return
        if imported.name in self.importers:
            circle = " imports ".join((*self.importers[self.importers.index(imported.name) :], imported.name))
            self.report.refuse("policy-import", path.span, f"this file imports itself: {circle}", "move what both need to a third file")
            return
        if imported.name not in self.usage.imported:
            self.usage.imported[imported.name] = _variables(imported, self, path.span)
        for each in self.usage.imported[imported.name].values():
            self._add(each, path.span)


def _variables(source: Source, importer: _File, place: Span) -> Mapping[str, Variable]:
    """What an imported file defines, with what it imports itself. Its errors are the importer's."""
    file = _File(source, importer.load, (*importer.importers, source.name), report=importer.report, usage=importer.usage)
    for each in statements(source, file.report):
        if each.data == "policy":
            message = f"{source.name} holds a policy, and only variables are imported"
            file.report.refuse("policy-import", place, message, "move the policy to a file of its own, and read that one too")
            break
        file.define(each)
    return file.names


def _check(variable: Variable, context: Context) -> None:
    """Read a definition once where it stands, so that its errors are told even if nothing uses it. Peers are read as if of a
    namespace, which some of them need."""
    inside = Context(context.source, context.names, Scope("default"), context.report, context.usage)
    _READERS[variable.kind](variable.value, inside)


_READERS: Mapping[str, Callable[[Node, Context], object]] = {
    "labels": lambda value, context: requirements(value, ENDPOINT_SOURCES, context),
    "peers": peers,
    "ports": ports,
    "requests": requests,
    "text": condition,
}
