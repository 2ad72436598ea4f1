"""tcx links, on a veth pair of a namespace of their own."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pybpf.errors import KernelError
from pybpf.hooks import TcxHook, attach_tcx
from pybpf.kinds import AttachType, LinkType
from pybpf.links import Link
from pybpf.loading import load
from pybpf.ringbuf import RingReader
from pybpf.spec import ObjectSpec

pytestmark = pytest.mark.kernel
Objects = Callable[[str], ObjectSpec]
EXPERIMENTAL = 0x88B5  # an EtherType nobody else sends
LENGTH = 77


def send() -> None:
    """One frame from `left` to `right`."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind(("left", 0))
        out.send(bytes(12) + struct.pack("!H", EXPERIMENTAL) + bytes(LENGTH - 14))


def seen(reader: RingReader) -> bool:
    """Whether a frame of the length that `send` uses was reported."""
    records = [struct.unpack("=III", record) for _ in range(3) for record in reader.read(100)]
    return any(length in (LENGTH, LENGTH - 14) for _, length, _ in records)


@pytest.mark.parametrize(("hook", "interface"), [(TcxHook.EGRESS, "left"), (TcxHook.INGRESS, "right")])
def test_an_attached_program_sees_packets_until_it_is_detached(
    objects: Objects, namespace: ThreadPoolExecutor, hook: TcxHook, interface: str
) -> None:
    index = namespace.submit(socket.if_nametoindex, interface).result()
    with load(objects("ring")) as loaded, RingReader(loaded.maps["events"]) as reader:
        with namespace.submit(attach_tcx, loaded.programs["report"], index, hook).result() as link:
            info = link.info()
            assert (link.type, info.ifindex, info.attach_type) == (LinkType.TCX, index, hook.value)
            namespace.submit(send).result()
            assert seen(reader)
            link.detach()
            assert link.info().ifindex == 0
        namespace.submit(send).result()
        assert not seen(reader)


def test_update_puts_another_program_in_place(objects: Objects, namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(socket.if_nametoindex, "left").result()
    with (
        load(objects("small")) as before,
        load(objects("ring")) as after,
        RingReader(after.maps["events"]) as reader,
        namespace.submit(attach_tcx, before.programs["small"], index, TcxHook.EGRESS).result() as link,
    ):
        link.update(after.programs["report"])
        assert link.info().prog_id == after.programs["report"].info().id
        namespace.submit(send).result()
        assert seen(reader)


def test_a_pinned_link_keeps_its_program_attached(objects: Objects, namespace: ThreadPoolExecutor, bpffs: Path) -> None:
    index = namespace.submit(socket.if_nametoindex, "left").result()
    with load(objects("small")) as loaded:
        identifier = loaded.programs["small"].info().id
        with namespace.submit(attach_tcx, loaded.programs["small"], index, TcxHook.INGRESS).result() as link:
            link.pin(bpffs / "link")
    with Link.from_pin(bpffs / "link") as link:
        info = link.info()
        assert (info.prog_id, info.ifindex, info.attach_type) == (identifier, index, AttachType.TCX_INGRESS)


def test_an_interface_that_is_not_there_is_said_to_be_missing(objects: Objects) -> None:
    with load(objects("small")) as loaded, pytest.raises(KernelError) as caught:
        attach_tcx(loaded.programs["small"], 0x7FFFFFFF, TcxHook.INGRESS)
    assert (caught.value.command, caught.value.errno_name) == ("BPF_LINK_CREATE", "ENODEV")
    assert "namespace" in caught.value.hint
