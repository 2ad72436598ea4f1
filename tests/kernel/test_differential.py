"""Programs made up by the hundred: CPython, the IR and the kernel agree on every one of them. `make fuzz` makes ten thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.compiler.generated import Kind
from tests.compiler.generated_agreement import Tally, agree

pytestmark = pytest.mark.kernel
PROGRAMS, BATCH = 165, 55  # of each kind; how many are one object
SEED = 6


@pytest.mark.parametrize("kind", Kind, ids=lambda kind: kind.name)
def test_generated_programs_do_the_same_everywhere(kind: Kind, tmp_path: Path) -> None:
    tally = Tally()
    for start in range(0, PROGRAMS, BATCH):
        tally += agree(kind, SEED, range(start, start + BATCH), tmp_path)
    assert tally.made == PROGRAMS
    assert tally.accepted >= 150, tally
