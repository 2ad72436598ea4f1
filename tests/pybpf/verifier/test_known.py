"""The table of causes against what kernels say: messages.txt (a code and a message a line) and the corpus of refused programs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpf.verifier.known import TABLE, UNKNOWN, explain
from tests.support.refusals import refusals

MESSAGES = [line.split(maxsplit=1) for line in (Path(__file__).parent / "messages.txt").read_text().splitlines()]


@pytest.mark.parametrize(("code", "message"), MESSAGES)
def test_a_message_of_the_kernels_is_known(code: str, message: str) -> None:
    found = explain((message,))
    assert (found.code, found.line) == (code, message)
    assert found.sentence and found.hint


def test_every_row_is_the_first_for_some_message() -> None:
    messages = [message for _, message in MESSAGES] + [each.recorded().finding.cause for each in refusals()]
    first = {next((index for index, row in enumerate(TABLE) if re.search(row.pattern, message)), -1) for message in messages}
    assert [TABLE[index].pattern for index in range(len(TABLE)) if index not in first] == []


def test_sentences_and_hints_read_as_one() -> None:
    for row in TABLE:
        assert row.code.startswith("verifier-") and not row.sentence.endswith(".") and not row.hint.endswith(".")
        assert "  " not in row.sentence + row.hint and row.sentence[0].islower() | (row.sentence[0] in "{R")


def test_the_first_line_that_is_known_decides() -> None:
    assert explain(("who knows", "div by zero", "invalid shift 64")).line == "div by zero"


def test_what_nobody_knows_is_given_back() -> None:
    found = explain(("a new complaint", "and more of it"))
    assert (found.code, found.sentence, found.hint) == (UNKNOWN, "a new complaint", "")


def test_nothing_said_is_nothing_known() -> None:
    assert explain(()).code == UNKNOWN


@given(st.lists(st.text()))
def test_any_message_is_explained(said: list[str]) -> None:
    explain(tuple(said))
