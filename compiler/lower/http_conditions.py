"""What the rules of a set ask of headers: conditions, each with a bit; the header lines they need; the rules a request line leaves.

A header that rules name may be there once only, so that all servers see one value, and its value is of printable ASCII, without the
blanks around it. A rule is allowed a head whose conditions include all that it wants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pybpf.compiler.automata import (
    Dfa,
    OneOf,
    Pattern,
    PatternError,
    Repeat,
    as_pattern,
    byte_range,
    bytes_of,
    choice,
    determinize,
    intersect,
    marked,
    minimize,
    sequence,
    thompson,
)
from pybpf.compiler.diag import CompileError, Diagnostic, Span
from pybpf.compiler.lower.http_grammar import (
    FRAMING_NAMES,
    HOST_NAME,
    REFUSED_NAMES,
    RETURN,
    TOKEN,
    Field,
    Mark,
    host,
)
from pybpf.compiler.policy.model.layer7 import HttpRule, Mismatch, TextMatch
from pybpf.compiler.policy.patterns import host_pattern, value_pattern
from pybpf.kernel_progs.matching import MAX_CHOICES, MAX_CONDITIONS

Meaning = Callable[[TextMatch], Pattern]
PRINTABLE: Final = byte_range(0x21, 0x7E)
INNER: Final = PRINTABLE | bytes_of(b" \t")
_ACCEPT: Final = 1


@dataclass(frozen=True, slots=True)
class Condition:
    """A header, by its name in lower case, and what its value must be; `match` None: it must be there."""

    name: bytes
    match: TextMatch | None
    meaning: Meaning


@dataclass(frozen=True, slots=True)
class Conditions:
    """Those of a rule set. `bits` has the bit of each, `wanted` the bits that each rule wants; `fields` are the header lines they need,
    `name_bits` the bits of their names by their marks, `value_bits` those of the values by theirs."""

    bits: Mapping[Condition, int]
    wanted: tuple[int, ...]
    fields: tuple[Field, ...]
    name_bits: Mapping[int, int]
    value_bits: Mapping[int, int]


def conditions_of(rules: Sequence[HttpRule], first_mark: int) -> Conditions:
    """The conditions of the rules; marks count up from `first_mark`. CompileError for a header that cannot be looked at, or too many
    conditions."""
    asked = [_asked(rule) for rule in rules]
    names = dict.fromkeys(condition.name for each in asked for condition in each)
    every = dict.fromkeys([*(Condition(name, None, value_pattern) for name in names), *(each for one in asked for each in one)])
    bits = {condition: number for number, condition in enumerate(every)}
    if len(bits) > MAX_CONDITIONS:
        hint = "split the rules over several ports or endpoints, or join conditions on one header into one regular expression"
        message = f"these rules put {len(bits)} conditions to hosts and headers, more than {MAX_CONDITIONS}"
        raise CompileError([Diagnostic("http-too-large", rules[0].span, message, hint)])
    marks = {condition: first_mark + number for condition, number in bits.items()}
    fields = tuple(_field(name, marks) for name in names)
    wanted = tuple(sum(1 << bits[condition] for condition in each) for each in asked)
    name_bits = {marks[condition]: number for condition, number in bits.items() if condition == _presence(condition.name)}
    value_bits = {marks[condition]: number for condition, number in bits.items() if condition != _presence(condition.name)}
    return Conditions(bits, wanted, fields, name_bits, value_bits)


def choices_of(indices: Sequence[int], wanted: Sequence[int], rules: Sequence[HttpRule]) -> tuple[int, ...]:
    """Of rules that the same request line leaves, those that can decide, in order: none that wants all that an earlier one of its
    kind wants."""
    left: list[int] = []
    for index in sorted(indices):
        if not any(wanted[earlier] & ~wanted[index] == 0 and rules[earlier].websocket == rules[index].websocket for earlier in left):
            left.append(index)
    if len(left) > MAX_CHOICES:
        message = f"{len(left)} rules for the same requests differ only in what they want of headers; {MAX_CHOICES} can be told apart"
        hint = "join conditions on one header into one regular expression"
        raise CompileError([Diagnostic("http-too-large", rules[left[MAX_CHOICES]].span, message, hint)])
    return tuple(left)


def meant(meaning: Meaning, match: TextMatch) -> Pattern:
    """What a text means; CompileError at the place in it that is wrong."""
    try:
        return meaning(match)
    except PatternError as error:
        place = _inside(match, error.offset, error.length)
        raise CompileError([Diagnostic("http-pattern", place, error.message, error.hint)]) from error


def _presence(name: bytes) -> Condition:
    return Condition(name, None, value_pattern)


def _asked(rule: HttpRule) -> tuple[Condition, ...]:
    """What a rule wants, each once. A mismatch that is only told of is no condition."""
    found = dict.fromkeys(_of_headers(rule))
    if rule.host is not None:
        found[Condition(HOST_NAME, rule.host, host_pattern)] = None
    return tuple(found)


def _of_headers(rule: HttpRule) -> Iterator[Condition]:
    for each in rule.headers:
        name = each.name.lower().encode()
        if each.mismatch is Mismatch.REFUSE:
            _must_be_readable(name, each.span)
            yield Condition(name, each.match, value_pattern)


def _must_be_readable(name: bytes, span: Span) -> None:
    """CompileError for a name that is none, and for those of headers that every request is refused for, or framed by."""
    if not name or any(byte not in TOKEN for byte in name):
        raise CompileError([Diagnostic("http-header-name", span, f"{name.decode()!r} is not a header's name", "letters, digits and `-`")])
    if name in FRAMING_NAMES:
        hint = "pybpf checks how requests are framed by itself: leave this condition out"
        raise CompileError([Diagnostic("http-header-framing", span, f"{name.decode()} says how a request is framed; rules cannot look at it", hint)])
    if name in REFUSED_NAMES:
        hint = "no request with this header passes, whatever the rules say: leave this condition out"
        raise CompileError([Diagnostic("http-header-refused", span, f"requests with {name.decode()} are always refused", hint)])


def _field(name: bytes, marks: Mapping[Condition, int]) -> Field:
    """The line of a header: any value it may have, and each that a condition wants, with its mark at the CR behind it."""
    whole = _machine(host() if name == HOST_NAME else _value())
    values = [sequence(as_pattern(whole), RETURN)]
    for condition, mark in marks.items():
        if condition.name == name and condition.match is not None:
            wanted = minimize(intersect(_machine(meant(condition.meaning, condition.match)), whole, accept=_ACCEPT))
            values.append(sequence(as_pattern(wanted), marked(RETURN, mark)))
    return Field(name, Mark.HOST if name == HOST_NAME else marks[_presence(name)], choice(*values))


def _value() -> Pattern:
    """Printable characters, with blanks between them; or nothing."""
    return choice(Repeat(OneOf(PRINTABLE), 0, 1), sequence(OneOf(PRINTABLE), Repeat(OneOf(INNER), 0), OneOf(PRINTABLE)))


def _machine(pattern: Pattern) -> Dfa:
    return minimize(determinize(thompson(marked(pattern, _ACCEPT))))


def _inside(match: TextMatch, offset: int, length: int) -> Span:
    """The span of a part of a text, when the source shows it letter by letter; else the span of all of it."""
    span = match.span
    line = span.source.line(span.line)
    at = line.find(match.text, span.column - 1)
    if span.line != span.end_line or at < 0:
        return span
    start = at + offset + 1
    return Span(span.source, span.line, start, span.line, start + max(1, length))
