"""Every method that a kernel program may call is a helper with the kernel's number, and its stand-in can be read as one."""

from __future__ import annotations

import pytest

from pybpf.compiler.lang import maps
from pybpf.compiler.lang.helper import Give, Helper, Pass, helper_of
from pybpf.compiler.lang.maps import ArrayOfMaps, Declaration, RingBuffer, SocketHash, SocketMap, Table, Timer

# numbers in include/uapi/linux/bpf.h, enum bpf_func_id
NUMBERS: dict[str, tuple[int, ...]] = {
    "HashMap": (1, 2, 2, 3, 164),
    "LruHashMap": (1, 2, 2, 3, 164),
    "PerCpuHashMap": (1, 2, 2, 3, 164, 195),
    "LruPerCpuHashMap": (1, 2, 2, 3, 164, 195),
    "LpmTrie": (1, 2, 2, 3),
    "ArrayMap": (1, 2, 2, 164),
    "PerCpuArray": (1, 2, 2, 164, 195),
    "ProgramArray": (12,),
    "PerfEventArray": (25, 55),
    "RingBuffer": (130, 131, 132, 133, 134),
    "Queue": (87, 87, 88, 89),
    "Stack": (87, 87, 88, 89),
    "BloomFilter": (87, 89),
    "SocketMap": (1, 3, 52, 53, 53, 60),
    "SocketHash": (1, 3, 70, 70, 71, 72),
    "DeviceMap": (51, 51, 51),
    "DeviceHash": (51, 51, 51),
    "CpuMap": (51,),
    "XskMap": (51,),
    "CgroupArray": (33, 37),
    "SocketStorage": (107, 107, 108),
    "TaskStorage": (156, 156, 157),
    "InodeStorage": (145, 145, 146),
    "CgroupStorage": (210, 210, 211),
    "ArrayOfMaps": (1,),
    "HashOfMaps": (1,),
    "Timer": (169, 170, 171, 172),
}
DECLARED = sorted({name for name in maps.__all__ if isinstance(kind := getattr(maps, name), type) and issubclass(kind, Declaration)} - {"Declaration", "Table"})


def helpers_of(name: str) -> list[Helper]:
    """The helpers of a class and its bases, each name once."""
    kind = getattr(maps, name)
    found = {method: helper for each in reversed(kind.__mro__) for method, value in vars(each).items() if (helper := helper_of(value))}
    return list(found.values())


def test_every_declaration_is_in_this_table() -> None:
    assert sorted(NUMBERS) == sorted([*DECLARED, "Timer"])


@pytest.mark.parametrize("name", NUMBERS)
def test_the_helpers_of_a_map_have_the_kernels_numbers(name: str) -> None:
    assert tuple(sorted(helper.number for helper in helpers_of(name))) == NUMBERS[name]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_signature_can_be_read_and_its_registers_name_parameters(name: str) -> None:
    for helper in helpers_of(name):
        parameters = {parameter for parameter, _ in helper.signature.parameters}
        named = {token.lstrip("#") for token in helper.registers if not token.isdigit()} - {"self"}
        assert named == parameters, f"{helper.name} fills registers from {named}, and takes {parameters}"


def test_keys_and_values_are_known_as_such() -> None:
    signature = _row(Table.update_if).signature
    assert signature.parameters == (("key", Pass.KEY), ("value", Pass.VALUE), ("policy", Pass.SCALAR))
    assert signature.give is Give.SUCCESS
    assert _row(Table.lookup).signature.give is Give.POINTER


def test_what_must_be_given_back_is_marked_as_such() -> None:
    assert all(_row(each).acquires for each in (SocketMap.lookup, SocketHash.lookup, RingBuffer.reserve))
    assert all(_row(each).releases for each in (RingBuffer.submit, RingBuffer.discard))
    assert not _row(Table.lookup).acquires


def test_classes_maps_and_functions_are_arguments_too() -> None:
    assert _row(RingBuffer.reserve).signature.parameters == (("kind", Pass.KIND),)
    assert _row(Timer.init).signature.parameters == (("table", Pass.MAP), ("clock", Pass.SCALAR))
    assert _row(Timer.set_callback).signature.parameters == (("callback", Pass.CALLBACK),)
    assert _row(ArrayOfMaps.lookup).signature.give is Give.INNER_MAP


def test_a_timer_gives_a_number_when_it_is_cancelled() -> None:
    assert _row(Timer.cancel).signature.give is Give.NUMBER


def _row(method: object) -> Helper:
    found = helper_of(method)
    assert found is not None
    return found
