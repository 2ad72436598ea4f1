"""The tables of hooks and sections agree with each other."""

from __future__ import annotations

import pytest

from pybpf.compiler.lang.kinds import SECTIONS as SECTIONS_OF_THE_LANGUAGE
from pybpf.hooks.making import WAYS
from pybpf.kinds import (
    CGROUP_HOOKS,
    SECTIONS,
    SECTIONS_WITH_PLACE,
    SOCKET_MAP_HOOKS,
    AttachType,
    LoadFlag,
    ProgramType,
    load_flags,
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


@pytest.mark.parametrize("row", SECTIONS_OF_THE_LANGUAGE)
def test_a_section_of_the_language_is_the_same_to_the_loader(row: str) -> None:
    wanted = SECTIONS_OF_THE_LANGUAGE[row]
    names = [row] if not row.endswith("+") else [row.removesuffix("+"), row.removesuffix("+") + "/place"]
    for name in names:
        kind, hook = section_kind(name) or (None, None)
        assert (kind, hook) == (ProgramType(wanted.type), AttachType(wanted.hook))


@pytest.mark.parametrize(
    ("section", "flags"),
    [
        ("xdp", LoadFlag.NONE),
        ("xdp/devmap", LoadFlag.NONE),
        ("xdp.frags", LoadFlag.XDP_HAS_FRAGS),
        ("xdp.frags/cpumap", LoadFlag.XDP_HAS_FRAGS),
        ("uprobe/bin/true:main", LoadFlag.NONE),
        ("uprobe.s/bin/true:main", LoadFlag.SLEEPABLE),
        ("uretprobe.multi.s", LoadFlag.SLEEPABLE),
        ("usdt.s/bin/true:a:b", LoadFlag.SLEEPABLE),
    ],
)
def test_a_section_says_what_its_program_is_loaded_with(section: str, flags: LoadFlag) -> None:
    assert load_flags(section) is flags


def test_every_type_that_a_section_names_has_a_way_to_be_attached_or_none_here() -> None:
    without = {kind for kind, _ in [*SECTIONS.values(), *SECTIONS_WITH_PLACE.values()]} - WAYS.keys()
    lwt = {ProgramType.LWT_IN, ProgramType.LWT_OUT, ProgramType.LWT_XMIT}
    assert without == lwt | {ProgramType.SCHED_ACT, ProgramType.SK_REUSEPORT, ProgramType.SYSCALL}
