"""Programs of a network namespace: which socket a packet is for."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pybpf.errors import KernelError
from pybpf.hooks import attach_netns
from pybpf.kinds import AttachType, LinkType, ProgramType
from tests.support.tiny_programs import returning

pytestmark = pytest.mark.kernel
OWN = Path("/proc/thread-self/ns/net")
DROP, FLOW_PARSED = 0, 0


@pytest.fixture
def loopback(namespace: ThreadPoolExecutor) -> Iterator[ThreadPoolExecutor]:
    """The namespace with its loopback up."""
    namespace.submit(subprocess.run, ["ip", "link", "set", "lo", "up"], check=True).result()
    yield namespace


def connects() -> bool:
    """Whether a TCP connection to a listener of this namespace comes about."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        return client.connect_ex(listener.getsockname()) == 0


def test_a_packet_that_sk_lookup_refuses_finds_no_listener(loopback: ThreadPoolExecutor) -> None:
    with returning(ProgramType.SK_LOOKUP, DROP, AttachType.SK_LOOKUP) as program:
        with loopback.submit(attach_netns, program, OWN).result() as link:
            inode = loopback.submit(os.stat, OWN).result().st_ino
            info = link.info()
            assert (link.type, info.attach_type, info.netns_inode) == (LinkType.NETNS, AttachType.SK_LOOKUP, inode)
            assert not loopback.submit(connects).result()
        assert loopback.submit(connects).result()


def test_there_is_one_flow_dissector(namespace: ThreadPoolExecutor) -> None:
    with (
        returning(ProgramType.FLOW_DISSECTOR, FLOW_PARSED, AttachType.FLOW_DISSECTOR) as program,
        namespace.submit(attach_netns, program, OWN).result() as link,
    ):
        assert link.info().attach_type == AttachType.FLOW_DISSECTOR
        with pytest.raises(KernelError) as caught:
            namespace.submit(attach_netns, program, OWN).result()
    assert caught.value.errno_name == "E2BIG"
    assert "one flow dissector" in caught.value.hint


def test_a_file_that_is_no_namespace_is_refused(tmp_path: Path) -> None:
    with returning(ProgramType.SK_LOOKUP, DROP, AttachType.SK_LOOKUP) as program, pytest.raises(ValueError, match="/run/netns"):
        attach_netns(program, tmp_path)


def test_a_cgroup_program_is_sent_to_attach_cgroup() -> None:
    with returning(ProgramType.SOCK_OPS, 1, AttachType.CGROUP_SOCK_OPS) as program, pytest.raises(ValueError, match="use attach_cgroup"):
        attach_netns(program, OWN)
