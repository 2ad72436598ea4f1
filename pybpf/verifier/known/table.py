"""The table of known causes: what the verifier says -> what it means for a person who writes Python.

Rows are tried in the order below: within a table the special before the general, and among tables those whose phrases are longest
first. Nothing is compiled before a program was refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from . import admission, calls, memory, objects, paths, values
from .cause import Cause

TABLE: tuple[Cause, ...] = (
    *admission.FAULTS, *memory.CAUSES, *values.CAUSES, *paths.CAUSES, *calls.CAUSES, *objects.CAUSES, *admission.CAUSES,
)  # fmt: skip
UNKNOWN = "verifier-unknown"
_LONGEST_LINE = 300  # characters of a line that are looked at: no message is longer, and a search may take their square
# the verifier's names for what a register holds -> words
_WORDS = {
    "ctx": "context", "pkt": "packet", "pkt_meta": "packet metadata", "map_value": "map value", "map_ptr": "map", "map_key": "map key",
    "fp": "stack", "scalar": "number", "inv": "number", "mem": "memory", "ringbuf_mem": "ring buffer entry", "sock": "socket",
    "ringbuf_mem_or_null": "ring buffer entry or None", "map_value_or_null": "map value or None", "func": "function",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code, one sentence, one hint (empty when nothing is known), and the line of the verifier's that says so."""

    code: str
    sentence: str
    hint: str
    line: str


def explain(said: tuple[str, ...]) -> Explanation:
    """What these lines mean. The first line that a row knows decides; what no row knows is given back as it is."""
    lines = tuple(line[:_LONGEST_LINE] for line in said)
    for line in lines:
        for cause, pattern in _patterns():
            found = pattern.search(line)
            if found:
                words = {name: _WORDS.get(value or "", value or "") for name, value in found.groupdict().items()}
                return Explanation(cause.code, cause.sentence.format_map(words), cause.hint.format_map(words), line)
    return Explanation(UNKNOWN, lines[0] if lines else "", "", lines[0] if lines else "")


@cache
def _patterns() -> tuple[tuple[Cause, re.Pattern[str]], ...]:
    return tuple((cause, re.compile(cause.pattern)) for cause in TABLE)
