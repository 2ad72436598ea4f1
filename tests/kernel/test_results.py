"""What a program returns is known to fit: the verifier is shown so where it cannot follow."""

from __future__ import annotations

import pytest

from pybpf.compiler.building import compile_programs
from pybpf.compiler.lang import Skb, program
from pybpf.elf import parse
from pybpf.loading import load

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]


@program("cgroup_skb/ingress")
def one_of_two(packet: Skb) -> int:
    """The verifier does not follow a remainder, and takes 0 and 1 only."""
    return packet.length % 3 // 2


def test_a_result_that_is_computed_is_one_of_those_that_are_taken() -> None:
    with load(parse(compile_programs(one_of_two).elf)) as loaded:
        results = [loaded.programs["one_of_two"].test_run(bytes(64 + each)).return_value for each in range(3)]
    assert sorted(results) == [0, 0, 1]
