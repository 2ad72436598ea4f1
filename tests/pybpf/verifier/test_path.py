"""The path that a log ends with."""

from __future__ import annotations

from pybpf.verifier.lines import LineTable
from pybpf.verifier.linked import linked
from pybpf.verifier.log import read
from pybpf.verifier.path import Path, walk
from tests.pybpf.verifier.logs import EVERY_PATH, IN_A_FUNCTION, TAKEN_UP_AGAIN, UNCHECKED, lines


def path(log: str) -> Path:
    return walk(read(lines(log)), LineTable())


def test_paths_that_passed_are_left_out() -> None:
    assert [visit.step.number for visit in path(EVERY_PATH).visits] == [0, 1, 4]
    assert [visit.step.number for visit in path(TAKEN_UP_AGAIN).visits] == [0, 1, 2, 3, 4, 5, 8, 9, 10, 11]


def test_registers_are_those_of_the_path() -> None:
    assert path(EVERY_PATH).registers["R6"] == "0"


def test_a_call_takes_its_arguments_away() -> None:
    assert set(path(UNCHECKED).registers) == {"R0", "R10", "fp-8"}


def test_registers_are_those_of_the_function_that_failed() -> None:
    assert path(IN_A_FUNCTION).registers["R0"] == "fp0"


def test_what_is_said_is_what_stands_behind_the_last_step() -> None:
    assert path(TAKEN_UP_AGAIN).said == ("invalid access to packet, off=20 size=1, R7(id=0,off=20,r=14)", "R7 offset is outside of the packet")


def test_bytes_shown_for_one_address_are_shown_for_all_of_its_base() -> None:
    assert path(TAKEN_UP_AGAIN).registers["R7"] == "pkt(r=14)"
    assert linked({"R0": "pkt(id=1,r=0)", "R7": "pkt(id=2,r=0)"}, {"R0": "pkt(id=1,off=8,r=8)"}) == {}


def test_copies_of_what_is_not_none_are_not_none() -> None:
    known = {"R0": "map_value_or_null(id=1,map=m,ks=4,vs=8)", "R6": "map_value_or_null(id=1,map=m,ks=4,vs=8)", "R7": "map_value_or_null(id=2,map=m,ks=4,vs=8)"}
    assert linked(known, {"R0": "map_value(map=m,ks=4,vs=8)"}) == {"R6": "map_value(map=m,ks=4,vs=8)"}
    assert linked(known, {"R0": "0"}) == {"R6": "0"}


def test_copies_of_a_number_have_its_bounds() -> None:
    known = {"R6": "scalar(id=1)", "R7": "scalar(id=1)", "R8": "scalar(id=1+4)", "R9": "scalar()"}
    assert linked(known, {"R7": "scalar(id=1,umax=50)"}) == {"R6": "scalar(id=1,umax=50)"}
    assert linked({"R6": "scalar()", "R7": "scalar()"}, {"R7": "scalar(umax=50)"}) == {}
