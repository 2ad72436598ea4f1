"""The corpus of policies and flows: what each flow gets, as the semantics say. One line is one flow:

    PEER PORT/PROTOCOL REQUEST -> OUTCOME

PEER is an endpoint, an entity or an address, with `=NAME` behind it the DNS name it was seen with. REQUEST is `METHOD PATH
HEADER=VALUE...`, `?NAME` for a DNS query, `~NAME` for a TLS server name (nothing behind it: none given), `kafka:KEY:TOPICS`, or `-`.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.inventory import read_inventory
from pybpf.compiler.policy.model.flow import DnsQuery, Flow, HttpRequest, KafkaRequest, Party
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Direction
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import RESERVED_IDENTITIES
from pybpf.compiler.policy.reading import must_read
from pybpf.compiler.policy.resolve import resolve
from pybpf.compiler.policy.verdict import verdict

CORPUS = Path(__file__).resolve().parents[2] / "corpus" / "policies"
CASES = [(path.stem, case) for path in sorted(CORPUS.glob("*.toml")) for case in tomllib.loads(path.read_text())["case"]]
HEAD = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: corpus}\nspec:\n  endpointSelector: {matchLabels: {app: s}}\n"
LISTS = {"ingress": "ingress", "egress": "egress", "deny": "ingressDeny", "egress_deny": "egressDeny"}
SUBJECT = Party(("default", "s"))


@lru_cache(maxsize=1)
def inventory() -> Inventory:
    path = CORPUS / "_inventory.yaml"
    return read_inventory(Source(str(path), path.read_text()))


def text_of(case: dict[str, Any]) -> str:
    lines = [f"  {LISTS[key]}: {case[key]}\n" for key in LISTS if key in case]
    return HEAD + "".join(lines) + (f"  {case['spec']}\n" if "spec" in case else "")


def party(text: str) -> Party:
    who, _, name = text.partition("=")
    names = (name,) if name else ()
    if who in RESERVED_IDENTITIES:
        return Party(entity=who, names=names)
    if who[0].isdigit():
        return Party(address=ip_address(who), names=names)
    namespace, _, own = who.rpartition("/")
    return Party((namespace or "default", own), names=names)


def flow_of(line: str, direction: Direction) -> Flow:
    peer, at, *words = line.split()
    number, _, protocol = at.partition("/")
    known: dict[str, Any] = {"protocol": int(protocol) if protocol.isdigit() else Protocol[protocol.upper()], "port": int(number)}
    match words:
        case ["-"]:
            pass
        case [name] if name.startswith("?"):
            known["request"] = DnsQuery(name[1:])
        case [name] if name.startswith("~"):
            known |= {"server_name": name[1:] or None, "server_name_known": True}
        case [name] if name.startswith("kafka:"):
            _, key, topics = name.split(":")
            known["request"] = KafkaRequest(int(key), topics=tuple(filter(None, topics.split(","))))
        case [method, path, *headers]:
            pairs = [(name, value) for name, _, value in (each.partition("=") for each in headers)]
            host = dict(pairs).get("host", "")
            known["request"] = HttpRequest(method, path, host, tuple(pair for pair in pairs if pair[0] != "host"))
    ends = (party(peer), SUBJECT) if direction is Direction.INGRESS else (SUBJECT, party(peer))
    return Flow(*ends, direction, **known)


@pytest.mark.parametrize(("file", "case"), CASES, ids=[f"{file}: {case['name']}" for file, case in CASES])
def test_every_flow_gets_what_the_semantics_say(file: str, case: dict[str, Any]) -> None:
    resolved = resolve(must_read([Source("corpus.yaml", text_of(case))]).policies, inventory())
    direction = Direction.EGRESS if "egress" in case or "egress_deny" in case else Direction.INGRESS
    wrong = {}
    for line in case["flows"]:
        asked, _, expected = line.rpartition(" -> ")
        got = verdict(resolved, flow_of(asked, direction)).outcome.value
        if got != expected:
            wrong[line] = got
    assert wrong == {}
