"""Every hook of a cgroup, in a cgroup of the test's own with a process of its own in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pybpf.errors import KernelError
from pybpf.hooks import attach_cgroup, cgroup_root
from pybpf.kinds import CGROUP_HOOKS, AttachType, LinkType, ProgramType
from tests.support.tiny_programs import returning

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]

# hook -> what it governs; each of these works outside
DEEDS = {
    AttachType.CGROUP_INET_SOCK_CREATE: "socket(AF_INET, SOCK_DGRAM)",
    AttachType.CGROUP_INET4_CONNECT: "udp.connect(('127.0.0.1', 9))",
    AttachType.CGROUP_INET4_BIND: "udp.bind(('127.0.0.1', 0))",
    AttachType.CGROUP_INET4_POST_BIND: "udp.bind(('127.0.0.1', 0))",
    AttachType.CGROUP_UDP4_SENDMSG: "udp.sendto(b'x', ('127.0.0.1', 9))",
    AttachType.CGROUP_INET_EGRESS: "udp.sendto(b'x', ('127.0.0.1', 9))",
    AttachType.CGROUP_DEVICE: "open('/dev/null').close()",
    AttachType.CGROUP_SYSCTL: "open('/proc/sys/kernel/ostype').read()",
    AttachType.CGROUP_SETSOCKOPT: "udp.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)",
}
DONE, REFUSED = "done", "EPERM"
SCRIPT = """
import errno
from socket import *
udp = {socket}
try:
    {deed}
    print('done')
except OSError as error:
    print({{errno.EACCES: 'EPERM'}}.get(error.errno, errno.errorcode[error.errno]))
"""


def outcome(deed: str, cgroup: Path) -> str:
    """What a process in the cgroup sees of it."""
    socket = "None" if deed.startswith("socket") else "socket(AF_INET, SOCK_DGRAM)"
    words = ["sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(cgroup), sys.executable, "-S", "-c", SCRIPT.format(deed=deed, socket=socket)]
    return subprocess.run(words, check=True, capture_output=True, text=True, stdin=subprocess.PIPE).stdout.strip()


@pytest.mark.parametrize("hook", CGROUP_HOOKS, ids=lambda hook: hook.name)
def test_a_link_tells_its_cgroup_and_hook(cgroup: Path, hook: AttachType) -> None:
    with returning(CGROUP_HOOKS[hook], 1, hook) as program, attach_cgroup(program, cgroup, hook) as link:
        info = link.info()
        assert (link.type, info.attach_type, info.cgroup_id) == (LinkType.CGROUP, hook, cgroup.stat().st_ino)
        link.detach()
        assert link.info().cgroup_id == 0


@pytest.mark.parametrize("hook", DEEDS, ids=lambda hook: hook.name)
def test_what_a_program_refuses_is_not_done_in_its_cgroup(cgroup: Path, hook: AttachType) -> None:
    with returning(CGROUP_HOOKS[hook], 0, hook) as program:
        with attach_cgroup(program, cgroup, hook):
            assert outcome(DEEDS[hook], cgroup) == REFUSED
        assert outcome(DEEDS[hook], cgroup) == DONE


def test_below_a_cgroup_its_program_counts_too_and_elsewhere_it_does_not(cgroup: Path) -> None:
    hook, child = AttachType.CGROUP_INET4_CONNECT, cgroup / "child"
    child.mkdir()
    try:
        with returning(CGROUP_HOOKS[hook], 0, hook) as program, attach_cgroup(program, cgroup, hook):
            assert outcome(DEEDS[hook], child) == REFUSED
            assert outcome(DEEDS[hook], cgroup_root()) == DONE
    finally:
        child.rmdir()


def test_a_program_is_replaced_through_its_link(cgroup: Path) -> None:
    hook = AttachType.CGROUP_INET4_CONNECT
    with (
        returning(CGROUP_HOOKS[hook], 0, hook) as strict,
        returning(CGROUP_HOOKS[hook], 1, hook) as lenient,
        attach_cgroup(strict, cgroup, hook) as link,
    ):
        link.update(lenient)
        assert outcome(DEEDS[hook], cgroup) == DONE


def test_a_cgroup_may_be_given_as_an_fd_which_stays_open(cgroup: Path) -> None:
    hook, fd = AttachType.CGROUP_DEVICE, os.open(cgroup, os.O_RDONLY)
    with returning(CGROUP_HOOKS[hook], 1, hook) as program, attach_cgroup(program, fd, hook) as link:
        assert link.info().cgroup_id == os.fstat(fd).st_ino
    os.close(fd)


def test_a_folder_that_is_no_cgroup_is_refused(tmp_path: Path) -> None:
    with returning(ProgramType.SOCK_OPS, 1, AttachType.CGROUP_SOCK_OPS) as program, pytest.raises(ValueError, match="cgroup_root"):
        attach_cgroup(program, tmp_path, AttachType.CGROUP_SOCK_OPS)


def test_a_hook_of_another_type_is_refused_with_the_names_of_the_right_ones(cgroup: Path) -> None:
    with returning(ProgramType.CGROUP_SKB, 1) as program, pytest.raises(ValueError, match="CGROUP_INET_INGRESS, CGROUP_INET_EGRESS"):
        attach_cgroup(program, cgroup, AttachType.CGROUP_INET4_BIND)


def test_a_direction_is_never_guessed(cgroup: Path) -> None:
    with returning(ProgramType.CGROUP_SKB, 1) as program, pytest.raises(ValueError, match="NONE is no hook"):
        attach_cgroup(program, cgroup, AttachType.NONE)


def test_a_program_of_another_kind_is_sent_to_the_right_function(cgroup: Path) -> None:
    with returning(ProgramType.XDP, 2) as program, pytest.raises(ValueError, match="attach_xdp"):
        attach_cgroup(program, cgroup, AttachType.CGROUP_DEVICE)


def test_a_program_loaded_for_another_hook_is_refused_by_the_kernel(cgroup: Path) -> None:
    with returning(ProgramType.CGROUP_SOCK_ADDR, 1, AttachType.CGROUP_INET4_BIND) as program, pytest.raises(KernelError) as caught:
        attach_cgroup(program, cgroup, AttachType.CGROUP_INET6_BIND)
    assert caught.value.errno_name == "EINVAL"
    assert "attach_types" in caught.value.hint
