"""HTTP rules for tests, each on a line of a made-up source."""

from __future__ import annotations

from collections.abc import Sequence

from pybpf.compiler.diag import Source, span_of_line
from pybpf.compiler.lower import HttpTables, http_tables
from pybpf.compiler.narrow import HttpRule, Text


def http_rules(*rules: tuple[str | None, str | None]) -> list[HttpRule]:
    """HttpRules of (method, path) pairs."""
    source = Source("rules.yaml", "\n".join(f"{method} {path}" for method, path in rules))
    made = []
    for line, (method, path) in enumerate(rules, 1):
        span = span_of_line(source, line)
        made.append(HttpRule(None if method is None else Text(method, span), None if path is None else Text(path, span), span))
    return made


def tables_of(rules: Sequence[tuple[str | None, str | None]]) -> HttpTables:
    """The tables of (method, path) pairs, numbered from 1."""
    return http_tables(http_rules(*rules), range(1, len(rules) + 1))
