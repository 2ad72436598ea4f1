"""Text -> Pattern: a regular expression in RE2's syntax, matched in full and against UTF-8 bytes.

Source: RE2's syntax page (github.com/google/re2/wiki/Syntax); the grammar is

    alternation    = concatenation { "|" concatenation }
    concatenation  = { repetition }
    repetition     = atom [ ("*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}") [ "?" ] ]
    atom           = character | "." | class | "(" [ flags or name ] alternation ")" | anchor

The subset is what a finite automaton can decide. Everything else is refused, never approximated: look-around, back
references, `\\b`, `\\p{..}`, `(?m)`. Since the whole text must match, greed makes no difference (`*?` is `*`) and an
anchor says nothing new at the edge of the pattern; an anchor anywhere else is refused. Reading is recursive, so
groups nest at most MAX_DEPTH deep.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pybpf.compiler.automata.charclass import character, character_class, perl_class
from pybpf.compiler.automata.codepoints import CodePoints, characters, utf8
from pybpf.compiler.automata.cursor import Cursor, Flags, PatternError
from pybpf.compiler.automata.tree import Empty, Pattern, Repeat, choice, sequence

MAX_REPEAT = 1000  # RE2's limit, which also holds for the product of nested repetitions
MAX_DEPTH = 50

_OPERATORS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
# Leading zeros and a missing minimum make it plain text, as in RE2.
_COUNTS = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")
_GROUP_NAME = re.compile(r"\?P?<([A-Za-z0-9_]+)>")
_FLAG_LETTERS = re.compile(r"\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])")
_FLAG_FIELDS = {"i": "ignore_case", "s": "dot_matches_newline"}
_REFUSED_GROUPS = {
    "?=": "look-ahead",
    "?!": "look-ahead",
    "?<=": "look-behind",
    "?<!": "look-behind",
    "?>": "an atomic group",
    "?#": "a comment",
    "?P=": "a back reference",
    "?P>": "a recursive pattern",
    "?(": "a conditional group",
}
_NEWLINE = characters("\n")
_NO_POINTS = CodePoints(())


def parse(text: str) -> Pattern:
    """The byte strings that RE2 would match in full with this pattern, as a tree without marks.

    Raises PatternError with the offset, in characters of `text`, of what is not understood.
    """
    reader = _Reader(text)
    piece = reader.alternation()
    if reader.cursor.accept(")"):
        start = reader.cursor.offset - 1
        raise reader.cursor.error(start, "unmatched )", "open the group, or escape the parenthesis: `\\)`")
    return piece.tree


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a pattern and what its surroundings must know about it."""

    tree: Pattern
    consumes: bool = False  # may match more than the empty string
    repeats: int = 1  # the largest product of nested counts within
    begins: tuple[tuple[int, int], ...] = ()  # `^` and `\A` within, as (offset, length)
    ends: tuple[tuple[int, int], ...] = ()  # `$` and `\z` within


