"""A side -> the same for an endpoint in audit: nothing is refused, and what would be is told, of connections and of requests."""

from __future__ import annotations

from dataclasses import replace

from pybpf.compiler.lower.judgements import Judgement
from pybpf.compiler.lower.sides import Branch, LoweredSide, Node
from pybpf.kernel_progs.numbers import PolicyAction, Refusal


def audited_side(side: LoweredSide) -> LoweredSide:
    """Every judgement of the side in audit; tries that peers share stay shared."""
    known: dict[int, Node] = {}
    return LoweredSide(_audited(side.anybody, known), tuple((number, _audited(node, known)) for number, node in side.peers))


def audited_judgement(judged: Judgement) -> Judgement:
    """What becomes of one judgement."""
    if judged.action is PolicyAction.INSPECT:
        assert judged.rule_set is not None
        return Judgement(PolicyAction.WATCH, Refusal.DROP, judged.rule, replace(judged.rule_set, audit=judged.rule))
    if judged.action is PolicyAction.WATCH:
        return judged
    refused = judged.rule if judged.action is PolicyAction.REFUSE else judged.audit
    return Judgement(PolicyAction.ALLOW, Refusal.DROP, judged.rule, audit=refused)


def _audited(node: Node, known: dict[int, Node]) -> Node:
    if id(node) not in known:
        known[id(node)] = Branch(tuple((first, _audited(each, known)) for first, each in node.runs)) if isinstance(node, Branch) else audited_judgement(node)
    return known[id(node)]
