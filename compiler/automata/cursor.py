"""Cursor: where the reader of a pattern stands, which flags are in force there, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass


class PatternError(Exception):
    """A pattern that is not understood. `offset` and `length` count characters of the pattern's text."""

    def __init__(self, offset: int, length: int, message: str, hint: str) -> None:
        self.offset = offset
        self.length = length
        self.message = message
        self.hint = hint
        super().__init__(f"at offset {offset}: {message} ({hint})")


@dataclass(frozen=True, slots=True)
class Flags:
    """The flags of `(?i)`, `(?s)` and `(?m)`. `(?U)` changes only what is preferred, which a full match does not show."""

    ignore_case: bool = False
    dot_matches_newline: bool = False
    multiple_lines: bool = False


class Cursor:
    """A position in a pattern's text. `flags` are those that `(?...)` has set for what follows."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.flags = Flags()

    def peek(self) -> str:
        """The next character, or the empty string at the end."""
        return self.text[self.offset : self.offset + 1]

    def take(self) -> str:
        """The next character, which is consumed, or the empty string at the end."""
        character = self.peek()
        self.offset += len(character)
        return character

    def accept(self, prefix: str) -> bool:
        """Whether the text goes on with `prefix`, which is consumed if so."""
        found = self.text.startswith(prefix, self.offset)
        if found:
            self.offset += len(prefix)
        return found

    def error(self, start: int, message: str, hint: str) -> PatternError:
        """The error about the text from `start` to here; at the end of the text it points behind the last character."""
        return PatternError(start, max(1, self.offset - start), message, hint)
