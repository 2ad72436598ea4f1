"""Places in a user's text, and what is wrong there.

Every error about input is a Diagnostic: a stable code, a place, one sentence, one hint. What LLVM refuses has its own words.
This module knows no language and imports nothing of the project.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

STOPPED: Final = "stopped"
_COMPLAINT: Final = re.compile(r"error: (?P<file>[^\n]+?):(?P<line>\d+):\d+: in function (?P<function>\S+) ")
_HINTS: Final = (  # a phrase of LLVM's -> what to do about it
    ("stack limit", "keep large structs in a PerCpuArray: a program has 512 bytes of stack, with all it calls"),
    (STOPPED, "a @function is compiled into each of its callers, theirs into theirs: make some of them @subprogram"),
)


@lru_cache(maxsize=32)
def _lines(text: str) -> list[str]:
    """The lines of a text, split once for all of its findings."""
    return text.splitlines()


@dataclass(frozen=True, slots=True)
class Source:
    """A text and the name a user knows it by (usually a path)."""

    name: str
    text: str

    def line(self, number: int) -> str:
        """Line `number` (1-based) without its line end; empty beyond the end."""
        lines = _lines(self.text)
        return lines[number - 1] if 0 < number <= len(lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """A range of a source: lines and columns are 1-based, the end is exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"


class Severity(Enum):
    """An error makes the input unusable; a warning is about input that can be used and may not mean what it says."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One thing wrong with the input: what, where, and what to do about it."""

    code: str
    span: Span
    message: str
    hint: str
    severity: Severity = Severity.ERROR


class CompileError(Exception):
    """The input is wrong: one or more diagnostics, in source order. Never raised for our own bugs."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        assert self.diagnostics, "a CompileError must say what is wrong"
        super().__init__("\n".join(render(each) for each in self.diagnostics))


def span_of_line(source: Source, line: int) -> Span:
    """The whole of one line, from its first non-blank character."""
    text = source.line(line)
    start = len(text) - len(text.lstrip()) + 1
    return Span(source, line, start, line, max(len(text) + 1, start + 1))


def render(diagnostic: Diagnostic) -> str:
    """The diagnostic as a person reads it.

        flights.yaml:9:3: error[policy-unknown-key]: unknown key 'ingres'
            ingres:
            ^^^^^^
          hint: did you mean 'ingress'?
    """
    span = diagnostic.span
    text = span.source.line(span.line)
    stop = span.end_column if span.end_line == span.line else len(text) + 1
    margin = "".join("\t" if character == "\t" else " " for character in text[: span.column - 1])
    caret = margin + "^" * max(1, stop - span.column)
    head = f"{span}: {diagnostic.severity.value}[{diagnostic.code}]: {diagnostic.message}"
    body = f"\n    {text}\n    {caret}" if text else ""
    return f"{head}{body}\n  hint: {diagnostic.hint}"


class BackendError(Exception):
    """LLVM could not compile the module. The message is LLVM's own; `function` and `place` (file, line) are what it
    is about, where LLVM says so: empty and None otherwise."""

    def __init__(self, said: str) -> None:
        found = _COMPLAINT.search(said)
        self.function = found["function"] if found else ""
        self.place = (found["file"], int(found["line"])) if found and int(found["line"]) else None
        self.hint = next((hint for phrase, hint in _HINTS if phrase in said), "")
        super().__init__(said + (f"\n  hint: {self.hint}" if self.hint else ""))
