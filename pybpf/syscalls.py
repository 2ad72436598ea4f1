"""bpf(2), one typed function per command, and the few other system calls of the extension: the only door to pybpf._bpf.

Every function raises KernelError when the kernel refuses. File descriptors that come back are new and the caller's to
close. Sizes are bytes. Whoever calls with a key or a value has checked its length: the kernel reads as much as the map says.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeVar

from . import _bpf
from .errors import KernelError
from .infos import LinkInfo, MapInfo, ProgramInfo
from .kinds import AttachType, Command, LinkType

_ffi, _lib = _bpf.ffi, _bpf.lib
_ENOENT, _EAGAIN, _ENOSPC = 2, 11, 28
MOST_AT_A_HOOK = 64  # BPF_MPROG_MAX (kernel/bpf/mprog.c)


class ObjectKind(IntEnum):
    """What an id or an fd belongs to."""

    PROGRAM = 0
    MAP = 1
    LINK = 2


_NEXT_ID = {
    ObjectKind.PROGRAM: Command.BPF_PROG_GET_NEXT_ID,
    ObjectKind.MAP: Command.BPF_MAP_GET_NEXT_ID,
    ObjectKind.LINK: Command.BPF_LINK_GET_NEXT_ID,
}
_FD_BY_ID = {
    ObjectKind.PROGRAM: Command.BPF_PROG_GET_FD_BY_ID,
    ObjectKind.MAP: Command.BPF_MAP_GET_FD_BY_ID,
    ObjectKind.LINK: Command.BPF_LINK_GET_FD_BY_ID,
}


def map_create(
    name: bytes, map_type: int, *, key_size: int, value_size: int, max_entries: int, flags: int = 0, extra: int = 0,
    inner_fd: int = 0, btf_fd: int = 0, key_type_id: int = 0, value_type_id: int = 0,
) -> int:  # fmt: skip
    """A new map's fd. `name` is at most 15 bytes of letters, digits, '_' and '.'."""
    result, _ = _call(
        Command.BPF_MAP_CREATE, "map_create", map_name=name, map_type=map_type, key_size=key_size, value_size=value_size,
        max_entries=max_entries, map_flags=flags, map_extra=extra, inner_map_fd=inner_fd,
        btf_fd=btf_fd, btf_key_type_id=key_type_id, btf_value_type_id=value_type_id,
    )  # fmt: skip
    return result


def map_lookup(map_fd: int, key: bytes, *, space: int) -> bytes | None:
    """The value at `key`, None when there is none. `space` is the size of all that comes back (every CPU's value of a per-CPU map)."""
    value = bytearray(space)
    found = _call_or_absent(Command.BPF_MAP_LOOKUP_ELEM, "map_element", map_fd=map_fd, key=_address(key), value=_address(value))
    return bytes(value) if found else None


def map_update(map_fd: int, key: bytes, value: bytes, flags: int) -> None:
    """Set the value at `key`."""
    _call(Command.BPF_MAP_UPDATE_ELEM, "map_element", map_fd=map_fd, key=_address(key), value=_address(value), flags=flags)


def map_delete(map_fd: int, key: bytes) -> bool:
    """Whether `key` was there; it is not any more."""
    return _call_or_absent(Command.BPF_MAP_DELETE_ELEM, "map_element", map_fd=map_fd, key=_address(key))


def map_get_next_key(map_fd: int, key: bytes | None, *, key_size: int) -> bytes | None:
    """The key after `key` (the first one for None, or when a hash map has lost `key`); None after the last."""
    following = bytearray(key_size)
    previous = 0 if key is None else _address(key)
    found = _call_or_absent(Command.BPF_MAP_GET_NEXT_KEY, "map_element", map_fd=map_fd, key=previous, value=_address(following))
    return bytes(following) if found else None


def map_take(map_fd: int, key: bytes, *, space: int) -> bytes | None:
    """The value at `key`, which is not there any more; None when there was none. Of a queue or a stack, whose key is empty: the next one."""
    value = bytearray(space)
    found = _call_or_absent(Command.BPF_MAP_LOOKUP_AND_DELETE_ELEM, "map_element", map_fd=map_fd, key=_address(key), value=_address(value))
    return bytes(value) if found else None


def map_has_value(map_fd: int, value: bytes) -> bool:
    """Whether a bloom filter says that `value` may have been added."""
    return _call_or_absent(Command.BPF_MAP_LOOKUP_ELEM, "map_element", map_fd=map_fd, value=_address(value))


def map_freeze(map_fd: int) -> None:
    """No more changes from user space, for ever."""
    _call(Command.BPF_MAP_FREEZE, "map_element", map_fd=map_fd)


