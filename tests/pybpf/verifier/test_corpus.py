"""The corpus of refused programs, by the logs that were kept of them: no kernel is needed."""

from __future__ import annotations

import pytest

from tests.support.refusals import Refusal, check, refusals


@pytest.mark.parametrize("refusal", refusals(), ids=lambda refusal: refusal.name)
def test_a_refused_program_is_explained(refusal: Refusal) -> None:
    check(refusal, refusal.recorded())


def test_the_corpus_is_large_enough() -> None:
    assert len(refusals()) >= 80
    assert len({each.code for each in refusals()}) >= 40
