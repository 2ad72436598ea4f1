"""The task that runs while the program does, its control groups, and signals to it.

In a network program that handles an incoming packet the task is whichever was interrupted: it means nothing there.
"""

from __future__ import annotations

from pybpf.compiler.lang.helpers.records import PidInNamespace
from pybpf.compiler.lang.helpers.stand_in import NoStandIn, row
from pybpf.compiler.lang.integers import s32, s64, u32, u64
from pybpf.compiler.lang.memory import Array, Struct
from pybpf.compiler.lang.objects import Task


@row(14, "", "4.2")
def get_current_pid_tgid() -> u64:
    """Upper 32 bits: the process (what user space calls its pid). Lower 32 bits: the thread."""
    raise NoStandIn


@row(15, "", "4.2")
def get_current_uid_gid() -> u64:
    """Upper 32 bits: the group. Lower 32 bits: the user. As the initial user namespace numbers them."""
    raise NoStandIn


@row(16, "into #into", "4.2")
def get_current_comm(into: Struct | Array[int]) -> bool:
    """The name of the task, at most 16 bytes with its zero byte; the rest of the memory is zeroed. False: there is no task."""
    raise NoStandIn


@row(35, "", "4.8")
def get_current_task() -> u64:
    """The address of the task's struct task_struct, to read fields of with KernelStruct.at."""
    raise NoStandIn


@row(158, "", "5.11")
def get_current_task_btf() -> Task | None:
    """The task, for helpers and maps that take one. It is never None, but that must be asked."""
    raise NoStandIn


@row(120, "device inode into #into", "5.7")
def get_ns_current_pid_tgid(device: u64, inode: u64, into: PidInNamespace) -> bool:
    """The task's numbers in the pid namespace whose /proc/PID/ns/pid has this device and inode; False when it is not its own."""
    raise NoStandIn


@row(80, "", "4.18")
def get_current_cgroup_id() -> u64:
    """The id of the task's control group (cgroup v2): the inode number of its folder."""
    raise NoStandIn


@row(123, "level", "5.7")
def get_current_ancestor_cgroup_id(level: s32) -> u64:
    """The id of the ancestor at `level` of the task's control group, the root being 0; 0 when there is none that deep."""
    raise NoStandIn


@row(17, "", "4.3")
def get_cgroup_classid() -> u32:
    """The class id of the task's net_cls group (cgroup v1). Not in tc programs: there it is a method of the packet."""
    raise NoStandIn


@row(109, "signal", "5.3")
def send_signal(signal: u32) -> bool:
    """Send a signal to the process; False when that cannot be done here and now."""
    raise NoStandIn


@row(117, "signal", "5.6")
def send_signal_thread(signal: u32) -> bool:
    """Send a signal to the thread; False when that cannot be done here and now."""
    raise NoStandIn


@row(141, "task into #into flags", "5.9")
def get_task_stack(task: Task, into: Struct | Array[int], flags: u64) -> s64:
    """How many bytes of return addresses (u64 each, the innermost first) were written, or a negative errno.

    `flags`: how many frames to skip, and StackFlag.
    """
    raise NoStandIn


@row(175, "task", "5.15")
def task_pt_regs(task: Task) -> u64:
    """The address of the registers with which the task came into the kernel, to read fields of with KernelStruct.at."""
    raise NoStandIn


@row(186, "", "5.18")
def get_retval() -> s32:
    """What the system call will return as things stand: 0, or a negative errno that a program before this one set or, with EPERM, refused by."""
    raise NoStandIn


@row(187, "result", "5.18")
def set_retval(result: s32) -> bool:
    """Let the system call return `result`: a negative errno fails it even where this program allows. Never False.

    0 undoes the refusals of programs before this one. With any other number a program that refuses gives EPERM.
    """
    raise NoStandIn
