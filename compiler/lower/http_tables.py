"""HTTP rules -> the tables of kernel_progs/http.py.

One machine per rule set: the request lines of all rules, cut down to what the strict grammar allows, each marked with the rules that it
leaves; behind them the header grammar, with the headers that rules name; behind that the framing of chunked bodies. Minimal, then packed
with the states that mean something first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pybpf.compiler.automata import (
    UPPER,
    Dfa,
    OneOf,
    PackedTable,
    Pattern,
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
    marked_states,
    minimize,
    pack,
    remarked,
    run,
    sequence,
    staying_states,
    thompson,
)
from pybpf.compiler.diag import CompileError, Diagnostic, Source, span_of_line
from pybpf.compiler.lower.http_conditions import Conditions, choices_of, conditions_of, meant
from pybpf.compiler.lower.http_grammar import (
    CRLF,
    FRAMING_NAMES,
    HOST_NAME,
    REFUSED_NAMES,
    SPACE,
    VERSION,
    Mark,
    chunked_body,
    headers,
    strict_line,
    target,
    websocket,
)
from pybpf.compiler.lower.judgements import Origin, RuleSet
from pybpf.compiler.policy.model.layer7 import HttpRule
from pybpf.compiler.policy.patterns import path_pattern, value_pattern
from pybpf.kernel_progs.http import KEEP_ALIVE
from pybpf.kernel_progs.matching import Action, Choice

ACTION_OF: Final = {
    Mark.HOST: Action.HOST_NAME, Mark.LENGTH: Action.LENGTH_NAME, Mark.DIGIT: Action.LENGTH_DIGIT, Mark.CODING: Action.CODING_NAME,
    Mark.CLOSE: Action.CLOSE, Mark.END: Action.HEAD_END, Mark.CHUNK_DIGIT: Action.CHUNK_DIGIT, Mark.CHUNK_OCTETS: Action.CHUNK_OCTETS,
    Mark.CHUNK_END: Action.CHUNK_END, Mark.UPGRADE: Action.UPGRADE, Mark.STATUS: Action.STATUS_DIGIT, Mark.REPLY_END: Action.REPLY_END,
}  # fmt: skip
# A text behind the empty line for each state of a chunked body, in the order in which all tables have them.
CHUNK_TEXTS: Final = (b"", *(b"1" * digits for digits in range(1, 9)), b"1\r", b"1\r\n", b"1\r\n\r", b"1\r\n\r\n", b"0", b"0\r", b"0\r\n", b"0\r\n\r")
VALUE_BYTES: Final = byte_range(0x20, 0x7E)
NAME_BYTES: Final = UPPER | byte_range(0x61, 0x7A) | bytes_of(b"-")
MIN_SPECIAL_ROWS: Final = 2048  # a shape for all small rule sets
MIN_CHOICES: Final = 16
MOST_SKIPPED: Final = 32
NOWHERE: Final = span_of_line(Source("settings", ""), 1)  # of rules that nobody wrote


@dataclass(frozen=True, slots=True)
class Shape:
    """What a rule set's program is specialised with: the sizes of its arrays in bytes. Rule sets of one shape have the same program, each
    with tables of its own."""

    sizes: tuple[tuple[str, int], ...]


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
    def shape(self) -> Shape:
        """What of them is in the program; the rest is data."""
        return Shape(tuple((name, len(content)) for name, content in self.arrays.items()))


@dataclass(frozen=True, slots=True)
class Machine:
    """The automaton of a rule set. A request line's mark is the place of its rules among `lists`; names' and values' marks come before."""

    dfa: Dfa
    conditions: Conditions
    lists: Mapping[int, tuple[int, ...]]


def rule_set_tables(rule_set: RuleSet, numbers: Mapping[Origin, int]) -> HttpTables:
    """The tables of a rule set. One that watches lets all strict requests pass, those that no rule allows by a number that says so."""
    own = [numbers[origin] for origin in rule_set.origins]
    if rule_set.audit is None:
        return http_tables(rule_set.rules, own)
    rest = HttpRule(None, None, None, (), rule_set.rules[0].span if rule_set.rules else NOWHERE)
    told = numbers[rule_set.audit] | Choice.AUDITED
    return http_tables([*rule_set.rules, rest, replace(rest, websocket=True)], [*own, told, told])


def http_tables(rules: Sequence[HttpRule], numbers: Sequence[int]) -> HttpTables:
    """The tables for `rules`, whose numbers (as events name them) are `numbers`. CompileError for a bad pattern, for what no rule can look
    at, or for a rule set whose machine is too large."""
    try:
        return packed(tuple(rules), numbers, _machine(rules))
    except (TooManyStates, TableTooLarge) as error:
        hint = "split the rules over several ports or endpoints, or use fewer repetitions such as {0,100}"
        raise CompileError([Diagnostic("http-too-large", rules[0].span, f"this rule set is too large: {error}", hint)]) from error


