"""DNS names and TLS server names, and the patterns of them: texts -> DnsPattern.

The texts are checked as Cilium's API server checks them (the patterns of its schema), which is stricter than its agent.
"""

from __future__ import annotations

import re
from typing import Final

from pybpf.compiler.policy.cilium.peer_shapes import FQDN
from pybpf.compiler.policy.cilium.texts import filled, string
from pybpf.compiler.policy.model.peers import DnsPattern
from pybpf.compiler.policy.text.fields import Text, fields
from pybpf.compiler.policy.text.positions import Node
from pybpf.compiler.policy.text.report import Report

MAX_LENGTH: Final = 255
_NAME: Final = re.compile(r"[-a-zA-Z0-9_]+(?:\.[-a-zA-Z0-9_]+)*\.?")
_PATTERN: Final = re.compile(r"[-a-zA-Z0-9_*]+(?:\.[-a-zA-Z0-9_*]+)*\.?")
_HINT: Final = f"use letters, digits, '-' and '_' between single dots, at most {MAX_LENGTH} characters"


def dns_name(node: Node, report: Report) -> DnsPattern | None:
    """An item of toFQDNs or of DNS rules; None after a report."""
    already = report.errors
    found = fields(node, FQDN, report)
    name, pattern = filled(found.get("matchName"), report), filled(found.get("matchPattern"), report)
    if report.errors > already:
        return None
    if name is not None and pattern is not None:
        report.refuse("policy-one-of", pattern.span, "matchName and matchPattern stand in one item", "make two items of it, or remove one of the keys")
        return None
    if name is not None:
        return exact_name(name, report)
    if pattern is not None:
        return name_pattern(pattern, report)
    report.refuse("policy-one-of", node.span, "there is neither matchName nor matchPattern here", 'write one of them; matchPattern: "*" is every name')
    return None


def server_name(node: Node, report: Report) -> DnsPattern | None:
    """An item of serverNames; None after a report."""
    written = string(node, report)
    return server_name_text(written, report) if written is not None else None


def exact_name(name: Text, report: Report) -> DnsPattern | None:
    """One name, which has no star; None after a report."""
    if "*" in name.value:
        message = "only alphanumeric ASCII characters, '-', '_' and '.' are allowed in a matchName, no star"
        report.refuse("policy-dns-name", name.span, message, "write matchPattern instead of matchName")
        return None
    return _checked(name, _NAME, report)


def name_pattern(pattern: Text, report: Report) -> DnsPattern | None:
    """A pattern of names; None after a report."""
    return _checked(pattern, _PATTERN, report)


def server_name_text(written: Text, report: Report) -> DnsPattern | None:
    """The name of a TLS server, or a pattern of them; None after a report."""
    if not written.value:
        report.refuse("policy-server-name", written.span, "Empty server name is not allowed", 'write a name, or "*" for every name')
        return None
    if "***" in written.value:
        report.refuse("policy-server-name", written.span, "three stars in a row have no meaning", "write ** for a run of labels, * for a run within one")
        return None
    if not _PATTERN.fullmatch(written.value) or len(written.value) > MAX_LENGTH:
        report.refuse("policy-server-name", written.span, f"{written.value!r} is not the name of a server", _HINT)
        return None
    return DnsPattern(_canonical(written), "*" not in written.value, written.span)


def _checked(written: Text, form: re.Pattern[str], report: Report) -> DnsPattern | None:
    if not form.fullmatch(written.value) or len(written.value) > MAX_LENGTH:
        report.refuse("policy-dns-name", written.span, f"{written.value!r} is not a DNS name", _HINT)
        return None
    return DnsPattern(_canonical(written), form is _NAME, written.span)


def _canonical(written: Text) -> str:
    return written.value.lower().removesuffix(".")
