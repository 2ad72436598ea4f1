"""How a refused request is answered is the rule's choice: 403, RST or nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pybpf.compiler import Inventory, Source, compile_policy
from pybpf.compiler.lower.lowered import judgements
from pybpf.kernel_progs.abi import Refusal, Verdict
from pybpf.kernel_progs.matching import StreamState
from tests.compiler.policy.made import endpoint
from tests.support.datapath import SHOT, Datapath
from tests.support.packets import FIN, RST, frame, parse
from tests.support.rules import tables_of

BAD = b"GET /closed HTTP/1.1\r\nHost: flights\r\n\r\n"
WHO = Inventory((endpoint("s", app="s"), endpoint("a", app="a")))


@pytest.mark.parametrize("words, refusal", [("", Refusal.FORBIDDEN), ("403", Refusal.FORBIDDEN), ("reset", Refusal.RESET), ("drop", Refusal.DROP), ("icmp", Refusal.RESET)])
def test_the_policy_says_it(words: str, refusal: Refusal) -> None:
    text = f"policy p for app=s {{\n  allow from app=a on port 80: GET /open {'on deny ' + words if words else ''}\n}}\n"
    lowered = compile_policy([Source("a.policy", text)], WHO).lowered
    found = [judged for side in lowered.every_side() for judged in judgements(side) if judged.rule_set is not None]
    assert {judged.refusal for judged in found} == {refusal}


@pytest.mark.kernel
@pytest.mark.parametrize("refusal, verdict", [(Refusal.FORBIDDEN, Verdict.REFUSED_403), (Refusal.RESET, Verdict.REFUSED_RESET), (Refusal.DROP, Verdict.DROPPED)])
def test_the_kernel_does_it(refusal: Refusal, verdict: Verdict) -> None:
    with Datapath(tables_of([("GET", "/open")]), refusal) as datapath:
        at = datapath.connect()
        (run,) = datapath.request(at, [BAD])
        event = datapath.events()[-1]
        assert (event.verdict, event.text_bytes) == (verdict, len(BAD))
        assert (run.return_value == SHOT) == (refusal == Refusal.DROP)
        assert run.return_value == SHOT or parse(run.data).flags & RST
        stream = datapath.stream(at)
        assert stream is not None and stream.state == StreamState.REFUSED
        for later in (replace(at, sequence=at.sequence + len(BAD), payload=b"x"), replace(at, sequence=at.sequence + len(BAD), flags=at.flags | FIN)):
            run = datapath.receive(frame(later))
            assert run.return_value == SHOT or parse(run.data).flags & RST
            assert datapath.events()[-1:] == [] or refusal != Refusal.DROP or run.return_value == SHOT
