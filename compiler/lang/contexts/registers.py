"""Registers: the processor's, where a probe stopped it (struct pt_regs), and PerfEvent: those at a sample (struct bpf_perf_event_data).

x86-64 only. Which register has which argument is the System V ABI's (AMD64 supplement, section 3.2.3); at the entry of a
system call's own function in the kernel, `argument_1` is the address of another struct pt_regs that has them.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pybpf.compiler.lang.context import At, Rights
from pybpf.compiler.lang.helpers.of_tracing import PerfEventMethods, TracingMethods
from pybpf.compiler.lang.integers import u64
from pybpf.compiler.lang.kinds import ProgramType


class Registers(TracingMethods, symbol="pt_regs"):
    """The arguments are there on entry to a function, `returned` when it returns."""

    argument_1: Annotated[int, At(112, u64, "di")]
    argument_2: Annotated[int, At(104, u64, "si")]
    argument_3: Annotated[int, At(96, u64, "dx")]
    argument_4: Annotated[int, At(88, u64, "cx")]
    argument_5: Annotated[int, At(72, u64, "r8")]
    argument_6: Annotated[int, At(64, u64, "r9")]
    returned: Annotated[int, At(80, u64, "ax")]
    instruction_pointer: Annotated[int, At(128, u64, "ip")]
    stack_pointer: Annotated[int, At(152, u64, "sp")]
    frame_pointer: Annotated[int, At(32, u64, "bp")]
    flags: Annotated[int, At(144, u64)]
    system_call: Annotated[int, At(120, u64, "orig_ax")]
    bx: Annotated[int, At(40, u64)]
    r10: Annotated[int, At(56, u64)]
    r11: Annotated[int, At(48, u64)]
    r12: Annotated[int, At(24, u64)]
    r13: Annotated[int, At(16, u64)]
    r14: Annotated[int, At(8, u64)]
    r15: Annotated[int, At(0, u64)]

    rights: ClassVar = {ProgramType.KPROBE: Rights()}


class PerfEvent(PerfEventMethods, Registers, symbol="bpf_perf_event_data"):
    """A sample of a perf event: the registers at that moment and what the event counted."""

    sample_period: Annotated[int, At(168, u64)]  # events since the last sample
    address: Annotated[int, At(176, u64, "addr")]  # of the data, where the event tells it; else 0

    rights: ClassVar = {ProgramType.PERF_EVENT: Rights()}
