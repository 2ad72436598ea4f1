"""Whole objects in the kernel: made, related, and gone again."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace

import pytest

from pybpf import maps
from pybpf.errors import ObjectError
from pybpf.kinds import AttachType, MapType
from pybpf.loading import load
from pybpf.programs import SkbContext
from pybpf.spec import MapSpec, ObjectSpec
from pybpf.verifier import VerifierError

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
Objects = Callable[[str], ObjectSpec]
PACKET = bytes(64)
ONLY = bytes(4)


def test_global_variables_have_their_first_values_and_keep_what_the_program_writes(objects: Objects) -> None:
    with load(objects("kinds")) as loaded:
        assert loaded.notes == ()
        assert [loaded.programs["count"].test_run(PACKET).return_value for _ in range(6)] == [0, 0, 0, 0, 0, 1]
        seen, total = sorted(struct.unpack("=QQ", loaded.maps[".bss"].lookup(ONLY) or b""))
        assert (seen, total) == (6, 6 * (64 * 3 + 7))


def test_a_program_reads_constants_and_changed_variables(objects: Objects) -> None:
    with load(objects("kinds")) as loaded:
        loaded.maps[".data.custom"].update(ONLY, struct.pack("=I", 100))
        run = loaded.programs["greet"].test_run(PACKET, context=SkbContext(mark=1).pack())
        assert run.return_value == ord("e") + 100


def test_constants_cannot_be_changed_after_loading(objects: Objects) -> None:
    with load(objects("kinds")) as loaded, pytest.raises(OSError) as caught:
        loaded.maps[".rodata"].update(ONLY, bytes(loaded.maps[".rodata"].value_size))
    assert caught.value.errno_name == "EPERM"  # type: ignore[attr-defined]


def test_callbacks_are_called(objects: Objects) -> None:
    with load(objects("calls")) as loaded:
        assert loaded.programs["sum"].test_run(PACKET).return_value == 0 + 1 + 2 + 3 + 4
        assert loaded.attach_types["sum"] is AttachType.TCX_INGRESS


def test_tail_calls_go_to_the_declared_slot_and_nowhere_else(objects: Objects) -> None:
    with load(objects("calls")) as loaded:
        loaded.maps["right"].update(ONLY, struct.pack("=I", 2))
        answers = [
            loaded.programs["first"].test_run(PACKET, context=SkbContext(mark=slot, priority=1).pack()).return_value for slot in range(5)
        ]
        assert answers == [1, 1, 42, 1, 1]


def test_given_maps_replace_the_objects_own_and_stay_open(objects: Objects) -> None:
    spec = objects("kinds")
    with maps.create(spec.maps["counters"]) as mine:
        with load(spec, maps={"counters": mine}) as loaded:
            assert loaded.maps["counters"] is mine
            loaded.programs["count"].test_run(PACKET)
        counts = mine.lookup_per_cpu(ONLY)
        assert counts is not None and sum(struct.unpack("=Q", each)[0] for each in counts) == 1


def test_a_given_map_of_another_shape_is_refused(objects: Objects) -> None:
    with maps.create(MapSpec("counters", MapType.ARRAY, 4, 4, 2)) as wrong, pytest.raises(ObjectError) as caught:
        load(objects("kinds"), maps={"counters": wrong})
    assert caught.value.place == "map 'counters'"


def test_a_given_map_that_the_object_does_not_have_is_refused(objects: Objects) -> None:
    with maps.create(MapSpec("other", MapType.ARRAY, 4, 4, 2)) as other, pytest.raises(ObjectError):
        load(objects("small"), maps={"other": other})


def test_a_map_shared_by_name_must_be_given(objects: Objects) -> None:
    spec = objects("small")
    shared = replace(spec, maps={"cell": replace(spec.maps["cell"], pinned=True)})
    with pytest.raises(ObjectError):
        load(shared)


def test_nothing_is_left_open_when_the_verifier_refuses(objects: Objects) -> None:
    with pytest.raises(VerifierError):
        load(objects("refused"))


def test_nothing_is_left_open_when_a_map_is_refused(objects: Objects) -> None:
    spec = objects("kinds")
    too_wide = replace(spec.maps["prefixes"], key_size=4096)
    with pytest.raises(OSError) as caught:
        load(replace(spec, maps={**spec.maps, "prefixes": too_wide}))
    assert "prefixes" in str(caught.value)


def test_types_that_the_kernel_refuses_are_left_out_with_a_note(objects: Objects) -> None:
    spec = objects("small")
    assert spec.btf is not None
    with load(replace(spec, btf=spec.btf[:2] + b"\x07" + spec.btf[3:])) as loaded:
        assert len(loaded.notes) == 1 and "BPF_BTF_LOAD" in loaded.notes[0]
        assert loaded.programs["small"].test_run(PACKET).return_value == 0


def test_closing_twice_does_nothing(objects: Objects) -> None:
    loaded = load(objects("small"))
    loaded.close()
    loaded.close()
