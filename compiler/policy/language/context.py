"""What a name stands for where it is used: variables, and whatever a statement's parts need to know of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from lark import Token, Tree

from pybpf.compiler.diag import Source, Span
from pybpf.compiler.policy.cilium.selectors import Scope
from pybpf.compiler.policy.language.syntax import Node
from pybpf.compiler.policy.language.words import span_of, word
from pybpf.compiler.policy.text.fields import Text, did_you_mean
from pybpf.compiler.policy.text.report import Report

# Variables that hold themselves twice over grow without end: 40 lines of them are more than a machine holds.
MAX_EXPANSIONS: Final = 20_000
_KINDS: Final = {"labels": "labels", "peers": "peers", "ports": "ports", "requests": "requests", "text": "a text", "twice": "defined twice"}


@dataclass(frozen=True, slots=True)
class Variable:
    """A `let`: the tree behind its sign of equality, and the variables that stand above it in its file."""

    name: str
    value: Node
    source: Source
    names: Mapping[str, Variable]
    span: Span

    @property
    def kind(self) -> str:
        """labels, peers, ports, requests or text; twice where two definitions leave open which is meant."""
        return "text" if self.value.data == "kind_text" else str(self.value.data)


@dataclass(slots=True)
class Usage:
    """What was made of variables so far: the places of those that were used, and how often one was put in."""

    used: set[Span] = field(default_factory=set)
    expansions: int = 0
    imported: dict[str, Mapping[str, Variable]] = field(default_factory=dict)  # by the name of the file


@dataclass(frozen=True, slots=True)
class Context:
    """A place to read from: its file, the names that are known there, where peers are looked for; reports go to `report`, and
    what was made of variables to `usage`."""

    source: Source
    names: Mapping[str, Variable]
    scope: Scope
    report: Report
    usage: Usage

    def span(self, node: Token | Node) -> Span:
        """Where a token or tree of this file stands."""
        return span_of(node, self.source)

    def word(self, node: Token | Node) -> Text:
        """What a token of this file says."""
        return word(node, self.source, self.report)

    def refuse(self, code: str, node: Token | Node, message: str, hint: str) -> None:
        """Note one error at a token or tree of this file."""
        self.report.refuse(code, self.span(node), message, hint)

    def inside(self, variable: Variable) -> Context:
        """The place where a variable is defined. Peers are looked for where it is used."""
        return replace(self, source=variable.source, names=variable.names)


def variable(node: Node, kinds: tuple[str, ...], context: Context) -> Variable | None:
    """The variable that a `$name` stands for, if it is of one of these kinds; None after a report."""
    token = node.children[0]
    assert isinstance(token, Token), token
    found = context.names.get(token[1:])
    if found is None:
        hint = did_you_mean(token[1:], context.names) if context.names else f"define it above: let {token[1:]} = ..."
        context.refuse("policy-variable", node, f"there is no variable {token}", hint)
        return None
    context.usage.used.add(found.span)
    context.usage.expansions += 1
    if context.usage.expansions > MAX_EXPANSIONS:
        message = f"the variables of this file stand for more than {MAX_EXPANSIONS} others in all"
        context.refuse("policy-variable", node, message, "make lists that hold each thing once")
        return None
    if found.kind not in kinds:
        wanted = " or ".join(_KINDS[kind] for kind in kinds)
        context.refuse("policy-variable", node, f"{token} is {_KINDS[found.kind]}, and {wanted} belong here", f"it is defined in {found.span}")
        return None
    return found


def plain(node: Token | Node, context: Context) -> Text | None:
    """A text in quotes, a word, or a variable that holds a text; None after a report."""
    if isinstance(node, Token):
        return context.word(node)
    found = variable(node, ("text",), context)
    if found is None:
        return None
    inner = found.value.children[-1]
    if found.value.data == "kind_text":
        hint = f"write it where {found.name} is used, and the text alone in the variable"
        context.refuse("policy-variable", node, f"${found.name} says how it is matched, and a text alone belongs here", hint)
        return None
    return plain(inner, context.inside(found))


def trees(node: Node) -> list[Node]:
    """The children that are trees."""
    return [each for each in node.children if isinstance(each, Tree)]


def words(node: Node) -> list[Token]:
    """The children that are tokens."""
    return [each for each in node.children if isinstance(each, Token)]
