"""Policy -> what is to be drawn: its subject, an arrow for each rule and its peers, and what becomes of everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from pybpf.compiler.policy.cilium.selectors import Scope
from pybpf.compiler.policy.language import quoted, simplified, write_peers, write_requests
from pybpf.compiler.policy.model.layer7 import Generic
from pybpf.compiler.policy.model.peers import CloudGroups, Endpoints, Entities, Entity, Peer
from pybpf.compiler.policy.model.policy import Action, Direction, Policy, PortRule, Rule, Tier


class Fate(Enum):
    """What becomes of the flows of an arrow, as far as this policy alone can say."""

    PASSES = "passes"
    REFUSED = "refused"
    TOLD = "told"  # by a policy in audit: it would be refused
    LEFT = "left"  # to the next tier
    NOTHING = "nothing"  # there are no such flows


@dataclass(frozen=True, slots=True)
class Lane:
    """Some ports of a rule, and what may be asked for there; nothing where every request passes. `note` is what else to know of it."""

    where: str
    requests: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class Arrow:
    """One rule, or everything that no rule is about: its peers as alternatives, its fate in words where the sign does not say all, and
    what it is about (no lane: every port of every protocol)."""

    fate: Fate
    peers: tuple[str, ...]
    said: str
    lanes: tuple[Lane, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Half:
    """One direction. `rest` is everything else; None: the policy says nothing of this direction."""

    arrows: tuple[Arrow, ...]
    rest: Arrow | None


@dataclass(frozen=True, slots=True)
class Picture:
    """One policy, ready to be drawn in words, lines or both. Its texts may hold what a policy's can: renderers make them fit to print."""

    title: str
    subject: str
    notes: tuple[str, ...]
    ingress: Half
    egress: Half


_OF_RULE: Final = {
    Fate.PASSES: "",
    Fate.REFUSED: "denied",
    Fate.TOLD: "would be denied: told, not done",
    Fate.LEFT: "left to the next tier",
    Fate.NOTHING: "this rule covers nothing",
}
_OF_REST: Final = {
    Fate.PASSES: "passes, unless another policy or a setting refuses it",
    Fate.REFUSED: "refused, unless another policy or a setting allows it",
    Fate.TOLD: "would be refused: told, not done",
}
_NOT_LOOKED_AT: Final = "requests and server names do not count: this policy refuses nothing by default"
_NO_PARSER: Final = "no request is let through: there is no parser for it"


def picture(policy: Policy) -> Picture:
    """The picture of a policy. Texts are those of the policy language."""
    policy, own = simplified(policy), policy.namespace
    selector = policy.subject.selector
    subject = write_peers.subject(selector, own) if isinstance(policy.subject, Endpoints) else write_peers.nodes(selector)
    where = f" in namespace {write_peers.name(own)}" if own is not None else " of the whole cluster"
    halves = [_half(policy, direction) for direction in (Direction.INGRESS, Direction.EGRESS)]
    return Picture(f"policy {write_peers.name(policy.name)}{where}", subject, _notes(policy), *halves)


def _notes(policy: Policy) -> tuple[str, ...]:
    """What holds for all rules. A description is in quotes, so that nobody takes it for one of the others."""
    said = [quoted(policy.description)] if policy.description else []
    said += ["audit: nothing of this is enforced, refusals are told and not done"] if policy.audit else []
    if policy.tier is not Tier.NORMAL or policy.priority:
        said.append(f"tier {policy.tier.name.lower()}, priority {policy.priority:g}")
    return (*said, *([f"refuses with {policy.on_deny.value}"] if policy.on_deny is not None else []))


def _half(policy: Policy, direction: Direction) -> Half:
    rules = [each for each in policy.rules if each.direction is direction]
    return Half(tuple(_arrow(each, policy) for each in rules), _rest(policy, direction) if rules else None)


def _rest(policy: Policy, direction: Direction) -> Arrow:
    """What is in no rule, under the rules of a direction."""
    fate = Fate.PASSES if direction not in policy.default_deny else Fate.TOLD if policy.audit else Fate.REFUSED
    return Arrow(fate, ("everything else",), _OF_REST[fate], (), ())


def _arrow(rule: Rule, policy: Policy) -> Arrow:
    fate = _fate(rule, policy)
    notes = [f"refused with {rule.on_deny.value}"] if rule.on_deny is not None else []
    notes += [f"authentication {rule.authentication.value}"] if rule.authentication is not None else []
    # Only what denies looks at requests where default deny is off; what allows then allows the connection (resolve/resolving.py).
    is_looked_at = rule.action is not Action.ALLOW or rule.direction in policy.default_deny
    lanes = tuple(_lane(each, is_looked_at) for each in rule.port_rules or ())
    return Arrow(fate, _peers(rule.peers, Scope(policy.namespace)), _OF_RULE[fate], lanes if rule.port_rules != () else (Lane("no port", (), ""),), tuple(notes))


def _fate(rule: Rule, policy: Policy) -> Fate:
    if _covers_nothing(rule):
        return Fate.NOTHING
    match rule.action:
        case Action.ALLOW:
            return Fate.PASSES
        case Action.DENY:
            return Fate.TOLD if policy.audit else Fate.REFUSED
        case Action.PASS:
            return Fate.LEFT


def _covers_nothing(rule: Rule) -> bool:
    """Whether no flow can be one of the rule's, whoever exists: it only switches default deny on."""
    is_for_nobody = rule.peers is not None and all(map(_is_nobody, rule.peers))
    return is_for_nobody or (rule.port_rules is not None and not any(each.ports for each in rule.port_rules))


def _is_nobody(peer: Peer) -> bool:
    return isinstance(peer, CloudGroups) or (isinstance(peer, Entities) and peer.entity is Entity.NONE)


def _peers(peers: Sequence[Peer] | None, scope: Scope) -> tuple[str, ...]:
    if peers is None:
        return ("anybody",)
    return tuple(write_peers.peer_text(each, scope) for each in peers) or ("nobody",)


def _lane(part: PortRule, is_looked_at: bool) -> Lane:
    requests = tuple(write_requests.each_request(part.layer7)) if part.layer7 is not None else ()
    note = ""
    if not is_looked_at and (part.layer7 is not None or part.server_names):
        note = _NOT_LOOKED_AT
    elif isinstance(part.layer7, Generic):
        note = _NO_PARSER
    return Lane(write_requests.where(part), requests, note)
