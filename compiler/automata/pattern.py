"""Text -> Pattern: a regular expression in RE2's syntax, matched in full and against UTF-8 bytes.

Source: RE2's syntax page (github.com/google/re2/wiki/Syntax); the grammar is

    alternation    = concatenation { "|" concatenation }
    concatenation  = { repetition }
    repetition     = atom [ ("*" | "+" | "?" | "{n}" | "{n,}" | "{n,m}") [ "?" ] ]
    atom           = character | "." | class | "\\C" | quoted | "(" [ flags or name ] alternation ")" | boundary

What RE2 accepts is accepted and what it refuses is refused (look-around, back references). Since the whole text must
match, greed makes no difference (`*?` is `*`). Reading is recursive, so groups nest at most MAX_DEPTH deep.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from pybpf.compiler.automata.boundaries import without_boundaries
from pybpf.compiler.automata.bytesets import ANY_BYTE
from pybpf.compiler.automata.charclass import character, character_class, literal, named_class
from pybpf.compiler.automata.codepoints import CodePoints, characters, utf8
from pybpf.compiler.automata.cursor import Cursor, Flags
from pybpf.compiler.automata.tree import Boundary, Literal, Look, OneOf, Pattern, Repeat, choice, sequence
from pybpf.compiler.automata.unicode import is_word

MAX_REPEAT = 1000  # RE2's limit, which also holds for the product of nested repetitions
MAX_DEPTH = 50

_OPERATORS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
# Leading zeros and a missing minimum make it plain text, as in RE2.
_COUNTS = re.compile(r"\{(0|[1-9][0-9]*)(,(0|[1-9][0-9]*)?)?\}")
_WORD = re.compile(r"[0-9A-Za-z/_~%,:;@&=!<> -]+(?![*+?{])")
_GROUP_NAME = re.compile(r"\?P?<([^>]*)>")
_FLAG_LETTERS = re.compile(r"\?([a-zA-Z]*)(?:-([a-zA-Z]+))?([:)])")
_FLAG_FIELDS = {"i": "ignore_case", "s": "dot_matches_newline", "m": "multiple_lines"}
_FLAGS_WITHOUT_MEANING = "U"
_BOUNDARIES = {"\\A": Boundary.TEXT_START, "\\z": Boundary.TEXT_END, "\\b": Boundary.WORD, "\\B": Boundary.NOT_WORD}
_LINE_BOUNDARIES = {"^": (Boundary.TEXT_START, Boundary.LINE_START), "$": (Boundary.TEXT_END, Boundary.LINE_END)}
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
    return without_boundaries(piece.tree)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a pattern, and the largest product of nested counts within."""

    tree: Pattern
    repeats: int = 1


class _Reader:
    """A recursive-descent reader; one method per line of the grammar."""

    def __init__(self, text: str) -> None:
        self.cursor = Cursor(text)
        self.depth = 0

    def alternation(self) -> _Piece:
        choices = [self.concatenation()]
        while self.cursor.accept("|"):
            choices.append(self.concatenation())
        return _Piece(choice(*(each.tree for each in choices)), max(each.repeats for each in choices))

    def concatenation(self) -> _Piece:
        pieces: list[_Piece] = []
        while self.cursor.peek() not in ("", "|", ")"):
            if (word := self.word()) is not None:
                pieces.append(_Piece(word))
                continue
            if self.cursor.accept("\\Q"):
                pieces += self.quoted()
            elif not self.flags_only():
                pieces.append(self.repetition())
                continue
            # Neither is an atom: an operator behind it is about what stands before.
            if pieces:
                pieces.append(self.repeated(pieces.pop()))
        return _Piece(sequence(*(each.tree for each in pieces)), max((each.repeats for each in pieces), default=1))

    def word(self) -> Literal | None:
        """The characters that are next, stand for themselves and are not repeated, all at once: most of most patterns. None: there is none."""
        found = None if self.cursor.flags.ignore_case else _WORD.match(self.cursor.text, self.cursor.offset)
        if found is None:
            return None
        self.cursor.offset = found.end()
        return Literal(found[0].encode())

    def quoted(self) -> list[_Piece]:
        """The characters up to `\\E` or the end, each as itself."""
        cursor = self.cursor
        end = cursor.text.find("\\E", cursor.offset)
        stop = len(cursor.text) if end < 0 else end
        pieces = []
        while cursor.offset < stop:
            pieces.append(_Piece(utf8(literal(cursor))))
        cursor.accept("\\E")
        return pieces

    def repetition(self) -> _Piece:
        self.refuse_operator("missing argument to repetition operator", "escape it to match it as a character")
        return self.repeated(self.atom())

    def repeated(self, atom: _Piece) -> _Piece:
        """An atom with the operator that follows it, if one does."""
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
        boundary = self.boundary()
        if boundary is not None:
            return _Piece(Look(boundary))
        if cursor.accept("\\C"):
            return _Piece(OneOf(ANY_BYTE))
        return _Piece(utf8(self.points()))

    def boundary(self) -> Boundary | None:
        """The condition on this place that is next and is consumed, or None."""
        cursor = self.cursor
        for text, found in _BOUNDARIES.items():
            if cursor.accept(text):
                return found
        for text, of_text_and_line in _LINE_BOUNDARIES.items():
            if cursor.accept(text):
                return of_text_and_line[cursor.flags.multiple_lines]
        return None

    def points(self) -> CodePoints:
        """The characters that the next one-character atom matches."""
        if self.cursor.peek() == "[":
            return character_class(self.cursor)
        if self.cursor.accept("."):
            return ~(_NO_POINTS if self.cursor.flags.dot_matches_newline else _NEWLINE)
        named = named_class(self.cursor)
        return character(self.cursor) if named is None else named

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
            if not is_word(name[1]):
                raise cursor.error(start, "this is no name of a group", "use letters, digits and `_`")
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
        """Whether `?flags` up to `closing` was next, is consumed and set. `(?)` sets nothing; `(?-)` is not known."""
        cursor = self.cursor
        found = _FLAG_LETTERS.match(cursor.text, cursor.offset)
        if found is None or found[3] != closing:
            return False
        cursor.offset = found.end()
        for letter in found[1] + (found[2] or ""):
            if letter not in (*_FLAG_FIELDS, *_FLAGS_WITHOUT_MEANING):
                raise cursor.error(start, f"flag {letter} is not understood", "known are i, s, m and U")
        cursor.flags = _changed(cursor.flags, found[1], found[2] or "")
        return True


def _changed(flags: Flags, on: str, off: str) -> Flags:
    set_to = [*((letter, True) for letter in on), *((letter, False) for letter in off)]
    changes = {_FLAG_FIELDS[letter]: value for letter, value in set_to if letter in _FLAG_FIELDS}
    return replace(flags, **changes)


def _count(digits: str) -> int:
    """The number, or some number above every limit: five digits are too many, and int() is slow on thousands."""
    return int(digits[:5])


def _repeated(cursor: Cursor, start: int, piece: _Piece, counts: tuple[int, int | None]) -> _Piece:
    minimum, maximum = counts
    times = minimum if maximum is None else maximum
    repeats = 1 if maximum == 0 else max(1, times) * piece.repeats
    if repeats > MAX_REPEAT:
        hint = f"RE2 repeats at most {MAX_REPEAT} times, nested counts multiplied"
        raise cursor.error(start, f"more than {MAX_REPEAT} repetitions", hint)
    return _Piece(Repeat(piece.tree, minimum, maximum), repeats)
