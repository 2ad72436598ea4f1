"""The tables of hooks and sections agree with each other."""

from __future__ import annotations

import pytest

from pybpf.hooks.making import WAYS
from pybpf.kinds import (
    CGROUP_HOOKS,
    SECTIONS,
    SECTIONS_WITH_PLACE,
    SOCKET_MAP_HOOKS,
    AttachType,
    ProgramType,
    section_kind,
)


def test_the_hook_of_a_section_takes_its_type_of_program() -> None:
    for kind, hook in SECTIONS.values():
        assert CGROUP_HOOKS.get(hook, kind) is kind
        assert SOCKET_MAP_HOOKS.get(hook, kind) is kind


def test_every_hook_of_cgroups_and_socket_maps_has_a_section() -> None:
    hooks = {hook for _, hook in SECTIONS.values()}
    assert {*CGROUP_HOOKS, *SOCKET_MAP_HOOKS} <= hooks


def test_a_section_without_direction_is_not_ingress() -> None:
    assert SECTIONS["cgroup/skb"][1] is AttachType.NONE
    assert SECTIONS["cgroup_skb/ingress"][1] is AttachType.CGROUP_INET_INGRESS


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tracepoint/sched/sched_switch", ProgramType.TRACEPOINT),
        ("tp/sched/sched_switch", ProgramType.TRACEPOINT),
        ("raw_tp", ProgramType.RAW_TRACEPOINT),
        ("uprobe//bin/true:main", ProgramType.KPROBE),
        ("xdp", ProgramType.XDP),
    ],
)
def test_a_section_may_go_on_with_its_place(name: str, kind: ProgramType) -> None:
    found = section_kind(name)
    assert found is not None and found[0] is kind


@pytest.mark.parametrize("name", ["", "tracepoints", "xdp/eth0", "cgroup", "cgroup/", ".text", "maps"])
def test_other_sections_hold_no_programs(name: str) -> None:
    assert section_kind(name) is None


def test_every_type_that_a_section_names_has_a_way_to_be_attached_or_none_here() -> None:
    without = {kind for kind, _ in [*SECTIONS.values(), *SECTIONS_WITH_PLACE.values()]} - WAYS.keys()
    lwt = {ProgramType.LWT_IN, ProgramType.LWT_OUT, ProgramType.LWT_XMIT}
    assert without == lwt | {ProgramType.SCHED_ACT, ProgramType.SK_REUSEPORT, ProgramType.SYSCALL}
