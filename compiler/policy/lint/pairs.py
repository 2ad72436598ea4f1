"""Which policies hold for the same endpoints: found by an index, for most policies have nothing to do with each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pybpf.compiler.policy.lint.implies import implies, may_meet
from pybpf.compiler.policy.model.labels import Operator, Selector
from pybpf.compiler.policy.model.peers import Endpoints, Nodes
from pybpf.compiler.policy.model.policy import Action, Direction, Policy, PortRule, Rule

_Mark = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Said:
    """A rule, or one of its port rules (None: the rule has none), and the policy that says it."""

    policy: Policy
    rule: Rule
    part: PortRule | None

    @property
    def denies_by_default(self) -> bool:
        """Whether the policy denies by default in the rule's direction; where it does not, its requests are not looked at."""
        return self.rule.direction in self.policy.default_deny


class Neighbours:
    """The policies of a set, asked for those that hold for the same endpoints as one of them."""

    def __init__(self, policies: Sequence[Policy]) -> None:
        self._by_mark: dict[_Mark, list[Policy]] = defaultdict(list)
        self._unmarked: list[Policy] = []
        for policy in policies:
            marks = _marks(policy.subject.selector)
            if marks:
                self._by_mark[min(marks, key=lambda mark: (mark[0].startswith("io."), mark))].append(policy)
            else:
                self._unmarked.append(policy)

    def meeting(self, policy: Policy) -> Iterator[Policy]:
        """Those that may hold for some endpoint for which `policy` holds, itself among them."""
        # One with a mark that `policy` does not have may still meet it: only equal keys with other values keep them apart.
        keys = {key for key, _ in _marks(policy.subject.selector)}
        marks = _marks(policy.subject.selector)
        for mark, others in self._by_mark.items():
            if mark[0] in keys and mark not in marks:
                continue
            for other in others:
                if _same_sort(policy, other) and may_meet(policy.subject.selector, other.subject.selector):
                    yield other
        for other in self._unmarked:
            if _same_sort(policy, other) and may_meet(policy.subject.selector, other.subject.selector):
                yield other

    def around(self, policy: Policy) -> Iterator[Policy]:
        """Those that hold for every endpoint for which `policy` holds, itself among them."""
        found = [each for mark in _marks(policy.subject.selector) for each in self._by_mark.get(mark, ())]
        for other in (*found, *self._unmarked):
            if _same_sort(policy, other) and implies(policy.subject.selector, other.subject.selector):
                yield other


def said(policy: Policy, direction: Direction, action: Action) -> Iterator[Said]:
    """What a policy says in one direction: its rules, port rule by port rule."""
    for rule in policy.rules:
        if rule.direction is direction and rule.action is action:
            for part in rule.port_rules if rule.port_rules is not None else (None,):
                yield Said(policy, rule, part)


def _marks(selector: Selector) -> set[_Mark]:
    """The labels that must have one value."""
    return {(each.key, each.values[0]) for each in selector.requirements if each.operator is Operator.IN and len(each.values) == 1}


def _same_sort(one: Policy, other: Policy) -> bool:
    """Whether both are for endpoints, or both for hosts."""
    kinds = (Endpoints, Nodes)
    return [isinstance(one.subject, kind) for kind in kinds] == [isinstance(other.subject, kind) for kind in kinds]
