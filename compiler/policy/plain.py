"""YAML text -> plain Python values, for data files that are no policies (a scenario, an inventory)."""

from __future__ import annotations

from pybpf.compiler.diag import CompileError, Source
from pybpf.compiler.policy.positions import NULL, Listing, Mapping, Node, Scalar, parse

Plain = str | int | bool | None | list["Plain"] | dict[str, "Plain"]
_TRUE = {"true", "yes", "on"}


def read_plain(source: Source) -> Plain:
    """The one document of `source` as dicts, lists, strings, integers, booleans and None.

    CompileError for what is not YAML, for more than one document, and for what positions.py refuses.
    """
    documents, wrong = parse(source)
    if wrong:
        raise CompileError(wrong)
    if len(documents) != 1:
        raise ValueError(f"{source.name} holds {len(documents)} documents, not one")
    return _plain(documents[0])


def _plain(node: Node) -> Plain:
    match node:
        case Mapping(entries=entries):
            return {entry.key.value: _plain(entry.value) for entry in entries}
        case Listing(items=items):
            return [_plain(item) for item in items]
        case Scalar(value=value, kind="int"):
            return int(value.replace("_", ""), 0)
        case Scalar(value=value, kind="bool"):
            return value.lower() in _TRUE
        case Scalar(kind=kind) if kind == NULL:
            return None
        case Scalar(value=value):
            return value
