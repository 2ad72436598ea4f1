"""What a policy says of itself: its labels, and the text that its events carry."""

from __future__ import annotations

import unicodedata
from typing import Final

from pybpf.compiler.policy.cilium.shapes import LABEL, LOG, MAX_LOG
from pybpf.compiler.policy.cilium.texts import string
from pybpf.compiler.policy.text.fields import fields, items
from pybpf.compiler.policy.text.positions import Entry, Mapping, Node
from pybpf.compiler.policy.text.report import Report

UNSPECIFIED: Final = "unspec"


def labels(entry: Entry | None, report: Report) -> tuple[str, ...]:
    """The labels of a policy as `source:key=value`, in the order of the file."""
    if entry is None:
        return ()
    read = [_label(each, report) for each in items(entry.value, report)]
    return tuple(each for each in read if each is not None)


def log(entry: Entry | None, report: Report) -> str:
    """The text for events; empty where there is none."""
    found = fields(entry.value, LOG, report) if entry is not None else {}
    written = string(found["value"].value, report) if "value" in found else None
    if written is None:
        return ""
    if not is_log(written.value):
        hint = f"write at most {MAX_LOG} printable characters"
        report.refuse("policy-log", written.span, "this is too long for a log, or not printable", hint)
    return written.value


def is_log(text: str) -> bool:
    """Whether events can carry this text: it is short, and no character of it is of Unicode's category C."""
    return len(text) <= MAX_LOG and not any(unicodedata.category(each).startswith("C") for each in text)


def _label(node: Node, report: Report) -> str | None:
    """One label, as a mapping or as one text; None after a report."""
    if isinstance(node, Mapping):
        found = fields(node, LABEL, report)
        parts = {key: string(entry.value, report) for key, entry in found.items()}
        written = {key: part.value for key, part in parts.items() if part is not None}
        source, key, value = written.get("source", ""), written.get("key", ""), written.get("value", "")
    else:
        text = string(node, report)
        if text is None:
            return None
        name, _, value = text.value.partition("=")
        source, _, key = name.partition(":") if ":" in name else ("", "", name)
    if not key:
        report.refuse("policy-label", node.span, "a label of a policy has no key", "write `source:key=value`")
        return None
    return f"{source or UNSPECIFIED}:{key}" + (f"={value}" if value else "")
