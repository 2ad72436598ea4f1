"""Uprobes on a function of the C library; kprobes, where there are any."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pybpf.errors import KernelError, NotSupported, ObjectError
from pybpf.executables import function_offset
from pybpf.hooks import ProbePoint, attach_kprobe, attach_uprobe
from pybpf.kinds import ProgramType
from tests.support.tiny_programs import adding_cookie, count_of, counter, counting, returning

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
DEVICES = Path("/sys/bus/event_source/devices")


def c_library() -> Path:
    """The C library of this process."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    return Path(next(line.split()[-1] for line in lines if "/libc.so" in line or "/libc-" in line))


@pytest.fixture(autouse=True)
def _uprobes() -> None:
    if not (DEVICES / "uprobe").exists():
        pytest.skip("missing: uprobes (CONFIG_UPROBE_EVENTS)")


@pytest.mark.parametrize("point", ProbePoint)
def test_a_uprobe_counts_the_calls_of_a_function(point: ProbePoint) -> None:
    with counter() as counted, counting(ProgramType.KPROBE, counted) as program:
        with attach_uprobe(program, c_library(), "getppid", point):
            for _ in range(3):
                os.getppid()
        assert count_of(counted) >= 3


def test_a_uprobe_may_be_given_by_offset_and_carries_its_cookie() -> None:
    offset = function_offset(c_library(), "getppid")
    with counter() as counted, adding_cookie(ProgramType.KPROBE, counted) as program:
        with attach_uprobe(program, c_library(), offset, cookie=1000):
            os.getppid()
        assert count_of(counted) >= 1000


def test_a_missing_file_is_named() -> None:
    with returning(ProgramType.KPROBE, 0) as program, pytest.raises(KernelError) as caught:
        attach_uprobe(program, Path("/no/such/file"), 16)
    assert (caught.value.command, caught.value.errno_name) == ("perf_event_open", "ENOENT")
    assert "/no/such/file" in caught.value.detail


def test_a_function_that_is_not_there_is_named() -> None:
    with returning(ProgramType.KPROBE, 0) as program, pytest.raises(ObjectError) as caught:
        attach_uprobe(program, c_library(), "getppidd")
    assert "getppid" in caught.value.hint


def test_kprobes_work_or_are_said_to_be_missing() -> None:
    with counter() as counted, counting(ProgramType.KPROBE, counted) as program:
        if (DEVICES / "kprobe").exists():
            with attach_kprobe(program, "__x64_sys_getppid" if os.uname().machine == "x86_64" else "__arm64_sys_getppid"):
                os.getppid()
            assert count_of(counted) >= 1
        else:
            with pytest.raises(NotSupported) as caught:
                attach_kprobe(program, "do_exit")
            assert caught.value.feature == "kprobes"
            assert "CONFIG_KPROBE_EVENTS" in caught.value.remedy


def test_a_tracepoint_program_is_sent_to_attach_tracepoint() -> None:
    with returning(ProgramType.TRACEPOINT, 0) as program, pytest.raises(ValueError, match="use attach_tracepoint"):
        attach_kprobe(program, "do_exit")
