"""Counters, one copy a CPU; and rates, a bucket a second and CPU."""

from __future__ import annotations

from pybpf.compiler.lang import function, u32, u64
from pybpf.kernel_progs.abi import MAX_ENDPOINTS, Bucket, Counted, Direction, Verdict
from pybpf.kernel_progs.matching import Scratch
from pybpf.kernel_progs.state import answer_buckets, control, counters, endpoint_counts, rule_counts


@function
def count(what: u32) -> None:
    """One more of it."""
    cell = counters.lookup(what)
    if cell is not None:
        cell.value += 1


@function
def count_frame(scratch: Scratch, octets: u32) -> None:
    """A packet of the endpoint that was decided: scratch.verdict says how, 0 for a silent pass."""
    index = (scratch.key.endpoint & (MAX_ENDPOINTS - 1)) * 2 + (0 if scratch.direction == Direction.INGRESS else 1)
    found = endpoint_counts.lookup(index)
    if found is None:
        return
    found.packets += 1
    found.octets += octets
    if scratch.verdict == Verdict.AUDITED:
        found.audited += 1
    elif scratch.verdict > Verdict.FORWARDED:
        found.refused += 1
        count(Counted.REASONS + (scratch.reason & 31))


@function
def count_rule(rule: u32, refused: bool) -> None:
    """One more decision of a rule."""
    found = rule_counts.lookup(rule)
    if found is None:
        return
    if refused:
        found.refused += 1
    else:
        found.connections += 1


@function
def is_within(bucket: Bucket, per_second: u32, now_ns: u64) -> bool:
    """Take one of the bucket's share of this second; False when there is none left."""
    second = now_ns >> 30  # about a second, and no division
    if bucket.second != second:
        bucket.second = second
        bucket.used = 0
    if bucket.used >= per_second:
        return False
    bucket.used += 1
    return True


@function
def may_answer(scratch: Scratch) -> bool:
    """Whether a refusal may be answered: so many a second for each endpoint. What may not is dropped, and counted."""
    settings = control.lookup(0)
    bucket = answer_buckets.lookup(scratch.key.endpoint & (MAX_ENDPOINTS - 1))
    if settings is None or bucket is None:
        return False
    if is_within(bucket, settings.answers_per_second, scratch.now_ns):
        return True
    count(Counted.ANSWERS_SUPPRESSED)
    return False
