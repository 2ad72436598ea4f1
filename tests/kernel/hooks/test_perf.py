"""Tracepoints, raw tracepoints and the CPU clock."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from pathlib import Path

import pytest

from pybpf.errors import KernelError
from pybpf.hooks import attach_cpu_clock, attach_raw_tracepoint, attach_tracepoint
from pybpf.kinds import LinkType, ProgramType
from tests.support.tiny_programs import adding_cookie, count_of, counter, counting, returning

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]


def execute() -> None:
    """One exec of a program."""
    subprocess.run(["true"], check=True)


def test_a_tracepoint_counts_what_happens_on_every_cpu() -> None:
    with counter() as counted, counting(ProgramType.TRACEPOINT, counted) as program:
        with attach_tracepoint(program, "sched", "sched_process_exec") as link:
            assert link.type is LinkType.PERF_EVENT
            for cpu in os.sched_getaffinity(0):
                before = count_of(counted)
                subprocess.run(["taskset", "-c", str(cpu), "true"], check=True)
                assert count_of(counted) >= before + 2
        time.sleep(0.05)
        before = count_of(counted)
        execute()
        assert count_of(counted) == before


def test_the_program_can_tell_its_attachments_apart_by_their_cookies() -> None:
    with counter() as counted, adding_cookie(ProgramType.TRACEPOINT, counted) as program:
        with attach_tracepoint(program, "sched", "sched_process_exec", cookie=1 << 40):
            execute()
        assert count_of(counted) >= 1 << 40
        assert count_of(counted) % (1 << 40) == 0


def test_looking_up_a_tracepoint_leaves_no_mount_behind() -> None:
    before = Path("/proc/self/mounts").read_text()
    with returning(ProgramType.TRACEPOINT, 0) as program, attach_tracepoint(program, "syscalls", "sys_enter_execve"):
        assert Path("/proc/self/mounts").read_text() == before


@pytest.mark.parametrize(
    ("category", "name", "near"), [("sched", "sched_process_exek", "sched_process_exec"), ("shed", "sched_process_exec", "sched")]
)
def test_a_missing_tracepoint_is_named_with_what_comes_near(category: str, name: str, near: str) -> None:
    with returning(ProgramType.TRACEPOINT, 0) as program, pytest.raises(KernelError) as caught:
        attach_tracepoint(program, category, name)
    assert caught.value.errno == errno.ENOENT
    assert near in caught.value.detail


@pytest.mark.parametrize("name", ["", "..", "../sched", "a/b", "sched:sched_switch"])
def test_a_name_that_is_a_path_is_refused(name: str) -> None:
    with returning(ProgramType.TRACEPOINT, 0) as program, pytest.raises(ValueError, match="tracepoint's name"):
        attach_tracepoint(program, "sched", name)


def test_a_raw_tracepoint_counts_until_its_link_is_closed() -> None:
    with counter() as counted, counting(ProgramType.RAW_TRACEPOINT, counted) as program:
        with attach_raw_tracepoint(program, "sched_process_exec") as link:
            assert link.type is LinkType.RAW_TRACEPOINT
            execute()
            assert count_of(counted) >= 1
        before = count_of(counted)
        execute()
        assert count_of(counted) == before


def test_a_raw_tracepoint_that_is_not_there_is_named() -> None:
    with returning(ProgramType.RAW_TRACEPOINT, 0) as program, pytest.raises(KernelError) as caught:
        attach_raw_tracepoint(program, "no_such_tracepoint")
    assert (caught.value.command, caught.value.errno_name) == ("BPF_RAW_TRACEPOINT_OPEN", "ENOENT")
    assert "no_such_tracepoint" in caught.value.detail


def test_a_raw_tracepoint_has_no_category() -> None:
    with returning(ProgramType.RAW_TRACEPOINT, 0) as program, pytest.raises(ValueError, match="without its category"):
        attach_raw_tracepoint(program, "sched/sched_process_exec")


@pytest.mark.parametrize("cpu", sorted(os.sched_getaffinity(0)))
def test_a_cpu_clock_ticks_while_its_cpu_works(cpu: int) -> None:
    allowed = os.sched_getaffinity(0)
    with counter() as counted, counting(ProgramType.PERF_EVENT, counted) as program, attach_cpu_clock(program, cpu, 1_000_000):
        os.sched_setaffinity(0, {cpu})
        try:
            end = time.process_time_ns() + 50_000_000
            while time.process_time_ns() < end:
                pass
        finally:
            os.sched_setaffinity(0, allowed)
        assert count_of(counted) >= 20


def test_a_cpu_that_is_not_there_is_named() -> None:
    with returning(ProgramType.PERF_EVENT, 0) as program, pytest.raises(KernelError) as caught:
        attach_cpu_clock(program, 100_000, 1_000_000)
    assert "no CPU 100000" in caught.value.detail


def test_a_period_that_the_kernel_would_silently_change_is_refused() -> None:
    with returning(ProgramType.PERF_EVENT, 0) as program, pytest.raises(ValueError, match="10000 or more"):
        attach_cpu_clock(program, 0, 9_999)


def test_a_link_to_a_perf_event_is_detached_by_closing_it_and_says_so() -> None:
    with returning(ProgramType.TRACEPOINT, 0) as program, attach_tracepoint(program, "sched", "sched_process_exec") as link:
        with pytest.raises(KernelError) as caught:
            link.detach()
        assert "closing it" in caught.value.hint
