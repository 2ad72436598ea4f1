"""Whatever comes, the kernel understands it as it is read by tests/support/frame_reading.py, or drops it and says why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from pybpf.compiler.policy.model.policy import Direction
from tests.support.fragment_trains import fragment_trains
from tests.support.frame_judging import FRAMES_FROM_OWN, Judge, policies_by_chance
from tests.support.frames import frame_bytes
from tests.support.generated_frames import POOLS, valid_frames
from tests.support.ip_packets import Ipv4, Ipv6
from tests.support.malformed import DAMAGES, damaged_frames, truncations
from tests.support.understanding import Refused, Understood

pytestmark = pytest.mark.kernel
LEAST = {b"\x08\x00": 34, b"\x86\xdd": 54}  # bytes of a frame that BPF_PROG_TEST_RUN takes, by ethertype; of all others 14
TAG = bytes.fromhex("81000001")
SETS = 6
POOLS_OF = {Direction.INGRESS: POOLS, Direction.EGRESS: FRAMES_FROM_OWN}


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with ExitStack() as owned:
        yield Judge(owned)


def what(right: Understood) -> str:
    """The kind of answer, to be counted."""
    return right.reason.name if isinstance(right, Refused) else type(right).__name__


def check_all(judge: Judge, frames: Iterable[bytes], direction: Direction) -> Counter[str]:
    """Check every frame that can be tried; how often which kind of answer was right."""
    return Counter(what(judge.check(triable(frame), direction)) for frame in frames if len(frame) >= 14)


def triable(frame: bytes) -> bytes:
    """The frame; one that the kernel would not run a program on because its IP header is not all there, in a VLAN."""
    return frame if len(frame) >= LEAST.get(frame[12:14], 14) else frame[:12] + TAG + frame[12:]


@pytest.mark.parametrize("direction", Direction)
def test_valid_frames_are_understood_and_judged_by_what_they_say(judge: Judge, direction: Direction) -> None:
    met = Counter[str]()
    for seed in range(SETS):
        judge.enforce(policies_by_chance(seed) if seed else [])
        met += check_all(judge, (frame_bytes(each) for each in valid_frames(seed, 700, POOLS_OF[direction])), direction)
    assert met["Asked"] > 1500 and met["FRAGMENT"] > 20 and met["UNSUPPORTED"] > 20, met


@pytest.mark.parametrize("direction", Direction)
def test_damaged_frames_are_dropped_for_the_right_reason_or_judged_by_what_they_say(judge: Judge, direction: Direction) -> None:
    met = Counter[str]()
    for seed in range(SETS):
        judge.enforce(policies_by_chance(seed) if seed else [])
        met += check_all(judge, (each.frame for each in damaged_frames(seed, 20 * len(DAMAGES))), direction)
    assert min(met[each] for each in ("Asked", "MALFORMED", "SOURCE_ROUTE", "TOO_MANY_HEADERS", "FRAGMENT", "UNSUPPORTED")) > 100, met


@pytest.mark.parametrize("direction", Direction)
def test_fragments_follow_the_first_of_their_datagram(judge: Judge, direction: Direction) -> None:
    met = Counter[str]()
    for seed in range(SETS):
        judge.enforce(policies_by_chance(seed) if seed else [])
        met += check_all(judge, (frame for train in fragment_trains(seed, 120) for frame in train), direction)
    assert met["Asked"] > 500 and met["FRAGMENT"] > 100, met


def test_every_truncation_of_a_packet_is_dropped(judge: Judge) -> None:
    judge.enforce([])
    for frame in valid_frames(99, 25):
        met = check_all(judge, truncations(frame_bytes(replace(frame, trailer=b""))), Direction.INGRESS)
        assert not isinstance(frame.content, Ipv4 | Ipv6) or set(met) == {"MALFORMED"}, (frame, met)
