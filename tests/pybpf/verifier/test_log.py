"""What each line of a log is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pybpf.verifier.log import Comment, Entry, Resume, Said, State, Statistic, Step, read
from tests.pybpf.verifier.logs import EVERY_PATH, IN_A_FUNCTION, TAKEN_UP_AGAIN, lines


def entries(text: str) -> list[Entry]:
    return list(read(text.splitlines()))


def test_a_comment_names_text_file_and_line() -> None:
    assert entries("; allow GET \"/flights @ 9:30\" @ my flights.yaml:23") == [Comment('allow GET "/flights @ 9:30"', "my flights.yaml", 23)]


def test_an_old_kernels_comment_is_text_alone() -> None:
    assert entries("; return *value;") == [Comment("return *value;", "", 0)]


def test_a_step_ends_with_the_registers_it_changed() -> None:
    assert entries("4: (07) r2 += -4                      ; R2=fp-4") == [Step(4, "r2 += -4"), State(0, "R2=fp-4", False)]


def test_a_register_dump_is_everything_that_is_known() -> None:
    assert entries("8: R0=1 R10=fp0") == [State(0, "R0=1 R10=fp0", True)]


def test_a_frame_stands_before_its_registers() -> None:
    assert entries("2: (bf) r0 = r10   ; frame1: R0=fp0")[1] == State(1, "R0=fp0", False)


def test_a_branch_taken_up_again_is_a_resume_with_its_registers() -> None:
    assert entries("from 5 to 8: R0=1 R10=fp0") == [Resume(5, 8), State(0, "R0=1 R10=fp0", True)]


def test_a_branch_taken_up_in_the_line_of_its_jump_is_the_same() -> None:
    assert entries("5: (15) if r0 == 0x1 goto pc+2 8: R0=1 R10=fp0") == [
        Step(5, "if r0 == 0x1 goto pc+2"), Resume(5, 8), State(0, "R0=1 R10=fp0", True),
    ]  # fmt: skip


def test_a_message_in_the_line_of_a_jump_is_a_message() -> None:
    assert entries("3: (25) if r0 > 0x5 goto pc-2 infinite loop detected at insn 2") == [
        Step(3, "if r0 > 0x5 goto pc-2"), Said("infinite loop detected at insn 2"),
    ]  # fmt: skip


def test_figures_behind_a_message_without_line_end_are_cut_off() -> None:
    assert entries("expected prog array map for tail callprocessed 3 insns (limit 1000000) max") == [Said("expected prog array map for tail call")]


def test_figures_and_chatter_are_no_messages() -> None:
    assert not [each for log in (EVERY_PATH, IN_A_FUNCTION) for each in entries(log) if isinstance(each, Said)][2:]
    assert isinstance(entries("processed 7 insns (limit 1000000)")[0], Statistic)


def test_every_instruction_of_a_log_is_a_step() -> None:
    numbers = [each.number for each in read(lines(TAKEN_UP_AGAIN)) if isinstance(each, Step)]
    assert numbers == [0, 1, 2, 3, 4, 5, 8, 9, 10, 11]


@given(st.text())
def test_any_text_is_a_log(text: str) -> None:
    assert all(isinstance(each, Entry) for each in entries(text))
