"""Texts that are fit to be shown."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pybpf.compiler.policy.picture.texts import MAX_LETTERS, MAX_LISTED, lines, printable, shortened


def test_what_does_not_print_is_written_by_its_number() -> None:
    assert printable("a\x1b[2J\n\u202eb é \ud800 \ufffe") == r"a\u{1b}[2J\u{a}\u{202e}b é \u{d800} \u{fffe}"


def test_as_many_texts_as_there_may_be_are_all_shown() -> None:
    several = [str(number) for number in range(MAX_LISTED)]
    assert shortened(several) == several


def test_of_one_too_many_the_number_of_the_rest_is_shown() -> None:
    assert shortened([str(number) for number in range(MAX_LISTED + 1)])[-2:] == ["6", "… and 2 more"]


def test_a_text_that_is_too_long_says_so() -> None:
    assert lines("a" * (MAX_LETTERS + 1), 1000) == ["a" * MAX_LETTERS + "… (241 characters)"]
    assert lines("a" * MAX_LETTERS, 1000) == ["a" * MAX_LETTERS]


def test_lines_after_the_first_are_further_in() -> None:
    assert lines("GET /a host b", 10, "  ") == ["  GET /a", "    host b"]


@given(st.text(max_size=MAX_LETTERS // 10), st.integers(12, 60))
def test_every_line_has_room_and_no_letter_is_lost(text: str, room: int) -> None:
    drawn = lines(text, room)
    assert drawn and all(len(line) <= room and line.isprintable() for line in drawn)
    assert "".join("".join(drawn).split()) == "".join(printable(text).split())
