"""The program of inspected connections: whatever they and those who would open one bring, on its way to the matcher or past it."""

from __future__ import annotations

from pybpf.compiler.lang import Action, Skb, function, program
from pybpf.kernel_progs.abi import PolicyAction
from pybpf.kernel_progs.events import finish
from pybpf.kernel_progs.inspecting import inspect, inspect_reply, let_watched, open_stream
from pybpf.kernel_progs.judging import admit
from pybpf.kernel_progs.matching import Part, Scratch
from pybpf.kernel_progs.state import scratches


@program("tc")
def judge_stream(packet: Skb) -> int:
    """A TCP segment of an inspected connection, or to an inspected port, which policy lets come so far: scratch.part says what it is."""
    scratch = scratches.lookup(0)
    if scratch is None:
        return Action.SHOT
    return finish(packet, scratch, judge_segment(packet, scratch))


@function
def judge_segment(packet: Skb, scratch: Scratch) -> int:
    """The tc action for it."""
    if scratch.part == Part.STRANGER:
        return judge_stranger(packet, scratch)
    action = inspect_reply(packet, scratch) if scratch.part == Part.RECEIVER else inspect(packet, scratch)
    return action if scratch.watched == 0 else let_watched(scratch, action)


@function
def judge_stranger(packet: Skb, scratch: Scratch) -> int:
    """The same for one that may open a connection."""
    opened = open_stream(packet, scratch)
    if scratch.watched != 0:
        scratch.verdict = 0
        scratch.reason = 0
        return admit(scratch, PolicyAction.WATCH if opened == Action.OK else PolicyAction.ALLOW, scratch.direction)
    if opened != Action.OK or scratch.opens == 0:
        return opened
    return admit(scratch, PolicyAction.INSPECT, scratch.direction)
