"""Who reaches whom is what the oracle says of both ends."""

from __future__ import annotations

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.language import read
from pybpf.compiler.policy.matrix import Reach, matrix, places_of
from pybpf.compiler.policy.model.flow import Flow, Outcome, Party
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from tests.compiler.policy.made import endpoint
from tests.compiler.policy.verdict.test_restatement import SETS, Chance, inventory

TCP_80 = (Protocol.TCP, 80)


def reach(text: str) -> dict[tuple[str, str], Reach]:
    who = Inventory((endpoint("a", app="a"), endpoint("b", app="b")))
    resolved = resolve(read(Source("a.policy", text)).policies, who)
    return {(cell.source, cell.destination): cell.reach for cell in matrix(resolved, [TCP_80])}


def test_a_refusal_that_is_only_told_refuses_nothing() -> None:
    assert reach("policy p for app=a { deny from app=b }")["default/b", "default/a"] is Reach.NO
    assert reach("policy p for app=a { audit deny from app=b }")["default/b", "default/a"] is Reach.YES


def test_every_cell_is_what_both_ends_say() -> None:
    who = inventory()
    for seed in range(0, SETS, 30):
        resolved = resolve(Chance(seed).policies(), who)
        for cell in matrix(resolved, places_of(resolved) or [TCP_80]):
            ends = [Party(tuple(name.split("/"))) if "/" in name else Party(entity=name) for name in (cell.source, cell.destination)]  # type: ignore[arg-type]
            judged = [(Direction.EGRESS, ends[0]), (Direction.INGRESS, ends[1])]
            answers = [verdict(resolved, Flow(ends[0], ends[1], way, *cell.place)) for way, end in judged if end.endpoint is not None]
            if all(each.allowed for each in answers):
                assert cell.reach is Reach.YES
            elif all(each.allowed or each.outcome is Outcome.INSPECT for each in answers):
                assert cell.reach is Reach.REQUESTS
            else:
                assert cell.reach is Reach.NO
