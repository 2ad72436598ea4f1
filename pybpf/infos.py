"""What the kernel tells of its maps, programs and links (BPF_OBJ_GET_INFO_BY_FD): plain values, true at the moment of asking."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MapInfo:
    """struct bpf_map_info, the useful part."""

    type: int
    id: int
    key_size: int
    value_size: int
    max_entries: int
    map_flags: int
    name: str


@dataclass(frozen=True, slots=True)
class ProgramInfo:
    """struct bpf_prog_info, the useful part. `tag` is the kernel's hash of the instructions; run figures need kernel.bpf_stats_enabled."""

    type: int
    id: int
    tag: bytes
    jited_size: int
    name: str
    run_time_ns: int
    run_count: int
    verified_instructions: int


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """struct bpf_link_info, the useful part. What a link of that type has not is 0; so is its place once that is gone or it was detached.

    `attach_type` is told of tcx, XDP, cgroup and namespace links. `cgroup_id` is the inode number of the cgroup's folder,
    `netns_inode` that of /proc/PID/ns/net.
    """

    type: int
    id: int
    prog_id: int
    attach_type: int = 0
    ifindex: int = 0
    cgroup_id: int = 0
    netns_inode: int = 0
