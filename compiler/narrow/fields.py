"""Positioned nodes -> typed values, every mismatch reported with its place.

The functions here always return something of the right type, so that reading goes on and finds the next error; what
they return after a report is thrown away with everything else when the reader raises. A null is refused wherever it
stands: Kubernetes reads it as an absent key, and an absent list of peers means every peer. Half a rule would open it.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping as Table
from dataclasses import dataclass, field
from typing import Final

from pybpf.compiler.diag import Diagnostic, Span
from pybpf.compiler.narrow.known_keys import NOT_ENFORCED, WRITTEN_BY_SERVER
from pybpf.compiler.narrow.model import Text
from pybpf.compiler.policy.text.positions import NULL, STRING, Entry, Listing, Mapping, Node, Scalar

_SHAPES: Final = {Scalar: "a string", Mapping: "a mapping", Listing: "a list"}


@dataclass(slots=True)
class Report:
    """What is wrong so far, in the order in which it was found."""

    found: list[Diagnostic] = field(default_factory=list)

    def refuse(self, code: str, span: Span, message: str, hint: str) -> None:
        """Note one error."""
        self.found.append(Diagnostic(code, span, message, hint))


def fields(node: Node, keys: tuple[str, ...], report: Report) -> Table[str, Entry]:
    """The entries of a mapping by key. Reports everything but a mapping, and every key that is not one of `keys`."""
    if not isinstance(node, Mapping):
        _refuse_shape(node, Mapping, report)
        return {}
    for entry in node.entries:
        if entry.key.value not in keys:
            _refuse_key(entry.key, keys, report)
    return {entry.key.value: entry for entry in node.entries if entry.key.value in keys}


def items(node: Node, report: Report) -> tuple[Node, ...]:
    """The items of a list; reports anything else."""
    if not isinstance(node, Listing):
        _refuse_shape(node, Listing, report)
        return ()
    return node.items


def strings(node: Node, report: Report) -> tuple[tuple[Text, Text], ...]:
    """The entries of a mapping from strings to strings, such as labels; reports anything else."""
    if not isinstance(node, Mapping):
        _refuse_shape(node, Mapping, report)
        return ()
    return tuple((Text(entry.key.value, entry.key.span), text(entry.value, report)) for entry in node.entries)


def text(node: Node, report: Report) -> Text:
    """A string; reports anything else, such as the integer 80 or the boolean `on`."""
    if not isinstance(node, Scalar) or node.kind == NULL:
        _refuse_shape(node, Scalar, report)
        return Text("", node.span)
    if node.kind != STRING:
        message = f"a string belongs here, but YAML reads {node.value!r} as {node.kind}"
        report.refuse("policy-not-a-string", node.span, message, f'quote it: "{node.value}"')
    return Text(node.value, node.span)


def require(found: Table[str, Entry], key: str, span: Span, report: Report) -> Node | None:
    """The value of a key that must be there; reported at `span` and None when it is not."""
    if key in found:
        return found[key].value
    report.refuse("policy-missing-key", span, f"the key {key!r} is missing", f"add {key!r}")
    return None


def _refuse_key(key: Scalar, keys: tuple[str, ...], report: Report) -> None:
    if key.value in NOT_ENFORCED:
        message = f"pybpf does not enforce {NOT_ENFORCED[key.value]} ({key.value!r}) yet"
        # Not "remove the key": a rule without its toCIDR or headers would allow more than it did.
        hint = f"remove {key.value!r} together with what it stands in: without the key alone that may allow more than you mean"
        report.refuse("policy-not-enforced", key.span, message, hint)
        return
    if key.value in WRITTEN_BY_SERVER:
        message = f"{key.value!r} is written by the API server and says nothing about policy"
        report.refuse("policy-unknown-key", key.span, message, f"remove {key.value!r}")
        return
    close = difflib.get_close_matches(key.value, keys, n=1) or _same_but_for_case(key.value, keys)
    hint = f"did you mean {close[0]!r}?" if close else f"the keys understood here are: {', '.join(keys)}"
    report.refuse("policy-unknown-key", key.span, f"unknown key {key.value!r}", hint)


def _same_but_for_case(word: str, keys: tuple[str, ...]) -> list[str]:
    return [key for key in keys if key.lower() == word.lower()]


def _refuse_shape(node: Node, wanted: type[Scalar | Mapping | Listing], report: Report) -> None:
    if isinstance(node, Scalar) and node.kind == NULL:
        hint = "write a value (an empty list is [], an empty mapping is {}) or remove it"
        report.refuse("policy-null", node.span, f"there is no value here, {_SHAPES[wanted]} belongs here", hint)
        return
    message = f"{_SHAPES[wanted]} belongs here, not {_SHAPES[type(node)]}"
    hint = {Scalar: "write one value", Mapping: "write `key: value` lines", Listing: "begin each item with `- `"}[wanted]
    report.refuse("policy-wrong-shape", node.span, message, hint)
