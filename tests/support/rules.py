"""HTTP rules for tests, each on a line of a made-up source."""

from __future__ import annotations

from collections.abc import Sequence

from pybpf.compiler.diag import Source, Span, span_of_line
from pybpf.compiler.lower.http_tables import HttpTables, http_tables
from pybpf.compiler.policy.model.layer7 import HttpRule, MatchKind, TextMatch


def http_rule(method: str | None, path: str | None, span: Span) -> HttpRule:
    """A rule by regular expressions."""
    return HttpRule(_regex(method, span), _regex(path, span), None, (), span)


def _regex(text: str | None, span: Span) -> TextMatch | None:
    return None if text is None else TextMatch(MatchKind.REGEX, text, span)


def http_rules(*rules: tuple[str | None, str | None]) -> list[HttpRule]:
    """HttpRules of (method, path) pairs."""
    source = Source("rules.yaml", "\n".join(f"{method} {path}" for method, path in rules))
    return [http_rule(*rule, span_of_line(source, line)) for line, rule in enumerate(rules, 1)]


def tables_of(rules: Sequence[tuple[str | None, str | None]]) -> HttpTables:
    """The tables of (method, path) pairs, numbered from 1."""
    return http_tables(http_rules(*rules), range(1, len(rules) + 1))
