"""Section names: what they say, and that the loader reads them the same way."""

from __future__ import annotations

import pytest

from pybpf import kinds as loader
from pybpf.compiler.lang.kinds import (
    KINDS,
    SECTIONS,
    AttachType,
    ProgramType,
    program_type,
    returns_of,
    row_of,
    section_of,
)


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("xdp", ProgramType.XDP),
        ("?xdp", ProgramType.XDP),
        ("kprobe/do_sys_openat2", ProgramType.KPROBE),
        ("kprobe", ProgramType.KPROBE),
        ("kprobe.multi/tcp_*", ProgramType.KPROBE),
        ("uprobe//bin/bash:readline", ProgramType.KPROBE),
        ("tp/sched/sched_process_exec", ProgramType.TRACEPOINT),
        ("raw_tp/sched_switch", ProgramType.RAW_TRACEPOINT),
        ("cgroup/connect4", ProgramType.CGROUP_SOCK_ADDR),
    ],
)
def test_a_section_says_the_type_of_its_programs(section: str, kind: ProgramType) -> None:
    assert program_type(section) is kind


@pytest.mark.parametrize("section", ["", "?", "xdp/eth0", "kprobes", "kprobe+", "tc/ingress/x", "cgroup/connect5", "??xdp", ".text", "/"])
def test_a_section_that_is_nothing_exactly_is_nothing(section: str) -> None:
    assert program_type(section) is None and row_of(section) is None and section_of(section) is None


def test_what_a_program_may_return_is_its_hooks_affair() -> None:
    assert returns_of("cgroup_skb/ingress") == (0, 1)
    assert returns_of("cgroup_skb/egress") == (0, 3)
    assert returns_of("cgroup/recvmsg4") == (1, 1)
    assert returns_of("xdp") is None


def test_a_type_is_as_old_as_its_oldest_section() -> None:
    for kind, known in KINDS.items():
        ages = [tuple(map(int, each.since.split("."))) for each in SECTIONS.values() if each.type is kind]
        assert min(ages) == tuple(map(int, known.since.split(".")))
    assert set(KINDS) == set(ProgramType)


def test_an_unknown_section_has_no_range_rather_than_any() -> None:
    with pytest.raises(KeyError):
        returns_of("cgroup/connect5")


@pytest.mark.parametrize("section", sorted({*loader.SECTIONS, *loader.SECTIONS_WITH_PLACE}))
def test_the_loader_reads_a_section_as_the_language_does(section: str) -> None:
    kind, hook = loader.SECTIONS.get(section) or loader.SECTIONS_WITH_PLACE[section]
    ours = section_of(section)
    assert ours is None if int(kind) not in set(ProgramType) else (ours is not None and (ours.type, ours.hook) == (int(kind), int(hook)))


@pytest.mark.parametrize("hook", [each for each in loader.AttachType if each.name in AttachType.__members__], ids=lambda hook: hook.name)
def test_the_loader_has_the_same_number_for_a_hook(hook: loader.AttachType) -> None:
    assert AttachType[hook.name] == int(hook)
