"""`attach`: a loaded program and a place; the hook comes from the program's section."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pybpf import maps
from pybpf.hooks import (
    Cgroup,
    Interface,
    MapAttachment,
    NetworkNamespace,
    Place,
    RawTracepoint,
    Tracepoint,
    attach,
)
from pybpf.kinds import AttachType, LinkType, MapType, ProgramType
from pybpf.links import Link
from pybpf.loading import Loaded, load
from pybpf.spec import MapSpec, ObjectSpec
from tests.support.tiny_programs import spec

pytestmark = pytest.mark.kernel
A, P = AttachType, ProgramType


def loaded(kind: ProgramType, hook: AttachType, value: int = 1) -> Loaded:
    """An object with one program, `tiny`."""
    return load(ObjectSpec(programs={"tiny": spec("tiny", kind, value, hook)}, license="GPL"))


@pytest.mark.parametrize(
    ("kind", "hook", "link_type"),
    [(P.SCHED_CLS, A.TCX_INGRESS, LinkType.TCX), (P.SCHED_CLS, A.TCX_EGRESS, LinkType.TCX), (P.XDP, A.XDP, LinkType.XDP)],
)
def test_at_an_interface_the_section_says_which_hook(
    namespace: ThreadPoolExecutor, kind: ProgramType, hook: AttachType, link_type: LinkType
) -> None:
    place = namespace.submit(Interface.named, "left").result()
    with loaded(kind, hook) as one, namespace.submit(attach, one, "tiny", place).result() as link:
        assert isinstance(link, Link)
        assert (link.type, link.info().attach_type, link.info().ifindex) == (link_type, hook, place.index)


@pytest.mark.parametrize("hook", [A.CGROUP_INET_INGRESS, A.CGROUP_INET_EGRESS])
def test_at_a_cgroup_the_section_says_which_direction(cgroup: Path, hook: AttachType) -> None:
    with loaded(P.CGROUP_SKB, hook) as one, attach(one, "tiny", Cgroup(cgroup)) as link:
        assert isinstance(link, Link)
        assert link.info().attach_type == hook


@pytest.mark.parametrize(
    ("kind", "hook", "place", "link_type"),
    [
        (P.TRACEPOINT, A.NONE, Tracepoint("sched", "sched_process_exec"), LinkType.PERF_EVENT),
        (P.RAW_TRACEPOINT, A.NONE, RawTracepoint("sched_process_exec"), LinkType.RAW_TRACEPOINT),
    ],
)
def test_a_tracepoint_is_a_place(kind: ProgramType, hook: AttachType, place: Place, link_type: LinkType) -> None:
    with loaded(kind, hook) as one, attach(one, "tiny", place) as link:
        assert isinstance(link, Link) and link.type is link_type


def test_a_network_namespace_is_the_callers_unless_said_otherwise(namespace: ThreadPoolExecutor) -> None:
    with loaded(P.SK_LOOKUP, A.SK_LOOKUP) as one, namespace.submit(attach, one, "tiny", NetworkNamespace()).result() as link:
        assert isinstance(link, Link)
        assert link.info().netns_inode != Path("/proc/self/ns/net").stat().st_ino


def test_a_socket_map_is_a_place() -> None:
    with (
        maps.create(MapSpec("sockets", MapType.SOCKMAP, 4, 4, 1)) as sockets,
        loaded(P.SK_MSG, A.SK_MSG_VERDICT) as one,
        attach(one, "tiny", sockets) as attachment,
    ):
        assert isinstance(attachment, MapAttachment)


@pytest.mark.parametrize(
    ("kind", "hook", "place", "words"),
    [
        (P.SCHED_CLS, A.NONE, Interface(1), "names no hook of an interface"),
        (P.XDP, A.XDP_DEVMAP, Interface(1), "names no hook of an interface"),
        (P.SOCK_OPS, A.CGROUP_SOCK_OPS, Interface(1), "use attach_cgroup"),
        (P.SCHED_CLS, A.TCX_INGRESS, Cgroup(Path("/")), "use attach_tcx"),
        (P.CGROUP_SKB, A.NONE, Cgroup(Path("/")), "NONE is no hook of a cgroup"),
        (P.TRACEPOINT, A.NONE, RawTracepoint("sched_process_exec"), "use attach_tracepoint"),
    ],
)
def test_what_does_not_belong_there_is_refused_before_the_kernel_is_asked(
    kind: ProgramType, hook: AttachType, place: Place, words: str
) -> None:
    with loaded(kind, hook) as one, pytest.raises(ValueError, match=words):
        attach(one, "tiny", place)


def test_a_program_that_is_not_there_is_named_with_what_comes_near(objects: Callable[[str], ObjectSpec]) -> None:
    with load(objects("small")) as one, pytest.raises(ValueError, match=r"no program 'smal'.*small"):
        attach(one, "smal", Interface(1))
