"""Positioned nodes -> typed values, every mismatch reported with its place.

The functions here always return something of the right type, so that reading goes on and finds the next error; what
they return after a report must not be used as policy. A null is refused unless its key's row allows it: Kubernetes
reads it as an absent key, and an absent list of peers means every peer. Half a rule would open it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from collections.abc import Mapping as Table
from dataclasses import dataclass
from typing import Final

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.text.positions import NULL, STRING, Entry, Listing, Mapping, Node, Scalar
from pybpf.compiler.policy.text.report import Report
from pybpf.compiler.policy.text.shapes import Field, FieldType, ListOf, Shape

_SHAPES: Final = {Scalar: "a string", Mapping: "a mapping", Listing: "a list"}
_HINTS: Final = {Scalar: "write one value", Mapping: "write `key: value` lines", Listing: "begin each item with `- `"}
_TRUE: Final = ("true", "True", "TRUE")
_FALSE: Final = ("false", "False", "FALSE")


@dataclass(frozen=True, slots=True)
class Text:
    """A scalar of the file; the span covers it with its quotes."""

    value: str
    span: Span


def fields(node: Node, shape: Shape, report: Report) -> Table[str, Entry]:
    """The entries of a mapping by key. Reports everything but a mapping, keys that are not the shape's, required keys that
    are missing, and keys without a value; of those, the ones that may stand without are left out."""
    if not isinstance(node, Mapping):
        refuse_shape(node, Mapping, report)
        return {}
    rows = _rows(shape)
    found: dict[str, Entry] = {}
    for entry in node.entries:
        row = rows.by_name.get(entry.key.value)
        if row is None:
            _refuse_key(entry.key, shape, report)
        elif row.null and is_null(entry.value):
            continue
        else:
            found[entry.key.value] = entry
    for row in rows.required:
        if row.name not in found:
            report.refuse("policy-missing-key", node.span, f"the key {row.name!r} is missing", f"add {row.name!r}: {row.doc}")
    return found


def is_null(node: Node) -> bool:
    """Whether there is no value."""
    return isinstance(node, Scalar) and node.kind == NULL


def items(node: Node, report: Report) -> tuple[Node, ...]:
    """The items of a list; reports anything else."""
    if not isinstance(node, Listing):
        refuse_shape(node, Listing, report)
        return ()
    return node.items


def strings(node: Node, report: Report) -> tuple[tuple[Text, Text], ...]:
    """The entries of a mapping from strings to strings, such as labels; reports anything else."""
    if not isinstance(node, Mapping):
        refuse_shape(node, Mapping, report)
        return ()
    return tuple((Text(entry.key.value, entry.key.span), text(entry.value, report)) for entry in node.entries)


def text(node: Node, report: Report) -> Text:
    """A string; reports anything else, such as the integer 80 or the boolean `on`."""
    if not isinstance(node, Scalar) or node.kind == NULL:
        refuse_shape(node, Scalar, report)
        return Text("", node.span)
    if node.kind != STRING:
        message = f"a string belongs here, but YAML reads {node.value!r} as {node.kind}"
        report.refuse("policy-not-a-string", node.span, message, f'quote it: "{node.value}"')
    return Text(node.value, node.span)


def boolean(node: Node, report: Report) -> bool:
    """true or false as YAML 1.2 and Kubernetes write them; reports anything else, `yes` and "true" too."""
    if isinstance(node, Scalar) and node.kind == "bool" and node.value in _TRUE + _FALSE:
        return node.value in _TRUE
    report.refuse("policy-not-a-boolean", node.span, "true or false belongs here", "write true or false, without quotes")
    return False


def integer(node: Node, least: int, most: int, report: Report) -> int:
    """A decimal integer from `least` to `most`; reports anything else and returns `least`."""
    if isinstance(node, Scalar) and node.kind == "int" and _is_decimal(node.value) and least <= int(node.value) <= most:
        return int(node.value)
    message = f"an integer from {least} to {most} belongs here"
    report.refuse("policy-not-an-integer", node.span, message, "write it in decimal, without quotes")
    return least


def choice(node: Node, values: Iterable[str], report: Report) -> Text | None:
    """One of some strings, exactly; reports anything else and returns None."""
    already = len(report.found)
    written = text(node, report)
    known = tuple(values)
    if len(report.found) > already:
        return None
    if written.value not in known:
        report.refuse("policy-unknown-value", written.span, f"{written.value!r} is not known here", did_you_mean(written.value, known))
        return None
    return written


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them."""
    words = tuple(known)
    close = [each for each in words if each.lower() == word.lower()] or difflib.get_close_matches(word, words, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known are: {', '.join(words)}"


def refuse_shape(node: Node, wanted: type[Scalar | Mapping | Listing], report: Report) -> None:
    """Report a node that is not of the wanted shape, or no value at all."""
    if is_null(node):
        hint = "write a value (an empty list is [], an empty mapping is {}) or remove the key: the three differ"
        report.refuse("policy-null", node.span, f"there is no value here, {_SHAPES[wanted]} belongs here", hint)
        return
    message = f"{_SHAPES[wanted]} belongs here, not {_SHAPES[type(node)]}"
    report.refuse("policy-wrong-shape", node.span, message, _HINTS[wanted])


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows of a shape as they are looked for."""

    shape: Shape
    by_name: Table[str, Field]
    required: tuple[Field, ...]


# By the identity of a shape, which the value keeps alive: to hash one would be to hash all that it holds.
_KNOWN_ROWS: dict[int, _Rows] = {}


def _rows(shape: Shape) -> _Rows:
    known = _KNOWN_ROWS.get(id(shape))
    if known is None:
        known = _Rows(shape, {row.name: row for row in shape.fields}, tuple(row for row in shape.fields if row.required))
        _KNOWN_ROWS[id(shape)] = known
    return known


def _refuse_key(key: Scalar, shape: Shape, report: Report) -> None:
    for name, message, hint in shape.removed:
        if key.value == name:
            report.refuse("policy-removed-key", key.span, message, hint)
            return
    homes = [row.name for row in shape.fields if key.value in _keys_below(row.type)]
    hint = did_you_mean(key.value, [row.name for row in shape.fields])
    if homes and not hint.startswith("did you mean"):
        hint = f"it belongs below {' or '.join(homes)}: indent it further"
    report.refuse("policy-unknown-key", key.span, f"unknown key {key.value!r} in {shape.name}", hint)


def _keys_below(kind: FieldType) -> frozenset[str]:
    """The keys of a mapping, or of the mappings in a list."""
    match kind:
        case Shape(fields=rows):
            return frozenset(row.name for row in rows)
        case ListOf(item=item):
            return _keys_below(item)
        case _:
            return frozenset()


def _is_decimal(written: str) -> bool:
    digits = written.removeprefix("-")
    return digits.isascii() and digits.isdigit() and (digits == "0" or not digits.startswith("0"))
