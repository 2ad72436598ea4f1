"""One program on one packet: in CPython, as IR, in the kernel. What each decided and left behind, to be compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pybpf.compiler.ir.run import Machine, run
from pybpf.compiler.lang import Skb, Struct, Table
from pybpf.compiler.lang import run as run_in_python
from pybpf.loading import Loaded

ONLY = bytes(4)  # key 0 of an array


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict, the packet, and value 0 of the map as they were afterwards."""

    verdict: int
    packet: bytes
    value: bytes


def in_python(program: Callable[..., int], packet: bytes, table: Table[Any, Any], value: bytes) -> Outcome:
    """CPython: numbers do not wrap; a store of one that does not fit is an AssertionError."""
    table.update(0, table_value(table, value))
    context = Skb(packet)
    verdict = run_in_python(program, context)
    return Outcome(verdict & 0xFFFFFFFF, bytes(context.octets), left(table))


def as_ir(machine: Machine, program: str, packet: bytes, table: Table[Any, Any], value: bytes) -> Outcome:
    """The interpreter of the IR."""
    table.update(0, table_value(table, value))
    context = Skb(packet)
    verdict = run([machine], program, context)
    return Outcome(verdict, bytes(context.octets), left(table))


def in_kernel(loaded: Loaded, program: str, packet: bytes, table: str, value: bytes) -> Outcome:
    """BPF_PROG_TEST_RUN."""
    loaded.maps[table].update(ONLY, value)
    done = loaded.programs[program].test_run(packet)
    return Outcome(done.return_value, done.data, loaded.maps[table].lookup(ONLY) or b"")


def table_value(table: Table[Any, Any], value: bytes) -> Struct:
    """These bytes as a value of the table."""
    assert isinstance(table.value, type)
    return table.value.view(bytearray(value))


def left(table: Table[Any, Any]) -> bytes:
    """Value 0 as it is now."""
    found: Struct | None = table.lookup(0)
    assert found is not None
    return bytes(found)