def map_lookup_batch(map_fd: int, cursor: bytes | None, *, count: int, key_size: int, space: int) -> tuple[bytes, bytes, int, bytes, bool]:
    """(keys, values, how many, cursor for the next call, whether this was the last). Kernel 5.6.

    `cursor` None starts. ENOSPC means that one bucket holds more than `count`: call again with more room.
    """
    keys, values, after = bytearray(count * key_size), bytearray(count * space), bytearray(max(key_size, 4))
    result, attributes = _try(
        Command.BPF_MAP_LOOKUP_BATCH, "map_batch", map_fd=map_fd, count=count, keys=_address(keys), values=_address(values),
        in_batch=0 if cursor is None else _address(cursor), out_batch=_address(after),
    )  # fmt: skip
    if result < 0 and result != -_ENOENT:
        raise KernelError(Command.BPF_MAP_LOOKUP_BATCH.name, -result)
    got = attributes.count
    return bytes(keys[: got * key_size]), bytes(values[: got * space]), got, bytes(after), result == -_ENOENT


@dataclass(frozen=True, slots=True)
class LogSpace:
    """How much the verifier may say: level 0 and no bytes for silence."""

    level: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """A program the kernel took: its fd."""

    fd: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A program the kernel refused: why, what the verifier said, and how much room all of that would need (0: not told, before 6.4)."""

    errno: int
    log: bytes
    log_true_size: int


def prog_load(
    name: bytes, prog_type: int, *, instructions: bytes, license_name: str, expected_attach_type: int = 0, flags: int = 0, btf_fd: int = 0,
    func_info: bytes = b"", line_info: bytes = b"", log: LogSpace = LogSpace(),
) -> Accepted | Rejected:  # fmt: skip
    """Load a program; a refusal is a value, because its log is what matters. EAGAIN (a signal met the verifier) is tried again.

    The kernel is told of a negative `expected_attach_type` (AttachType.NONE) as 0, its own word for none.
    """
    license_text, log_buffer = license_name.encode() + b"\0", bytearray(log.size)
    for _ in range(5):
        result, attributes = _try(
            Command.BPF_PROG_LOAD, "prog_load", prog_name=name, prog_type=prog_type, expected_attach_type=max(expected_attach_type, 0), prog_flags=flags,
            instructions=_address(instructions), instruction_count=len(instructions) // 8, license=_address(license_text),
            log_level=log.level, log_size=log.size, log_buffer=_address(log_buffer), prog_btf_fd=btf_fd,
            func_info=_address(func_info), func_info_count=len(func_info) // 8, func_info_record_size=8 if func_info else 0,
            line_info=_address(line_info), line_info_count=len(line_info) // 16, line_info_record_size=16 if line_info else 0,
        )  # fmt: skip
        if result != -_EAGAIN:
            break
    if result < 0:
        return Rejected(-result, bytes(log_buffer).partition(b"\0")[0], attributes.log_true_size)
    return Accepted(result)


def prog_test_run(prog_fd: int, data: bytes, *, context: bytes, repeat: int, data_out_size: int) -> tuple[int, int, bytes, bytes]:
    """(return value, mean duration in ns, data after, context after) of running a program on `data`."""
    data_out, context_out = bytearray(data_out_size), bytearray(len(context))
    _, attributes = _call(
        Command.BPF_PROG_TEST_RUN, "test_run", prog_fd=prog_fd, repeat=repeat, data_in=_address(data), data_size_in=len(data),
        data_out=_address(data_out), data_size_out=data_out_size, context_in=_address(context), context_size_in=len(context),
        context_out=_address(context_out), context_size_out=len(context),
    )  # fmt: skip
    return (
        attributes.return_value, attributes.duration_ns,
        bytes(data_out[: attributes.data_size_out]), bytes(context_out[: attributes.context_size_out]),
    )  # fmt: skip


def prog_test_run_arguments(prog_fd: int, arguments: bytes) -> int:
    """What a raw tracepoint's program returned for these arguments: for it there is neither packet nor repetition. Kernel 5.10."""
    _, attributes = _call(
        Command.BPF_PROG_TEST_RUN, "test_run", prog_fd=prog_fd, context_in=_address(arguments), context_size_in=len(arguments)
    )  # fmt: skip
    return int(attributes.return_value)


def obj_pin(fd: int, path: str) -> None:
    """Give the object of `fd` a name in a BPF file system; it lives until that is unlinked."""
    _call_named(Command.BPF_OBJ_PIN, path, fd=fd)


def obj_get(path: str) -> int:
    """A new fd of what is pinned at `path`."""
    return _call_named(Command.BPF_OBJ_GET, path)


def link_create(prog_fd: int, target: int, *, attach_type: int, flags: int = 0) -> int:
    """A new link's fd. `target` is an interface's number for XDP (5.9) and tcx (6.6), an fd for cgroups (5.7) and namespaces (5.8)."""
    return _call(Command.BPF_LINK_CREATE, "link_create", prog_fd=prog_fd, target_ifindex=target, attach_type=attach_type, flags=flags)[0]


