"""Unicode's classes and case foldings as RE2 knows them: `\\pL`, `\\p{Greek}`, and what `(?i)` joins.

unicode.txt holds facts of the Unicode Character Database in the version that RE2's tables have; they were had by asking
RE2 about every code point. A line is `class NAME RUN...` or `fold POINT...` (the members of one orbit of simple folding),
in hexadecimal; a run is `first-last`, both included, or one point.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pybpf.compiler.automata.codepoints import LAST, CodePoints, code_points

_ANY = "Any"
_TABLE = Path(__file__).with_name("unicode.txt")


def unicode_class(name: str) -> CodePoints | None:
    """The general category or script of that name (`L`, `Lu`, `Greek`, `Any`); None when RE2 has none."""
    if name == _ANY:
        return CodePoints(((0, LAST),))
    written = _lines()[0].get(name)
    return None if written is None else code_points(_run(each) for each in written)


def folded(points: CodePoints) -> CodePoints:
    """The set with every code point that simple case folding holds equal to a member (RE2's `(?i)`)."""
    added = [point for orbit in _orbits() if any(each in points for each in orbit) for point in orbit]
    return code_points([*points.runs, *((point, point) for point in added)])


def is_word(text: str) -> bool:
    """Whether a group may have this name: letters, marks, digits and connecting punctuation, as RE2 has it."""
    classes = _name_classes()
    return bool(text) and all(any(ord(each) in points for points in classes) for each in text)


@lru_cache(maxsize=1)
def _name_classes() -> tuple[CodePoints, ...]:
    found = (unicode_class(name) for name in ("L", "Mn", "Mc", "Nd", "Nl", "Pc"))
    return tuple(each for each in found if each is not None)


@lru_cache(maxsize=1)
def _lines() -> tuple[Mapping[str, list[str]], list[list[str]]]:
    classes: dict[str, list[str]] = {}
    folds: list[list[str]] = []
    for line in _TABLE.read_text("ascii").splitlines():
        kind, *rest = line.split()
        if kind == "class":
            classes[rest[0]] = rest[1:]
        else:
            folds.append(rest)
    return classes, folds


@lru_cache(maxsize=1)
def _orbits() -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(int(each, 16) for each in fold) for fold in _lines()[1])


def _run(written: str) -> tuple[int, int]:
    first, _, last = written.partition("-")
    return int(first, 16), int(last or first, 16)
