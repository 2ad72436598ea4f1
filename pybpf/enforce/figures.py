"""What the kernel has counted, and how full its tables are."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from pybpf.compiler.lower import Origin
from pybpf.enforce import contents, store
from pybpf.enforce.attachments import best_way
from pybpf.enforce.datapath import Datapath, open_pinned
from pybpf.enforce.pinned import Pinned
from pybpf.enforce.presence import live, recorded
from pybpf.enforce.store import State
from pybpf.kernel_progs import abi
from pybpf.kernel_progs.abi import Counted, Direction, Reason
from pybpf.maps import Map


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a table is in use."""

    table: str
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything at one moment. `counted` and `reasons` are sums over CPUs since enforcement began. `open` are endpoints that should be
    attached and are not, `behind` those at whose interfaces something else runs first, and what."""

    state: State
    interfaces: int
    open: tuple[str, ...]
    behind: Mapping[str, tuple[str, ...]]
    uses: tuple[Use, ...]
    counted: Mapping[Counted, int]
    reasons: Mapping[Reason, int]
    evicted: int
    events: int
    changing: bool


@dataclass(frozen=True, slots=True)
class EndpointFigures:
    """What an endpoint's packets came to, by direction: packets, bytes, refused, audited."""

    name: str
    identity: int
    interface_index: int
    counts: Mapping[Direction, tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """How often a rule decided."""

    rule: Origin
    passed: int
    refused: int


def figures(folder: Path) -> Figures | None:
    """The state and the kernel's figures; None when nothing is enforced. Raises KernelError."""
    state = store.read(folder) if folder.exists() else None
    if state is None:
        return None
    with ExitStack() as owned:
        datapath = open_pinned(owned, store.lasting(folder, state.layout), folder / str(state.generation))
        counters = [_sum(datapath.maps["counters"], index) for index in range(abi.COUNTERS)]
        live = sum(1 for _ in datapath.maps["connections"].keys())  # noqa: SIM118  # a Map has no __iter__
        word = int.from_bytes((datapath.maps["control"].lookup(bytes(4)) or bytes(8))[:8], "little")
        uses = _uses(state, live, _streams(datapath.maps["streams"]))
        return Figures(
            state, len(state.saved.column.endpoints), *_attached(folder, state), uses,
            {each: counters[each] for each in Counted if each is not Counted.REASONS},
            {each: counters[Counted.REASONS + each] for each in Reason if counters[Counted.REASONS + each]},
            max(0, counters[Counted.CONNECTIONS] - live), int.from_bytes((datapath.maps["log_head"].lookup(bytes(4)) or bytes(8))[:8], "little"),
            word & abi.BOTH_COLUMNS == abi.BOTH_COLUMNS,
        )  # fmt: skip


def endpoints(folder: Path) -> list[EndpointFigures]:
    """Every endpoint that is attached, with its counts."""
    state = store.read(folder) if folder.exists() else None
    if state is None:
        return []
    names = state.saved.names
    with ExitStack() as owned:
        datapath = open_pinned(owned, store.lasting(folder, state.layout), folder / str(state.generation))
        return [
            EndpointFigures("/".join(names[number]), identity, index, {each: _endpoint_count(datapath, number, each) for each in Direction})
            for index, (number, identity, _, _) in state.saved.column.endpoints.items()
        ]


def rules(folder: Path) -> list[RuleFigures]:
    """Every rule that is enforced, with how often it decided, in the order of files and lines."""
    state = store.read(folder) if folder.exists() else None
    if state is None:
        return []
    with ExitStack() as owned:
        datapath = open_pinned(owned, store.lasting(folder, state.layout), folder / str(state.generation))
        counts = datapath.maps["rule_counts"]
        found = [RuleFigures(origin, *_rule_count(counts, number)) for origin, number in _enforced(state).items()]
    return sorted(found, key=lambda each: (each.rule.source, each.rule.line, each.rule.column))


def _attached(folder: Path, state: State) -> tuple[tuple[str, ...], Mapping[str, tuple[str, ...]]]:
    wanted = recorded(state)
    there = live(folder, state.generation)
    behind = Pinned(folder / "links", best_way()).before(there)
    return (
        tuple("/".join(name) for name, index in wanted.items() if index not in there),
        {"/".join(name): tuple(behind[index]) for name, index in wanted.items() if index in behind},
    )


def _uses(state: State, connections: int, streams: int) -> tuple[Use, ...]:
    saved, used = state.saved, state.saved.sides.figures()
    return (
        Use("endpoints", len(saved.column.endpoints), abi.MAX_ENDPOINTS - 1),
        Use("addresses", len(saved.column.addresses), abi.MAX_ADDRESSES),
        Use("networks", len(saved.column.networks), abi.MAX_NETWORKS),
        Use("peers", used["peers"], abi.MAX_PEERS),
        Use("pages", used["pages"], abi.MAX_PAGES),
        Use("decisions", used["decisions"], abi.MAX_DECISIONS - 1),
        Use("rules", len(_enforced(state)), abi.MAX_RULES - 1),
        Use("rule sets", len(saved.numbers.rule_sets.numbers), abi.MAX_RULE_SETS),
        Use("connections", connections, abi.MAX_CONNECTIONS),
        Use("inspected", streams, abi.MAX_STREAMS - 1),
    )


def _streams(streams: Map) -> int:
    """How many slots are somebody's, also of those whose time is over and that nobody else has needed yet."""
    from pybpf.kernel_progs.matching import Stream, StreamState

    octets, at = len(bytes(Stream())), Stream.layout["state"].offset
    with mmap.mmap(streams.fileno(), octets * abi.MAX_STREAMS, prot=mmap.PROT_READ) as memory:
        states = bytes(memory)[at::octets]
    return len(states) - states.count(StreamState.FREE)


def _enforced(state: State) -> dict[Origin, int]:
    """The rules that sides name, and their numbers."""
    return {origin: state.saved.numbers.rules.numbers[origin] for origin in dict.fromkeys(state.saved.sides.origins())}


def _sum(counters: Map, index: int) -> int:
    return sum(int.from_bytes(each, "little") for each in counters.lookup_per_cpu(contents.number(index)) or ())


def _endpoint_count(datapath: Datapath, number: int, direction: Direction) -> tuple[int, int, int, int]:
    found = [abi.EndpointCount.view(bytearray(each)) for each in datapath.maps["endpoint_counts"].lookup_per_cpu(contents.number(number * 2 + direction)) or ()]
    return (
        sum(each.packets for each in found), sum(each.octets for each in found),
        sum(each.refused for each in found), sum(each.audited for each in found),
    )  # fmt: skip


def _rule_count(counts: Map, number: int) -> tuple[int, int]:
    found = [abi.RuleCount.view(bytearray(each)) for each in counts.lookup_per_cpu(contents.number(number)) or ()]
    return sum(each.connections for each in found), sum(each.refused for each in found)
