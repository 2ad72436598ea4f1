"""Text -> CodePoints: escapes, Perl classes and `[...]`, as RE2 reads them.

Source: RE2's syntax page (github.com/google/re2/wiki/Syntax). \\d, \\w, \\s and [[:name:]] mean ASCII, \\s
has no vertical tab, [[:space:]] has one, and a negated class matches every other character, newline included. Under
`(?i)` a positive set is folded first and negated afterwards. A class may have no members: it matches nothing.
Not here: what may stand between classes (pattern.py).
"""

from __future__ import annotations

from pybpf.compiler.automata.codepoints import (
    LAST,
    SURROGATES,
    CodePoints,
    characters,
    code_points,
)
from pybpf.compiler.automata.cursor import Cursor, PatternError
from pybpf.compiler.automata.unicode import folded, unicode_class

_DIGIT = code_points([(0x30, 0x39)])
_UPPER = code_points([(0x41, 0x5A)])
_LOWER = code_points([(0x61, 0x7A)])
_ALPHA = _UPPER | _LOWER
_ALPHANUMERIC = _ALPHA | _DIGIT
_WORD = _ALPHANUMERIC | characters("_")

PERL_CLASSES = {"d": _DIGIT, "s": characters("\t\n\f\r "), "w": _WORD}
POSIX_CLASSES = {
    "alnum": _ALPHANUMERIC,
    "alpha": _ALPHA,
    "ascii": code_points([(0x00, 0x7F)]),
    "blank": characters("\t "),
    "cntrl": code_points([(0x00, 0x1F), (0x7F, 0x7F)]),
    "digit": _DIGIT,
    "graph": code_points([(0x21, 0x7E)]),
    "lower": _LOWER,
    "print": code_points([(0x20, 0x7E)]),
    "punct": code_points([(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)]),
    "space": characters("\t\n\v\f\r "),
    "upper": _UPPER,
    "word": _WORD,
    "xdigit": _DIGIT | characters("abcdefABCDEF"),
}
CONTROL_ESCAPES = {"a": 0x07, "f": 0x0C, "n": 0x0A, "r": 0x0D, "t": 0x09, "v": 0x0B}
# What RE2 does not have, or not in classes: letter -> (what it is, what to do).
REFUSED_ESCAPES = {
    "b": ("a word boundary", "in a class write the characters themselves"),
    "B": ("a word boundary", "in a class write the characters themselves"),
    "C": ("a single byte", "in a class write the characters themselves"),
    "Q": ("quoted text", "in a class escape each special character with a backslash"),
    "E": ("the end of quoted text", "begin it with \\Q"),
    "A": ("an anchor", "the whole text is matched: leave it out"),
    "z": ("an anchor", "the whole text is matched: leave it out"),
    "Z": ("an anchor", "the whole text is matched: leave it out"),
    "k": ("a back reference", "no finite automaton can compare two parts of a text: list the alternatives"),
}
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
_DECIMAL_DIGITS = frozenset("0123456789")
_OCTAL_DIGITS = frozenset("01234567")


def character_class(cursor: Cursor) -> CodePoints:
    """The class whose `[` is next. Raises PatternError, also for a class that no character is in."""
    start = cursor.offset
    cursor.accept("[")
    negated = cursor.accept("^")
    members = CodePoints(())
    first = True  # a `]` in first place is a member
    while first or cursor.peek() != "]":
        if not cursor.peek():
            cursor.offset = start + 1
            raise cursor.error(start, "missing closing ]", "close the character class, or escape the bracket: `\\[`")
        members |= _member(cursor)
        first = False
    cursor.accept("]")
    return ~members if negated else members


def named_class(cursor: Cursor) -> CodePoints | None:
    """The class of a `\\d`, `\\pL` or their like that is next, or None if something else is."""
    return perl_class(cursor) or _unicode_class(cursor)


def perl_class(cursor: Cursor) -> CodePoints | None:
    """The class of a `\\d \\D \\s \\S \\w \\W` that is next, or None if something else is."""
    letter = cursor.text[cursor.offset + 1 : cursor.offset + 2]
    if cursor.peek() != "\\" or letter.lower() not in PERL_CLASSES:
        return None
    cursor.offset += 2
    points = _cased(cursor, PERL_CLASSES[letter.lower()])
    return ~points if letter.isupper() else points


def character(cursor: Cursor) -> CodePoints:
    """The character that is next, escaped or not, with its other cases under `(?i)`."""
    point = _code_point(cursor)
    return _cased(cursor, code_points([(point, point)]))


def literal(cursor: Cursor) -> CodePoints:
    """The character that is next as itself, whatever it is, with its other cases under `(?i)`."""
    start = cursor.offset
    point = _scalar_value(cursor, start, ord(cursor.take()))
    return _cased(cursor, code_points([(point, point)]))


def _member(cursor: Cursor) -> CodePoints:
    """One member of a class: a named class, a character or a range."""
    named = _posix_class(cursor)
    if named is None:
        named = named_class(cursor)
    return _range(cursor) if named is None else named


