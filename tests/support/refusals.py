"""The corpus of refused programs: tests/kernel/verifier_corpus/*.toml, and the logs that Linux 6.18 wrote for them beside it.

`python -m tests.support.refusals` (as root) writes the logs again, with the kernel's addresses taken out.
"""

from __future__ import annotations

import errno
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pybpf.btf import parse
from pybpf.kinds import AttachType, MapFlag, MapType, ProgramType
from pybpf.loading import load
from pybpf.spec import MapSpec, ObjectSpec
from pybpf.verifier import LineTable, VerifierRejected, line_table
from tests.support.assembly import KEY, LOCKED, TIMED, Assembled, assemble

FOLDER = Path(__file__).resolve().parent.parent / "kernel" / "verifier_corpus"
MAPS = {
    each.name: each
    for each in (
        MapSpec("table", MapType.HASH, 4, 8, 16),
        MapSpec("array", MapType.ARRAY, 4, 8, 16),
        MapSpec("ring", MapType.RINGBUF, 0, 0, 4096),
        MapSpec("programs", MapType.PROG_ARRAY, 4, 4, 4),
        MapSpec("sealed", MapType.ARRAY, 4, 8, 1, MapFlag.RDONLY_PROG),
        MapSpec("locks", MapType.ARRAY, 4, 8, 1, key_type_id=KEY, value_type_id=LOCKED),
        MapSpec("timers", MapType.ARRAY, 4, 16, 1, key_type_id=KEY, value_type_id=TIMED),
    )
}
_ADDRESS = re.compile(r"0xffff[0-9a-f]{12}")

_KEPT = 400  # lines of a log; a loop that is followed to the end makes a million


@dataclass(frozen=True, slots=True)
class Refusal:
    """A program that the kernel refuses: what the finding must say. `line` is that of refused.py, 0 for none, -1 for any; `facts` are how the
    words of registers begin; `recorded` is the log, kept."""

    name: str
    program_type: ProgramType
    attach_type: AttachType
    license: str
    assembly: str
    code: str
    hint: str
    line: int
    facts: dict[str, str]

    @property
    def path(self) -> Path:
        """Where the log lies."""
        return FOLDER / "logs" / f"{self.name.replace(' ', '-')}.log"

    def recorded(self) -> VerifierRejected:
        """The error for the log that was kept: its first line is the errno's name."""
        errno_name, _, log = self.path.read_text().partition("\n")
        return self.error(getattr(errno, errno_name), log)

    def error(self, number: int, log: str) -> VerifierRejected:
        """The error for a log of this program."""
        made = self.assembled()
        lines = line_table(made.program.line_info, parse(made.btf)) if made.btf else LineTable()
        return VerifierRejected("program", number, log, lines=lines)

    def assembled(self) -> Assembled:
        """The program, with its types."""
        return assemble(self.assembly, self.program_type, attach_type=self.attach_type)

    def spec(self) -> ObjectSpec:
        """The object to load."""
        made = self.assembled()
        used = {each.map_name: MAPS[each.map_name] for each in made.program.relocations}
        return ObjectSpec({"program": made.program}, used, license=self.license, btf=made.btf)


def refusals() -> list[Refusal]:
    """Every case of the corpus."""
    return [_refusal(case) for file in sorted(FOLDER.glob("*.toml")) for case in tomllib.loads(file.read_text())["case"]]


def _refusal(case: dict[str, object]) -> Refusal:
    facts = case.get("facts", {})
    assert isinstance(facts, dict)
    return Refusal(
        str(case["name"]), ProgramType[str(case.get("type", "SCHED_CLS"))], AttachType[str(case.get("attach", "NONE"))],
        str(case.get("license", "GPL")), str(case["assembly"]), str(case["code"]), str(case["hint"]), int(str(case.get("line", 0))), facts,
    )  # fmt: skip


def check(refusal: Refusal, error: VerifierRejected) -> None:
    """Assert that the error says what the case wants it to say, and says it shortly."""
    finding = error.finding
    assert (finding.code, refusal.hint in finding.hint) == (refusal.code, True), str(error)
    if refusal.line >= 0:
        assert (finding.place or ("", 0))[1] == refusal.line, str(error)
    words = {fact.name: fact.words for fact in finding.facts}
    for name, beginning in refusal.facts.items():
        assert words.get(name, "").startswith(beginning), str(error)
    assert len(str(error).splitlines()) <= 15


def refused(spec: ObjectSpec) -> VerifierRejected | None:
    """What the kernel's verifier says now; None when it takes the program."""
    try:
        load(spec).close()
    except VerifierRejected as error:
        return error
    return None


def main() -> None:
    """Write every log again."""
    for each in refusals():
        error = refused(each.spec())
        assert error is not None, f"{each.name!r} is accepted"
        kept = [_ADDRESS.sub("0xffff888100000000", line) for line in error.log[-_KEPT:]]
        each.path.write_text("\n".join([error.errno_name, *kept]) + "\n")


if __name__ == "__main__":
    main()