def _machine(rules: Sequence[HttpRule]) -> Machine:
    conditions = conditions_of(rules, Mark.RULES)
    first_rule = Mark.RULES + len(conditions.bits)
    lines = choice(*(marked(_line(rule), first_rule + index) for index, rule in enumerate(rules)))
    strict = determinize(thompson(strict_line()))
    line, lists = _listed(intersect(determinize(thompson(lines)), strict, accept=Mark.STRICT), rules, conditions, first_rule)
    asked = any(rule.websocket for rule in rules)
    head = minimize(determinize(thompson(headers(conditions.fields, [websocket()] if asked else [], [b"upgrade"] if asked else []))))
    body = minimize(determinize(thompson(chunked_body())))
    whole = follow(minimize(line), follow(head, body, frozenset({Mark.END})), frozenset(lists))
    return Machine(minimize(whole), conditions, lists)


def _line(rule: HttpRule) -> Pattern:
    """The request lines a rule allows, before the strict grammar cuts them down."""
    method = meant(value_pattern, rule.method) if rule.method is not None else Repeat(OneOf(UPPER | bytes_of(b"-")), 1)
    path = meant(path_pattern, rule.path) if rule.path is not None else target()
    return sequence(method, SPACE, path, SPACE, VERSION, CRLF)


def _listed(line: Dfa, rules: Sequence[HttpRule], conditions: Conditions, first_mark: int) -> tuple[Dfa, dict[int, tuple[int, ...]]]:
    """The machine of request lines with one mark for each list of rules that a line can leave, and the lists by their marks."""
    marks: dict[tuple[int, ...], int] = {}
    found: dict[frozenset[int], frozenset[int]] = {frozenset(): frozenset()}
    for each in line.marks.sets:
        if each not in found:
            left = choices_of([mark - first_mark for mark in each], conditions.wanted, rules)
            found[each] = frozenset({marks.setdefault(left, first_mark + len(marks))})
    return remarked(line, found), {mark: left for left, mark in marks.items()}


def packed(rules: tuple[HttpRule, ...], numbers: Sequence[int], machine: Machine) -> HttpTables:
    """The tables of a machine. TableTooLarge."""
    dfa = machine.dfa
    chunks = _chunk_states(machine)
    value, line = _usual_states(machine)
    meaning = _meaning(machine)
    meaning |= {state: meaning.get(state, Action.CHUNK_STEP) for state in chunks} | {line: Action.LINE}
    places = {state: place for place, state in enumerate(chunks)}
    others = sorted(meaning.keys() - places.keys(), key=lambda state: (meaning[state], state))
    skipped = [state for state in others if meaning[state] in (Action.SKIP_VALUE, Action.SKIP_NAME)]
    order = [*skipped, *chunks, *others[len(skipped) :]]
    table = pack(dfa, order)
    choices, wanted, starts = _choices(machine, numbers, rules)
    rows = 1 << (max(MIN_SPECIAL_ROWS, table.special_limit) - 1).bit_length()
    argument = {state: _argument(machine, state, starts) for state in order} | places
    arrays = {
        "columns": table.columns,
        "transitions": table.transitions.view.tobytes().ljust(4 << (len(table.transitions) - 1).bit_length(), b"\0"),
        "chunk_rows": _numbers([table.bases[state] for state in chunks], 4, 32),
        "actions": _by_row(table, {state: meaning[state] for state in order}, 1, rows),
        "arguments": _by_row(table, argument, 4, rows),
        "met": _by_row(table, {state: _met(machine, state) for state in order}, 8, rows),
        "choices": _numbers(choices, 4, 1 << max(MIN_CHOICES, len(choices)).bit_length()),
        "wanted": _numbers(wanted, 8, 1 << max(MIN_CHOICES, len(choices)).bit_length()),
        "lengths": _numbers(_lengths(machine), 4, 32),
    }
    tag = int.from_bytes(hashlib.sha256(b"".join(arrays.values())).digest()[:4], "little") | 1
    skip_limit = table.bases[skipped[-1]] + 1 if skipped else 1
    any_host = int(HOST_NAME not in {field.name for field in machine.conditions.fields})
    settings = [table.start, skip_limit, table.special_limit, table.bases[line], table.bases[value], tag, any_host]
    actions = tuple(meaning[state] for state in order)
    return HttpTables(rules, dfa, table, actions, arrays | {"settings": _numbers(settings, 4, 8)}, tag)


