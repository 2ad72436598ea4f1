"""What policies make of each other: rules that others leave nothing to say, and defaults that nobody may have meant.

Only what is certain is told: a rule counts as covered if another's peers and ports plainly include its own, for every endpoint that
it is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pybpf.compiler.diag import Span
from pybpf.compiler.policy.lint.implies import covers_peers, covers_port, covers_ports
from pybpf.compiler.policy.lint.pairs import Neighbours, Said, said
from pybpf.compiler.policy.model.layer7 import Dns, Generic, Http, Kafka, Layer7
from pybpf.compiler.policy.model.peers import DnsNames
from pybpf.compiler.policy.model.policy import Action, Direction, Policy
from pybpf.compiler.policy.model.ports import Port, PortRange
from pybpf.compiler.policy.text.report import Report


def check_together(policy: Policy, neighbours: Neighbours, report: Report) -> None:
    """Warn of what the other policies make of this one."""
    around = list(neighbours.around(policy))
    passes = any(rule.action is Action.PASS for other in neighbours.meeting(policy) for rule in other.rules)
    for direction in Direction:
        mine = list(said(policy, direction, Action.ALLOW))
        # A rule that passes may hand flows on before a deny of its tier is asked.
        denies = [each for other in around for each in said(other, direction, Action.DENY) if _is_asked_first(other, policy) and not passes]
        allows = [each for other in around for each in said(other, direction, Action.ALLOW)]
        for one in mine:
            _check_allow(one, denies, [each for each in allows if _span(each) != _span(one)], report)
        _check_conflicts(mine, allows, report)
    if any(_has_names(rule.peers) for rule in policy.rules if rule.action is Action.ALLOW):
        _check_names(policy, neighbours, report)
    for direction in policy.default_deny:
        _check_deny_only(policy, direction, neighbours, report)


def _is_asked_first(other: Policy, policy: Policy) -> bool:
    """Whether the other's denies win: it is of the same level or an earlier one, and not only told."""
    return (other.tier, other.priority) <= (policy.tier, policy.priority) and not other.audit


def _check_allow(one: Said, denies: Sequence[Said], allows: Sequence[Said], report: Report) -> None:
    if one.rule.peers == () or (one.part is not None and not one.part.ports):
        return  # lint-never-matches says so
    for deny in denies:
        if _is_whole(deny) and _covers(deny, one):
            message = f"this is never allowed: the deny rule in {_place(deny)} covers all of it"
            report.warn("lint-denied", _span(one), message, "remove one of the two rules")
            return
    wider = [each for each in allows if _same_level(each, one) and _covers(each, one)]
    if not isinstance(_layer7(one), Dns) and any(map(_binds_others, (*allows, one))):
        return  # server names, modes of authentication and rules of queries make more of their neighbours than sets of flows
    if _layer7(one) is None:
        _check_redundant(one, wider, report)
    elif isinstance(_layer7(one), Dns):
        _check_dns(one, wider, report)
    else:
        _check_silenced(one, wider, report)


def _binds_others(other: Said) -> bool:
    """Whether a rule changes what others for the same connections mean."""
    has_names = other.part is not None and bool(other.part.server_names)
    return has_names or other.rule.authentication is not None or isinstance(_layer7(other), Dns)


def _check_redundant(one: Said, wider: Iterable[Said], report: Report) -> None:
    for other in wider:
        if _is_whole(other) and (not _is_same(other, one) or _comes_first(other, one)) and other.rule.authentication == one.rule.authentication and _is_bare(one):
            message = f"this adds nothing: the rule in {_place(other)} allows all of it"
            report.warn("lint-redundant", _span(one), message, "remove it, or the wider one if that was not meant")
            return


def _check_silenced(one: Said, wider: Iterable[Said], report: Report) -> None:
    """Requests that a plain allow of the same peers and ports lets pass anyway."""
    for other in wider:
        if _is_whole(other):
            message = f"these requests do not matter: the rule in {_place(other)} allows every request there"
            report.warn("lint-requests-silenced", _span(one), message, "remove the wider rule, or the requests if every request may pass")
            return
        if _layer7(other) is not None and _holds_all(_layer7(other), _layer7(one)) and not _is_same(other, one) and _is_bare(one):
            message = f"this adds nothing: the rule in {_place(other)} allows the same requests"
            report.warn("lint-redundant", _span(one), message, "remove it, or the wider one if that was not meant")
            return


def _check_dns(one: Said, wider: Iterable[Said], report: Report) -> None:
    """Queries are silenced by a plain allow of exactly their port, and by no wider one."""
    for other in wider:
        if not _is_whole(other):
            continue
        if _has_exactly(other, one):
            message = f"these queries do not matter: the rule in {_place(other)} allows every query there"
            report.warn("lint-requests-silenced", _span(one), message, "remove the other rule, or the queries if every name may be asked for")
        else:
            message = f"the rule in {_place(other)} allows all of this port, and yet other queries than these are refused"
            hint = "rules of DNS queries are silenced by a rule of exactly their port only: write that, or narrow the wider rule"
            report.warn("lint-dns-not-silenced", _span(one), message, hint)
        return


