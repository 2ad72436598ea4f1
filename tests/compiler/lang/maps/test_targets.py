"""Maps of places: devices, CPUs, sockets, control groups, and other maps."""

from __future__ import annotations

from typing import assert_type

import pytest

from pybpf.compiler.lang.cells import Cell
from pybpf.compiler.lang.integers import u32, u64
from pybpf.compiler.lang.maps import (
    ArrayMap,
    ArrayOfMaps,
    CgroupArray,
    CpuMap,
    CpuValue,
    DeviceHash,
    DeviceMap,
    DeviceValue,
    Direction,
    HashMap,
    HashOfMaps,
    MapFlag,
    SocketHash,
    SocketMap,
    UpdatePolicy,
    XskMap,
)
from pybpf.compiler.lang.memory import Struct
from pybpf.compiler.lang.objects import Socket
from pybpf.compiler.lang.skb import Skb

ABORTED, DROP, PASS, REDIRECT = 0, 1, 2, 4


class Address(Struct):
    """A key of sockets."""

    ip: u32
    port: u32


@pytest.mark.parametrize("targets", [DeviceMap(4), DeviceMap(4, DeviceValue), DeviceHash(4), CpuMap(4), CpuMap(4, CpuValue), XskMap(4)], ids=lambda each: type(each).__name__)
def test_a_redirect_falls_back_where_nothing_is(targets: DeviceMap | DeviceHash | CpuMap | XskMap) -> None:
    targets.slots[1] = 7
    assert targets.redirect(1, PASS) == REDIRECT
    assert targets.redirect(2, PASS) == PASS
    assert targets.redirect(1, 4) == ABORTED, "only the four actions can be fallen back to"
    assert targets.redirected == [1]


def test_a_broadcast_goes_everywhere() -> None:
    assert DeviceMap(4).broadcast() == DeviceMap(4).broadcast_onward() == REDIRECT


def test_a_packet_goes_to_a_socket_or_is_dropped() -> None:
    sockets = SocketMap(2)
    sockets.put(1, Socket())
    assert sockets.redirect_packet(Skb(b""), 1, Direction.INGRESS) == 1
    assert sockets.redirect_message(Skb(b""), 0, Direction.EGRESS) == 0
    assert sockets.redirected == [(1, Direction.INGRESS)]


def test_a_socket_map_takes_indexes_below_its_end() -> None:
    sockets = SocketMap(2)
    assert sockets.update(Skb(b""), 1) and not sockets.update(Skb(b""), 2)
    assert_type(sockets.lookup(1), Socket | None)
    assert sockets.lookup(1) is not None and sockets.lookup(0) is None
    with pytest.raises(ValueError, match="no place"):
        sockets.put(2, Socket())


def test_sockets_are_found_by_a_key_of_several_fields() -> None:
    sockets = SocketHash(Address, 1)
    assert sockets.update_if(Skb(b""), Address.of(ip=1, port=2), UpdatePolicy.NOEXIST)
    assert not sockets.update_if(Skb(b""), Address.of(ip=1, port=2), UpdatePolicy.NOEXIST)
    assert not sockets.update(Skb(b""), Address.of(ip=1, port=3)), "it is full"
    assert sockets.redirect_message(Skb(b""), Address.of(ip=1, port=2), Direction.EGRESS) == 1
    assert sockets.delete(Address.of(ip=1, port=2)) and len(sockets) == 0


def test_a_control_group_answers_with_one_of_three() -> None:
    groups = CgroupArray(3)
    groups.slots |= {0: True, 1: False}
    assert groups.contains_current_task(0) == 1
    assert groups.contains_packet(Skb(b""), 1) == 0
    assert groups.contains_current_task(2) < 0 and groups.contains_packet(Skb(b""), 3) < 0


def test_an_inner_map_is_found_and_swapped_as_a_whole() -> None:
    outer = ArrayOfMaps(HashMap(u32, u64, 8), 4)
    old, new = HashMap(u32, u64, 8), HashMap(u32, u64, 16)
    outer.put(1, old)
    old.update(5, 1)
    new.update(5, 2)
    assert outer.lookup(0) is None
    for inner, value in ((old, 1), (new, 2)):
        outer.put(1, inner)
        found = outer.lookup(1)
        assert_type(found, HashMap[int, Cell] | None)
        assert found is inner
        seen = found.lookup(5)
        assert seen is not None and seen.value == value


def test_inner_maps_have_keys_of_their_own() -> None:
    outer = HashOfMaps(Address, ArrayMap(u64, 8), 2)
    outer.put(Address.of(ip=1), ArrayMap(u64, 8))
    assert_type(outer, HashOfMaps[Address, ArrayMap[Cell]])
    assert outer.lookup(Address.of(ip=1)) is not None and outer.lookup(Address()) is None


def test_inner_maps_have_one_shape() -> None:
    outer = HashOfMaps(u32, ArrayMap(u64, 8), 2)
    with pytest.raises(ValueError, match="its value"):
        outer.put(1, ArrayMap(u32, 8))
    with pytest.raises(ValueError, match="its max_entries"):
        outer.put(1, ArrayMap(u64, 9))


def test_inner_arrays_of_any_length_say_so() -> None:
    outer = HashOfMaps(u32, ArrayMap(u64, 8, flags=MapFlag.INNER_MAP), 1)
    outer.put(1, ArrayMap(u64, 9, flags=MapFlag.INNER_MAP))
    with pytest.raises(ValueError, match="no place"):
        outer.put(2, ArrayMap(u64, 9, flags=MapFlag.INNER_MAP))
