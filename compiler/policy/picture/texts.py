"""Texts of policies, made fit to be shown: nothing in them that a terminal or an XML parser would act on, and not too long."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Final

MAX_LISTED: Final = 8
MAX_LETTERS: Final = 240
_LEAST_ROOM: Final = 8


def printable(text: str) -> str:
    """The text with \\u{hex} for what does not print: line ends, terminal escapes, marks that change the direction of writing, and
    with them everything that XML cannot hold."""
    return "".join(each if each.isprintable() else f"\\u{{{ord(each):x}}}" for each in text)


def shortened(texts: Sequence[str]) -> list[str]:
    """The texts, and in place of too many their number."""
    if len(texts) <= MAX_LISTED:
        return list(texts)
    return [*texts[: MAX_LISTED - 1], f"… and {len(texts) - MAX_LISTED + 1} more"]


def lines(text: str, room: int, indent: str = "") -> list[str]:
    """A text as lines of at most `room` letters, the second and later ones further in. What is too long for a picture ends with how
    long it is."""
    shown = printable(text)
    if len(shown) > MAX_LETTERS:
        shown = f"{shown[:MAX_LETTERS]}… ({len(shown)} characters)"
    room = max(room, len(indent) + _LEAST_ROOM)
    return wrap(shown, room, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False) or [""]
