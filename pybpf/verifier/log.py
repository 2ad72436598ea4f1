"""The verifier's log, line by line -> what each line is.

Levels 1 and 2 of Linux 5.2 to 6.18 (kernel/bpf/verifier.c, log.c). Level 1 holds one path, the one that failed: what was said of paths
that passed has been taken back. Level 2 holds all paths, each taken up again by `from X to Y:`.

    ; value = table.lookup(key) @ shop.py:12       Comment: the line of source of what follows (file and line since 6.9)
    5: (15) if r0 == 0x1 goto pc+2 8: R0=1 R10=fp0     Step, Resume and State: where the rest of a path was taken back, the next
                                                       one, or what is said of it, goes on in the same line
    7: (85) call bpf_map_lookup_elem#1    ; R0=...     Step, and the registers it changed
    from 5 to 8: frame1: R0=1 R10=fp0              Resume
    R0 invalid mem access 'map_value_or_null'      Said
    processed 8 insns (limit 1000000) ...          Statistic

Pure and total: any text is a log, and reading takes time linear in its length (of a line, the first 16,384 characters: a full
frame of spilled registers is less). What registers hold is read in registers.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Comment:
    """A line of source. `file` is empty and `line` 0 where the kernel is too old to say; line 0 alone is what the compiler made up."""

    text: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """Instruction `number`, as the verifier prints it."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class State:
    """Registers and stack slots of frame `frame`, as text. `is_whole` says that no others are known."""

    frame: int
    text: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Resume:
    """The path goes on at instruction `target`, having come from `origin`."""

    origin: int
    target: int


@dataclass(frozen=True, slots=True)
class Said:
    """What the verifier says in words: at the end of a log, why it refuses."""

    text: str


@dataclass(frozen=True, slots=True)
class Statistic:
    """What verification took, and other figures."""

    text: str


Entry = Comment | Step | State | Resume | Said | Statistic

_LONGEST_LINE = 16_384
_COMMENT = re.compile(r"; (?P<text>.*?)(?: @ (?P<file>[^@]+):(?P<line>\d+))?$")
_STEP = re.compile(r"(?P<number>\d+): \([0-9a-f]{2}\) (?P<text>.*)")
_RESUME = re.compile(r"from (?P<origin>\d+) to (?P<target>\d+)(?: \(speculative execution\))?:(?P<state>.*)")
# a jump or call, and what goes on in its line
_GLUED = re.compile(r"(?P<text>(?:if .{1,60}? |may_)?goto pc[+-]\d+|call \S+) +(?P<rest>[^;\s].*)")
_NEXT = re.compile(r"(?P<target>\d+): (?P<state>(?:frame\d+: )?R\d+(?:_\w+)?=.*)")
_NUMBERED_STATE = re.compile(r"(?:\d+: )?(?P<state>(?:frame\d+: ?)?(?:R\d+|fp-\d+)(?:_\w+)?=.*)")
_FRAME = re.compile(r"\s*frame(?P<frame>\d+):")
_BOUNDARY = re.compile(r"(?:caller|callee|returning from callee|to caller at \d+):$|(?:cur|old) state: ")
_FIGURES = re.compile(r"processed \d+ insns \(limit .*")  # some messages lack their line end
_STATISTIC = re.compile(
    r"processed \d+ insns|verification time|stack depth|max_states|insns processed|peak_states|func#\d+ @|\(\d+ insns skipped\)"
    r"|mark_precise:|last_idx |regs=|parent (?:didn't|already)|propagating |Live regs before|\s+\d+: [.0-9]+ \("
    r"|arg#\d+ reference type\(|Validating |Func(?:tion)? '.*' is safe|\d+: safe$|safe$|\(spi=|caller passes"
)


def read(lines: Iterable[str]) -> Iterator[Entry]:
    """What each line is, in their order; blank lines are nothing."""
    for line in lines:
        if line.strip():
            yield from _read_line(line[:_LONGEST_LINE].rstrip())


def _read_line(line: str) -> Iterator[Entry]:
    if line.startswith(";"):
        yield comment(line)
    elif step := _STEP.match(line):
        yield from _step(int(step["number"]), step["text"])
    elif resume := _RESUME.match(line):
        yield Resume(int(resume["origin"]), int(resume["target"]))
        yield _state(resume["state"].strip(), is_whole=True)
    elif _STATISTIC.match(line):
        yield Statistic(line)
    elif state := _NUMBERED_STATE.match(line.lstrip()):
        yield _state(state["state"], is_whole=True)
    elif not _BOUNDARY.match(line):
        yield Said(_FIGURES.sub("", line))


def comment(line: str) -> Comment:
    """What stands behind `; `."""
    found = _COMMENT.match(line)
    if found is None or found["file"] is None:
        return Comment(line.removeprefix(";").strip(), "", 0)
    return Comment(found["text"].strip(), found["file"], _number(found["line"]))


def _step(number: int, rest: str) -> Iterator[Entry]:
    glued = _GLUED.match(rest)
    text, _, changes = rest.partition(" ; ")
    yield Step(number, (glued["text"] if glued else text).strip())
    if glued and (resumed := _NEXT.match(glued["rest"])):
        yield Resume(number, _number(resumed["target"]))
        yield _state(resumed["state"], is_whole=True)
    elif glued:
        yield from _read_line(glued["rest"])
    elif changes:
        yield _state(changes.strip(), is_whole=False)


def _state(text: str, *, is_whole: bool) -> State:
    frame = _FRAME.match(text)
    return State(_number(frame["frame"]) if frame else 0, text[frame.end() :].strip() if frame else text, is_whole)


def _number(digits: str) -> int:
    """At most nine digits: no line, frame or instruction has more, and `int` refuses thousands of them."""
    return int(digits[-9:])