def _posix_class(cursor: Cursor) -> CodePoints | None:
    """The class of a `[:name:]` or `[:^name:]` that is next, or None; `[:` without a `:]` is a plain bracket."""
    start = cursor.offset
    end = cursor.text.find(":]", start + 2)
    if not cursor.text.startswith("[:", start) or end < 0:
        return None
    cursor.offset = end + 2
    name = cursor.text[start + 2 : end]
    points = POSIX_CLASSES.get(name.removeprefix("^"))
    if points is None:
        raise cursor.error(start, f"unknown character class [:{name}:]", f"known are {', '.join(POSIX_CLASSES)}")
    points = _cased(cursor, points)
    return ~points if name.startswith("^") else points


def _range(cursor: Cursor) -> CodePoints:
    """A character or a range of them; `-` is itself at either end of a class and after a named class."""
    start = cursor.offset
    first = last = _code_point(cursor)
    following = cursor.text[cursor.offset : cursor.offset + 2]
    if len(following) == 2 and following[0] == "-" and following[1] != "]":
        cursor.accept("-")
        last = _code_point(cursor)
    if last < first:
        raise cursor.error(start, "the range ends before it begins", "write the smaller character first")
    return _cased(cursor, code_points([(first, last)]))


def _unicode_class(cursor: Cursor) -> CodePoints | None:
    """The class of a `\\pL`, `\\p{Greek}`, `\\P{^Lu}` that is next, or None if something else is."""
    start = cursor.offset
    letter = cursor.text[start + 1 : start + 2]
    if cursor.peek() != "\\" or letter not in ("p", "P"):
        return None
    cursor.offset += 2
    name = cursor.take()
    if name == "{":
        end = cursor.text.find("}", cursor.offset)
        name, cursor.offset = (cursor.text[cursor.offset : end], end + 1) if end >= 0 else ("", len(cursor.text))
    points = unicode_class(name.removeprefix("^"))
    if points is None:
        hint = "write a general category such as `\\p{Lu}` or a script such as `\\p{Greek}`"
        raise cursor.error(start, "no Unicode class has this name", hint)
    points = _cased(cursor, points)
    return ~points if (letter == "P") != name.startswith("^") else points


def _cased(cursor: Cursor, points: CodePoints) -> CodePoints:
    """`points` under the flags in force."""
    return folded(points) if cursor.flags.ignore_case else points


def _code_point(cursor: Cursor) -> int:
    start = cursor.offset
    taken = cursor.take()
    if taken == "\\":
        return _escape(cursor, start)
    return _scalar_value(cursor, start, ord(taken))


def _escape(cursor: Cursor, start: int) -> int:
    """The code point of an escape whose backslash is at `start` and already consumed."""
    letter = cursor.take()
    if letter in CONTROL_ESCAPES:
        return CONTROL_ESCAPES[letter]
    if letter == "x":
        return _hexadecimal(cursor, start)
    if letter in _OCTAL_DIGITS and (letter == "0" or cursor.peek() in _OCTAL_DIGITS):
        return _octal(cursor, letter)
    if letter and letter.isascii() and not letter.isalnum():
        return ord(letter)
    raise _refused_escape(cursor, start, letter)


def _refused_escape(cursor: Cursor, start: int, letter: str) -> PatternError:
    if not letter:
        return cursor.error(start, "trailing backslash", "write `\\\\` for a backslash")
    if letter in _DECIMAL_DIGITS:
        return cursor.error(start, "back references are not understood", "write a character by number as `\\x41`")
    if letter in REFUSED_ESCAPES:
        what, hint = REFUSED_ESCAPES[letter]
        return cursor.error(start, f"\\{letter} ({what}) is not understood here", hint)
    return cursor.error(start, f"unknown escape \\{letter}", "only punctuation may be escaped to mean itself")


def _octal(cursor: Cursor, digits: str) -> int:
    """The code point of `\\0`, `\\12` or `\\123`, whose first digit is consumed. One digit alone is a back reference, but for 0."""
    while len(digits) < 3 and cursor.peek() in _OCTAL_DIGITS:
        digits += cursor.take()
    return int(digits, 8)


def _hexadecimal(cursor: Cursor, start: int) -> int:
    """The code point of `\\x41` (two digits) or `\\x{10FFFF}` (one or more digits)."""
    braced = cursor.accept("{")
    value = digits = 0
    while (cursor.peek() or "-") in _HEX_DIGITS and (braced or digits < 2) and value <= LAST:
        value = value * 16 + int(cursor.take(), 16)
        digits += 1
    complete = cursor.accept("}") and digits > 0 if braced else digits == 2
    if not complete or value > LAST:
        raise cursor.error(start, "not a character number", "write `\\x41`, or `\\x{10FFFF}` at most")
    return value


def _scalar_value(cursor: Cursor, start: int, point: int) -> int:
    if SURROGATES[0] <= point <= SURROGATES[1]:
        raise cursor.error(start, "a surrogate is not a character", "UTF-8 cannot hold it: leave it out")
    return point
