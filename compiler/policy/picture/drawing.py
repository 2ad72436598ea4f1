"""Policy -> what is to be drawn: its subject, an arrow for each rule and its peers, and what becomes of everything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pybpf.compiler.policy.cilium.selectors import Scope
from pybpf.compiler.policy.language import simplified, write_peers, write_requests
from pybpf.compiler.policy.model.peers import Endpoints, Peer
from pybpf.compiler.policy.model.policy import Action, Direction, Policy, PortRule, Rule, Tier


@dataclass(frozen=True, slots=True)
class Lane:
    """Some ports of a rule, and what may be asked for there; nothing where every request passes."""

    where: str
    requests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """One rule: its peers as alternatives, and what it is about (no lane: every port of every protocol)."""

    action: Action
    peers: tuple[str, ...]
    lanes: tuple[Lane, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Half:
    """One direction. `rest_passes`: what no rule is about passes; None: the policy says nothing of this direction."""

    arrows: tuple[Arrow, ...]
    rest_passes: bool | None


@dataclass(frozen=True, slots=True)
class Picture:
    """One policy, ready to be drawn in words, lines or both."""

    title: str
    subject: str
    notes: tuple[str, ...]
    ingress: Half
    egress: Half


def picture(policy: Policy) -> Picture:
    """The picture of a policy. Texts are those of the policy language."""
    policy, own = simplified(policy), policy.namespace
    selector = policy.subject.selector
    subject = write_peers.subject(selector, own) if isinstance(policy.subject, Endpoints) else write_peers.nodes(selector)
    where = f" in namespace {own}" if own is not None else " of the whole cluster"
    halves = [_half(policy, direction, Scope(own)) for direction in (Direction.INGRESS, Direction.EGRESS)]
    return Picture(f"policy {policy.name}{where}", subject, _notes(policy), *halves)


def _notes(policy: Policy) -> tuple[str, ...]:
    said = [policy.description] if policy.description else []
    said += ["audit: refusals are told and not done"] if policy.audit else []
    if policy.tier is not Tier.NORMAL or policy.priority:
        said.append(f"tier {policy.tier.name.lower()}, priority {policy.priority:g}")
    return (*said, *([f"refuses with {policy.on_deny.value}"] if policy.on_deny is not None else []))


def _half(policy: Policy, direction: Direction, scope: Scope) -> Half:
    rules = [each for each in policy.rules if each.direction is direction]
    # A rule for nobody only switches default deny on, which is drawn as what becomes of the rest.
    arrows = tuple(_arrow(each, scope) for each in rules if each.peers != ())
    return Half(arrows, direction not in policy.default_deny if rules else None)


def _arrow(rule: Rule, scope: Scope) -> Arrow:
    notes = [f"refused with {rule.on_deny.value}"] if rule.on_deny is not None else []
    notes += [f"authentication {rule.authentication.value}"] if rule.authentication is not None else []
    lanes = tuple(map(_lane, rule.port_rules)) if rule.port_rules is not None else ()
    return Arrow(rule.action, _peers(rule.peers, scope), lanes if rule.port_rules is None or lanes else (Lane("no port", ()),), tuple(notes))


def _peers(peers: Sequence[Peer] | None, scope: Scope) -> tuple[str, ...]:
    return ("anybody",) if peers is None else tuple(write_peers.peer_text(each, scope) for each in peers)


def _lane(part: PortRule) -> Lane:
    return Lane(write_requests.where(part), tuple(write_requests.each_request(part.layer7)) if part.layer7 is not None else ())
