"""Kafka requests for several topics: what passes is what passes topic by topic."""

from __future__ import annotations

import random

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.language import read
from pybpf.compiler.policy.model.flow import Flow, KafkaRequest, Outcome, Party
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import Resolved
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from tests.compiler.policy.made import endpoint

WHO = Inventory((endpoint("s", app="s"), endpoint("a", app="a")))
PRODUCE, HEARTBEAT = 0, 12


def resolved(*rules: str) -> Resolved:
    parsed = read(Source("a.policy", "policy p for app=s {\n" + "\n".join(rules) + "\n}"))
    assert not parsed.found
    return resolve(parsed.policies, WHO)


def outcome(of: Resolved, *topics: str, key: int = PRODUCE, server_name: str | None = None) -> Outcome:
    ends = Party(("default", "a")), Party(("default", "s"))
    flow = Flow(*ends, Direction.INGRESS, Protocol.TCP, 9092, KafkaRequest(key, topics=topics), server_name, True)
    return verdict(of, flow).outcome


def test_a_denied_topic_is_not_to_be_had_beside_others() -> None:
    of = resolved("allow from app=a on port 9092", 'deny from app=a on port 9092: kafka produce topic "secret"')
    assert outcome(of, "orders") is Outcome.ALLOW
    assert outcome(of, "secret") is outcome(of, "orders", "secret") is outcome(of, "secret", "orders") is Outcome.DENY
    assert outcome(of, "secret", key=HEARTBEAT) is Outcome.ALLOW


def test_a_request_without_topics_is_denied_by_what_it_asks_for() -> None:
    of = resolved("allow from app=a on port 9092", 'deny from app=a on port 9092: kafka produce topic "secret"')
    assert outcome(of) is Outcome.DENY


def test_rules_of_several_entries_cover_a_request_together() -> None:
    of = resolved('allow from app=a on port 9092: kafka produce topic "a"', 'allow from endpoints on port 9092: kafka produce topic "b"')
    assert outcome(of, "a", "b") is Outcome.ALLOW
    assert outcome(of, "a", "c") is Outcome.REFUSE_REQUEST


def test_rules_under_a_server_name_cover_nothing_under_another() -> None:
    name = 'terminating (secret="default/x")'
    of = resolved(f'allow from app=a on port 9092 tls "k.example" {name}: kafka produce topic "a"', 'allow from app=a on port 9092: kafka produce topic "b"')
    assert outcome(of, "a", "b", server_name="k.example") is Outcome.ALLOW
    for server_name in ("other.example", None):
        for topics in (("a",), ("b",), ("a", "b")):
            assert outcome(of, *topics, server_name=server_name) is Outcome.REFUSE_REQUEST, topics


@pytest.mark.parametrize("seed", range(100))
def test_a_request_passes_exactly_if_each_of_its_topics_does(seed: int) -> None:
    chance = random.Random(seed)
    asked = ["kafka", "kafka produce", *(f'kafka produce topic "{each}"' for each in "abc"), 'kafka topic "a"']
    rules = [f"{chance.choice(['allow', 'allow', 'deny'])} from {chance.choice(['app=a', 'endpoints'])} on port 9092: {', '.join(chance.sample(asked, chance.randint(1, 2)))}" for _ in range(3)]
    of = resolved("allow from app=none", *rules)
    for topics in (("a", "b"), ("b", "c"), ("a", "b", "c")):
        together = outcome(of, *topics) is Outcome.ALLOW
        assert together == all(outcome(of, each) is Outcome.ALLOW for each in topics), rules
