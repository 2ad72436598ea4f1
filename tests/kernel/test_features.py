"""Probes, and BPF file systems."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pybpf import bpffs as file_system
from pybpf.features import has_link, has_tcx, missing
from pybpf.kinds import CGROUP_HOOKS, AttachType, ProgramType
from pybpf.syscalls import ObjectKind, get_next_id

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]

AS_NOBODY = "import os; os.setgid(65534); os.setuid(65534); from pybpf.features import missing; print([each.what for each in missing()])"


def test_nothing_is_missing_where_these_tests_run() -> None:
    assert missing() == [] and has_tcx()


def test_without_root_one_thing_is_missing_and_it_is_root() -> None:
    ran = subprocess.run([sys.executable, "-c", "import pybpf.features; " + AS_NOBODY], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['root, or CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON']"


def test_mounting_twice_mounts_once(bpffs: Path) -> None:
    assert file_system.ensure_mounted(bpffs) == bpffs
    assert Path("/proc/mounts").read_text().count(f" {bpffs} ") == 1


def test_a_pin_path_must_lie_in_a_bpf_file_system_and_have_no_dot(bpffs: Path, tmp_path: Path) -> None:
    assert file_system.check_pin_path(bpffs / "fine") == bpffs / "fine"
    for path in (bpffs / "a.b", tmp_path / "elsewhere", bpffs / "missing" / "folder"):
        with pytest.raises(ValueError, match="BPF file system"):
            file_system.check_pin_path(path)


def test_the_ids_of_a_kind_go_upward_and_end() -> None:
    identifier: int | None = 0
    met = [0]
    while (identifier := get_next_id(ObjectKind.MAP, met[-1])) is not None:
        met.append(identifier)
    assert met == sorted(set(met))


@pytest.mark.parametrize("hook", CGROUP_HOOKS, ids=lambda hook: hook.name)
def test_links_to_every_hook_of_cgroups_are_there(hook: AttachType) -> None:
    assert has_link(CGROUP_HOOKS[hook], hook)


@pytest.mark.parametrize(
    ("kind", "hook"),
    [
        (ProgramType.SK_LOOKUP, AttachType.SK_LOOKUP),
        (ProgramType.FLOW_DISSECTOR, AttachType.FLOW_DISSECTOR),
        (ProgramType.TRACEPOINT, AttachType.PERF_EVENT),
        (ProgramType.KPROBE, AttachType.PERF_EVENT),
        (ProgramType.PERF_EVENT, AttachType.PERF_EVENT),
    ],
)
def test_links_to_other_places_are_there(kind: ProgramType, hook: AttachType) -> None:
    assert has_link(kind, hook)


def test_a_hook_that_no_kernel_has_is_missing() -> None:
    assert not has_link(ProgramType.TRACEPOINT, AttachType.TCX_INGRESS)
