"""Kernel programs that call the helpers about tasks, clocks and memory, and write down what these gave.

Each is called with the three numbers of `Given`, and leaves numbers in `answers` and bytes in `memory`.
"""

from __future__ import annotations

from typing import Annotated

from pybpf.compiler.lang import (
    Array,
    ArrayMap,
    Count,
    PerfEvent,
    PidInNamespace,
    RawTracepoint,
    Registers,
    Signed,
    Sock,
    StackFlag,
    Struct,
    Unsigned,
    get_current_ancestor_cgroup_id,
    get_current_cgroup_id,
    get_current_comm,
    get_current_pid_tgid,
    get_current_task,
    get_current_task_btf,
    get_current_uid_gid,
    get_ns_current_pid_tgid,
    get_numa_node_id,
    get_prandom_u32,
    get_retval,
    get_smp_processor_id,
    get_task_stack,
    jiffies64,
    ktime_get_boot_ns,
    ktime_get_tai_ns,
    ktime_ns,
    probe_read,
    probe_read_kernel,
    probe_read_kernel_str,
    probe_read_str,
    probe_read_user,
    probe_read_user_str,
    program,
    s64,
    send_signal,
    send_signal_thread,
    set_retval,
    strtol,
    strtoul,
    task_pt_regs,
    u8,
    u64,
    wrap,
)
from pybpf.compiler.lang.integers import s32
from pybpf.compiler.lang.maps import CounterValue

OCTETS = 32  # of `memory`


class Given(RawTracepoint):
    """What a test calls a program with."""

    first: u64
    second: u64
    third: u64


class Answers(Struct):
    """What helpers gave; what a number means each program says."""

    a: s64
    b: s64
    c: s64
    d: s64


class Memory(Struct):
    """What helpers wrote, or read."""

    octets: Annotated[Array[u8], Count(32)]


answers = ArrayMap(Answers, 2)
memory = ArrayMap(Memory, 1)


@program("raw_tracepoint/sched_switch")
def task(context: Given) -> int:
    """a: process and thread, b: group and user, c: memory node, d: processor."""
    answer = answers.lookup(0)
    if answer is None:
        return 1
    answer.a = wrap(s64, get_current_pid_tgid())
    answer.b = wrap(s64, get_current_uid_gid())
    answer.c = get_numa_node_id()
    answer.d = get_smp_processor_id()
    return 0


@program("raw_tracepoint/sched_switch")
def task_in_namespace(context: Given) -> int:
    """Of the namespace with device `first` and inode `second`. a: 1 for success, b: thread, c: process."""
    answer = answers.lookup(0)
    if answer is None:
        return 1
    found = PidInNamespace()
    found.thread = 7
    if get_ns_current_pid_tgid(context.first, context.second, found):
        answer.a = 1
    answer.b = found.thread
    answer.c = found.process
    return 0


@program("raw_tracepoint/sched_switch")
def groups(context: Given) -> int:
    """a: of the task, b: its ancestor at level `first`."""
    answer = answers.lookup(0)
    if answer is None:
        return 1
    answer.a = wrap(s64, get_current_cgroup_id())
    answer.b = wrap(s64, get_current_ancestor_cgroup_id(wrap(s32, context.first)))
    return 0


@program("raw_tracepoint/sched_switch")
def name(context: Given) -> int:
    """The name of the task, in `memory`."""
    into = memory.lookup(0)
    if into is None:
        return 1
    if get_current_comm(into.octets):
        return 0
    return 2


@program("raw_tracepoint/sched_switch")
def clocks(context: Given) -> int:
    """a: ktime_ns, b: ktime_get_boot_ns, c: ktime_get_tai_ns, d: jiffies64."""
    answer = answers.lookup(0)
    if answer is None:
        return 1
    answer.a = wrap(s64, ktime_ns())
    answer.b = wrap(s64, ktime_get_boot_ns())
    answer.c = wrap(s64, ktime_get_tai_ns())
    answer.d = wrap(s64, jiffies64())
    return 0


@program("raw_tracepoint/sched_switch")
def chance(context: Given) -> int:
    """a: a random number."""
    answer = answers.lookup(0)
    if answer is None:
        return 1
    answer.a = get_prandom_u32()
    return 0


@program("raw_tracepoint/sched_switch")
def read_memory(context: Given) -> int:
    """Read `memory` from the address `first`, in the way that `second` says. a: 1 for success."""
    answer = answers.lookup(0)
    into = memory.lookup(0)
    if answer is None or into is None:
        return 1
    done = False
    match context.second:
        case 4:
            done = probe_read(into, context.first)
        case 112:
            done = probe_read_user(into, context.first)
        case 113:
            done = probe_read_kernel(into, context.first)
        case _:
            return 2
    if done:
        answer.a = 1
    return 0


