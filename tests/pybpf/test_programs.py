"""What needs no kernel: contexts, names, errors, references in place."""

from __future__ import annotations

import errno
import struct

from pybpf.descriptor import kernel_name
from pybpf.errors import KernelError, NotSupported, ObjectError
from pybpf.kinds import AttachType, ProgramType
from pybpf.loading import placed
from pybpf.programs import SkbContext
from pybpf.spec import ProgramSpec, Relocation, RelocationKind

LOAD = struct.pack("<BBhiBBhi", 0x18, 0x02, 0, 0, 0, 0, 0, 0)


def test_context_fields_lie_where_the_kernel_has_them() -> None:
    packed = SkbContext(1, 2, 3, 4, (5, 6, 7, 8, 9), 10, 11, 12, 13, 14).pack()
    assert len(packed) == 192
    offsets = {"mark": 8, "priority": 32, "ingress_ifindex": 36, "ifindex": 40, "cb": 48, "wire_len": 160, "gso_segs": 164, "gso_size": 176}
    assert [struct.unpack_from("=I", packed, at)[0] for at in offsets.values()] == [1, 2, 3, 4, 5, 11, 12, 13]
    assert (struct.unpack_from("=Q", packed, 152), struct.unpack_from("=Q", packed, 184)) == ((10,), (14,))


def test_what_is_packed_is_unpacked() -> None:
    context = SkbContext(mark=1, control=(1, 2, 3, 4, 5), hardware_timestamp_ns=1 << 40)
    assert SkbContext.unpack(context.pack()) == context


def test_map_references_become_fds_and_offsets() -> None:
    references = (Relocation(0, RelocationKind.MAP, "m"), Relocation(2, RelocationKind.MAP_VALUE, ".data", 24))
    spec = ProgramSpec("p", "tc", ProgramType.SCHED_CLS, AttachType.NONE, LOAD + LOAD, references)
    assert list(struct.iter_unpack("<BBhi", placed(spec, {"m": 7, ".data": 9}))) == [
        (0x18, 0x12, 0, 7), (0, 0, 0, 0), (0x18, 0x22, 0, 9), (0, 0, 0, 24),
    ]  # fmt: skip


def test_kernel_names_are_short_and_plain() -> None:
    assert kernel_name("a-long/name with signs") == b"a_long_name_wit"
    assert kernel_name(".rodata") == b".rodata"


def test_a_kernel_error_says_command_number_and_remedy() -> None:
    error = KernelError("BPF_PROG_LOAD", errno.EPERM)
    assert (error.errno, error.errno_name, error.command) == (errno.EPERM, "EPERM", "BPF_PROG_LOAD")
    assert "root" in error.hint and isinstance(error, PermissionError) is False


def test_errno_numbers_that_only_the_kernel_has_are_named() -> None:
    assert KernelError("BPF_MAP_CREATE", 524).errno_name == "ENOTSUPP"
    assert KernelError("BPF_MAP_CREATE", 4242).errno_name == "4242"


def test_a_commands_own_hint_comes_before_the_general_one() -> None:
    assert KernelError("BPF_OBJ_PIN", errno.EPERM).hint != KernelError("BPF_PROG_LOAD", errno.EPERM).hint


def test_a_missing_feature_is_named() -> None:
    error = NotSupported("BPF_LINK_CREATE", errno.EINVAL, "tcx links", "use Linux 6.6")
    assert (error.feature, error.remedy, error.hint) == ("tcx links", "use Linux 6.6", "use Linux 6.6")
    assert "tcx links" in str(error)


def test_an_object_error_says_place_cause_and_remedy() -> None:
    assert str(ObjectError("map 'm'", "it is wrong", "right it")) == "map 'm': it is wrong\n  hint: right it"
