"""Cases of the corpus of policies (tests/corpus/policies): from the texts of its files to policies, inventories and flows.

A case is a policy, and either flows with what each gets, or the code with which the policy is refused.

    row         what the case is about: one or several rows of rows.toml
    kind        namespaced (absent), clusterwide, host or kubernetes: what the short form below is made into
    selector    the subject of the short form; app=s where none is written, the host of zone one for `host`
    ingress, egress, deny, egress_deny, spec     lists of the short form as YAML, and any other line of its spec
    policy      the whole file instead of the short form; several documents, of any kinds
    settings    the inventory's settings; as everywhere where none are written
    warned      the codes of all warnings; none where none is written
    flows       one line each, see `asked` and `expected`
    refused     the code of an error; `message` is a part of what it says
    accepted    a table with the keys above: what looks like the refused policy and is read
    xfail       why the case does not hold today
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from pybpf.compiler.diag import Source
from pybpf.compiler.policy.inventory import merged, read_inventory
from pybpf.compiler.policy.model.flow import (
    DnsQuery,
    Flow,
    HttpRequest,
    KafkaRequest,
    Outcome,
    Party,
    Verdict,
)
from pybpf.compiler.policy.model.inventory import Inventory
from pybpf.compiler.policy.model.policy import Action, Direction, Policy
from pybpf.compiler.policy.model.ports import Protocol
from pybpf.compiler.policy.model.resolved import RESERVED_IDENTITIES, Resolved
from pybpf.compiler.policy.reading import must_read
from pybpf.compiler.policy.resolve import resolve

CORPUS: Final = Path(__file__).resolve().parents[2] / "corpus" / "policies"
ROWS: Final = CORPUS / "rows.toml"
NAME: Final = "corpus"
_CILIUM: Final = "apiVersion: cilium.io/v2\nkind: Cilium{}NetworkPolicy\nmetadata: {{name: corpus}}\nspec:\n  {}: "
# what a case's `kind` makes of it: the lines before the subject, and the subject
_HEADS: Final = {
    "namespaced": (_CILIUM.format("", "endpointSelector"), "{matchLabels: {app: s}}"),
    "clusterwide": (_CILIUM.format("Clusterwide", "endpointSelector"), "{matchLabels: {app: s}}"),
    "host": (_CILIUM.format("Clusterwide", "nodeSelector"), "{matchLabels: {zone: one}}"),
    "kubernetes": ("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: corpus}\nspec:\n  podSelector: ", "{matchLabels: {app: s}}"),
}
_LISTS: Final = {"ingress": "ingress", "egress": "egress", "deny": "ingressDeny", "egress_deny": "egressDeny"}
_LIST_OF: Final = {
    (Direction.INGRESS, Action.ALLOW): "ingress",
    (Direction.INGRESS, Action.DENY): "ingressDeny",
    (Direction.EGRESS, Action.ALLOW): "egress",
    (Direction.EGRESS, Action.DENY): "egressDeny",
}
_TEXTS: Final = frozenset({"kind", "selector", "spec", "policy", "warned", *_LISTS})
KEYS: Final = _TEXTS | {"name", "row", "settings", "flows", "refused", "message", "accepted", "xfail"}
_EXPECTED: Final = re.compile(r"(?P<outcome>[a-z-]+)(?P<proof> authenticated)?(?: with (?P<refusal>\S+))?(?: by (?P<by>.+?))?(?: at (?P<at>.+))?")


@dataclass(frozen=True, slots=True)
class Case:
    """One case: the file it stands in (without .toml) and its keys."""

    file: str
    keys: dict[str, Any]

    @property
    def title(self) -> str:
        return f"{self.file}: {self.keys['name']}"

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows that the case is about."""
        row: str | list[str] = self.keys["row"]
        return (row,) if isinstance(row, str) else tuple(row)

    @property
    def direction(self) -> Direction:
        """The direction that the short form has rules for."""
        return Direction.EGRESS if self.keys.keys() & {"egress", "egress_deny"} else Direction.INGRESS


@dataclass(frozen=True, slots=True)
class Expected:
    """What a line says of a flow; None is nothing said. `by` is as `decider` has it, `at` begins the text of the deciding place."""

    outcome: str
    authenticated: bool
    refusal: str | None
    by: str | None
    at: str | None


def cases() -> Iterator[Case]:
    """Every case of every file."""
    for path in sorted(CORPUS.glob("*.toml")):
        if path != ROWS:
            yield from (Case(path.stem, keys) for keys in tomllib.loads(path.read_text())["case"])


def rows() -> dict[str, str]:
    """All rows that must have a case, as `SECTION ROW`, each with its text."""
    tables: dict[str, dict[str, str]] = tomllib.loads(ROWS.read_text())
    return {f"{section} {row}": text for section, table in tables.items() for row, text in table.items() if row != "about"}


