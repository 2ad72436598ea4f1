"""Programs in the kernel: test runs, what the kernel says of them, refusals."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pybpf.errors import KernelError
from pybpf.kinds import AttachType, ProgramType
from pybpf.loading import load
from pybpf.maps import Map
from pybpf.programs import Program, SkbContext, create
from pybpf.spec import ObjectSpec, ProgramSpec
from pybpf.verifier import VerifierError

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
Objects = Callable[[str], ObjectSpec]


def test_a_test_run_gives_back_packet_and_context(objects: Objects) -> None:
    context = SkbContext(mark=1, priority=2, control=(3, 4, 5, 6, 7), timestamp_ns=8, wire_length=70, gso_segments=1, gso_size=64)
    with load(objects("small")) as loaded:
        run = loaded.programs["small"].test_run(bytes(range(64)), context=context.pack(), repeat=10)
    assert run.data == bytes(range(64))
    assert SkbContext.unpack(run.context) == replace(context, ifindex=1)  # the loopback stands in for an interface


def test_a_packet_shorter_than_an_ethernet_header_is_refused(objects: Objects) -> None:
    with load(objects("small")) as loaded, pytest.raises(KernelError) as caught:
        loaded.programs["small"].test_run(b"short")
    assert (caught.value.command, caught.value.errno_name) == ("BPF_PROG_TEST_RUN", "EINVAL")


def test_the_kernel_tells_about_a_program(objects: Objects) -> None:
    with load(objects("small")) as loaded:
        program = loaded.programs["small"]
        info = program.info()
        assert (program.name, program.type) == ("small", ProgramType.SCHED_CLS)
        assert len(info.tag) == 8 and info.verified_instructions > 0
        with Program.from_id(info.id) as same:
            assert same.info().tag == info.tag


def test_a_pinned_program_is_found_again_and_is_not_a_map(objects: Objects, bpffs: Path) -> None:
    with load(objects("small")) as loaded:
        loaded.programs["small"].pin(bpffs / "small")
    with Program.from_pin(bpffs / "small") as program:
        assert program.test_run(bytes(64)).return_value == 0
    with pytest.raises(KernelError) as caught:
        Map.from_pin(bpffs / "small")
    assert "not a map" in caught.value.detail


def test_a_refused_program_names_its_source_line(objects: Objects) -> None:
    with pytest.raises(VerifierError) as caught:
        load(objects("refused"))
    assert caught.value.place == ("refused.c", 16)
    assert caught.value.finding.source == "return *value;"
    assert "map_value_or_null" in caught.value.finding.cause
    assert caught.value.program == "careless" and len(caught.value.log) > 5


def test_a_long_log_is_fetched_whole() -> None:
    moves = b"".join(struct.pack("<BBhi", 0xB7, 0, 0, number) for number in range(6000))
    spec = ProgramSpec("long", "tc", ProgramType.SCHED_CLS, AttachType.NONE, moves + struct.pack("<BBhi", 0x79, 0x00, 0, 0))
    with pytest.raises(VerifierError) as caught:
        create(spec, spec.instructions + bytes.fromhex("9500000000000000"), license_name="GPL")
    assert len(caught.value.log) > 6000
    assert caught.value.log[0].startswith("0: ")
    assert "invalid mem access" in caught.value.finding.cause
