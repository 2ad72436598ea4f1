"""Every kind of map that an object can declare, and what each can do from here."""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from pybpf.errors import KernelError
from pybpf.kinds import MapType
from pybpf.loading import Loaded, load
from pybpf.maps import create, possible_cpus
from pybpf.programs import SkbContext
from pybpf.spec import MapSpec, ObjectSpec

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
Objects = Callable[[str], ObjectSpec]
PACKET = bytes(64)
CGROUPS = [path for path in (Path("/sys/fs/cgroup/unified"), Path("/sys/fs/cgroup")) if (path / "cgroup.controllers").is_file()]


@pytest.fixture
def loaded(objects: Objects) -> Iterator[Loaded]:
    with load(objects("mapkinds")) as everything:
        yield everything


def u32(number: int) -> bytes:
    return struct.pack("=I", number)


def u64(number: int) -> bytes:
    return struct.pack("=Q", number)


@pytest.fixture
def connected() -> Iterator[socket.socket]:
    """The client's end of a TCP connection."""
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
        closing(server.accept()[0]),
    ):
        yield client


def test_every_kind_is_made_as_declared(loaded: Loaded) -> None:
    assert loaded.notes == ()
    not_here = {
        MapType.STACK_TRACE, MapType.ARRAY_OF_MAPS, MapType.CGROUP_STORAGE, MapType.PERCPU_CGROUP_STORAGE, MapType.REUSEPORT_SOCKARRAY,
        MapType.STRUCT_OPS, MapType.USER_RINGBUF, MapType.ARENA,
    }  # fmt: skip
    assert {each.type for each in loaded.maps.values()} == set(MapType) - not_here


def test_a_queue_gives_what_came_first(loaded: Loaded) -> None:
    queue = loaded.maps["queue"]
    for number in range(3):
        queue.push(u64(number))
    assert (queue.peek(), [queue.pop() for _ in range(4)]) == (u64(0), [u64(0), u64(1), u64(2), None])


def test_a_stack_gives_what_came_last(loaded: Loaded) -> None:
    stack = loaded.maps["stack"]
    for number in range(3):
        stack.push(u64(number))
    assert (stack.peek(), [stack.pop() for _ in range(4)]) == (u64(2), [u64(2), u64(1), u64(0), None])


def test_a_full_queue_takes_no_more(loaded: Loaded) -> None:
    queue = loaded.maps["queue"]
    for number in range(queue.max_entries):
        queue.push(u64(number))
    with pytest.raises(KernelError) as caught:
        queue.push(u64(9))
    assert caught.value.errno_name == "E2BIG"


def test_programs_and_this_process_share_queues_stacks_and_filters(loaded: Loaded) -> None:
    loaded.maps["bloom"].push(u64(7))
    for number in (7, 123456789):
        loaded.maps["queue"].push(u64(number))
    assert [loaded.programs["move"].test_run(PACKET).return_value for _ in range(3)] == [1, 0, 0xFFFFFFFF]
    assert [loaded.maps["stack"].pop() for _ in range(2)] == [u64(123456789), u64(7)]


def test_a_bloom_filter_forgets_nothing(loaded: Loaded) -> None:
    bloom = loaded.maps["bloom"]
    for number in range(32):
        bloom.push(u64(number))
    assert all(bloom.may_have(u64(number)) for number in range(32))
    assert not all(bloom.may_have(u64(number)) for number in range(1000, 1100))


@pytest.mark.parametrize("name", ["queue", "stack", "bloom"])
def test_what_has_no_keys_is_not_asked_by_key(loaded: Loaded, name: str) -> None:
    with pytest.raises(TypeError, match="push"):
        loaded.maps[name].lookup(b"")


def test_what_has_keys_is_not_pushed_to(loaded: Loaded) -> None:
    for attempt in (lambda: loaded.maps["hash"].push(u64(1)), loaded.maps["hash"].pop, loaded.maps["bloom"].peek):
        with pytest.raises(TypeError, match=r"QUEUE|BLOOM_FILTER"):
            attempt()


@pytest.mark.parametrize("name", ["percpu_hash", "percpu_array", "lru_percpu_hash"])
def test_per_cpu_values_are_lists(loaded: Loaded, name: str) -> None:
    each = loaded.maps[name]
    key = bytes(each.key_size)
    each.update_per_cpu(key, [u64(number) for number in range(possible_cpus())])
    assert each.lookup_per_cpu(key) == [u64(number) for number in range(possible_cpus())]


def test_a_map_of_maps_has_its_declared_map_at_its_declared_key(loaded: Loaded) -> None:
    assert loaded.maps["hash_of_maps"].lookup(u32(3)) == u32(loaded.maps["one"].info().id)
    loaded.maps["one"].update(u32(1), u64(44))
    answers = [loaded.programs["inside"].test_run(PACKET, context=SkbContext(mark=key).pack()).return_value for key in (3, 4)]
    assert answers == [44, 0xFFFFFFFF]


