"""The kernel gives every packet the oracle's verdict and names the oracle's rule."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from pybpf.compiler.lower import Judgement, lowered
from pybpf.compiler.policy.model.flow import Flow
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.resolve import resolve
from pybpf.enforce.datapath import Datapath, load_datapath
from pybpf.enforce.tables import Tables
from pybpf.eventlog import LogReader
from pybpf.kernel_progs.abi import Control, Event, PolicyAction, Refusal, Verdict
from pybpf.programs import SkbContext
from tests.compiler.lower.test_sides import expected
from tests.support.policy_chance import PolicyChance, inventory
from tests.support.verdict_packets import first_frame

pytestmark = pytest.mark.kernel
SETS, PACKETS = (1000 if os.environ.get("PYBPF_FUZZ") else 100), 200
INTERFACE = 1
PASSED = 0xFFFFFFFF  # TC_ACT_UNSPEC
CONTEXT = SkbContext(ifindex=INTERFACE).pack()


@pytest.fixture(scope="module")
def datapath() -> Iterator[Datapath]:
    with ExitStack() as owned:
        made = load_datapath(owned)
        rates = Control.of(events_per_second=1 << 30, connections_sampled=1, answers_per_second=1 << 30)
        made.maps["control"].update(bytes(4), bytes(rates))
        yield made


def decided(datapath: Datapath, reader: LogReader, flow: Flow, number: int) -> tuple[bool, Event | None]:
    """(whether the flow's first packet passed as it was, its event)."""
    name = "to_endpoint" if flow.direction is Direction.INGRESS else "from_endpoint"
    frame = first_frame(flow, number)
    run = datapath.programs[name].test_run(frame, context=CONTEXT)
    events = [Event.view(bytearray(record.event)) for record in reader.read(0)]
    assert len(events) <= 1, events
    return run.return_value == PASSED and run.data == frame, events[0] if events else None


def is_right(right: Judgement | None, passed: bool, event: Event | None, tables: Tables) -> bool:
    """Whether the kernel did what the oracle says. Requests are not asked about here: a SYN to an inspected port passes, all else does not."""
    if right is None:
        return passed
    if right.action is PolicyAction.INSPECT:
        return event is None or event.rule == tables.rules.numbers[right.rule]
    if passed != (right.action in (PolicyAction.ALLOW, PolicyAction.WATCH)):
        return False
    if right.action is PolicyAction.REFUSE and (event is None or event.verdict != refusal_of(right, event)):
        return False
    if right.audit is not None and event is not None:
        return event.verdict == Verdict.AUDITED and event.rule == tables.rules.numbers[right.audit]
    return event is None or event.rule == tables.rules.numbers[right.rule]


def refusal_of(right: Judgement, event: Event) -> Verdict:
    """How the refusal looks: a reset is TCP's, others are told by ICMP, which never answers its own errors or groups."""
    is_error = (event.protocol == 1 and event.kind in (3, 4, 11, 12)) or (event.protocol == 58 and event.kind in (1, 2, 3, 4))
    if right.refusal is Refusal.DROP or (right.refusal is Refusal.PROHIBITED and is_error) or (right.refusal is Refusal.RESET and is_error):
        return Verdict.DROPPED
    if right.refusal is Refusal.RESET and event.protocol == 6:
        return Verdict.REFUSED_RESET
    return Verdict.REFUSED_PROHIBITED


def test_the_kernel_says_what_the_oracle_says(datapath: Datapath) -> None:
    who, met, number = inventory(), Counter[PolicyAction | None](), 0
    with LogReader(datapath.maps) as reader:
        tables = Tables(datapath.maps)
        for seed in range(10_000, 10_000 + SETS):
            chance = PolicyChance(seed)
            resolved = resolve(chance.policies(), who)
            own = chance.of.choice(who.endpoints)
            tables.switch(lowered(resolved), {(own.namespace, own.name): INTERFACE})
            for _ in range(PACKETS):
                flow = chance.flow(who, own)
                number = (number + 1) % 60_000
                right = expected(resolved, own, flow)
                passed, event = decided(datapath, reader, flow, number)
                assert is_right(right, passed, event, tables), (seed, flow, right, passed, event)
                met[right.action if right is not None else None] += 1
        tables.close()
    assert sum(met.values()) == SETS * PACKETS and min(met[each] for each in (None, PolicyAction.REFUSE, PolicyAction.ALLOW, PolicyAction.INSPECT)) > 300, met
    assert met[PolicyAction.WATCH] > 20, met
