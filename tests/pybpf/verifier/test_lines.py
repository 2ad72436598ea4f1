"""Line info, read."""

from __future__ import annotations

from pybpf.btf import parse
from pybpf.kinds import ProgramType
from pybpf.verifier.lines import LineTable, line_table
from tests.support.assembly import assemble

TEXT = """
; first = 1 @ shop.py:3
r0 = 1
r1 = 2
;  @ shop.py:0
r2 = 3
; return first @ shop.py:5
exit
"""


def table() -> LineTable:
    made = assemble(TEXT, ProgramType.SCHED_CLS)
    assert made.btf is not None
    return line_table(made.program.line_info, parse(made.btf))


def test_an_instruction_is_of_the_last_line_before_it() -> None:
    found = [table().at(number) for number in range(4)]
    assert [(each.file, each.line) for each in found if each] == [("shop.py", 3), ("shop.py", 3), ("shop.py", 3), ("shop.py", 5)]


def test_without_records_nothing_is_known() -> None:
    assert LineTable().at(0) is None
