"""Network namespaces: which socket a packet is for (sk_lookup), and how packets are taken apart (flow_dissector)."""

from __future__ import annotations

from pathlib import Path

from pybpf.kinds import AttachType, ProgramType
from pybpf.links import Link
from pybpf.programs import Program

from .making import create_link, expect, opened

_NSFS_MAGIC = 0x6E736673  # include/uapi/linux/magic.h
_HOOKS = {ProgramType.SK_LOOKUP: AttachType.SK_LOOKUP, ProgramType.FLOW_DISSECTOR: AttachType.FLOW_DISSECTOR}


def attach_netns(program: Program, namespace: Path | int) -> Link:
    """`program` (SK_LOOKUP, kernel 5.9, or FLOW_DISSECTOR, 5.8) in a network namespace, given as its file or an fd of that.

    The file is /run/netns/NAME, or /proc/thread-self/ns/net for the calling thread's own. Up to 64 sk_lookup programs run in the order
    in which they came; of flow dissectors there is one: E2BIG when there is another.
    """
    expect(program, _HOOKS)
    with opened(namespace, _NSFS_MAGIC, "network namespace: give /run/netns/NAME or /proc/PID/ns/net") as fd:
        return create_link(program, fd, _HOOKS[program.type])