def _check_conflicts(mine: Sequence[Said], others: Sequence[Said], report: Report) -> None:
    """Two rules for the same peers and ports that Cilium does not take together."""
    for index, one in enumerate(mine):
        for other in others:
            if _span(other) in (_span(each) for each in mine[: index + 1]):
                continue
            reason = _conflict(one, other) if _is_same_connection(one, other) else None
            if reason is not None:
                message = f"this and the rule in {_place(other)} are for the same connections and ask for two {reason}, which Cilium refuses"
                report.warn("lint-conflict", _span(one), message, "say the same in both, or make them different ports")


def _is_same_connection(one: Said, other: Said) -> bool:
    return one.part is not None and other.part is not None and one.part.ports == other.part.ports and one.rule.peers == other.rule.peers


def _conflict(one: Said, other: Said) -> str | None:
    assert one.part is not None and other.part is not None
    first, second = one.part, other.part
    if first.layer7 is not None and second.layer7 is not None and _parser(first.layer7) != _parser(second.layer7):
        return "protocols of requests"
    if first.listener is not None and second.listener is not None and first.listener != second.listener and first.listener.priority == second.listener.priority:
        return "listeners"
    for name in ("terminating_tls", "originating_tls"):
        contexts = getattr(first, name), getattr(second, name)
        if None not in contexts and contexts[0] != contexts[1]:
            return "TLS contexts"
    modes = one.rule.authentication, other.rule.authentication
    return "modes of authentication" if None not in modes and modes[0] is not modes[1] else None


def _parser(layer7: Layer7) -> str:
    return layer7.parser if isinstance(layer7, Generic) else type(layer7).__name__


def _check_names(policy: Policy, neighbours: Neighbours, report: Report) -> None:
    """Addresses are learnt from the answers to queries that are looked at: without such a rule none is known by a name."""
    for other in neighbours.meeting(policy):
        for each in said(other, Direction.EGRESS, Action.ALLOW):
            if isinstance(_layer7(each), Dns):
                return
    rule = next(each for each in policy.rules if each.action is Action.ALLOW and _has_names(each.peers))
    message = "nobody here may be asked for names under a rule of DNS queries, so no address becomes known by its name"
    report.warn("lint-names-without-dns", rule.span, message, "allow queries to the resolver: on port 53, with rules of DNS queries")


def _has_names(peers: object) -> bool:
    return isinstance(peers, tuple) and any(isinstance(each, DnsNames) for each in peers)


def _check_deny_only(policy: Policy, direction: Direction, neighbours: Neighbours, report: Report) -> None:
    """A policy that only denies refuses everything, unless another one allows something."""
    rules = [each for each in policy.rules if each.direction is direction]
    if not rules or any(each.action is not Action.DENY for each in rules):
        return
    for other in neighbours.meeting(policy):
        if any(each.direction is direction and each.action is Action.ALLOW and each.peers != () for each in other.rules):
            return
    message = f"rules that deny switch default deny on: without a rule that allows, nothing passes at {direction.value}"
    hint = f"allow what may pass, or switch it off (enableDefaultDeny: {{{direction.value}: false}}; in the language: default allow {direction.value})"
    report.warn("lint-deny-only", rules[0].span, message, hint)


def _covers(wide: Said, narrow: Said) -> bool:
    return covers_peers(wide.rule.peers, narrow.rule.peers) and covers_ports(_ports(wide), _ports(narrow)) and wide.rule.peers != ()


def _is_whole(one: Said) -> bool:
    """Whether a rule covers all that is said on its connections."""
    return _layer7(one) is None and (one.part is None or not one.part.server_names)


def _is_bare(one: Said) -> bool:
    """Whether a rule says nothing else of its connections."""
    part = one.part
    return part is None or not (part.server_names or part.listener or part.terminating_tls or part.originating_tls)


def _layer7(one: Said) -> Layer7 | None:
    return one.part.layer7 if one.part is not None and (one.denies_by_default or one.rule.action is not Action.ALLOW) else None


def _holds_all(wide: Layer7 | None, narrow: Layer7 | None) -> bool:
    """Whether the rules of the one are among those of the other."""
    if isinstance(wide, Http) and isinstance(narrow, Http):
        return set(narrow.rules) <= set(wide.rules)
    return isinstance(wide, Kafka) and isinstance(narrow, Kafka) and set(narrow.rules) <= set(wide.rules)


def _ports(one: Said) -> tuple[Port, ...] | None:
    return one.part.ports if one.part is not None else None


def _has_exactly(other: Said, one: Said) -> bool:
    """Whether every port of the one is a port of the other by itself."""
    singles = [each for each in _ports(other) or () if isinstance(each, PortRange) and each.first == each.last]
    return all(any(covers_port(each, port) for each in singles) for port in _ports(one) or ())


def _same_level(other: Said, one: Said) -> bool:
    same = (other.policy.tier, other.policy.priority) == (one.policy.tier, one.policy.priority)
    return same and other.policy.audit == one.policy.audit and other.denies_by_default >= one.denies_by_default


def _is_same(other: Said, one: Said) -> bool:
    """Whether two rules cover each other."""
    return _covers(other, one) and _covers(one, other) and _layer7(one) == _layer7(other)


def _comes_first(other: Said, one: Said) -> bool:
    """Of two rules that say the same, the later one is told."""
    return _order(_span(other)) < _order(_span(one))


def _order(span: Span) -> tuple[str, int, int]:
    return span.source.name, span.line, span.column


def _span(one: Said) -> Span:
    return one.part.span if one.part is not None else one.rule.span


def _place(one: Said) -> str:
    return f"{_span(one)} ({one.policy.name})"
