"""Ring buffers: order, discards, waiting, wrapping round."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator
from itertools import islice

import pytest

from pybpf.loading import Loaded, load
from pybpf.programs import SkbContext
from pybpf.ringbuf import RingReader
from pybpf.spec import ObjectSpec

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]


@pytest.fixture
def loaded(objects: Callable[[str], ObjectSpec], no_leaks: None) -> Iterator[Loaded]:
    with load(objects("ring")) as loaded:
        yield loaded


def report(loaded: Loaded, mark: int = 0) -> int:
    """Have the program write a record; 1 when there was no room."""
    return loaded.programs["report"].test_run(bytes(64), context=SkbContext(mark=mark).pack()).return_value


def numbers(records: list[bytes]) -> list[int]:
    return [struct.unpack("=III", record)[0] for record in records]


def test_records_come_in_order_and_discarded_ones_do_not(loaded: Loaded) -> None:
    with RingReader(loaded.maps["events"]) as reader:
        for mark in range(9):
            report(loaded, mark)
        records = reader.read(0)
        assert [struct.unpack("=III", record) for record in records] == [(n, 64, n - 1) for n in (1, 2, 3, 5, 6, 7, 9)]
        assert reader.read(0) == []


def test_a_full_ring_refuses_records_until_it_is_read(loaded: Loaded) -> None:
    with RingReader(loaded.maps["events"]) as reader:
        while report(loaded) == 0:
            pass
        assert len(reader.read(0)) > 100
        assert report(loaded) == 0


def test_the_ring_is_read_round_and_round(loaded: Loaded) -> None:
    with RingReader(loaded.maps["events"]) as reader:
        found: list[int] = []
        for _ in range(60):
            for _ in range(20):
                report(loaded)
            found += numbers(reader.read(0))
        assert found == [number for number in range(1, 1201) if number % 4]


def test_reading_waits_for_the_first_record(loaded: Loaded) -> None:
    with RingReader(loaded.maps["events"]) as reader:
        assert reader.read(10) == []
        timer = threading.Timer(0.05, report, [loaded])
        timer.start()
        assert numbers(reader.read(5000)) == [1]
        timer.join()


def test_a_reader_is_an_endless_iterator(loaded: Loaded) -> None:
    with RingReader(loaded.maps["events"]) as reader:
        for _ in range(3):
            report(loaded)
        assert numbers(list(islice(reader, 3))) == [1, 2, 3]


def test_a_closed_reader_says_so(loaded: Loaded) -> None:
    reader = RingReader(loaded.maps["events"])
    reader.close()
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read(0)


def test_only_ring_buffers_can_be_read(loaded: Loaded) -> None:
    with pytest.raises(TypeError):
        RingReader(loaded.maps[".bss"])
