"""XDP and the order of tcx programs, on a veth pair of a namespace of its own (more of tcx: test_links.py)."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest

from pybpf.errors import KernelError
from pybpf.hooks import TcxHook, TcxOrder, XdpMode, attach_tcx, attach_xdp, tcx_program_ids
from pybpf.kinds import AttachType, LinkType, ProgramType
from tests.support.tiny_programs import count_of, counter, counting, returning

pytestmark = pytest.mark.kernel
XDP_DROP, XDP_PASS = 1, 2
TC_NEXT, TC_OK, TC_SHOT = -1, 0, 2
FRAME = bytes(12) + b"\x88\xb5" + b"pybpf".ljust(50, b".")


def send() -> None:
    """One frame from `left` to `right`."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind(("left", 0))
        out.send(FRAME)


def arrives() -> bool:
    """Whether a frame that `left` sends is seen at `right`."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5)) as listener:
        listener.bind(("right", 0x88B5))
        listener.settimeout(0.3)
        send()
        try:
            return listener.recv(2048) == FRAME
        except TimeoutError:
            return False


@pytest.mark.parametrize("mode", [XdpMode.DEFAULT, XdpMode.GENERIC, XdpMode.DRIVER])
def test_xdp_sees_what_comes_in(namespace: ThreadPoolExecutor, mode: XdpMode) -> None:
    index = namespace.submit(socket.if_nametoindex, "right").result()
    with (
        counter() as counted,
        counting(ProgramType.XDP, counted, XDP_PASS) as program,
        namespace.submit(attach_xdp, program, index, mode).result() as link,
    ):
        info = link.info()
        assert (link.type, info.ifindex, info.attach_type) == (LinkType.XDP, index, AttachType.XDP)
        before = count_of(counted)
        assert namespace.submit(arrives).result()
        assert count_of(counted) > before


def test_what_xdp_drops_does_not_arrive_until_the_link_is_closed(namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(socket.if_nametoindex, "right").result()
    with returning(ProgramType.XDP, XDP_DROP) as program:
        with namespace.submit(attach_xdp, program, index).result():
            assert not namespace.submit(arrives).result()
        assert namespace.submit(arrives).result()


def test_an_interface_takes_one_xdp_program(namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(socket.if_nametoindex, "right").result()
    with (
        returning(ProgramType.XDP, XDP_PASS) as program,
        namespace.submit(attach_xdp, program, index).result(),
        pytest.raises(KernelError) as caught,
    ):
        namespace.submit(attach_xdp, program, index).result()
    assert caught.value.errno_name == "EBUSY"
    assert "another program" in caught.value.hint


def test_a_missing_interface_is_named_although_the_kernel_says_only_einval() -> None:
    with returning(ProgramType.XDP, XDP_PASS) as program, pytest.raises(KernelError) as caught:
        attach_xdp(program, 0x7FFFFFFE)
    assert (caught.value.command, caught.value.errno_name) == ("BPF_LINK_CREATE", "ENODEV")


def test_zero_is_no_interface() -> None:
    with returning(ProgramType.XDP, XDP_PASS) as program, pytest.raises(ValueError, match="if_nametoindex"):
        attach_xdp(program, 0)


def test_classifiers_and_xdp_programs_are_sent_to_each_others_function() -> None:
    with returning(ProgramType.XDP, XDP_PASS) as program, pytest.raises(ValueError, match="use attach_xdp"):
        attach_tcx(program, 1, TcxHook.INGRESS)
    with returning(ProgramType.SCHED_CLS, 0) as program, pytest.raises(ValueError, match="use attach_tcx"):
        attach_xdp(program, 1)


def test_tcx_programs_run_in_the_order_that_is_told(namespace: ThreadPoolExecutor) -> None:
    index = namespace.submit(socket.if_nametoindex, "right").result()
    hook = TcxHook.INGRESS

    def ids() -> list[int]:
        return namespace.submit(tcx_program_ids, index, hook).result()

    assert ids() == []
    programs = [returning(ProgramType.SCHED_CLS, action) for action in (TC_SHOT, TC_OK, TC_NEXT)]
    shooting, passing, handing_on = (each.info().id for each in programs)
    with namespace.submit(attach_tcx, programs[0], index, hook).result():
        assert not namespace.submit(arrives).result()
        with namespace.submit(attach_tcx, programs[1], index, hook, TcxOrder.FIRST).result():
            assert ids() == [passing, shooting] and namespace.submit(arrives).result()
        with namespace.submit(attach_tcx, programs[2], index, hook, TcxOrder.FIRST).result():
            assert ids() == [handing_on, shooting] and not namespace.submit(arrives).result()
    for each in programs:
        each.close()
    with pytest.raises(KernelError, match="ENODEV"):
        namespace.submit(tcx_program_ids, 4711, hook).result()
