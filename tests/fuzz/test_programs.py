"""Longer searches, `make fuzz`: ten thousand programs made up on a fresh seed, in CPython, as IR and in the kernel."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pybpf.features import missing
from tests.compiler.generated import Kind
from tests.compiler.generated_agreement import Tally, agree

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif("PYBPF_FUZZ" not in os.environ, reason="a longer search: run `make fuzz`"),
]
PROGRAMS, BATCH = 10_000, 100  # how many are to be accepted; how many are one object
MOST_TOO_LARGE = 0.002  # of what is made up, for the verifier
LEAST_ACCEPTED = 0.6  # of what is made up


def test_ten_thousand_generated_programs_do_the_same_everywhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if lacking := missing():
        pytest.skip("missing: " + "; ".join(f"{each.what} ({each.remedy})" for each in lacking))
    seed, tally, start = time.time_ns(), Tally(), 0
    while tally.accepted < PROGRAMS:
        kind = list(Kind)[start // BATCH % len(Kind)]
        try:
            tally += agree(kind, seed, range(start, start + BATCH), tmp_path)
        except Exception as error:
            error.add_note(f"seed {seed}, {kind}, programs from {start}")
            raise
        start += BATCH
        assert tally.accepted >= tally.made * LEAST_ACCEPTED, (seed, tally)
        assert tally.too_large <= 1 + tally.made * MOST_TOO_LARGE, (seed, tally)
    with capsys.disabled():
        print(f"\nseed {seed}: {tally.accepted} of {tally.made} programs accepted, {tally.runs} runs, all agree; {tally.too_large} too large to verify")