def link_create_perf(prog_fd: int, perf_fd: int, *, attach_type: int, cookie: int) -> int:
    """A new link's fd, which holds the perf event from now on. `cookie` is what bpf_get_attach_cookie gives. Kernel 5.15."""
    return _call(Command.BPF_LINK_CREATE, "perf_link", prog_fd=prog_fd, perf_fd=perf_fd, attach_type=attach_type, cookie=cookie)[0]


def raw_tracepoint_open(prog_fd: int, name: str) -> int:
    """A new link's fd: the program runs at the kernel's tracepoint of that name. Kernel 4.17."""
    text = name.encode() + b"\0"
    return _call(Command.BPF_RAW_TRACEPOINT_OPEN, "raw_tracepoint", name=_address(text), prog_fd=prog_fd)[0]


def prog_attach(prog_fd: int, map_fd: int, *, attach_type: int) -> None:
    """The program runs for the map's sockets, instead of the one that did. Kernel 4.14."""
    _call(Command.BPF_PROG_ATTACH, "prog_attach", prog_fd=prog_fd, target_fd=map_fd, attach_type=attach_type)


def prog_detach(prog_fd: int, map_fd: int, *, attach_type: int) -> None:
    """Take it away again; ENOENT when another stands in its place."""
    _call(Command.BPF_PROG_DETACH, "prog_attach", prog_fd=prog_fd, target_fd=map_fd, attach_type=attach_type)


def prog_query(target: int, *, attach_type: int) -> list[int]:
    """The ids of the programs at a hook of an interface, in the order in which they run. Kernel 6.6 (tcx)."""
    ids = _ffi.new("uint32_t[]", MOST_AT_A_HOOK)
    room = {"prog_ids": int(_ffi.cast("uintptr_t", ids)), "count": len(ids)}
    _, attributes = _call(Command.BPF_PROG_QUERY, "prog_query", target_ifindex=target, attach_type=attach_type, **room)
    return list(ids[0 : attributes.count])


def link_update(link_fd: int, new_prog_fd: int) -> None:
    """Put another program in the link's place; no packet passes between the two."""
    _call(Command.BPF_LINK_UPDATE, "link_update", link_fd=link_fd, new_prog_fd=new_prog_fd)


def link_detach(link_fd: int) -> None:
    """Take the link's program off its hook, whoever else holds the link."""
    _call(Command.BPF_LINK_DETACH, "link_update", link_fd=link_fd)


def btf_load(btf: bytes) -> int:
    """A new BTF object's fd. The kernel's complaint is the error's detail."""
    attributes = {"btf": _address(btf), "btf_size": len(btf)}
    result, _ = _try(Command.BPF_BTF_LOAD, "btf_load", **attributes)
    if result >= 0:
        return result
    log = bytearray(1 << 16)
    retried, _ = _try(Command.BPF_BTF_LOAD, "btf_load", **attributes, log_buffer=_address(log), log_size=len(log), log_level=1)
    if retried >= 0:
        return retried
    lines = bytes(log).partition(b"\0")[0].decode(errors="replace").strip().splitlines()
    raise KernelError(Command.BPF_BTF_LOAD.name, -result, lines[-1] if lines else "")


def map_info(fd: int) -> MapInfo:
    """What the kernel says of the map `fd`."""
    return _record(MapInfo, _info(fd, "map_info"))


def program_info(fd: int) -> ProgramInfo:
    """What the kernel says of the program `fd`."""
    return _record(ProgramInfo, _info(fd, "prog_info"))


def link_info(fd: int) -> LinkInfo:
    """What the kernel says of the link `fd`."""
    info = _info(fd, "link_info")
    place = {
        LinkType.TCX: {"ifindex": info.place.interface.ifindex, "attach_type": info.place.interface.attach_type},
        LinkType.XDP: {"ifindex": info.place.interface.ifindex, "attach_type": AttachType.XDP},
        LinkType.CGROUP: {"cgroup_id": info.place.cgroup.id, "attach_type": info.place.cgroup.attach_type},
        LinkType.NETNS: {"netns_inode": info.place.netns.inode, "attach_type": info.place.netns.attach_type},
    }
    return LinkInfo(info.type, info.id, info.prog_id, **place.get(info.type, {}))


def get_next_id(kind: ObjectKind, after: int) -> int | None:
    """The smallest id greater than `after` of all the machine's objects of that kind, None when there is none."""
    result, attributes = _try(_NEXT_ID[kind], "id", id=after)
    if result < 0 and result != -_ENOENT:
        raise KernelError(_NEXT_ID[kind].name, -result)
    return None if result < 0 else int(attributes.next_id)


