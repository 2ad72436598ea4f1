"""How many instructions the kernel programs have, against the golden file: a change is seen, and meant, or undone.

After a change that is meant: `python -m tests.compiler.test_instruction_counts` writes the file anew.
"""

from __future__ import annotations

import json
from pathlib import Path

from pybpf import elf
from pybpf.compiler import build
from pybpf.compiler.building import DATAPATH
from pybpf.compiler.frontend import translate
from pybpf.kernel_progs import http_program
from pybpf.spec import INSTRUCTION_SIZE

GOLDEN = Path(__file__).parent / "golden" / "instructions.json"


def counts() -> dict[str, int]:
    """Program -> its length in instructions, with all that is inlined and all that it calls."""
    spec = elf.parse(build(translate([*DATAPATH, http_program.judge_http])).elf)
    return {name: len(program.instructions) // INSTRUCTION_SIZE for name, program in sorted(spec.programs.items())}


def test_the_kernel_programs_have_as_many_instructions_as_before() -> None:
    assert counts() == json.loads(GOLDEN.read_text())


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(counts(), indent=2) + "\n")
