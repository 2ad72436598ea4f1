"""A verifier's log -> Finding: the line of Python, what is wrong with it, what its registers held, how the program got there.

Pure and total: any text gives a Finding. Of a very long log only the end is read: what failed is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .known import Explanation, explain
from .lines import LineTable
from .log import Comment, Step, read
from .path import Path, Visit, walk
from .registers import register
from .words import describe

_READ = 20_000  # lines: under a second, and some 10,000 steps of a path
_MOST_FACTS = 3
_MOST_TURNS = 3
_FRAME_POINTER = "R10"
_NAMED = re.compile(r"\b[Rrw](?P<number>10|[0-9])\b")
_SLOT = re.compile(r"stack (?:R\d+ )?off (?P<offset>-\d{1,3})\b")
_AT = re.compile(r"\binsn (?P<number>\d{1,9})\b")
NOWHERE = LineTable()


@dataclass(frozen=True, slots=True)
class Fact:
    """What a register or stack slot held: its name, what that is in words, and the verifier's own text."""

    name: str
    words: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """A line of source at which the program decided where to go."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a log says.

    `code` is stable, `sentence` says what is wrong in plain words, `hint` what to do about it (empty when nothing is known);
    `cause` is the verifier's own line and `said` all that it said at the end. `place` is (file, line) of `source`, None when nobody
    knows; `instruction` is the one that failed. `facts` are the registers that matter, at most 3; `turns` the last decisions before.
    """

    code: str
    sentence: str
    hint: str
    cause: str
    said: tuple[str, ...]
    place: tuple[str, int] | None
    source: str
    instruction: Step | None
    facts: tuple[Fact, ...]
    turns: tuple[Turn, ...]


def find(log: tuple[str, ...], *, lines: LineTable = NOWHERE) -> Finding:
    """What a log says. `lines` knows each instruction's source, also where the log does not say it."""
    path = walk(read(log[-_READ:]), lines)
    failed = path.visits[-1] if path.visits else None
    explanation = explain(path.said or _last_words(log))
    source = _source(explanation, failed, lines)
    place = (source.file, source.line) if source is not None and source.file else None
    return Finding(
        explanation.code, explanation.sentence, explanation.hint, explanation.line, path.said, place,
        source.text if source else "", failed.step if failed else None, _facts(path, explanation), _turns(path, place),
    )  # fmt: skip


def _last_words(log: tuple[str, ...]) -> tuple[str, ...]:
    """The last line that says anything, where nothing is said in words (a cut log)."""
    return next(((line.strip(),) for line in reversed(log) if line.strip()), ())


def _source(explanation: Explanation, failed: Visit | None, lines: LineTable) -> Comment | None:
    """The line that failed. What is found before any path is followed names its instruction itself."""
    named = _AT.search(explanation.line)
    if failed is not None:
        return failed.source
    return lines.at(int(named["number"])) if named else None


def _facts(path: Path, explanation: Explanation) -> tuple[Fact, ...]:
    """The registers that the message names, then those of the instruction, as far as their contents were told."""
    step = path.visits[-1].step.text if path.visits else ""
    slots = [f"fp{int(found['offset']) // 8 * 8}" for found in _SLOT.finditer(explanation.line)]
    named = [f"R{found['number']}" for text in (explanation.line, step) for found in _NAMED.finditer(text)]
    wanted = [name for name in dict.fromkeys(slots + named) if name in path.registers and name != _FRAME_POINTER]
    return tuple(_fact(name, path.registers[name]) for name in wanted[:_MOST_FACTS])


def _fact(name: str, text: str) -> Fact:
    return Fact(name, describe(register(text)), text)


def _turns(path: Path, place: tuple[str, int] | None) -> tuple[Turn, ...]:
    """The last lines with a branch on the way, in the order in which they were last met; the line that failed is not one of them."""
    decided = (visit.source for visit in reversed(path.visits) if visit.source is not None and visit.step.text.startswith(("if ", "may_goto")))
    found: dict[tuple[str, int], Turn] = {}
    for source in decided:
        if source.file and source.line and (source.file, source.line) != place:
            found.setdefault((source.file, source.line), Turn(source.file, source.line, source.text))
        if len(found) == _MOST_TURNS:
            break
    return tuple(reversed(found.values()))