def source(keys: dict[str, Any]) -> Source:
    """The file of a case, or of what it is compared with."""
    if "policy" in keys:
        return Source("corpus.yaml", keys["policy"])
    head, subject = _HEADS[keys.get("kind", "namespaced")]
    lines = [f"  {_LISTS[key]}: {keys[key]}\n" for key in _LISTS if key in keys]
    more = [f"  {line}\n" for line in keys.get("spec", "").splitlines()]
    return Source("corpus.yaml", f"{head}{keys.get('selector', subject)}\n" + "".join(lines + more))


def resolved(case: Case) -> Resolved:
    """The policies of a case, which are in order, with its inventory."""
    reading = must_read([source(case.keys)])
    return resolve(reading.policies, merged(_inventory(case.keys.get("settings", "{}")), reading.cidr_groups))


def asked(line: str, case: Case) -> tuple[Flow, Expected]:
    """A line of flows: `PEER PORT/PROTOCOL REQUEST -> EXPECTED`, or with `in A>B` or `out A>B` in front instead of PEER: a
    flow from A to B, judged at B or at A.

    PEER is an endpoint, an entity or an address, with `=NAME` behind it the DNS name it was seen with; the other end is s, or
    the host in a case of kind `host`, and the direction the one that the case has rules for. REQUEST is `METHOD PATH
    HEADER=VALUE...`, `?NAME` for a DNS query, `~NAME` for a TLS server name (nothing behind it: none given),
    `kafka:KEY:TOPICS[:VERSION[:CLIENT]]`, or `-`.
    """
    question, _, answer = line.rpartition(" -> ")
    first, rest = question.split(maxsplit=1)
    if first in ("in", "out"):
        parties, rest = rest.split(maxsplit=1)
        ends = tuple(_party(each) for each in parties.split(">"))
        direction = Direction.INGRESS if first == "in" else Direction.EGRESS
    else:
        direction = case.direction
        subject = _party("host" if case.keys.get("kind") == "host" else "s")
        ends = (_party(first), subject) if direction is Direction.INGRESS else (subject, _party(first))
    at, *words = rest.split()
    number, _, protocol = at.partition("/")
    known = int(protocol) if protocol.isdigit() else Protocol[protocol.upper()]
    return Flow(ends[0], ends[1], direction, known, int(number), **_request(words)), _expected(answer)


def decider(verdict: Verdict, policies: tuple[Policy, ...]) -> str:
    """What decided: `LIST N` of the policy that the short form is, `NAME: LIST N` of others (`NAME/N` if there are several of one
    name); the policy's name for default deny; `setting` where no policy did, `nothing` where nothing is enforced."""
    if verdict.entry is not None:
        policy, rule = verdict.entry.policy, verdict.entry.rule
        if policy is None or rule is None:
            return "setting"
        alike = [each for each in policy.rules if (each.direction, each.action) == (rule.direction, rule.action)]
        number = next(index for index, each in enumerate(alike, 1) if each is rule)
        where = f"{_LIST_OF[rule.direction, rule.action]} {number}"
        return where if len(policies) == 1 and policy.name == NAME else f"{_title(policy, policies)}: {where}"
    if verdict.outcome is Outcome.DENY_DEFAULT:
        return _title(verdict.side.origin, policies) if verdict.side.origin is not None else "setting"
    return "nothing"


def _title(policy: Policy, policies: tuple[Policy, ...]) -> str:
    alike = [each for each in policies if each.name == policy.name]
    number = next(index for index, each in enumerate(alike, 1) if each is policy)
    return policy.name if len(alike) == 1 else f"{policy.name}/{number}"


def _expected(answer: str) -> Expected:
    found = _EXPECTED.fullmatch(answer)
    assert found is not None, answer
    return Expected(found["outcome"], found["proof"] is not None, found["refusal"], found["by"], found["at"])


@lru_cache(maxsize=16)
def _inventory(settings: str) -> Inventory:
    path = CORPUS / "_inventory.yaml"
    return read_inventory(Source(str(path), f"{path.read_text()}settings: {settings}\n"))


def _party(text: str) -> Party:
    who, _, name = text.partition("=")
    names = (name,) if name else ()
    if who in RESERVED_IDENTITIES:
        return Party(entity=who, names=names)
    if ":" in who or who[0].isdigit():
        return Party(address=ip_address(who), names=names)
    namespace, _, own = who.rpartition("/")
    return Party((namespace or "default", own), names=names)


def _request(words: list[str]) -> dict[str, Any]:
    match words:
        case ["-"]:
            return {}
        case [name] if name.startswith("?"):
            return {"request": DnsQuery(name[1:])}
        case [name] if name.startswith("~"):
            return {"server_name": name[1:] or None, "server_name_known": True}
        case [name] if name.startswith("kafka:"):
            _, key, topics, version, client, *_ = [*name.split(":"), "0", ""]
            return {"request": KafkaRequest(int(key), int(version), client, tuple(filter(None, topics.split(","))))}
        case [method, path, *headers]:
            pairs = [(name, value) for name, _, value in (each.partition("=") for each in headers)]
            host = dict(pairs).get("host", "")
            return {"request": HttpRequest(method, path, host, tuple(pair for pair in pairs if pair[0] != "host"))}
    raise ValueError(f"no request: {words}")
