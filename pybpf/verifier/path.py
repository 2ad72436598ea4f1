"""Entries of a log -> the path to the instruction that failed: its steps, their source lines, and what the registers held there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import assert_never

from .lines import LineTable
from .linked import linked
from .log import Comment, Entry, Resume, Said, State, Statistic, Step
from .registers import texts

# a call leaves nothing in them
_ARGUMENTS = ("R1", "R2", "R3", "R4", "R5")


@dataclass(frozen=True, slots=True)
class Visit:
    """A step of the path, and the source line it is of (None when nobody says)."""

    step: Step
    source: Comment | None


@dataclass(slots=True)
class _Walker:
    """Follows the entries. `registers` are texts by (frame, name); `said` is what the verifier says since the last step."""

    lines: LineTable
    visits: list[Visit] = field(default_factory=list)
    registers: dict[int, dict[str, str]] = field(default_factory=dict)
    frame: int = 0
    source: Comment | None = None
    said: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Path:
    """What led to the end of a log. `visits` end with the instruction that failed; `registers` are those of its frame before it, as
    the verifier prints them; `said` is what it said after that."""

    visits: tuple[Visit, ...]
    registers: dict[str, str]
    said: tuple[str, ...]


def walk(entries: Iterable[Entry], lines: LineTable) -> Path:
    """The path that the log ends with. `lines` are believed where the log's comments say something else."""
    walker = _Walker(lines)
    for entry in entries:
        _advance(walker, entry)
    return Path(tuple(walker.visits), walker.registers.get(walker.frame, {}), tuple(walker.said))


def _advance(walker: _Walker, entry: Entry) -> None:
    match entry:
        case Comment():
            walker.source = entry if entry.line or not entry.file else walker.source
        case Step():
            walker.said.clear()
            walker.visits.append(Visit(entry, walker.lines.at(entry.number) or walker.source))
        case State():
            _remember(walker, entry)
        case Resume():
            _go_back(walker, entry)
        case Said():
            walker.said.append(entry.text.strip())
        case Statistic():
            pass
        case _:
            assert_never(entry)


def _remember(walker: _Walker, state: State) -> None:
    walker.frame = state.frame
    if state.is_whole:
        walker.registers[state.frame] = texts(state.text)
        return
    known = walker.registers.setdefault(state.frame, {})
    if walker.visits and walker.visits[-1].step.text.startswith("call "):
        for name in _ARGUMENTS:
            known.pop(name, None)
    changed = texts(state.text)
    if walker.visits and walker.visits[-1].step.text.startswith("if "):
        known.update(linked(known, changed))
    known.update(changed)


def _go_back(walker: _Walker, resume: Resume) -> None:
    """Take back what was tried since `origin`; when it was never seen (a cut log), the path starts anew. Of the rounds of a loop the last
    is taken for the one that goes on, which in a log of level 2 need not be so."""
    walker.said.clear()
    while walker.visits and walker.visits[-1].step.number != resume.origin:
        walker.visits.pop()
    if walker.visits:
        walker.source = walker.visits[-1].source
