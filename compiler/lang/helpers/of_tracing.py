"""Methods of the contexts of tracing programs, and the branch records of the processor."""

from __future__ import annotations

from pybpf.compiler.lang.context import Context
from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s64, u64
from pybpf.compiler.lang.maps.perf import CounterValue
from pybpf.compiler.lang.memory import Array, Struct


class TracingMethods(Context):
    """Of all tracing programs: kprobes and uprobes, tracepoints, perf events."""

    @row(67, "self into #into flags", "4.18")
    def get_stack(self, into: Struct | Array[int], flags: u64) -> s64:
        """How many bytes of return addresses (u64 each, the innermost first) were written, or a negative errno.

        `flags`: how many frames to skip, and StackFlag.
        """
        raise NoStandIn

    @row(173, "self", "5.15")
    def get_func_ip(self) -> u64:
        """The address of the traced function, in kprobes and uprobes also at its return; 0 where there is none."""
        raise NoStandIn

    @row(174, "self", "5.15")
    def get_attach_cookie(self) -> u64:
        """The number that user space gave when it attached the program here."""
        raise NoStandIn

    @row(58, "self result", "4.16")
    def override_return(self, result: u64) -> bool:
        """Let the probed function return `result` without running: kprobes on ALLOW_ERROR_INJECTION functions, CONFIG_BPF_KPROBE_OVERRIDE. Never False."""
        raise NoStandIn


class PerfEventMethods(TracingMethods):
    """Of programs that run at each overflow of a perf event."""

    @row(56, "self into #into", "4.15")
    def perf_prog_read_value(self, into: CounterValue) -> bool:
        """The event's own counter; False, and zeroes, when it cannot be read."""
        raise NoStandIn

    @row(119, "self into #into 0", "5.7")
    def read_branch_records(self, into: Struct | Array[int]) -> s64:
        """How many bytes of struct perf_branch_entry (24 each, the last branch first) were written, or a negative errno."""
        raise NoStandIn

    @row(119, "self 0 0 1", "5.7")
    def get_branch_records_length(self) -> s64:
        """How many bytes read_branch_records would have (BPF_F_GET_BRANCH_RECORDS_SIZE), or a negative errno."""
        raise NoStandIn


@row(176, "into #into 0", "5.16")
def get_branch_snapshot(into: Struct | Array[int]) -> s64:
    """How many bytes of struct perf_branch_entry (24 each, the last branch first) were written, or a negative errno. Where a perf event records branches."""
    raise NoStandIn
