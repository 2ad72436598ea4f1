"""What a log says, and how the error shows it."""

from __future__ import annotations

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.verifier import Turn, VerifierRejected, find
from tests.pybpf.verifier.logs import (
    EVERY_PATH,
    IN_A_POLICY,
    OLD,
    TAKEN_UP_AGAIN,
    UNCHECKED,
    WITHOUT_LINES,
    lines,
)

# words that make up logs: random orders of them reach more than random letters do
WORDS = st.sampled_from(
    [each + "\n" for log in (UNCHECKED, TAKEN_UP_AGAIN, EVERY_PATH, OLD) for each in log.splitlines()]
    + ["5: (15) if r0 == 0x1 goto pc+2 ", "from 9 to 3: ", "frame7: ", "R0=", "scalar(", ")", ";", " @ :", "99999999999999999999", "\n", "(", "=,"]
)


def test_the_last_comment_names_the_source_line() -> None:
    finding = find(lines(UNCHECKED))
    assert (finding.place, finding.source) == (("refused.c", 16), "return *value;")


def test_line_zero_is_the_compilers_own_and_is_passed_over() -> None:
    finding = find(lines(IN_A_POLICY))
    assert (finding.place, finding.source) == (("policies/my flights.yaml", 23), 'allow GET "/flights @ 9:30"')
    assert finding.cause == "infinite loop detected at insn 1"


def test_without_line_info_there_is_no_place() -> None:
    assert find(lines(WITHOUT_LINES)).place is None


def test_an_old_kernel_names_the_text_of_the_line_alone() -> None:
    finding = find(lines(OLD))
    assert (finding.code, finding.place, finding.source) == ("verifier-not-memory", None, "return *(int *)index;")
    assert [(fact.name, fact.words) for fact in finding.facts] == [("R1", "any 32-bit number, 0 to 4294967295")]


def test_the_registers_that_matter_are_those_of_the_message_and_the_instruction() -> None:
    finding = find(lines(UNCHECKED))
    assert [(fact.name, fact.words) for fact in finding.facts] == [("R0", "a value of map 'table' (8 bytes), or None")]


def test_the_decisions_on_the_way_are_lines_of_source() -> None:
    assert find(lines(TAKEN_UP_AGAIN)).turns == (
        Turn("shop.py", 4, "if mark == 0:"), Turn("shop.py", 6, "if chance == 1:"), Turn("shop.py", 8, "ethernet = packet.header(Ethernet, 0)"),
    )  # fmt: skip
    assert find(lines(EVERY_PATH)).turns == (Turn("shop.py", 4, "if packet.mark:"),)


def test_a_loop_is_one_decision() -> None:
    start, end = TAKEN_UP_AGAIN.split("11: (71)")
    rounds = "; for i in range(4): @ shop.py:7\n10: (2d) if r0 > r8 goto pc+1         ; R0=pkt(off=14,r=14)\n; pass @ shop.py:9\n" * 50
    assert [turn.line for turn in find(lines(start + rounds + "11: (71)" + end)).turns] == [6, 8, 7]


def test_the_error_is_short_and_the_log_is_kept() -> None:
    error = VerifierRejected("count", errno.EACCES, TAKEN_UP_AGAIN)
    shown = str(error).splitlines()
    assert shown[0].startswith("shop.py:9: error[verifier-packet]: 1 byte(s) at offset 20 of the packet")
    assert shown[1] == "    return ip.protocol"
    assert "  R7 = the packet; 14 bytes are known to be there" in shown
    assert "    shop.py:4: if mark == 0:" in shown
    assert any(line.startswith("  hint: ") for line in shown) and len(shown) <= 15
    assert error.place == ("shop.py", 9) and error.log == lines(TAKEN_UP_AGAIN)


def test_an_empty_log_still_gives_an_error() -> None:
    error = VerifierRejected("silent", errno.EPERM, "")
    assert error.place is None and "silent" in str(error) and "root" in error.hint


def test_a_cause_that_nobody_knows_is_shown_as_it_is() -> None:
    error = VerifierRejected("new", errno.EINVAL, "0: (95) exit\na new complaint\n")
    assert "error[verifier-unknown]: a new complaint" in str(error)


@given(st.text() | st.lists(WORDS).map("".join))
def test_any_text_gives_an_error(log: str) -> None:
    error = VerifierRejected("program", errno.EINVAL, log)
    assert len(error.finding.facts) <= 3 and len(error.finding.turns) <= 3 and str(error)


@pytest.mark.parametrize("piece", ["2: (85) call bpf_get_prandom_u32#7    ; R0=scalar()\n", "R0=scalar(", "if . goto pc+1 "])
def test_sixteen_megabytes_are_read_to_the_end(piece: str) -> None:
    log = lines(piece * ((16 << 20) // len(piece)))
    assert find(log).code == find(lines(piece)).code
