"""The error for a program that the verifier refused."""

from __future__ import annotations

from pybpf.errors import KernelError

from .finding import NOWHERE, Finding, find
from .known import UNKNOWN
from .lines import LineTable


class VerifierRejected(KernelError):
    """The kernel refused a program. `finding` says why, `place` is (file, line) of the source if it is known, `hint` what to do; `log`
    is all that the verifier said, line by line."""

    def __init__(self, program: str, errno: int, log: str, *, lines: LineTable = NOWHERE) -> None:
        """`lines`, of the program's own line info, makes the place surer; the log alone will do."""
        super().__init__("BPF_PROG_LOAD", errno)
        self.program = program
        self.log: tuple[str, ...] = tuple(log.splitlines())
        self.finding: Finding = find(self.log, lines=lines)
        self.place: tuple[str, int] | None = self.finding.place
        if self.finding.cause:
            self.hint = self.finding.hint

    def __str__(self) -> str:
        return render(self)


def render(error: VerifierRejected) -> str:
    """The error as a person reads it.

        shop.py:14: error[verifier-none]: the value that a lookup found is used here, and it may be None
            value.count += 1
          program 'count' was refused (EACCES): R0 invalid mem access 'map_value_or_null'
          R0 = a value of map 'table' (8 bytes), or None
          on the way here:
            shop.py:11: if key > 5:
          hint: compare the result of `lookup` with `is None` first, and leave on that way
          the verifier's whole log: 14 lines in `.log`
    """
    finding = error.finding
    refused = f"program {error.program!r} was refused ({error.errno_name})"
    sentence = finding.sentence or "the verifier gave no reason"
    head = f"error[{finding.code}]: {sentence}"
    parts = [f"{finding.place[0]}:{finding.place[1]}: {head}" if finding.place else f"program {error.program!r}: {head}"]
    parts += [f"    {finding.source}"] if finding.source else []
    parts.append(f"  {refused}{f': {finding.cause}' if finding.cause and finding.code != UNKNOWN else ''}")
    parts += [f"  {fact.name} = {fact.words}" for fact in finding.facts]
    parts += ["  on the way here:"] if finding.turns else []
    parts += [f"    {turn.file}:{turn.line}: {turn.text}" for turn in finding.turns]
    parts += [f"  hint: {error.hint}"] if error.hint else []
    parts.append(f"  the verifier's whole log: {len(error.log)} lines in `.log`")
    return "\n".join(parts)
