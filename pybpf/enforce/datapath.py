"""The datapath's programs and maps in the kernel: loaded anew, or opened where they are pinned."""

from __future__ import annotations

import errno
import platform
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pybpf.enforce import contents
from pybpf.enforce.rates import Rates, set_rates
from pybpf.errors import NotSupported
from pybpf.kernel_progs import numbers
from pybpf.maps import Map
from pybpf.programs import Program

if TYPE_CHECKING:
    from pybpf.compiler.ir.nodes import Module

ORDERED: Final = ("x86_64",)  # kernel_progs/connections.py says why
ENTRY_PROGRAMS: Final = ("to_endpoint", "from_endpoint")
STAGES: Final = MappingProxyType({
    numbers.STAGE_REFUSE: "refuse_packet", numbers.STAGE_PROHIBIT: "prohibit_packet", numbers.STAGE_PARSE: "parse_packet",
    numbers.STAGE_STREAM: "judge_stream", numbers.STAGE_STRIP: "strip_packet",
    numbers.STAGE_REPLY: "follow_replies",
})  # fmt: skip
# Maps that know flows and counts: they go on when programs and policy are made anew.
LASTING: Final = (
    "connections", "streams", "retained", "fragments", "log", "log_head", "log_texts", "log_replies", "beginnings", "rule_counts", "endpoint_counts", "counters", "event_buckets", "answer_buckets",
)  # fmt: skip
OF_POLICY: Final = ("control", "endpoints", "addresses", "networks", "peers", "pages", "decisions", "rule_sets", "stages", "scratches")


@dataclass(frozen=True, slots=True)
class Datapath:
    """Maps and programs by name. Owned by whoever made it."""

    maps: Mapping[str, Map]
    programs: Mapping[str, Program]


@cache
def datapath_elf() -> bytes:
    """The object of the datapath, read or compiled once by a process."""
    from pybpf.kept_objects import Wanted, elf_objects

    (octets,) = elf_objects([Wanted("datapath", _module)])
    return octets


def _module() -> Module:
    from pybpf.compiler.building import datapath_module  # where it is kept, nothing of the compiler is needed

    return datapath_module()


def load_datapath(owned: ExitStack, lasting: Mapping[str, Map] = MappingProxyType({})) -> Datapath:
    """The datapath in the kernel, its parts in their places and its rates set; nothing is attached, nothing passes. `lasting` are maps of
    another one to go on with."""
    from pybpf import elf, loading
    if platform.machine() not in ORDERED:
        words = "processors that keep the order of loads", "use x86-64: elsewhere an entry of the connection table could be taken for another one"
        raise NotSupported("load", errno.ENOTSUP, *words)

    loaded = owned.enter_context(loading.load(elf.parse(datapath_elf()), maps=lasting))
    for stage, name in STAGES.items():
        loaded.maps["stages"].update(contents.number(stage), loaded.programs[name])
    set_rates(loaded.maps["control"], Rates())
    return Datapath({name: loaded.maps[name] for name in (*LASTING, *OF_POLICY)}, loaded.programs)


def pin(datapath: Datapath, lasting: Path, generation: Path) -> None:
    """Give everything its name: maps that last in the one folder, the rest in the other."""
    for folder in (lasting, generation):
        folder.mkdir(parents=True, exist_ok=True)
    for name in LASTING:
        if not (lasting / name).exists():
            datapath.maps[name].pin(lasting / name)
    for name in OF_POLICY:
        datapath.maps[name].pin(generation / name)
    for name in ENTRY_PROGRAMS:
        datapath.programs[name].pin(generation / name)


def open_pinned(owned: ExitStack, lasting: Path, generation: Path) -> Datapath:
    """What `pin` has named. Raises KernelError where something is missing."""
    maps = {name: owned.enter_context(Map.from_pin(lasting / name)) for name in LASTING}
    maps |= {name: owned.enter_context(Map.from_pin(generation / name)) for name in OF_POLICY}
    return Datapath(maps, {name: owned.enter_context(Program.from_pin(generation / name)) for name in ENTRY_PROGRAMS})
