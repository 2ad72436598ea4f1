"""The corpus of refused programs, refused by this kernel: it still says what the table of causes knows."""

from __future__ import annotations

import pytest

from tests.support.refusals import Refusal, check, refusals, refused

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
# the verifier follows a million instructions, and its log of them is 16 MB
SLOW = "too many rounds"


@pytest.mark.parametrize("refusal", [each for each in refusals() if each.name != SLOW], ids=lambda refusal: refusal.name)
def test_this_kernel_refuses_and_is_understood(refusal: Refusal) -> None:
    error = refused(refusal.spec())
    assert error is not None, "this kernel takes the program"
    check(refusal, refusal.error(error.errno or 0, "\n".join(error.log)))
