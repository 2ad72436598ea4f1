"""What a loader sets before loading is what the program sees, whatever kind of constant it is."""

from __future__ import annotations

from typing import Annotated

import pytest

from pybpf.compiler.building import compile_programs
from pybpf.compiler.lang import (
    Array,
    Count,
    Skb,
    Struct,
    constant,
    global_array,
    global_struct,
    program,
    u8,
    u16,
    u32,
)
from pybpf.elf import parse
from pybpf.loading import load

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]


class Settings(Struct):
    """What the program is told."""

    limit: u16
    deny: u8
    names: Annotated[Array[u8], Count(5)]


settings = global_struct(Settings, ".rodata")
table = global_array(u8, 8, ".rodata")
threshold = constant(u32, 5)


@program("tc")
def told(packet: Skb) -> int:
    """All of it in one number."""
    return settings.limit * 10000 + settings.deny * 1000 + settings.names[2] * 100 + table[1] * 10 + threshold.value


def test_structs_and_arrays_are_constants_that_can_be_set() -> None:
    spec = parse(compile_programs(told).elf)
    with load(spec) as loaded:
        assert loaded.programs["told"].test_run(bytes(64)).return_value == 5
    given: dict[str, int | bytes] = {"settings": bytes([9, 0, 1, 0, 0, 3, 0, 0]), "table": bytes([0, 4, 0, 0, 0, 0, 0, 0]), "threshold": 2}
    with load(spec, constants=given) as loaded:
        assert loaded.programs["told"].test_run(bytes(64)).return_value == 91342
