"""What helpers about tasks, clocks and memory give is what their rows say: units, halves of a number, and what a failure leaves.

Most programs run in this very task (BPF_PROG_TEST_RUN of a raw tracepoint), so that Python knows the answers.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pybpf.compiler import compile_programs
from pybpf.elf import parse
from pybpf.hooks import ProbePoint, attach_cgroup, attach_cpu_clock, attach_uprobe, cgroup_root
from pybpf.kinds import AttachType
from pybpf.loading import Loaded, load
from pybpf.runs import run_raw_tracepoint
from tests.support import tracing_programs
from tests.support.tracing_programs import OCTETS

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
Four = tuple[int, int, int, int]
LAYOUT = struct.Struct("<qqqq")
SLOTS = (bytes(4), b"\1\0\0\0")
LOW_32 = (1 << 32) - 1
NOWHERE = 8  # no memory of any user is there (vm.mmap_min_addr), nor of the kernel
UPROBES = Path("/sys/bus/event_source/devices/uprobe")


@contextmanager
def loaded(*names: str) -> Iterator[Loaded]:
    """Programs of tracing_programs, in the kernel."""
    with load(parse(compile_programs(*(getattr(tracing_programs, name) for name in names)).elf)) as made:
        yield made


def answers(made: Loaded, slot: int = 0) -> Four:
    """What a program left in `answers`."""
    content = made.maps["answers"].lookup(SLOTS[slot])
    assert content is not None
    a, b, c, d = LAYOUT.unpack(content)
    return a, b, c, d


def memory(made: Loaded) -> bytes:
    """What a program left in `memory`."""
    content = made.maps["memory"].lookup(SLOTS[0])
    assert content is not None
    return content


def called(name: str, first: int = 0, second: int = 0, *, content: bytes = b"") -> tuple[Four, bytes]:
    """(answers, memory) after one run of the program in this task; `content` is in `memory` before."""
    with loaded(name) as made:
        if content:
            made.maps["memory"].update(SLOTS[0], content.ljust(OCTETS, b"\0"))
        assert run_raw_tracepoint(made.programs[name], [first, second, 0]) == 0
        return answers(made) if "answers" in made.maps else (0, 0, 0, 0), memory(made) if "memory" in made.maps else b""


def address_of(content: ctypes.Array[ctypes.c_char]) -> int:
    """Where it lies in this process."""
    return ctypes.addressof(content)


def test_the_process_is_the_upper_half_and_the_thread_the_lower() -> None:
    (both, *_), _ = called("task")
    assert (both >> 32, both & LOW_32) == (os.getpid(), threading.get_native_id())


def test_the_group_is_the_upper_half_and_the_user_the_lower() -> None:
    before = os.getresgid()
    os.setresgid(1234, -1, -1)
    try:
        (_, both, *_), _ = called("task")
    finally:
        os.setresgid(*before)
    assert (both >> 32, both & LOW_32) == (1234, os.getuid())


def test_the_processor_is_the_one_that_runs_the_program() -> None:
    before = os.sched_getaffinity(0)
    try:
        for cpu in before:
            os.sched_setaffinity(0, {cpu})
            (_, _, node, processor), _ = called("task")
            assert processor == cpu
            assert not Path("/sys/devices/system/node").exists() or Path(f"/sys/devices/system/node/node{node}/cpu{cpu}").exists()
    finally:
        os.sched_setaffinity(0, before)


def test_a_task_has_numbers_in_its_own_pid_namespace_only() -> None:
    namespace = os.stat("/proc/self/ns/pid")
    own, _ = called("task_in_namespace", namespace.st_dev, namespace.st_ino)
    other, _ = called("task_in_namespace", namespace.st_dev, namespace.st_ino + 1)
    assert own[:3] == (1, threading.get_native_id(), os.getpid())
    assert other[:3] == (0, 0, 0)


def test_a_control_group_is_known_by_the_inode_of_its_folder() -> None:
    folder = cgroup_root() / Path("/proc/self/cgroup").read_text().rpartition("0::/")[2].rstrip("\n")
    level = len(folder.relative_to(cgroup_root()).parts)
    (own, ancestor, *_), _ = called("groups", level)
    assert own == ancestor == folder.stat().st_ino
    assert called("groups", 0)[0][1] == cgroup_root().stat().st_ino
    assert called("groups", level + 1)[0][1] == 0


def test_the_name_of_a_task_ends_in_zeroes_up_to_the_end_of_the_memory() -> None:
    _, name = called("name", content=b"\xff" * OCTETS)
    assert name == Path("/proc/self/comm").read_bytes().rstrip(b"\n").ljust(OCTETS, b"\0")


def test_clocks_are_those_that_the_rows_name() -> None:
    named = (time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME, time.CLOCK_TAI)
    before = [time.clock_gettime_ns(clock) for clock in named]
    given, _ = called("clocks")
    after = [time.clock_gettime_ns(clock) for clock in named]
    assert all(low <= clock <= high for low, clock, high in zip(before, given, after, strict=False))


def test_a_tick_is_between_one_and_ten_milliseconds_long() -> None:
    with loaded("clocks") as made:
        run_raw_tracepoint(made.programs["clocks"], [0, 0, 0])
        first = answers(made)
        time.sleep(0.1)
        run_raw_tracepoint(made.programs["clocks"], [0, 0, 0])
        second = answers(made)
    milliseconds, ticks = (second[0] - first[0]) / 1e6, second[3] - first[3]
    assert milliseconds / 10 - 1 <= ticks <= milliseconds + 1  # CONFIG_HZ is 100 to 1000


def test_random_numbers_have_32_bits_and_differ() -> None:
    drawn = {called("chance")[0][0] for _ in range(5)}
    assert len(drawn) > 1 and all(0 <= each <= LOW_32 for each in drawn)


@pytest.mark.parametrize("how", [4, 112])
def test_the_tasks_memory_is_read(how: int) -> None:
    there = ctypes.create_string_buffer(bytes(range(OCTETS)), OCTETS)
    (done, *_), content = called("read_memory", address_of(there), how)
    assert (done, content) == (1, bytes(range(OCTETS)))


@pytest.mark.parametrize("how", [4, 112, 113])
def test_what_cannot_be_read_leaves_zeroes(how: int) -> None:
    (done, *_), content = called("read_memory", NOWHERE, how, content=b"\xff" * OCTETS)
    assert (done, content) == (0, bytes(OCTETS))


def test_neither_half_of_memory_is_read_as_the_other() -> None:
    there = ctypes.create_string_buffer(bytes(range(OCTETS)), OCTETS)
    task, _ = called("addresses")
    assert called("read_memory", address_of(there), 113)[0][0] == 0
    assert called("read_memory", task[0] % (1 << 64), 112)[0][0] == 0
    assert called("read_memory", task[0] % (1 << 64), 113)[0][0] == 1


@pytest.mark.parametrize("how", [45, 114])
@pytest.mark.parametrize("length", [0, 5, OCTETS - 1, OCTETS, OCTETS + 9])
def test_text_is_copied_with_its_zero_byte_which_there_always_is(how: int, length: int) -> None:
    there = ctypes.create_string_buffer(b"x" * length)
    (copied, *_), content = called("read_text", address_of(there), how)
    assert copied == min(length + 1, OCTETS)
    assert content[:copied] == b"x" * (copied - 1) + b"\0"


@pytest.mark.parametrize(("how", "error"), [(45, errno.EFAULT), (114, errno.EFAULT), (115, errno.ERANGE)])
def test_text_that_is_not_there_gives_an_errno(how: int, error: int) -> None:
    (length, *_), content = called("read_text", NOWHERE, how, content=b"\xff" * OCTETS)
    assert (length, content) == (-error, bytes(OCTETS))


def test_text_of_the_kernel_is_not_read_as_the_tasks() -> None:
    (task, *_), _ = called("addresses")
    assert called("read_text", task % (1 << 64), 115)[0][0] > 0
    assert called("read_text", task % (1 << 64), 114)[0][0] == -errno.EFAULT


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="missing: struct pt_regs of this machine")
def test_the_registers_of_a_task_are_those_of_its_system_call() -> None:
    (task, registers, *_), content = called("addresses", 112)  # di, orig_ax, ip, cs
    assert task < 0 and registers < 0, "addresses of the kernel have their highest bit set"
    argument, number, pointer, selector = struct.unpack("<QQQQ", content)
    assert (argument, number, selector) == (10, 321, 0x33)  # BPF_PROG_TEST_RUN, bpf, __USER_CS
    assert 0 < pointer < 1 << 47


def test_frames_are_addresses_of_eight_bytes_the_innermost_first() -> None:
    with loaded("stack") as made:
        frames = {}
        for which in range(4):
            run_raw_tracepoint(made.programs["stack"], [which, 0, 0])
            length = answers(made)[0]
            assert length > 0 and length % 8 == 0
            frames[which] = struct.unpack(f"<{length // 8}Q", memory(made)[:length])
    assert all(frame >> 63 for frame in frames[0])
    assert frames[1][: len(frames[0]) - 1] == frames[0][1:], "one frame less"
    assert 0 < frames[2][0] < 1 << 47, "those further out are what the frame pointers of the C library say"
    assert frames[3] == frames[2]


@pytest.mark.parametrize("to_thread", [0, 1])
def test_a_signal_comes(to_thread: int) -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, _: came.append(number))
    try:
        (done, *_), _ = called("signals", signal.SIGUSR1, to_thread)
        assert done == 1
        until = time.monotonic() + 1
        while not came and time.monotonic() < until:
            time.sleep(0.001)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert came == [signal.SIGUSR1]


def test_no_signal_of_a_number_that_is_none_is_sent() -> None:
    assert called("signals", 100, 0)[0][0] == 0


@pytest.mark.parametrize("text", [b"x", b"", b"-", b"99999999999999999999"])
def test_what_is_no_number_is_zero_afterwards(text: bytes) -> None:
    """Since 6.12; kernels before leave what was there."""
    (length, number, unsigned_length, unsigned), _ = called("numbers", 10, content=text + b"\0")
    assert length == unsigned_length < 0
    assert (number, unsigned) == (0, 0)


def test_a_number_with_a_sign_is_none_without() -> None:
    assert called("numbers", 10, content=b"-5\0")[0] == (2, -5, -22, 0)


def test_a_sample_has_its_counter_and_the_cookie_of_its_attachment() -> None:
    with loaded("sample") as made, ExitStack() as links:
        for cpu in os.sched_getaffinity(0):
            links.enter_context(attach_cpu_clock(made.programs["sample"], cpu, 1_000_000, cookie=1 << 40))
        until = time.monotonic() + 2
        while answers(made)[0] == 0 and time.monotonic() < until:
            pass
        done, counted, enabled, cookie = answers(made)
    assert (done, cookie) == (1, 1 << 40)
    assert counted > 0 and enabled > 0


@pytest.mark.skipif(not UPROBES.exists(), reason="missing: uprobes (CONFIG_UPROBE_EVENTS)")
@pytest.mark.parametrize("point", ProbePoint)
def test_a_probed_function_is_known_by_its_address_on_entry_and_on_return(point: ProbePoint) -> None:
    library = ctypes.CDLL(None)
    lines = Path("/proc/self/maps").read_text().splitlines()
    path = Path(next(line.split()[-1] for line in lines if "/libc.so" in line or "/libc-" in line))
    with loaded("function") as made, attach_uprobe(made.programs["function"], path, "getppid", point, cookie=77):
        library.getppid()
        where, cookie, *_ = answers(made)
    assert (where, cookie) == (ctypes.cast(library.getppid, ctypes.c_void_p).value, 77)


OPENING = """
import errno, socket
try:
    socket.socket().close()
    print('opened')
