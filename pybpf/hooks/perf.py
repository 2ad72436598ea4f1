"""Perf events: tracepoints by their stable names, and a clock that ticks on one CPU.

Each is opened as a perf event of this process's, given to a link, and held by that alone (kernel 5.15). Closing the link ends it;
such links cannot be updated or detached. `cookie` is a number of the caller's, for bpf_get_attach_cookie.
"""

from __future__ import annotations

import errno
import os

from pybpf import syscalls
from pybpf.errors import KernelError
from pybpf.kinds import AttachType, ProgramType
from pybpf.links import Link
from pybpf.programs import Program

from .making import expect, explained
from .tracefs import tracepoint_id

# include/uapi/linux/perf_event.h
_TYPE_SOFTWARE, _TYPE_TRACEPOINT = 1, 2
_CPU_CLOCK = 0
ANY_CPU = 0  # a program at a tracepoint or probe runs on every CPU, whichever the event was opened on
_SHORTEST_PERIOD_NS = 10_000  # the kernel takes no shorter one for its word (perf_swevent_init_hrtimer)


def attach_tracepoint(program: Program, category: str, name: str, *, cookie: int = 0) -> Link:
    """`program` (TRACEPOINT) at a tracepoint, as /sys/kernel/tracing/events/CATEGORY/NAME has it, on every CPU.

    Raises KernelError (ENOENT) with the nearest names when there is no such tracepoint.
    """
    expect(program, [ProgramType.TRACEPOINT])
    event = syscalls.perf_event_open(_TYPE_TRACEPOINT, tracepoint_id(category, name), cpu=ANY_CPU, sample_period=1)
    return link_to_event(program, event, cookie)


def attach_cpu_clock(program: Program, cpu: int, period_ns: int, *, cookie: int = 0) -> Link:
    """`program` (PERF_EVENT) each `period_ns` (10,000 or more) of CPU number `cpu`'s time, whatever runs there."""
    expect(program, [ProgramType.PERF_EVENT])
    if cpu < 0:
        raise ValueError(f"{cpu} is no CPU number: os.sched_getaffinity(0) has those of this process")
    if period_ns < _SHORTEST_PERIOD_NS:
        raise ValueError(f"a period of {period_ns} ns is too short: use {_SHORTEST_PERIOD_NS} or more")
    try:
        event = syscalls.perf_event_open(_TYPE_SOFTWARE, _CPU_CLOCK, cpu=cpu, sample_period=period_ns)
    except KernelError as error:
        if error.errno in (errno.EINVAL, errno.ENODEV):
            raise KernelError(error.command, error.errno, f"no CPU {cpu}, or it is offline") from error
        raise
    return link_to_event(program, event, cookie)


def link_to_event(program: Program, event: int, cookie: int) -> Link:
    """A link that holds the perf event; the fd `event` is taken and closed."""
    try:
        return Link(syscalls.link_create_perf(program.fileno(), event, attach_type=AttachType.PERF_EVENT, cookie=cookie))
    except KernelError as error:
        raise explained(error, program.type, AttachType.PERF_EVENT) from error
    finally:
        os.close(event)
