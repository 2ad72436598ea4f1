"""Programs in the kernel: load one (and have its refusal explained), run it on a packet, look at it, pin it."""

from __future__ import annotations

import errno
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from . import btf, syscalls
from .descriptor import Descriptor, kernel_name, open_pin
from .errors import KernelError, NotSupported
from .infos import ProgramInfo
from .kinds import ProgramType
from .spec import ProgramSpec
from .syscalls import LogSpace, ObjectKind, Rejected
from .verifier import LineTable, VerifierRejected, line_table

_FIRST_LOG = 64 << 10
_LARGEST_LOG = 16 << 20  # kernels from 6.4 on keep the end of a longer log, which says why
_MAX_PACKET_OUT = 1 << 16
# how the verifier shows an instruction that core_patch.poison or ksyms made
_POISON = re.compile(r"^(?P<instruction>\d+): \(85\) call unknown#\d+$")


@dataclass(frozen=True, slots=True)
class TestRun:
    """One BPF_PROG_TEST_RUN: what the program returned, its mean duration, the packet and the context as it left them."""

    __test__ = False  # not a test class, pytest

    return_value: int
    duration_ns: int
    data: bytes
    context: bytes


@dataclass(frozen=True, slots=True)
class SkbContext:
    """The fields of struct __sk_buff that a test run of a packet program may set; all others must be 0 (net/bpf/test_run.c, 6.18).

    An `ifindex` above 1 must exist in the calling thread's network namespace. `wire_length` 0 stands for the packet's own length.

        8 mark   32 priority   36 ingress_ifindex   40 ifindex   48 cb[5]   152 tstamp u64   160 wire_len   164 gso_segs
        176 gso_size   184 hwtstamp u64   (192 in all; u32 where not said, host order)
    """

    mark: int = 0
    priority: int = 0
    ingress_ifindex: int = 0
    ifindex: int = 0
    control: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    timestamp_ns: int = 0
    wire_length: int = 0
    gso_segments: int = 0
    gso_size: int = 0
    hardware_timestamp_ns: int = 0

    def pack(self) -> bytes:
        """The 192 bytes of struct __sk_buff."""
        return _SKB.pack(
            self.mark, self.priority, self.ingress_ifindex, self.ifindex, *self.control, self.timestamp_ns,
            self.wire_length, self.gso_segments, self.gso_size, self.hardware_timestamp_ns,
        )  # fmt: skip

    @classmethod
    def unpack(cls, context: bytes) -> Self:
        """What a test run left in these fields."""
        mark, priority, ingress, ifindex, *control, stamp, wire, segments, size, hardware = _SKB.unpack(context)
        first, second, third, fourth, fifth = control
        return cls(mark, priority, ingress, ifindex, (first, second, third, fourth, fifth), stamp, wire, segments, size, hardware)


_SKB = struct.Struct("=8xI20xIII4x5I84xQII8xI4xQ")
assert _SKB.size == 192


class Program(Descriptor):
    """A loaded program. It lives while it is held: by this object, by a link, by a prog array, by a pin."""

    __slots__ = ("name", "type")

    def __init__(self, fd: int) -> None:
        """Take ownership of `fd`, which is a program's."""
        super().__init__(fd)
        info = syscalls.program_info(fd)
        self.name = info.name
        self.type = ProgramType(info.type)

    @classmethod
    def from_pin(cls, path: Path) -> Self:
        """The program pinned at `path`."""
        return cls(open_pin(path, ObjectKind.PROGRAM))

    @classmethod
    def from_id(cls, identifier: int) -> Self:
        """The program with that id."""
        return cls(syscalls.get_fd_by_id(ObjectKind.PROGRAM, identifier))

    def info(self) -> ProgramInfo:
        """What the kernel says of it now."""
        return syscalls.program_info(self.fileno())

    def test_run(self, data: bytes, *, context: bytes = b"", repeat: int = 1, data_out_size: int = _MAX_PACKET_OUT) -> TestRun:
        """Run it `repeat` times on the packet `data`, starting with the Ethernet header, and its context struct.

        The kernel takes 14 bytes to a page less its own overhead (some 3,700 of 4,096; EINVAL else, net/bpf/test_run.c, 6.18).
        With `repeat` > 1 the packet is not restored in between. ENOSPC: the packet that came out is longer than `data_out_size`.
        """
        return TestRun(*syscalls.prog_test_run(self.fileno(), data, context=context, repeat=repeat, data_out_size=data_out_size))


def create(spec: ProgramSpec, instructions: bytes, *, license_name: str, btf_fd: int = 0, btf_blob: bytes | None = None) -> Program:
    """Load a program whose `instructions` hold real map fds. `btf_blob` is what `btf_fd` was loaded from: a refusal
    then names the source line of every instruction.

    Raises VerifierRejected when the verifier refuses it, NotSupported (from that) when it was for what this kernel lacks and the
    program uses without asking, else KernelError.

    The verifier is asked in silence; only a refused program is verified again with a log.
    """
    log, first = LogSpace(), 0
    while True:
        answer = syscalls.prog_load(
            kernel_name(spec.name), spec.type, instructions=instructions, license_name=license_name,
            expected_attach_type=spec.expected_attach_type, flags=spec.load_flags, btf_fd=btf_fd,
            func_info=spec.func_info if btf_fd else b"", line_info=spec.line_info if btf_fd else b"", log=log,
        )  # fmt: skip
        if not isinstance(answer, Rejected):
            return Program(answer.fd)
        first = first or answer.errno  # a log that is too long makes the kernel say ENOSPC instead
        more = _more_space(answer, log)
        if more is None:
            raise _refusal(spec, first, answer, btf_blob)
        log = more


def _more_space(answer: Rejected, log: LogSpace) -> LogSpace | None:
    """How to ask again, None when there is nothing to learn."""
    if log.level == 0:
        return LogSpace(1, _FIRST_LOG)
    if answer.errno != errno.ENOSPC or log.size >= _LARGEST_LOG:
        return None
    return LogSpace(1, min(_LARGEST_LOG, max(answer.log_true_size, 2 * log.size)))


def _refusal(spec: ProgramSpec, error: int, answer: Rejected, btf_blob: bytes | None) -> KernelError:
    if not answer.log.strip():
        return KernelError("BPF_PROG_LOAD", error, f"program {spec.name!r}")
    lines = line_table(spec.line_info, btf.parse(btf_blob)) if btf_blob is not None and spec.line_info else LineTable()
    refused = VerifierRejected(spec.name, error, answer.log.decode(errors="replace"), lines=lines)
    lacking = _lacking(spec, refused.log)
    if lacking is None:
        return refused
    remedy = f"ask whether it exists before program {spec.name!r} uses it, or use another kernel"
    unsupported = NotSupported("BPF_PROG_LOAD", answer.errno, lacking, remedy)
    unsupported.__cause__ = refused
    return unsupported


def _lacking(spec: ProgramSpec, log: tuple[str, ...]) -> str | None:
    """What the kernel lacks for the instruction at which the verifier stopped; None when it stopped for another reason."""
    stopped = next((match for match in map(_POISON.match, reversed(log)) if match), None)
    return spec.poisoned.get(int(stopped["instruction"])) if stopped else None
