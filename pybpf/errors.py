"""What can go wrong below the compiler: the kernel said no (KernelError), or an object file is not one we can load (ObjectError)."""

from __future__ import annotations

import errno as codes

# (command or "", errno) -> what to do about it; the command's own row is looked up before the general one
_HINTS: dict[tuple[str, int], str] = {
    ("", codes.EPERM): "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
    ("", codes.EACCES): "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON",
    ("", codes.ENOSYS): "use a kernel built with CONFIG_BPF_SYSCALL",
    ("", codes.ENOMEM): "free memory, or make the maps smaller",
    ("", codes.EMFILE): "raise the limit of open files (ulimit -n)",
    ("", 524): "this kind of map or program has no such operation",
    ("BPF_MAP_CREATE", codes.EINVAL): "check type, key and value sizes and max_entries; a ring's size is a power of two and of whole pages",
    ("BPF_MAP_CREATE", codes.E2BIG): "make max_entries or the value smaller",
    ("BPF_MAP_UPDATE_ELEM", codes.E2BIG): "the map is full or the array index lies beyond its end: raise max_entries",
    ("BPF_MAP_UPDATE_ELEM", codes.ENOSPC): "the map is full: raise max_entries",
    ("BPF_MAP_UPDATE_ELEM", codes.EEXIST): "the key is there already: use UpdateFlag.ANY to replace it",
    ("BPF_MAP_UPDATE_ELEM", codes.ENOENT): "the key is not there: use UpdateFlag.ANY to add it",
    ("BPF_MAP_UPDATE_ELEM", codes.EPERM): "the map is frozen or read-only for user space, or the process lacks CAP_BPF",
    ("BPF_MAP_FREEZE", codes.EBUSY): "unmap the map's memory first",
    ("BPF_PROG_LOAD", codes.E2BIG): "the program is too long or too complex for the verifier: split it with tail calls",
    ("BPF_PROG_TEST_RUN", codes.ENOSPC): "the packet that came back is longer than data_out_size",
    ("BPF_PROG_TEST_RUN", codes.EINVAL): "give a packet of 14 to some 3,700 bytes and a context with only the writable fields set",
    ("BPF_OBJ_PIN", codes.EEXIST): "something is pinned there: remove it first or choose another path",
    ("BPF_OBJ_PIN", codes.EPERM): "pin inside a mounted BPF file system (see pybpf.bpffs.ensure_mounted)",
    ("BPF_OBJ_PIN", codes.ENOENT): "make the folder first",
    ("BPF_OBJ_GET", codes.ENOENT): "nothing is pinned there",
    ("BPF_LINK_CREATE", codes.ENODEV): "no such interface in this thread's network namespace",
    ("BPF_LINK_CREATE", codes.EEXIST): "this program is attached there already",
    ("BPF_LINK_CREATE", codes.EBUSY): "another program has this place: detach it first",
    ("BPF_LINK_CREATE", codes.E2BIG): "the hook is full: a cgroup or namespace takes 64 programs, and one flow dissector",
    ("BPF_LINK_CREATE", codes.EOPNOTSUPP): "the interface's driver cannot do that: use XdpMode.GENERIC",
    ("BPF_LINK_CREATE", codes.EINVAL): "the program does not fit the hook: check that it was loaded for it (Loaded.attach_types)",
    ("BPF_LINK_UPDATE", codes.ENOLINK): "the interface is gone: detach and attach again",
    ("BPF_LINK_UPDATE", codes.EINVAL): "give a program of the same type and hook; links to tracepoints, probes and clocks take no update",
    ("BPF_LINK_DETACH", codes.EOPNOTSUPP): "such a link is detached by closing it",
    ("BPF_RAW_TRACEPOINT_OPEN", codes.ENOENT): "the names are those of the folders in /sys/kernel/tracing/events/*/",
    ("BPF_RAW_TRACEPOINT_OPEN", codes.EINVAL): "the program reads more arguments than the tracepoint has",
    ("BPF_PROG_ATTACH", codes.EBUSY): "the map has a verdict program of the other kind: detach it first",
    ("BPF_PROG_ATTACH", codes.EINVAL): "check that the program was loaded for this hook (Loaded.attach_types)",
    ("SO_DETACH_FILTER", codes.ENOENT): "the socket has no filter",
    ("perf_event_open", codes.ENOENT): "check the path and name of the file or function",
    ("perf_event_open", codes.EINVAL): "check the offset: it must be that of an instruction",
    ("fsmount", codes.EPERM): "run as root, or mount tracefs: mount -t tracefs none /sys/kernel/tracing",
    ("fsmount", codes.ENOSYS): "use Linux 5.2 or newer, or mount tracefs: mount -t tracefs none /sys/kernel/tracing",
    ("tracefs", codes.ENOENT): "`ls /sys/kernel/tracing/events/*` lists them where tracefs is mounted",
    ("BPF_BTF_LOAD", codes.EINVAL): "the kernel refuses these types; the detail names the first",
    ("mmap", codes.EINVAL): "the map is not a ring buffer of that size",
    ("mount", codes.ENOENT): "make the folder first",
    ("mount", codes.ENODEV): "use a kernel built with CONFIG_BPF_SYSCALL",
}
# errno numbers that only the kernel uses
_KERNEL_ERRNO_NAMES = {524: "ENOTSUPP"}


class KernelError(OSError):
    """The kernel refused a command. `command` is bpf(2)'s name for it, or another system call's; `errno_name` like "EPERM"; `hint` may be empty."""

    def __init__(self, command: str, errno: int, detail: str = "") -> None:
        self.command = command
        self.errno_name = codes.errorcode.get(errno) or _KERNEL_ERRNO_NAMES.get(errno, str(errno))
        self.hint = _HINTS.get((command, errno)) or _HINTS.get(("", errno), "")
        self.detail = detail
        super().__init__(errno, self.errno_name)

    def __str__(self) -> str:
        detail = f": {self.detail}" if self.detail else ""
        hint = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{self.command}: {self.errno_name}{detail}{hint}"


class NotSupported(KernelError):
    """This kernel lacks a feature as such: `feature` names it, `remedy` says where it is to be had."""

    def __init__(self, command: str, errno: int, feature: str, remedy: str) -> None:
        super().__init__(command, errno, f"this kernel has no {feature}")
        self.feature = feature
        self.hint = self.remedy = remedy


class ObjectError(Exception):
    """An object file that is damaged, or asks for what this loader does not do. `place` names section, map or instruction."""

    def __init__(self, place: str, message: str, hint: str = "compile it again with a current compiler") -> None:
        self.place = place
        self.message = message
        self.hint = hint
        super().__init__(f"{place}: {message}\n  hint: {hint}")