except OSError as error:
    print(errno.errorcode[error.errno])
"""


@pytest.fixture
def cgroup() -> Iterator[Path]:
    """An empty cgroup (version 2)."""
    folder = cgroup_root() / f"pybpf-meanings-{os.getpid()}"
    folder.mkdir()
    yield folder
    folder.rmdir()


def opening(cgroup: Path, first: tuple[int, int], *, second_sets_zero: bool) -> tuple[str, Four, Four]:
    """(what a process in the cgroup is told that opens a socket, the answers of both programs). `first` is (result, verdict)."""
    hook = AttachType.CGROUP_INET_SOCK_CREATE
    with loaded("first_to_answer", "second_to_answer") as made, ExitStack() as links:
        for name in ("first_to_answer", "second_to_answer"):
            links.enter_context(attach_cgroup(made.programs[name], cgroup, hook))
        made.maps["answers"].update(SLOTS[0], LAYOUT.pack(*first, 0, 0))
        made.maps["answers"].update(SLOTS[1], LAYOUT.pack(int(second_sets_zero), 0, 0, 0))
        words = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(cgroup), sys.executable, "-S", "-c", OPENING]
        told = subprocess.run(words, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout.strip()
        return told, answers(made), answers(made, 1)


@pytest.mark.parametrize(("verdict", "said"), [(0, "ENOMEM"), (1, "ENOMEM")])
def test_a_negative_result_fails_the_system_call_whatever_the_program_returns(cgroup: Path, verdict: int, said: str) -> None:
    told, one, two = opening(cgroup, (-12, verdict), second_sets_zero=False)
    assert (told, one[2:], two[2]) == (said, (0, 1), -12)


@pytest.mark.parametrize("result", [0, 5, -5000])
def test_a_program_that_refuses_with_no_errno_gives_eperm(cgroup: Path, result: int) -> None:
    told, one, two = opening(cgroup, (result, 0), second_sets_zero=False)
    assert (told, two[2]) == ("EPERM", -1)
    assert one[3] == (result != 0), "any number is taken"


@pytest.mark.parametrize("result", [0, -13])
def test_a_result_of_zero_undoes_the_refusal_of_programs_before(cgroup: Path, result: int) -> None:
    """Why `set_retval(0)` has no place in a program that is there to refuse."""
    assert opening(cgroup, (result, 0), second_sets_zero=False)[0] in ("EPERM", "EACCES")
    assert opening(cgroup, (result, 0), second_sets_zero=True)[0] == "opened"