def get_fd_by_id(kind: ObjectKind, identifier: int) -> int:
    """A new fd of the object with that id."""
    return _call(_FD_BY_ID[kind], "id", id=identifier)[0]


def filesystem_type(path: str) -> int:
    """statfs(2)'s magic number of the file system `path` lies in."""
    return _check("statfs", _lib.filesystem_type(os.fsencode(path)))


def mount_bpf_filesystem(path: str) -> None:
    """Mount a BPF file system on the folder `path`, in this process's mount namespace."""
    _check("mount", _lib.mount_bpf_filesystem(os.fsencode(path)))


def open_detached_filesystem(kind: str) -> int:
    """An O_PATH fd of the root folder of a file system mounted read-only and at no path; closing it unmounts. Kernel 5.2."""
    return _check("fsmount", int(_lib.open_detached_filesystem(kind.encode())))


def perf_event_open(
    event_type: int, config: int, *, cpu: int, sample_period: int = 0, path: bytes = b"", number: int = 0
) -> int:  # fmt: skip
    """A new perf event's fd, counting from now on for every process that runs on `cpu`. Kernel 2.6.31.

    `path` and `number` are what probe events want in config1 (as an address) and config2. `sample_period` is in the
    event's own unit, nanoseconds for clocks.
    """
    text = path + b"\0" if path else b""
    attributes = _ffi.new("struct perf_event_attributes *")
    attributes.type, attributes.size, attributes.config = event_type, _ffi.sizeof(attributes[0]), config
    attributes.sample_period, attributes.config1, attributes.config2 = sample_period, _address(text), number
    return _check("perf_event_open", int(_lib.open_perf_event(attributes, cpu)))


class Ring:
    """A ring buffer map's memory in this process. Owns the mapping, not the fd. One reader at a time."""

    __slots__ = ("_ring",)

    def __init__(self, map_fd: int, size: int) -> None:
        ring = _ffi.new("struct ring *")
        _check("mmap", _lib.ring_open(ring, map_fd, size))
        self._ring = ring

    def take(self) -> bytes | None:
        """The oldest finished record, removed from the ring; None when there is none."""
        if self._ring is None:
            raise ValueError("the ring is closed")
        start = _ffi.new("const unsigned char **")
        length = _lib.ring_peek(self._ring, start)
        if length < 0:
            return None
        record = bytes(_ffi.buffer(start[0], length))
        _lib.ring_release(self._ring)
        return record

    def close(self) -> None:
        """Give the mapping back; closing twice does nothing."""
        ring, self._ring = self._ring, None
        if ring is not None:
            _lib.ring_close(ring)


def _address(memory: bytes | bytearray) -> int:
    """Where `memory` lies, 0 when it is empty. The caller holds on to it until the call is over."""
    return int(_ffi.cast("uintptr_t", _ffi.from_buffer(memory))) if memory else 0


def _try(command: Command, layout: str, **fields: int | bytes) -> tuple[int, Any]:
    """(result or -errno, the attribute struct after the call)."""
    attributes = _ffi.new(f"struct {layout}_attributes *", fields)
    return int(_lib.bpf_command(command, attributes, _ffi.sizeof(attributes[0]))), attributes


def _call(command: Command, layout: str, **fields: int | bytes) -> tuple[int, Any]:
    """As _try, but a refusal is raised."""
    result, attributes = _try(command, layout, **fields)
    return _check(command.name, result), attributes


def _call_named(command: Command, path: str, **fields: int) -> int:
    name = os.fsencode(path) + b"\0"
    return _check(command.name, _try(command, "object_path", path=_address(name), **fields)[0], path)


def _call_or_absent(command: Command, layout: str, **fields: int | bytes) -> bool:
    """Whether the kernel found what the command is about."""
    result, _ = _try(command, layout, **fields)
    return result != -_ENOENT and _check(command.name, result) >= 0


def _check(command: str, result: int, detail: str = "") -> int:
    if result < 0:
        raise KernelError(command, -result, detail)
    return result


def _info(fd: int, layout: str) -> Any:
    info = _ffi.new(f"struct {layout} *")
    _call(Command.BPF_OBJ_GET_INFO_BY_FD, "info", fd=fd, info=int(_ffi.cast("uintptr_t", info)), info_size=_ffi.sizeof(info[0]))
    return info


_T = TypeVar("_T", MapInfo, ProgramInfo)


def _record(kind: type[_T], info: Any) -> _T:
    """The fields of the C struct that the dataclass names; character arrays become text, byte arrays bytes."""
    return kind(**{name: _plain(getattr(info, name)) for name in kind.__dataclass_fields__})


def _plain(value: Any) -> Any:
    if isinstance(value, int):
        return value
    element = _ffi.typeof(value).item.cname
    return _ffi.string(value).decode(errors="replace") if element == "char" else bytes(_ffi.buffer(value))
