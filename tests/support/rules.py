"""HTTP rules for tests, each on a line of a made-up source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pybpf.compiler.diag import Source, Span, span_of_line
from pybpf.compiler.lower.http_tables import HttpTables, http_tables
from pybpf.compiler.policy.model.layer7 import HeaderMatch, HttpRule, MatchKind, Mismatch, TextMatch
from tests.support.http_oracle import Rule


def http_rule(method: str | None, path: str | None, span: Span, wanted: Mapping[str, str | None] | None = None) -> HttpRule:
    """A rule by regular expressions; `wanted` are those for headers, None for one that must be there."""
    headers = tuple(HeaderMatch(name, _regex(text, span), Mismatch.REFUSE, None, span) for name, text in (wanted or {}).items() if name != "host")
    host = _regex((wanted or {}).get("host"), span)
    return HttpRule(_regex(method, span), _regex(path, span), host, headers, span)


def _regex(text: str | None, span: Span) -> TextMatch | None:
    return None if text is None else TextMatch(MatchKind.REGEX, text, span)


def http_rules(*rules: Rule) -> list[HttpRule]:
    """HttpRules of (method, path) pairs, or of (method, path, headers)."""
    source = Source("rules.yaml", "\n".join(f"{rule[0]} {rule[1]}" for rule in rules))
    spans = [span_of_line(source, line) for line in range(1, len(rules) + 1)]
    return [http_rule(rule[0], rule[1], span, rule[2] if len(rule) == 3 else None) for rule, span in zip(rules, spans, strict=True)]


def tables_of(rules: Sequence[Rule]) -> HttpTables:
    """The tables of such rules, numbered from 1."""
    return http_tables(http_rules(*rules), range(1, len(rules) + 1))
