"""Maps in the kernel."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from pybpf.errors import KernelError
from pybpf.kinds import MapFlag, MapType
from pybpf.loading import load
from pybpf.maps import Map, UpdateFlag, create, possible_cpus
from pybpf.spec import MapSpec, ObjectSpec

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
HASH = MapSpec("table", MapType.HASH, 4, 8, 1000)


def key(number: int) -> bytes:
    return struct.pack("=I", number)


def value(number: int) -> bytes:
    return struct.pack("=Q", number)


def test_what_is_written_is_read_until_it_is_deleted() -> None:
    with create(HASH) as table:
        table.update(key(1), value(7))
        assert table.lookup(key(1)) == value(7)
        assert table.delete(key(1)) and not table.delete(key(1))
        assert table.lookup(key(1)) is None


def test_update_flags_say_whether_the_key_must_be_new() -> None:
    with create(HASH) as table:
        with pytest.raises(KernelError) as caught:
            table.update(key(1), value(1), UpdateFlag.EXIST)
        assert (caught.value.command, caught.value.errno_name) == ("BPF_MAP_UPDATE_ELEM", "ENOENT")
        table.update(key(1), value(1), UpdateFlag.NOEXIST)
        with pytest.raises(KernelError) as caught:
            table.update(key(1), value(1), UpdateFlag.NOEXIST)
        assert caught.value.errno_name == "EEXIST"


@pytest.mark.parametrize("kind", [MapType.HASH, MapType.LRU_HASH, MapType.LPM_TRIE])
def test_every_pair_of_a_large_map_is_given_once(kind: MapType) -> None:
    flags = MapFlag.NO_PREALLOC if kind is MapType.LPM_TRIE else MapFlag.NONE
    with create(MapSpec("table", kind, 8, 8, 8000, flags)) as table:
        pairs = {struct.pack("=I", 32) + struct.pack(">I", number): value(number) for number in range(600)}
        for each in pairs:
            table.update(each, pairs[each])
        found = list(table.items())
        assert len(found) == 600 and dict(found) == pairs
        assert sorted(table.keys()) == sorted(pairs)


@pytest.mark.parametrize("kind", [MapType.HASH, MapType.LPM_TRIE])
def test_deleting_while_reading_hides_no_other_pair(kind: MapType) -> None:
    flags = MapFlag.NO_PREALLOC if kind is MapType.LPM_TRIE else MapFlag.NONE
    with create(MapSpec("table", kind, 8, 8, 1000, flags)) as table:
        keys = [struct.pack("=I", 32) + struct.pack(">I", number) for number in range(700)]
        for each in keys:
            table.update(each, value(0))
        met = []
        for each, _ in table.items():
            table.delete(each)
            met.append(each)
        assert sorted(met) == sorted(keys)
        assert list(table.items()) == []


def test_keys_and_values_of_another_size_never_reach_the_kernel() -> None:
    with create(HASH) as table:
        for attempt in (lambda: table.lookup(b"123"), lambda: table.update(key(1), b"1"), lambda: table.delete(b"")):
            with pytest.raises(ValueError, match="bytes"):
                attempt()


def test_per_cpu_maps_have_a_value_for_each_cpu() -> None:
    with create(MapSpec("counts", MapType.PERCPU_HASH, 4, 4, 8)) as counts:
        mine = [struct.pack("=I", number) for number in range(possible_cpus())]
        counts.update_per_cpu(key(1), mine)
        assert counts.lookup_per_cpu(key(1)) == mine
        assert counts.lookup_per_cpu(key(2)) is None
        assert list(counts.items_per_cpu()) == [(key(1), mine)]
        with pytest.raises(TypeError):
            counts.lookup(key(1))


def test_a_prog_array_takes_programs_only(objects: Callable[[str], ObjectSpec]) -> None:
    with load(objects("small")) as loaded, create(MapSpec("jumps", MapType.PROG_ARRAY, 4, 4, 2)) as jumps:
        program = loaded.programs["small"]
        jumps.update(key(1), program)
        assert jumps.lookup(key(1)) == key(program.info().id)
        with pytest.raises(TypeError):
            jumps.update(key(1), key(3))


def test_a_frozen_map_is_read_only() -> None:
    with create(HASH) as table:
        table.freeze()
        with pytest.raises(KernelError) as caught:
            table.update(key(1), value(1))
        assert caught.value.errno_name == "EPERM"


def test_a_pinned_map_outlives_its_owner(bpffs: Path) -> None:
    with create(HASH) as table:
        table.update(key(1), value(9))
        table.pin(bpffs / "table")
    with Map.from_pin(bpffs / "table") as again, Map.from_id(again.info().id) as same:
        assert same.lookup(key(1)) == value(9)
        assert (again.name, again.type, again.key_size, again.value_size, again.max_entries) == ("table", MapType.HASH, 4, 8, 1000)


def test_a_map_that_cannot_be_made_is_named_in_the_error() -> None:
    with pytest.raises(KernelError) as caught:
        create(MapSpec("empty", MapType.HASH, 4, 4, 0))
    assert (caught.value.command, caught.value.errno_name) == ("BPF_MAP_CREATE", "EINVAL")
    assert "empty" in str(caught.value) and caught.value.hint


def test_a_closed_map_says_so() -> None:
    table = create(HASH)
    table.close()
    with pytest.raises(ValueError, match="closed"):
        table.lookup(key(1))
