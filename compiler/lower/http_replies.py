"""The tables by which kernel_progs/http.py reads replies. They are the same for all rule sets."""

from __future__ import annotations

from functools import cache

from pybpf.compiler.automata import determinize, follow, minimize, thompson
from pybpf.compiler.lower.http_conditions import Conditions
from pybpf.compiler.lower.http_grammar import Mark, chunked_body, reply_head
from pybpf.compiler.lower.http_tables import HttpTables, Machine, packed

NOTHING_ASKED = Conditions({}, (), (), {}, {})


@cache
def reply_tables() -> HttpTables:
    """The tables of replies; their one request line is the status line."""
    head, body = (minimize(determinize(thompson(pattern))) for pattern in (reply_head(), chunked_body()))
    whole = minimize(follow(head, body, frozenset({Mark.REPLY_END})))
    return packed((), (), Machine(whole, NOTHING_ASKED, {Mark.STATUS_LINE: ()}))
