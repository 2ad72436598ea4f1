"""Global variables in the kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pybpf import maps
from pybpf.errors import ObjectError
from pybpf.kinds import MapFlag
from pybpf.loading import load
from pybpf.spec import ObjectSpec

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
Objects = Callable[[str], ObjectSpec]
PACKET = bytes(64)


def test_constants_set_before_loading_are_what_the_program_sees(objects: Objects) -> None:
    spec = objects("variables")
    with load(spec) as loaded:
        assert [loaded.programs["count"].test_run(PACKET).return_value for _ in range(3)] == [0, 0, 0]
    with load(spec, constants={"threshold": 100, "enabled": 1, "peer": 0x0A000001}) as loaded:
        assert [loaded.programs["count"].test_run(PACKET).return_value for _ in range(3)] == [0, 1, 1]
        assert (loaded.variables["threshold"].value, loaded.variables["peer"].value) == (100, 0x0A000001)


def test_what_the_program_writes_is_read(objects: Objects) -> None:
    with load(objects("variables")) as loaded:
        found = loaded.variables
        assert (found["calls"].value, found["total"].value, found["lowest"].value, found["state"].value) == (0, 0, -5, 1)
        for _ in range(3):
            loaded.programs["count"].test_run(PACKET)
        assert (found["calls"].value, found["total"].value, found["state"].value) == (3, 3 * 64, 0)
        assert (found["odd"].bytes, found["pair"].bytes) == (b"\0\0\3\0\0\0", b"\0\0\0\0\6\0\0\0")


def test_a_write_changes_one_variable_and_no_other(objects: Objects) -> None:
    with load(objects("variables")) as loaded:
        loaded.programs["count"].test_run(PACKET)
        loaded.variables["total"].value = 1 << 40
        loaded.variables["odd"].bytes = b"abcdef"
        loaded.variables["lowest"].value = -2
        assert (loaded.variables["calls"].value, loaded.variables["state"].value) == (1, 0)
        loaded.programs["count"].test_run(PACKET)
        assert loaded.variables["total"].value == (1 << 40) + 64
        assert (loaded.variables["odd"].bytes, loaded.variables["lowest"].value) == (b"ab\2\0ef", -2)


def test_a_constant_is_not_written_after_loading(objects: Objects) -> None:
    with load(objects("variables")) as loaded, pytest.raises(TypeError, match="constants="):
        loaded.variables["threshold"].value = 1


def test_what_is_no_number_has_bytes_only(objects: Objects) -> None:
    with load(objects("variables")) as loaded:
        with pytest.raises(TypeError, match="bytes"):
            assert loaded.variables["odd"].value
        with pytest.raises(TypeError):
            loaded.variables["odd"].value = 1


def test_a_value_that_does_not_fit_is_not_written(objects: Objects) -> None:
    with load(objects("variables")) as loaded:
        with pytest.raises(ValueError, match="outside"):
            loaded.variables["calls"].value = 1 << 32
        with pytest.raises(ValueError, match="bytes"):
            loaded.variables["calls"].bytes = b"123"
        assert loaded.variables["calls"].value == 0


def test_variables_of_a_given_section_are_read_and_written_there(objects: Objects) -> None:
    spec = objects("variables")
    with maps.create(spec.maps[".bss"]) as shared, load(spec, maps={".bss": shared}) as first, load(spec, maps={".bss": shared}) as second:
        first.variables["calls"].value = 5
        second.programs["count"].test_run(PACKET)
        assert first.variables["calls"].value == 6


def test_variables_of_a_given_section_without_shared_memory_are_read_only(objects: Objects) -> None:
    spec = objects("variables")
    with maps.create(replace(spec.maps[".bss"], flags=MapFlag.NONE)) as plain, load(spec, maps={".bss": plain}) as loaded:
        loaded.programs["count"].test_run(PACKET)
        assert loaded.variables["calls"].value == 1
        with pytest.raises(TypeError, match="MMAPABLE"):
            loaded.variables["calls"].value = 0


def test_a_variable_in_a_given_section_cannot_be_set_before_loading(objects: Objects) -> None:
    spec = objects("variables")
    with maps.create(spec.maps[".bss"]) as shared, pytest.raises(ObjectError) as caught:
        load(spec, maps={".bss": shared}, constants={"calls": 1})
    assert caught.value.place == "variable 'calls'"


def test_closed_variables_say_so(objects: Objects) -> None:
    loaded = load(objects("variables"))
    assert loaded.variables["calls"].value == 0
    loaded.close()
    with pytest.raises(ValueError, match="closed"):
        assert loaded.variables["calls"].value