def _meaning(machine: Machine) -> dict[int, Action]:
    """What entering a state means to the kernel program, for all but ordinary ones."""
    found = {state: {_action_of(machine, mark) for mark in machine.dfa.marks[state]} for state in marked_states(machine.dfa)}
    values, names = (set(staying_states(machine.dfa, members)) for members in (VALUE_BYTES, NAME_BYTES))
    # A machine's states are numbered from its start on, so those of heads come last. Rows in which bytes are skipped are long and lie
    # among the special ones, and a rule set has as many in its paths as it has patterns such as [^/]+.
    for state in sorted(values | names, reverse=True)[:MOST_SKIPPED]:
        found.setdefault(state, set()).add(Action.SKIP_VALUE if state in values else Action.SKIP_NAME)
    for state, actions in found.items():
        assert len(actions) == 1, f"state {state} means {actions}: the grammar must keep its marks apart"
    return {state: next(iter(actions)) for state, actions in found.items()}


def _action_of(machine: Machine, mark: int) -> Action:
    if mark in machine.lists:
        return Action.REQUEST_LINE
    if mark in machine.conditions.name_bits:
        return Action.NAMED
    return Action.VALUE_END if mark in machine.conditions.value_bits else ACTION_OF[Mark(mark)]


def _argument(machine: Machine, state: int, starts: Mapping[int, int]) -> int:
    """Where the choices of a request line begin, or the bit of a header's name."""
    marks = machine.dfa.marks[state]
    return next((starts[mark] if mark in starts else machine.conditions.name_bits[mark] for mark in marks if mark in starts or mark in machine.conditions.name_bits), 0)


def _met(machine: Machine, state: int) -> int:
    """The conditions that the value which ends in a state meets, as bits."""
    bits = machine.conditions.value_bits
    return sum(1 << bits[mark] for mark in machine.dfa.marks[state] if mark in bits)


def _choices(machine: Machine, numbers: Sequence[int], rules: Sequence[HttpRule]) -> tuple[list[int], list[int], dict[int, int]]:
    """All lists of rules behind each other: each rule's number, what it wants, and where the list of a mark begins."""
    choices: list[int] = []
    wanted: list[int] = []
    starts: dict[int, int] = {}
    flags = [Choice.WEBSOCKET if rule.websocket else 0 for rule in rules]
    for mark, left in machine.lists.items():
        starts[mark] = len(choices)
        choices += [numbers[index] | (Choice.LAST if index == left[-1] else 0) | flags[index] for index in left]
        wanted += [machine.conditions.wanted[index] for index in left]
    return choices, wanted, starts


def _names(machine: Machine) -> list[bytes]:
    """The names of headers that count."""
    return [HOST_NAME, *FRAMING_NAMES, *REFUSED_NAMES, *(field.name for field in machine.conditions.fields)]


def _lengths(machine: Machine) -> list[int]:
    """For each first byte, its lower five bits, the lengths of the names that begin so and count."""
    found = [0] * 32
    for name in _names(machine):
        if len(name) < 32:
            found[name[0] & 31] |= 1 << len(name)
    return found


def _usual_states(machine: Machine) -> tuple[int, int]:
    """The state in the value of a header that does not count, and the one at the beginning of a header line."""
    state = next(state for state, marks in enumerate(machine.dfa.marks) if marks & machine.lists.keys())
    name = b"x" * (1 + max(map(len, _names(machine))))
    line = run(machine.dfa, name + b":\r\n", state)
    assert run(machine.dfa, KEEP_ALIVE, line) == line, "the matcher steps over this line"
    return run(machine.dfa, name + b":", state), line


def _chunk_states(machine: Machine) -> list[int]:
    """The states of chunked bodies, those of CHUNK_TEXTS."""
    end = next(state for state, marks in enumerate(machine.dfa.marks) if Mark.END in marks or Mark.REPLY_END in marks)
    states = [run(machine.dfa, text, end) for text in CHUNK_TEXTS]
    assert len(set(states)) == len(CHUNK_TEXTS), "all states of chunked bodies differ"
    return states


def _by_row(table: PackedTable, values: Mapping[int, int], octets: int, rows: int) -> bytes:
    """What special states have, at their rows."""
    found = bytearray(rows * octets)
    for state, value in values.items():
        at = table.bases[state] * octets
        found[at : at + octets] = value.to_bytes(octets, "little")
    return bytes(found)


def _numbers(values: Sequence[int], octets: int, count: int) -> bytes:
    return b"".join(value.to_bytes(octets, "little") for value in values).ljust(octets * count, b"\0")
