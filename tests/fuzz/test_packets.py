"""Longer searches, `make fuzz`: frames valid and damaged, and fragments, on fresh seeds, understood by the kernel as they are read."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack

import pytest

from pybpf.compiler.policy.model.policy import Direction
from tests.kernel.test_malformed_packets import POOLS_OF, check_all
from tests.support.fragment_trains import fragment_trains
from tests.support.frame_judging import Judge, policies_by_chance
from tests.support.frames import frame_bytes
from tests.support.generated_frames import valid_frames
from tests.support.malformed import damaged_frames

pytestmark = [pytest.mark.kernel, pytest.mark.skipif("PYBPF_FUZZ" not in os.environ, reason="a longer search: run `make fuzz`")]
SECONDS = 60


@pytest.mark.parametrize("direction", Direction)
def test_the_kernel_understands_every_frame_as_it_is_read(direction: Direction) -> None:
    seed, until = time.time_ns(), time.monotonic() + SECONDS
    with ExitStack() as owned:
        judge = Judge(owned)
        while time.monotonic() < until:
            seed += 1
            judge.enforce(policies_by_chance(seed) if seed % 4 else [])
            check_all(judge, (frame_bytes(each) for each in valid_frames(seed, 700, POOLS_OF[direction])), direction)
            check_all(judge, (each.frame for each in damaged_frames(seed, 1500)), direction)
            check_all(judge, (frame for train in fragment_trains(seed, 150) for frame in train), direction)
