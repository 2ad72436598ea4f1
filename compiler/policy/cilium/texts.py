"""Strings that policies hold: plain ones, and those that may not be empty."""

from __future__ import annotations

from pybpf.compiler.policy.text.fields import Text, text
from pybpf.compiler.policy.text.positions import STRING, Entry, Node, Scalar
from pybpf.compiler.policy.text.report import Report


def string(node: Node, report: Report) -> Text | None:
    """A string; None after a report."""
    if isinstance(node, Scalar) and node.kind == STRING:
        return Text(node.value, node.span)
    text(node, report)
    return None


def filled(entry: Entry | None, report: Report) -> Text | None:
    """The string of a key; None if the key is absent, or after a report. An empty one is refused: Cilium reads it as if the
    key were absent, and a template that forgot its value must not open everything."""
    written = string(entry.value, report) if entry is not None else None
    if entry is not None and written is not None and not written.value:
        key = entry.key.value
        report.refuse("policy-empty", written.span, f"the {key} is empty", f"write a {key}, or remove the key if any {key} will do")
        return None
    return written
