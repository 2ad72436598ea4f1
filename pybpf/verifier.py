"""The verifier's log -> why a program was refused, and the line of source it is about.

With line info the log has a comment before the instructions of each line, `; the line's text @ file:number`; the last of them
is about the instruction that failed (line 0 stands for what the compiler made up). What matters of the rest is its last lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .errors import KernelError

_COMMENT = re.compile(r"^; (?P<text>.*) @ (?P<file>.+):(?P<line>\d+)$")
# lines at the log's end that say nothing about the cause
_CHATTER = re.compile(
    r"^(processed \d+ insns|verification time|stack depth|max_states|mark_precise|insns processed|peak_states|func#\d+ )"
)
# what an instruction's line or a register dump looks like: `12: (85) call ...`, `R0=scalar() R10=fp0`
_STATE = re.compile(r"^(\d+: \([0-9a-f]{2}\)|(\d+: )?R\d|from \d+ to \d+|\d+: frame|;|$)")

# a phrase of the verifier's -> what to do about it
_ADVICE: tuple[tuple[str, str], ...] = (
    ("map_value_or_null", "the result of a lookup may be None: check it before it is used"),
    ("mem_or_null", "the result of a reservation may be None: check it before it is used"),
    ("invalid access to packet", "check that the packet is long enough before these bytes are read"),
    ("invalid access to map value", "bound the index or offset before the value is used"),
    ("BPF program is too large", "the program has too many paths: bound its loops or split it with tail calls"),
    ("Invalid func", "this kernel lacks that helper for this kind of program"),
    ("unknown func", "this kernel lacks that helper for this kind of program"),
    ("dereference of modified ctx ptr", "read fields of the context at constant offsets"),
    ("back-edge", "bound the loop"),
    ("Unreleased reference", "submit or discard what was reserved on every path"),
)  # fmt: skip
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """What a log says: its cause in one line, the last lines worth showing, the source line and where it is, and advice (may be empty)."""

    cause: str
    lines: tuple[str, ...]
    source: str
    place: tuple[str, int] | None
    advice: str


class VerifierError(KernelError):
    """The kernel refused a program. `log` is all that the verifier said; `place` is (file, line) of the source, if it is known."""

    def __init__(self, program: str, errno: int, log: str) -> None:
        super().__init__("BPF_PROG_LOAD", errno)
        self.program = program
        self.log = tuple(log.splitlines())
        self.finding = find(self.log)
        self.place = self.finding.place
        if self.finding.cause:
            self.hint = self.finding.advice

    def __str__(self) -> str:
        finding = self.finding
        cause = f": {finding.cause}" if finding.cause else ""
        parts = [f"program {self.program!r} was refused ({self.errno_name}){cause}"]
        if finding.place is not None:
            parts.append(f"  {finding.place[0]}:{finding.place[1]}: {finding.source}")
        parts += [f"  | {line}" for line in finding.lines]
        omitted = len(self.log) - len(finding.lines)
        parts += [f"  ({omitted} lines omitted)"] if omitted > 0 else []
        parts += [f"  hint: {self.hint}"] if self.hint else []
        return "\n".join(parts)


def find(log: tuple[str, ...]) -> Finding:
    """What a log says. Pure, and total: any text gives a Finding."""
    told = [line for line in log if line.strip() and not _CHATTER.match(line)]
    cause = next((line.strip() for line in reversed(told) if not _STATE.match(line)), told[-1].strip() if told else "")
    comment = next((match for match in map(_COMMENT.match, reversed(told)) if match and int(match["line"])), None)
    lines = tuple(re.sub(r"\s{2,}", "  ", line) for line in told if not line.startswith(";"))[-_SHOWN:]
    advice = next((what for phrase, what in _ADVICE if phrase in cause), "")
    if comment is None:
        return Finding(cause, lines, "", None, advice)
    return Finding(cause, lines, comment["text"].strip(), (comment["file"], int(comment["line"])), advice)
