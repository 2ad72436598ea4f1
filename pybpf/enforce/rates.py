"""How much the kernel tells and answers: three numbers beside the control word, which may change while packets flow."""

from __future__ import annotations

import ctypes
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pybpf.maps import Map


@dataclass(frozen=True, slots=True)
class Rates:
    """`events_per_second` of each reason on each CPU; one of `connections_sampled` new connections is told, 0: none;
    `answers_per_second` to what is refused, of each endpoint on each CPU; one of `requests_sampled` requests let through is told, 0: none."""

    events_per_second: int = 2000
    connections_sampled: int = 1
    answers_per_second: int = 1000
    requests_sampled: int = 1


_FIELDS: Final = (("events_per_second", 8), ("connections_sampled", 12), ("answers_per_second", 16), ("requests_sampled", 20))  # offsets in abi.Control


def rates(control: Map) -> Rates:
    """What counts now."""
    value = control.lookup(bytes(4))
    assert value is not None, "an array has all its values"
    return Rates(*(int.from_bytes(value[offset : offset + 4], "little") for _, offset in _FIELDS))


def set_rates(control: Map, wanted: Rates) -> None:
    """Make these count; the control word beside them is not touched. ValueError for what is no number of 32 bits."""
    if any(not 0 <= getattr(wanted, name) < 1 << 32 for name, _ in _FIELDS):
        raise ValueError(f"{wanted}: each is a number from 0 to {(1 << 32) - 1}")
    with mmap.mmap(control.fileno(), mmap.PAGESIZE) as memory:
        for name, offset in _FIELDS:
            field = ctypes.c_uint32.from_buffer(memory, offset)
            field.value = getattr(wanted, name)
            del field  # a view keeps the memory mapped


def pinned_control(folder: Path, generation: int) -> Map:
    """The control map of a generation; the caller closes it."""
    return Map.from_pin(folder / str(generation) / "control")
