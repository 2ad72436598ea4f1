"""HTTP rules -> the tables of kernel_progs/http.py.

One machine per rule set: the request lines of all rules, each marked with its rule, cut down to what the strict
grammar allows; behind them the header grammar. Minimal, then packed with the states that mean something first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pybpf.compiler.automata import (
    UPPER,
    ByteSet,
    Dfa,
    OneOf,
    PackedTable,
    Pattern,
    PatternError,
    Repeat,
    TableTooLarge,
    TooManyStates,
    byte_range,
    bytes_of,
    choice,
    determinize,
    follow,
    intersect,
    marked,
    minimize,
    pack,
    sequence,
    thompson,
)
from pybpf.compiler.diag import CompileError, Diagnostic, Span
from pybpf.compiler.lower.http_grammar import CRLF, SPACE, VERSION, headers, strict_line, target
from pybpf.compiler.policy.model.layer7 import HttpRule, TextMatch
from pybpf.compiler.policy.patterns import path_pattern, value_pattern
from pybpf.kernel_progs.matching import Action

# Marks of the machine: rules count up from RULE, the landmarks of the grammar lie below.
STRICT, HOST, LENGTH, DIGIT, END, RULE = 1, 2, 3, 4, 5, 16
ACTION_OF = {HOST: Action.HOST_NAME, LENGTH: Action.LENGTH_NAME, DIGIT: Action.LENGTH_DIGIT, END: Action.HEAD_END}
VALUE_BYTES = byte_range(0x20, 0x7E)
NAME_BYTES = UPPER | byte_range(0x61, 0x7A) | bytes_of(b"-")
MIN_SPECIAL_ROWS = 256


@dataclass(frozen=True, slots=True)
class HttpTables:
    """The tables of one rule set. `arrays` are the contents of kernel_progs.http's global arrays, by name."""

    rules: tuple[HttpRule, ...]
    dfa: Dfa
    table: PackedTable
    actions: tuple[Action, ...]
    arrays: Mapping[str, bytes]
    tag: int

    @property
    def constants(self) -> dict[str, int]:
        """What the program is specialised with."""
        return {"STRIDE_SHIFT": self.table.stride_shift}


def http_tables(rules: Sequence[HttpRule], numbers: Sequence[int]) -> HttpTables:
    """The tables for `rules`, whose numbers (as events name them) are `numbers`. CompileError for a bad pattern,
    or for a rule set whose machine is too large."""
    lines = choice(*(marked(_line(rule), RULE + index) for index, rule in enumerate(rules)))
    try:
        strict = determinize(thompson(strict_line(STRICT)))
        line = minimize(intersect(determinize(thompson(lines)), strict, accept=STRICT))
        head = minimize(determinize(thompson(headers(HOST, LENGTH, DIGIT, END))))
        whole = minimize(follow(line, head, frozenset(range(RULE, RULE + len(rules)))))
        return _packed(tuple(rules), numbers, whole)
    except (TooManyStates, TableTooLarge) as error:
        hint = "split the rules over several ports or endpoints, or use fewer repetitions such as {0,100}"
        raise CompileError([Diagnostic("http-too-large", rules[0].span, f"this rule set is too large: {error}", hint)]) from error


def _line(rule: HttpRule) -> Pattern:
    """The request lines a rule allows, before the strict grammar cuts them down."""
    method = _pattern(value_pattern, rule.method) if rule.method is not None else Repeat(OneOf(UPPER | bytes_of(b"-")), 1)
    path = _pattern(path_pattern, rule.path) if rule.path is not None else target()
    return sequence(method, SPACE, path, SPACE, VERSION, CRLF)


def _pattern(meaning: Callable[[TextMatch], Pattern], match: TextMatch) -> Pattern:
    try:
        return meaning(match)
    except PatternError as error:
        place = _inside(match, error.offset, error.length)
        raise CompileError([Diagnostic("http-pattern", place, error.message, error.hint)]) from error


def _inside(match: TextMatch, offset: int, length: int) -> Span:
    """The span of a part of a text, when the source shows it letter by letter; else the span of all of it."""
    span = match.span
    line = span.source.line(span.line)
    at = line.find(match.text, span.column - 1)
    if span.line != span.end_line or at < 0:
        return span
    start = at + offset + 1
    return Span(span.source, span.line, start, span.line, start + max(1, length))


def _packed(rules: tuple[HttpRule, ...], numbers: Sequence[int], dfa: Dfa) -> HttpTables:
    meaning = {state: action for state in range(1, len(dfa.marks)) if (action := _action(dfa, state)) is not None}
    order = sorted(meaning, key=lambda state: (meaning[state], state))
    table = pack(dfa, order)
    actions = tuple(meaning[state] for state in order)
    skipping = sum(action in (Action.SKIP_VALUE, Action.SKIP_NAME) for action in actions)
    rows = 1 << max(MIN_SPECIAL_ROWS - 1, len(order)).bit_length()
    entries = 1 << (len(table.transitions) - 1).bit_length()
    rule_of = [0] + [numbers[_rule(dfa, state)] if meaning[state] is Action.REQUEST_LINE else 0 for state in order]
    arrays = {
        "classes": table.classes,
        "transitions": _numbers(table.transitions, 4, entries),
        "actions": bytes([Action.REFUSE, *actions]).ljust(rows, b"\0"),
        "rules": _numbers(rule_of, 4, rows),
    }
    tag = int.from_bytes(hashlib.sha256(b"".join(arrays.values())).digest()[:4], "little") | 1
    limits = [table.start, (1 + skipping) << table.stride_shift, (1 + len(order)) << table.stride_shift, tag]
    return HttpTables(rules, dfa, table, actions, arrays | {"settings": _numbers(limits, 4, 4)}, tag)


def _action(dfa: Dfa, state: int) -> Action | None:
    """What entering a state means to the kernel program; None for an ordinary one."""
    marks = dfa.marks[state]
    found = {Action.REQUEST_LINE if mark >= RULE else ACTION_OF[mark] for mark in marks}
    if _stays(dfa, state, VALUE_BYTES):
        found.add(Action.SKIP_VALUE)
    elif _stays(dfa, state, NAME_BYTES):
        found.add(Action.SKIP_NAME)
    assert len(found) <= 1, f"state {state} means {found}: the grammar must keep its marks apart"
    return next(iter(found), None)


def _stays(dfa: Dfa, state: int, members: ByteSet) -> bool:
    return all(dfa.transitions[state][dfa.classes[byte]] == state for byte in members)


def _rule(dfa: Dfa, state: int) -> int:
    """The first rule of those whose request line is complete here."""
    return min(mark for mark in dfa.marks[state] if mark >= RULE) - RULE


def _numbers(values: Sequence[int], octets: int, count: int) -> bytes:
    return b"".join(value.to_bytes(octets, "little") for value in values).ljust(octets * count, b"\0")