@program("raw_tracepoint/sched_switch")
def read_text(context: Given) -> int:
    """Copy text to `memory` from the address `first`, in the way that `second` says. a: how many bytes."""
    answer = answers.lookup(0)
    into = memory.lookup(0)
    if answer is None or into is None:
        return 1
    match context.second:
        case 45:
            answer.a = probe_read_str(into, context.first)
        case 114:
            answer.a = probe_read_user_str(into, context.first)
        case 115:
            answer.a = probe_read_kernel_str(into, context.first)
        case _:
            return 2
    return 0


@program("raw_tracepoint/sched_switch")
def addresses(context: Given) -> int:
    """a: get_current_task, b: task_pt_regs; `memory`: the 32 bytes at the latter's `first`."""
    answer = answers.lookup(0)
    into = memory.lookup(0)
    current = get_current_task_btf()
    if answer is None or into is None or current is None:
        return 1
    answer.a = wrap(s64, get_current_task())
    registers = task_pt_regs(current)
    answer.b = wrap(s64, registers)
    if probe_read_kernel(into, wrap(u64, registers + (context.first & 0xFFF))):
        return 0
    return 2


@program("raw_tracepoint/sched_switch")
def stack(context: Given) -> int:
    """Frames in `memory`: of the kernel (`first` 0), without the innermost (1), of the user (2), of the task (3). a: how many bytes."""
    answer = answers.lookup(0)
    into = memory.lookup(0)
    current = get_current_task_btf()
    if answer is None or into is None or current is None:
        return 1
    match context.first:
        case 0:
            answer.a = context.get_stack(into, 0)
        case 1:
            answer.a = context.get_stack(into, 1)
        case 2:
            answer.a = context.get_stack(into, StackFlag.USER)
        case _:
            answer.a = get_task_stack(current, into, StackFlag.USER)
    return 0


@program("raw_tracepoint/sched_switch")
def signals(context: Given) -> int:
    """Send signal `first` to the process (`second` 0) or the thread. a: 1 for success."""
    answer = answers.lookup(0)
    if answer is None:
        return 1
    done = False
    if context.second == 0:
        done = send_signal(context.first & 0x7F)
    else:
        done = send_signal_thread(context.first & 0x7F)
    if done:
        answer.a = 1
    return 0


@program("raw_tracepoint/sched_switch")
def numbers(context: Given) -> int:
    """The text in `memory` to base `first`. a: bytes and b: number of strtol, c and d: of strtoul; the numbers were 77 before."""
    answer = answers.lookup(0)
    text = memory.lookup(0)
    if answer is None or text is None:
        return 1
    signed = Signed()
    signed.value = 77
    unsigned = Unsigned()
    unsigned.value = 77
    answer.a = strtol(text.octets, context.first, signed)
    answer.b = signed.value
    answer.c = strtoul(text.octets, context.first, unsigned)
    answer.d = wrap(s64, unsigned.value)
    return 0


@program("perf_event")
def sample(context: PerfEvent) -> int:
    """a: 1 for success, b: what was counted, c: nanoseconds enabled, d: the cookie."""
    answer = answers.lookup(0)
    if answer is None:
        return 0
    value = CounterValue()
    if context.perf_prog_read_value(value):
        answer.a = 1
    answer.b = wrap(s64, value.counter)
    answer.c = wrap(s64, value.enabled)
    answer.d = wrap(s64, context.get_attach_cookie())
    return 0


@program("uprobe")
def function(context: Registers) -> int:
    """a: where the probed function is, b: the cookie."""
    answer = answers.lookup(0)
    if answer is None:
        return 0
    answer.a = wrap(s64, context.get_func_ip())
    answer.b = wrap(s64, context.get_attach_cookie())
    return 0


@program("cgroup/sock_create")
def first_to_answer(context: Sock) -> int:
    """Set a as the result, unless it is 0, and return b. c: the result as it was, d: 1 for success."""
    answer = answers.lookup(0)
    if answer is None:
        return 0
    answer.c = get_retval()
    if answer.a != 0:
        if set_retval(wrap(s32, answer.a)):
            answer.d = 1
    if answer.b == 1:
        return 1
    return 0


@program("cgroup/sock_create")
def second_to_answer(context: Sock) -> int:
    """Set 0 as the result if a is 1, and allow. c: the result as it was."""
    answer = answers.lookup(1)
    if answer is None:
        return 0
    answer.c = get_retval()
    if answer.a == 1:
        if set_retval(0):
            answer.d = 1
    return 1
