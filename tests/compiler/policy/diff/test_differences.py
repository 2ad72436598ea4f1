"""What differs between two sets of policies: nothing is missed, nothing is made up."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from ipaddress import ip_network
from itertools import pairwise

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.diff import Change, Difference, Stated, Unproven, changes, differences
from pybpf.compiler.policy.language import read
from pybpf.compiler.policy.model.flow import DnsQuery, Flow, HttpRequest, KafkaRequest
from pybpf.compiler.policy.model.inventory import CidrGroup, Endpoint, Inventory, PortName
from pybpf.compiler.policy.model.labels import (
    KUBERNETES,
    NAMESPACE_KEY,
    NAMESPACE_LABELS_PREFIX,
    Operator,
    Requirement,
    Selector,
)
from pybpf.compiler.policy.model.peers import Endpoints, Services
from pybpf.compiler.policy.model.policy import Action, Authentication, Direction, Policy
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict
from tests.compiler.policy.made import HERE, endpoint, policy, port, ports, rule, selecting
from tests.compiler.policy.verdict.test_restatement import Chance, inventory

FLIGHTS = "policy a for app=a { allow from app=b, env=prod on port 80: GET /flights, GET /flights/{id} }"
NAMES = 'policy a for app=a { allow to name "*.a.example" or 192.0.2.0/24 on port 443 allow to k8s-app=dns on port 53/any: query "*.a.example" }'


def said(text: str) -> tuple[Policy, ...]:
    """The policies of a good text."""
    parsed = read(Source("a.policy", text))
    assert not parsed.found
    return parsed.policies


def changed(text: str, *changes: tuple[str, str]) -> tuple[Difference, ...]:
    """The differences that changes of a text make."""
    other = text
    for old, new in changes:
        assert old in other
        other = other.replace(old, new)
    return differences(said(text), said(other))


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (FLIGHTS, "GET /flights, GET /flights/{id}", "GET regex '/flights(/[^/?]+)?'"),
        (FLIGHTS, "GET /flights, GET /flights/{id}", "GET /flights/{id}, GET /flights, GET /flights"),
        (FLIGHTS, "GET /flights,", "method regex 'GE(T)' /flights, GET exact '/flights',"),
        (FLIGHTS, "env=prod", "env=prod, env in (prod, test)"),
        (FLIGHTS, "env=prod", "env=prod, has env"),
        (FLIGHTS, "on port 80", "on port 80-80"),
        (FLIGHTS, "}}", "}} policy b for app=a { deny from env=prod on port 81 }"),
        (FLIGHTS, "}}", "}} policy b for app=a { deny from 192.0.2.0/24 }"),
        (FLIGHTS, "}}", "}} policy b for app=a, tier=x { allow from app=b, env=prod, x=y on port 80: GET /flights }"),
        (FLIGHTS, "}}", "}} policy b for app=a { audit deny from anybody }"),
        (NAMES, "192.0.2.0/24", "192.0.2.0/25 or 192.0.2.128/25"),
        (NAMES, "192.0.2.0/24", "192.0.2.0/24 or 192.0.2.9"),
        (NAMES, 'query "*.a.example"', 'query "*.a.example", query "x.a.example"'),
        (NAMES, 'name "*.a.example"', 'name "*.a.example" or name "b.a.example"'),
        ("policy a for app=a { allow from world on port 1-100 }", "world", "world-ipv4 or world-ipv6"),
        ("policy a for app=a { allow from world on port 1-100 }", "1-100", "1-50, 40-100"),
        ("policy a for app=a { allow from world on port 1/any }", "1/any", "1/tcp, 1/udp, 1/sctp"),
        ("policy a for app=a { allow from anybody }", "anybody", "all"),
        ("policy a for app=a { allow from app=b }", "app=b", "app=b or app=b, x=y"),
        ("policy a for app=a { allow from app=b }", "app=b", "app=b, x=y or app=b, !x or app=b, x!=y"),
        ('policy a for app=a { allow from app=b on port 80: GET / header x = "a" }', 'x = "a"', "X regex '[a]'"),
        ('policy a for app=a { allow from app=b on port 443 tls "a.b" }', '"a.b"', '"a.b", "A.b"'),
        ("policy a for app=a { allow from app=b on port 9092: kafka produce, kafka keys (fetch) }", "produce", "keys (metadata, produce, apiversions)"),
    ],
)
def test_what_means_the_same_has_no_difference(text: str, old: str, new: str) -> None:
    text = text.replace("} }", "}}")
    assert old in text
    assert differences(said(text), said(text.replace(old, new))) == ()
    assert differences(said(text.replace(old, new)), said(text)) == ()


def test_a_request_that_became_allowed_is_shown() -> None:
    (one,) = changed(FLIGHTS, ("{id}", "{id}?*"))
    assert one.allowed and one.direction is Direction.INGRESS
    assert one.example.request == HttpRequest("GET", "/flights/a?")
    assert (one.subjects, one.others) == (("app=a in namespace default",), ("app=b, env=prod in namespace default",))
    assert (one.old.allowed, one.new.allowed) == (False, True)


def test_a_request_that_became_refused_is_shown() -> None:
    (one,) = changed(FLIGHTS, ("GET /flights,", ""))
    assert not one.allowed
    assert one.example.request == HttpRequest("GET", "/flights")
    assert one.old.span is not None and one.old.span.source.name == "a.policy"


def test_a_wider_and_narrower_condition_differs_in_both_ways() -> None:
    allowed, refused = changed(FLIGHTS, ("{id}", "*"), ("GET /flights,", "GET /flight,"))
    assert (allowed.allowed, allowed.example.request) == (True, HttpRequest("GET", "/flight"))
    assert (refused.allowed, refused.example.request) == (False, HttpRequest("GET", "/flights"))


def test_a_port_that_became_open_is_shown_as_a_range() -> None:
    (one,) = changed("policy a for app=a { allow from app=b on port 80-90 }", ("80-90", "80-95"))
    assert [(each.protocol, each.first, each.last) for each in one.places] == [(Protocol.TCP, 91, 95)]


def test_a_query_and_a_server_name_that_became_allowed_are_shown() -> None:
    (query,) = changed(NAMES, ('query "*.a.example"', 'query "*"'))
    assert isinstance(query.example.request, DnsQuery)
    (name,) = changed('policy a for app=a { allow from app=b on port 443 tls "a.b" }', ('"a.b"', '"*.b"'))
    assert name.allowed and name.example.server_name == "a.b".replace("a", name.example.server_name[0] if name.example.server_name else "")


def test_an_address_by_a_name_that_became_allowed_is_shown() -> None:
    (one,) = changed(NAMES, ('name "*.a.example"', 'name "*.example" or name "*.a.example"'))
    assert one.example.destination.names and one.example.destination.names[0].endswith(".example")


def test_a_topic_that_became_allowed_is_shown() -> None:
    (one,) = changed('policy a for app=a { allow from app=b on port 9092: kafka produce topic "a" }', (' topic "a"', ""))
    assert isinstance(one.example.request, KafkaRequest) and one.example.request.topics != ("a",)


def test_a_header_whose_name_the_other_does_not_know_is_compared() -> None:
    (one,) = changed("policy a for app=a { allow from app=b on port 80: GET / header x-a }", ("header x-a", "header x-b"), ) [:1]
    assert isinstance(one.example.request, HttpRequest) and [name for name, _ in one.example.request.headers] == ["x-b"]


def test_a_policy_that_is_gone_opens_what_it_closed() -> None:
    found = differences(said(FLIGHTS), ())
    assert all(each.allowed for each in found)
    assert "any other endpoint in namespace other" in {name for each in found for name in each.others}


def test_a_deny_whose_backends_may_be_outside_counts() -> None:
    (one,) = changed("policy a for app=a { allow to service db on port 80 deny to world }", ("deny to world", ""))
    assert one.allowed and one.others == ("0.0.0.2 behind service default/db", "::2 behind service default/db")


def test_members_of_two_groups_are_asked_about() -> None:
    (one,) = changed("policy a for app=a { allow from cidr-group x deny from cidr-group y }", (" deny from cidr-group y", ""))
    assert one.allowed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("policy a for app=a { allow from app=b on port http }", "called 'http'"),
        ("policy a for app=a { allow from container:x=y on port 80 }", "of source 'container'"),
        (f"policy a for app=a {{ allow to {' or '.join(f'service s{number}' for number in range(5))} on port 80 }}", "services and groups"),
    ],
)
def test_what_cannot_be_decided_without_an_inventory_is_said(text: str, reason: str) -> None:
    with pytest.raises(Unproven, match=reason):
        differences(said(text), ())


def test_names_of_ports_are_compared_under_an_inventory() -> None:
    text = "policy a for app=a { allow from anybody on port http }"
    numbers = "policy a for app=a { allow from anybody on port 8080 }"
    one = endpoint("a", app="a")
    same = Inventory((Endpoint(one.name, one.namespace, one.labels, port_names=(PortName("http", Protocol.TCP, 8080),)),))
    other = Inventory((Endpoint(one.name, one.namespace, one.labels, port_names=(PortName("http", Protocol.TCP, 80),)),))
    assert differences(said(text), said(numbers), same) == ()
    assert [each.allowed for each in differences(said(text), said(numbers), other)] == [True, False]


SETS, FLOWS = 30, 60


def pairs_of_sets(seed: int) -> tuple[list[Policy], list[Policy], Chance]:
    """A set of policies by chance, and the same with one policy or rule exchanged."""
    chance = Chance(seed)
    old = chance.policies()
    new = list(old)
    match chance.of.randrange(4):
        case 0:
            new.append(chance.policy(9))
        case 1:
            new.pop()
        case 2:
            new[0] = chance.policy(9)
        case _:
            new = new[::-1]
    return old, new, chance


@pytest.mark.parametrize("seed", range(SETS))
def test_every_flow_that_differs_is_in_a_difference(seed: int) -> None:
    who = inventory()
    old, new, chance = pairs_of_sets(seed)
    found, without = differences(old, new, who), differences(old, new)
    before, after = resolve(old, who), resolve(new, who)
    for _ in range(FLOWS):
        flow = chance.flow(who)
        first, second = verdict(before, flow), verdict(after, flow)
        if first.allowed != second.allowed:
            assert any(covers(each, flow, second.allowed) for each in found), flow
            assert any(each.allowed == second.allowed and each.direction is flow.direction for each in without), flow


def covers(difference: Difference, flow: Flow, allowed: bool) -> bool:
    """Whether a difference is about a flow, as far as that can be told without asking its words."""
    judged = flow.destination if flow.direction is Direction.INGRESS else flow.source
    assert judged.endpoint is not None
    places = any(each.protocol in (flow.protocol, 253) and (each.protocol == 253 or each.first <= flow.port <= each.last) for each in difference.places)
    return difference.allowed == allowed and difference.direction is flow.direction and "/".join(judged.endpoint) in difference.subjects and places


def test_the_sets_are_worth_comparing() -> None:
    met = Counter(bool(differences(*pairs_of_sets(seed)[:2])) for seed in range(SETS))
    assert met[True] > SETS / 4 and met[False] > SETS / 10


def test_differences_of_three_versions_are_consistent() -> None:
    versions = [said(FLIGHTS), said(FLIGHTS.replace("prod", "test")), said(FLIGHTS.replace("GET /flights,", ""))]
    for one, other in pairwise(versions):
        there, back = differences(one, other), differences(other, one)
        assert sorted(each.allowed for each in there) == sorted(not each.allowed for each in back)


def test_random_labels_do_not_matter_where_nothing_differs() -> None:
    chance = random.Random(7)
    text = FLIGHTS + "".join(f" policy p{number} for app=p{number} {{ allow from app=p{chance.randrange(40)} on port 80 }}" for number in range(40))
    assert differences(said(text), said(text)) == ()
    assert len(differences(said(text), said(text.replace("app=p7 ", "app=p7, x=y ", 1)))) >= 1




def test_endpoints_with_labels_of_the_subject_itself_are_peers_too() -> None:
    found = changed("policy a for app=a { allow from app=a on port 80 }", ("80", "81"))
    assert [(each.allowed, each.others) for each in found] == [(True, ("app=a in namespace default",)), (False, ("app=a in namespace default",))]


def test_endpoints_are_part_of_the_cluster() -> None:
    nodes = "host or remote-node or init or ingress or health or unmanaged or kube-apiserver"
    (one,) = changed("policy a for app=a { allow from cluster }", ("cluster", nodes))
    assert (one.allowed, one.others) == (False, ("any other endpoint in namespace other",))


def test_the_name_of_a_namespace_is_a_label_of_it() -> None:
    alias = Requirement(KUBERNETES, f"{NAMESPACE_LABELS_PREFIX}kubernetes.io/metadata.name", Operator.IN, ("shop",))
    by_name = Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, ("shop",))
    one, other = (policy(selecting(app="a"), rule([Endpoints(Selector((each,), HERE))])) for each in (alias, by_name))
    assert differences([one], [other]) == ()
    assert differences([one], [policy(selecting(app="a"), rule([]))]) != ()


def test_a_connection_that_is_left_to_denies_of_requests_is_shown_by_a_request() -> None:
    text = "policy a for app=a { allow from app=b deny from app=b on port 80: GET /x }"
    at_80 = next(each for each in changed(text, ("allow from app=b ", "")) if each.places[0].first == 80)
    assert at_80.old.allowed and not at_80.new.allowed and at_80.example.request is not None


def test_a_service_of_any_namespace_may_be_of_each() -> None:
    kept = Selector((Requirement(KUBERNETES, NAMESPACE_KEY, Operator.IN, ("shop",)),), HERE)
    to = rule([Services("db", None, None, HERE)], direction=Direction.EGRESS)
    denied = rule([Endpoints(kept)], direction=Direction.EGRESS, action=Action.DENY)
    (one,) = differences([policy(selecting(app="a"), to)], [policy(selecting(app="a"), to, denied)])
    assert not one.allowed and one.others == ("behind service db in namespace shop",)


def test_services_by_name_and_by_labels_may_be_one_or_two() -> None:
    by_labels = Selector((Requirement("any", "tier", Operator.DOES_NOT_EXIST),), HERE)
    to = rule([Services("db", None, "shop", HERE)], direction=Direction.EGRESS)
    denied = rule([Services(None, by_labels, "shop", HERE)], direction=Direction.EGRESS, action=Action.DENY)
    first, second = policy(selecting(app="a"), to, denied), policy(selecting(app="a"), denied)
    assert any(not each.allowed for each in differences([first], [second]))


def test_groups_of_networks_may_differ_between_the_sides() -> None:
    text = said("policy a for app=a { allow from cidr-group x on port 80 }")
    one, other = (CidrGroup("x", (), (ip_network(each),)) for each in ("192.0.2.0/24", "192.0.2.0/25"))
    found = changes(Stated(text, (one,)), Stated(text, (other,)))
    assert [(each.change, each.others) for each in found] == [(Change.REFUSED, ("192.0.2.128 (192.0.2.0/24)",))]
    assert changes(Stated(text, (one,)), Stated(text, (one,))) == ()
    here = Inventory((endpoint("a", app="a"),), cidr_groups=(one,))
    assert [each.change for each in changes(Stated(text), Stated(text, (other,)), here)] == [Change.REFUSED]
    networks = said("policy a for app=a { allow from 192.0.2.0/24 on port 80 }")
    assert changes(Stated(text, (one,)), Stated(networks)) == ()


@pytest.mark.parametrize(
    ("text", "old", "new", "looks"),
    [
        ("policy a for app=a { allow from app=b on port 80: GET / on deny 403 }", "403", "drop", ("403", "drop")),
        ("policy a for app=a { deny from app=b on port 80 on deny reset }", " on deny reset", "", ("reset", "drop")),
    ],
)
def test_refusals_that_look_otherwise_are_told_apart(text: str, old: str, new: str, looks: tuple[str, str]) -> None:
    (one,) = changes(Stated(said(text)), Stated(said(text.replace(old, new))))
    assert one.change is Change.OTHERWISE and one.old.on_deny is not None and one.new.on_deny is not None
    assert (one.old.on_deny.value, one.new.on_deny.value) == looks
    assert changed(text, (old, new)) == ()


def test_flows_whose_ends_need_not_prove_who_they_are_any_more_are_told() -> None:
    plain = rule([selecting(app="b")], [ports(port(80))])
    proven = replace(plain, authentication=Authentication.REQUIRED)
    before, after = (Stated((policy(selecting(app="a"), each),)) for each in (proven, plain))
    (one,) = changes(before, after)
    assert (one.change, one.old.authenticated, one.new.authenticated) == (Change.OTHERWISE, True, False)
    assert [(each.protocol, each.first, each.last) for each in one.places] == [(Protocol.TCP, 80, 80)]
    assert changes(before, before) == ()


def test_one_change_among_two_hundred_policies_is_found_soon() -> None:
    chance = random.Random(1)
    text = " ".join(
        f"policy p{number} for app=p{number}, env=e{number % 4} {{"
        f" allow from app=p{chance.randrange(200)} or app=p{chance.randrange(200)}, tier=t{number % 3} on port {80 + number % 5}: GET /a{number}, GET /b/{{id}}"
        f' allow to name "*.s{number}.example" on port 443 allow from 10.{number}.0.0/16 on port 22 }}'
        for number in range(200)
    )
    before, after = said(text), said(text.replace("GET /a77,", "GET /a77, GET /c,"))
    started = time.process_time()
    (one,) = differences(before, after)
    assert one.example.request == HttpRequest("GET", "/c")
    assert time.process_time() - started < 5