def test_a_map_of_maps_takes_another_map_of_that_shape(loaded: Loaded) -> None:
    with create(MapSpec("other", MapType.HASH, 4, 8, 4)) as other:
        other.update(u32(1), u64(55))
        loaded.maps["hash_of_maps"].update(u32(8), other)
        assert loaded.programs["inside"].test_run(PACKET, context=SkbContext(mark=8).pack()).return_value == 55
    with create(MapSpec("wrong", MapType.HASH, 8, 8, 4)) as wrong, pytest.raises(KernelError):
        loaded.maps["hash_of_maps"].update(u32(9), wrong)


@pytest.mark.parametrize("name", ["sockmap", "sockhash"])
def test_maps_of_sockets_take_sockets(loaded: Loaded, connected: socket.socket, name: str) -> None:
    sockets = loaded.maps[name]
    key = bytes(sockets.key_size)
    sockets.update(key, connected)
    so_cookie = 57  # include/uapi/asm-generic/socket.h
    assert sockets.lookup(key) == connected.getsockopt(socket.SOL_SOCKET, so_cookie, 8)
    assert sockets.delete(key)


def test_maps_of_devices_take_interfaces(loaded: Loaded) -> None:
    loopback = u32(socket.if_nametoindex("lo"))
    for name in ("devmap", "devmap_hash"):
        loaded.maps[name].update(u32(2), loopback)
        assert loaded.maps[name].lookup(u32(2)) == loopback


def test_a_map_of_cpus_takes_queue_sizes(loaded: Loaded) -> None:
    loaded.maps["cpumap"].update(u32(0), u32(64))
    assert loaded.maps["cpumap"].lookup(u32(0)) == u32(64)


def test_a_perf_event_array_has_a_slot_for_each_cpu(loaded: Loaded) -> None:
    assert loaded.maps["perf_event_array"].max_entries == possible_cpus()


def test_storages_are_asked_by_file(loaded: Loaded, connected: socket.socket) -> None:
    loaded.maps["sk_storage"].update(connected, u64(1))
    assert loaded.maps["sk_storage"].lookup(connected) == u64(1)
    process = os.pidfd_open(os.getpid())
    loaded.maps["task_storage"].update(process, u64(2))
    assert loaded.maps["task_storage"].lookup(u32(process)) == u64(2)
    assert loaded.maps["task_storage"].delete(process) and loaded.maps["task_storage"].lookup(process) is None
    os.close(process)


def test_the_storage_of_inodes_is_asked_by_open_file(loaded: Loaded, tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        try:
            loaded.maps["inode_storage"].update(file, u64(3))
        except KernelError as error:
            if error.errno_name == "EBADF":
                pytest.skip("missing: the BPF security module (boot with lsm=...,bpf)")
            raise
        assert loaded.maps["inode_storage"].lookup(file) == u64(3)


@pytest.mark.skipif(not CGROUPS, reason="missing: cgroup v2 (mount -t cgroup2 none /sys/fs/cgroup)")
def test_cgroups_are_given_by_their_folders(loaded: Loaded) -> None:
    folder = os.open(CGROUPS[0], os.O_RDONLY | os.O_DIRECTORY)
    loaded.maps["cgroup_array"].update(u32(1), folder)
    loaded.maps["cgrp_storage"].update(folder, u64(5))
    assert loaded.maps["cgrp_storage"].lookup(folder) == u64(5)
    assert loaded.maps["cgrp_storage"].delete(folder)
    os.close(folder)


def test_a_number_is_no_value_of_a_plain_map(loaded: Loaded) -> None:
    with pytest.raises(TypeError, match="does not hold int"):
        loaded.maps["array"].update(u32(0), 1)
    with pytest.raises(TypeError, match="keys of bytes"):
        loaded.maps["array"].lookup(1)


def test_a_map_whose_types_the_kernel_refuses_is_made_without_and_noted(objects: Objects) -> None:
    spec = objects("mapkinds")
    trie = replace(spec.maps["trie"], key_type_id=spec.maps["hash"].key_type_id)
    with load(replace(spec, maps={**spec.maps, "trie": trie})) as everything:
        assert everything.notes == ("map 'trie' was made without types: EINVAL",)


def test_a_lock_in_a_value_works(objects: Objects) -> None:
    with load(objects("locks")) as loaded:
        assert loaded.notes == ()
        loaded.maps["counts"].update(u32(0), bytes(8))
        assert [loaded.programs["add"].test_run(PACKET).return_value for _ in range(3)] == [1, 2, 3]


def test_a_timer_in_a_value_rings(objects: Objects) -> None:
    with load(objects("locks")) as loaded:
        assert loaded.programs["arm"].test_run(PACKET).return_value == 0
        deadline = time.monotonic() + 5
        while loaded.maps["alarms"].lookup(u32(0)) == bytes(24) and time.monotonic() < deadline:
            time.sleep(0.001)
        assert loaded.maps["alarms"].lookup(u32(0)) == u64(1) + bytes(16)  # the timer itself is never shown


def test_global_functions_are_called(objects: Objects) -> None:
    with load(objects("locks")) as loaded:
        assert loaded.programs["globals"].test_run(PACKET, context=SkbContext(mark=3).pack()).return_value == 7 + 5