class _Reader:
    """A recursive-descent reader; one method per line of the grammar."""

    def __init__(self, text: str) -> None:
        self.cursor = Cursor(text)
        self.depth = 0
        self.names: set[str] = set()

    def alternation(self) -> _Piece:
        choices = [self.concatenation()]
        while self.cursor.accept("|"):
            choices.append(self.concatenation())
        return _alternated(choices)

    def concatenation(self) -> _Piece:
        pieces: list[_Piece] = []
        while self.cursor.peek() not in ("", "|", ")"):
            pieces.append(self.repetition())
        return _concatenated(pieces)

    def repetition(self) -> _Piece:
        self.refuse_operator("missing argument to repetition operator", "escape it to match it as a character")
        if self.flags_only():
            self.refuse_operator("missing argument to repetition operator", "move it behind what it repeats")
            return _Piece(Empty())
        atom = self.atom()
        start = self.cursor.offset
        counts = self.operator()
        if counts is None:
            return atom
        self.cursor.accept("?")  # lazy: the same language under a full match
        self.refuse_operator("invalid nested repetition operator", "put the inner repetition in a group")
        return _repeated(self.cursor, start, atom, counts)

    def refuse_operator(self, message: str, hint: str) -> None:
        start = self.cursor.offset
        if self.operator() is not None:
            raise self.cursor.error(start, message, hint)

    def operator(self) -> tuple[int, int | None] | None:
        """The least and greatest count of the repetition operator that is next and is consumed, or None."""
        cursor = self.cursor
        if cursor.peek() in _OPERATORS:
            return _OPERATORS[cursor.take()]
        found = _COUNTS.match(cursor.text, cursor.offset)
        if found is None:
            return None
        start, cursor.offset = cursor.offset, found.end()
        minimum = _count(found[1])
        maximum = minimum if found[2] is None else None if found[3] is None else _count(found[3])
        if max(minimum, maximum or 0) > MAX_REPEAT:
            raise cursor.error(start, f"more than {MAX_REPEAT} repetitions", f"RE2 repeats at most {MAX_REPEAT} times")
        if maximum is not None and maximum < minimum:
            raise cursor.error(start, "the greatest count is below the least", "write the smaller count first")
        return minimum, maximum

    def atom(self) -> _Piece:
        cursor = self.cursor
        start = cursor.offset
        if cursor.accept("("):
            return self.group(start)
        if cursor.accept("^") or cursor.accept("\\A"):
            return _Piece(Empty(), begins=((start, cursor.offset - start),))
        if cursor.accept("$") or cursor.accept("\\z"):
            return _Piece(Empty(), ends=((start, cursor.offset - start),))
        return _Piece(utf8(self.points()), consumes=True)

    def points(self) -> CodePoints:
        """The characters that the next one-character atom matches."""
        if self.cursor.peek() == "[":
            return character_class(self.cursor)
        if self.cursor.accept("."):
            return ~(_NO_POINTS if self.cursor.flags.dot_matches_newline else _NEWLINE)
        perl = perl_class(self.cursor)
        return character(self.cursor) if perl is None else perl

    def group(self, start: int) -> _Piece:
        """The group whose `(` at `start` is consumed; flags set inside end with it."""
        outside = self.cursor.flags
        self.group_head(start)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.cursor.error(start, f"groups nest more than {MAX_DEPTH} deep", "write fewer groups")
        piece = self.alternation()
        self.depth -= 1
        if not self.cursor.accept(")"):
            self.cursor.offset = start + 1
            raise self.cursor.error(start, "missing closing )", "close the group, or escape the parenthesis: `\\(`")
        self.cursor.flags = outside
        return piece

    def group_head(self, start: int) -> None:
        """Consumes what stands between `(` and the group's pattern: nothing, a name, or `?flags:`."""
        cursor = self.cursor
        if cursor.peek() != "?":
            return
        for opening, what in _REFUSED_GROUPS.items():
            if cursor.accept(opening):
                raise cursor.error(start, f"{what} is not understood", "use alternatives, classes and repetition")
        name = _GROUP_NAME.match(cursor.text, cursor.offset)
        if name is not None:
            cursor.offset = name.end()
            if name[1] in self.names:
                raise cursor.error(start, f"two groups are named {name[1]}", "give each group its own name")
            self.names.add(name[1])
        elif not self.flags(start, ":"):
            cursor.accept("?")
            raise cursor.error(start, "unknown kind of group", "write `(...)`, `(?:...)` or `(?i:...)`")

    def flags_only(self) -> bool:
        """Whether a `(?flags)` was next and is consumed: it holds to the end of the group that it is in."""
        start = self.cursor.offset
        if self.cursor.accept("(") and self.flags(start, ")"):
            return True
        self.cursor.offset = start
        return False

    def flags(self, start: int, closing: str) -> bool:
        """Whether `?flags` up to `closing` was next, is consumed and set. `(?)` and `(?-)` set nothing: not known."""
        cursor = self.cursor
        found = _FLAG_LETTERS.match(cursor.text, cursor.offset)
        if found is None or found[3] != closing or (closing == ")" and not (found[1] or found[2])):
            return False
        cursor.offset = found.end()
        for letter in found[1] + (found[2] or ""):
            if letter not in _FLAG_FIELDS:
                raise cursor.error(start, f"flag {letter} is not understood", "known are (?i) and (?s)")
        cursor.flags = _changed(cursor.flags, found[1], found[2] or "")
        return True


def _changed(flags: Flags, on: str, off: str) -> Flags:
    changes = {_FLAG_FIELDS[letter]: True for letter in on} | {_FLAG_FIELDS[letter]: False for letter in off}
    return replace(flags, **changes)


def _count(digits: str) -> int:
    """The number, or some number above every limit: five digits are too many, and int() is slow on thousands."""
    return int(digits[:5])


def _alternated(choices: list[_Piece]) -> _Piece:
    return _Piece(
        choice(*(each.tree for each in choices)),
        any(each.consumes for each in choices),
        max(each.repeats for each in choices),
        tuple(place for each in choices for place in each.begins),
        tuple(place for each in choices for place in each.ends),
    )


def _concatenated(pieces: list[_Piece]) -> _Piece:
    """The pieces in a row. An anchor with something that may consume on its outer side is refused."""
    _refuse_inner_anchors([(each.consumes, each.begins) for each in pieces], "begins")
    _refuse_inner_anchors([(each.consumes, each.ends) for each in reversed(pieces)], "ends")
    return _Piece(
        sequence(*(each.tree for each in pieces)),
        any(each.consumes for each in pieces),
        max((each.repeats for each in pieces), default=1),
        tuple(place for each in pieces for place in each.begins),
        tuple(place for each in pieces for place in each.ends),
    )


def _refuse_inner_anchors(pieces: list[tuple[bool, tuple[tuple[int, int], ...]]], edge: str) -> None:
    consumed = False
    for consumes, anchors in pieces:
        if consumed and anchors:
            raise _inner_anchor(anchors[0], edge)
        consumed = consumed or consumes


def _repeated(cursor: Cursor, start: int, piece: _Piece, counts: tuple[int, int | None]) -> _Piece:
    minimum, maximum = counts
    if (piece.begins or piece.ends) and maximum != 1:
        raise _inner_anchor((piece.begins + piece.ends)[0], "begins" if piece.begins else "ends")
    times = minimum if maximum is None else maximum
    repeats = 1 if maximum == 0 else max(1, times) * piece.repeats
    if repeats > MAX_REPEAT:
        hint = f"RE2 repeats at most {MAX_REPEAT} times, nested counts multiplied"
        raise cursor.error(start, f"more than {MAX_REPEAT} repetitions", hint)
    return _Piece(Repeat(piece.tree, minimum, maximum), piece.consumes, repeats, piece.begins, piece.ends)


def _inner_anchor(place: tuple[int, int], edge: str) -> PatternError:
    return PatternError(*place, f"an anchor is only understood where the pattern {edge}", "the whole text is matched: leave it out")
