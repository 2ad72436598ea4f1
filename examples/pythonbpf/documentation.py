"""Small programs, one idea each; only the kernel halves: `pybpf build documentation.py -o documentation.o`."""

from __future__ import annotations

from pybpf.lang import *

SECOND_NS = 1_000_000_000
MARK = b"\xde\xad\xbe\xef"

class Call(Tracepoint):
    """The beginning of a system call: its number and its arguments."""

    number: s64
    first: u64
    second: u64
    third: u64

class Fork(RawTracepoint):
    """sched_process_fork; sched_process_exit has only the first."""

    task: u64
    child: u64

class KernelTask(KernelStruct, symbol="task_struct"):
    pid: s32
    exit_code: s32

class Event(Struct):
    time_ns: u64
    process: u32
    child: u32
    command: Annotated[Array[u8], Count(16)]

class Opened(Struct):
    time_ns: u64
    process: u64
    name: Annotated[Array[u8], Count(256)]

class Reads(Struct):
    calls: u64
    asked_bytes: u64
    last_ns: u64

class Life(Struct):
    parent: u64
    began_ns: u64
    ended_ns: u64
    exit_code: u64
    command: Annotated[Array[u8], Count(16)]

class Frame(Struct, packed=True):
    addresses: Annotated[Array[u8], Count(12)]
    kind: be16
    version_and_words: u8
    before: Annotated[Array[u8], Count(8)]
    protocol: u8
    checksum: be16
    source: be32
    destination: be32
    source_port: be16
    destination_port: be16

class Packet(Struct):
    time_ns: u64
    source: u32
    destination: u32
    source_port: u16
    destination_port: u16
    length: u32

last_exec = HashMap(u64, u64, 1)
last_clone_ns, requests = variable(u64), variable(u64)
read_began, switches = HashMap(u32, u64, 4096), HashMap(u32, u64, 256)
reads, lives = HashMap(u32, Reads, 1024), LruHashMap(u32, Life, 1024)
execs, forks = PerfEventArray(128), PerfEventArray(128)
started, opened, packets = RingBuffer(4096), RingBuffer(1 << 16), RingBuffer(4096)

@program("tracepoint/syscalls/sys_enter_execve")
def exec_entered(call: Tracepoint) -> int:
    printk("entered")
    printk("user %u, process %u", get_current_uid_gid() & 0xFFFFFFFF, get_current_pid_tgid() >> 32)
    return 0

@program("tracepoint/syscalls/sys_exit_execve")
def exec_left(call: Tracepoint) -> int:
    now = ktime_ns()
    before = last_exec.lookup(0)
    if before is not None and now - before.value < SECOND_NS:
        printk("again within a second: the last was at %u", before.value)
    last_exec.update(0, now)
    return 0

@program("tracepoint/syscalls/sys_enter_execve")
def tell_exec(call: Tracepoint) -> int:
    """In a ring buffer, written where user space will read it; and as a copy through a perf event array."""
    event = Event()
    event.time_ns, event.process = ktime_ns(), get_current_pid_tgid() >> 32
    get_current_comm(event.command)
    execs.output(call, event)
    record = started.reserve(Event)
    if record is not None:
        record.copy_from(event)
        started.submit(record)
    return 0

@program("tracepoint/syscalls/sys_enter_clone")
def time_clone(call: Tracepoint) -> int:
    now = ktime_ns()
    before = last_clone_ns.exchange("value", now)
    if before != 0 and before <= now < before + SECOND_NS:
        printk("cloned within a second, the last %u ms ago", (now - before) // 1_000_000)
    return 0

@program("raw_tracepoint/block_rq_issue")
def request_started(request: RawTracepoint) -> int:
    requests.add_atomic("value", 1)
    printk("request started at %u", ktime_ns())
    return 0

@program("tracepoint/syscalls/sys_enter_read")
def read_entered(call: Call) -> int:
    """By the thread: that is what begins and ends a call."""
    read_began.update(get_current_pid_tgid() & 0xFFFFFFFF, ktime_ns())
    return 0

@program("tracepoint/syscalls/sys_exit_read")
def read_left(call: Tracepoint) -> int:
    thread = get_current_pid_tgid() & 0xFFFFFFFF
    if (began := read_began.lookup(thread)) is not None:
        printk("thread %u read for %d ns", thread, ktime_ns() - began.value)
        read_began.delete(thread)
    return 0

@program("tracepoint/syscalls/sys_enter_read")
def count_read(call: Call) -> int:
    process = get_current_pid_tgid() >> 32
    fresh = Reads()
    reads.update_if(process, fresh, UpdatePolicy.NOEXIST)
    if (seen := reads.lookup(process)) is not None:
        seen.add_atomic("calls", 1)
        seen.add_atomic("asked_bytes", call.third)
        seen.last_ns = ktime_ns()
    return 0

@program("tracepoint/sched/sched_switch")
def count_switch(switch: Tracepoint) -> int:
    switches.update_if(get_smp_processor_id(), 0, UpdatePolicy.NOEXIST)
    if (count := switches.lookup(get_smp_processor_id())) is not None:
        count.value += 1
    return 0

@program("tracepoint/syscalls/sys_enter_openat")
def sample_open(call: Tracepoint) -> int:
    if get_prandom_u32() % 100 < 5:
        printk("opened by %u", get_current_pid_tgid() >> 32)
    return 0

@program("tracepoint/syscalls/sys_enter_openat")
def tell_open(call: Call) -> int:
    event = Opened()
    event.time_ns, event.process = ktime_ns(), get_current_pid_tgid() >> 32
    probe_read_user_str(event.name, call.second)
    opened.output(event)
    return 0

@program("raw_tracepoint/sched_process_fork")
def begin_life(fork: Fork) -> int:
    """The parent is the task that runs; the child has its name from it."""
    event = Event()
    event.time_ns, event.process, event.child = ktime_ns(), get_current_pid_tgid() >> 32, KernelTask.at(fork.child).pid
    get_current_comm(event.command)
    forks.output(fork, event)
    life = Life()
    life.parent, life.began_ns = event.process, event.time_ns
    get_current_comm(life.command)
    lives.update(event.child, life)
    return 0

@program("raw_tracepoint/sched_process_exit")
def end_life(ends: Fork) -> int:
    if (life := lives.lookup(get_current_pid_tgid() & 0xFFFFFFFF)) is not None:
        life.ended_ns, life.exit_code = ktime_ns(), KernelTask.at(ends.task).exit_code
    return 0

@program("tc")
def mark_packet(packet: Skb) -> int:
    return Action.OK if packet.store(14, MARK) else Action.SHOT

@program("xdp")
def tell_packet(packet: Xdp) -> int:
    """Tell of each packet of TCP or UDP over IPv4 without options, as far as there is room."""
    frame = packet.header(Frame, 0)
    if frame is None or frame.kind != 0x0800 or frame.version_and_words != 0x45:
        return XdpAction.PASS
    if (frame.protocol == 6 or frame.protocol == 17) and (event := packets.reserve(Packet)) is not None:
        event.time_ns, event.length = ktime_ns(), packet.get_buffer_length()
        event.source, event.destination = frame.source, frame.destination
        event.source_port, event.destination_port = frame.source_port, frame.destination_port
        packets.submit(event)
    return XdpAction.PASS
