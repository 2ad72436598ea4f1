"""Filters of clsact, on a veth pair of a namespace of their own. The policy of the tests: a program that returns SHOT drops."""

from __future__ import annotations

import errno
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from pybpf.errors import KernelError
from pybpf.hooks import TcxHook
from pybpf.hooks.clsact import NAME, attach_clsact, clsact_program_id, detach_clsact, remove_empty_clsact
from pybpf.kinds import ProgramType
from pybpf.programs import Program
from tests.support.tiny_programs import count_of, counter, counting, returning

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
OK, SHOT = 0, 2
FRAME = bytes(12) + b"\x88\xb5" + bytes(50)
MISSING = 0x7FFFFFFF


@pytest.fixture
def left(namespace: ThreadPoolExecutor) -> int:
    """The interface that sends."""
    return namespace.submit(socket.if_nametoindex, "left").result()


@pytest.fixture
def right(namespace: ThreadPoolExecutor) -> int:
    """The interface that the other one sends to."""
    return namespace.submit(socket.if_nametoindex, "right").result()


@pytest.fixture
def pinned(bpffs: Path) -> Path:
    """A program that passes everything, where tc(8) finds it."""
    with passing() as program:
        program.pin(bpffs / "passing")
    return bpffs / "passing"


def dropping() -> Program:
    return returning(ProgramType.SCHED_CLS, SHOT)


def passing() -> Program:
    return returning(ProgramType.SCHED_CLS, OK)


def attached(namespace: ThreadPoolExecutor, program: Program, index: int, hook: TcxHook) -> bool:
    return namespace.submit(attach_clsact, program, index, hook).result()


def detached(namespace: ThreadPoolExecutor, index: int, hook: TcxHook) -> bool:
    return namespace.submit(detach_clsact, index, hook).result()


def identifier(namespace: ThreadPoolExecutor, index: int, hook: TcxHook) -> int | None:
    return namespace.submit(clsact_program_id, index, hook).result()


def tc(namespace: ThreadPoolExecutor, words: str) -> str:
    """What tc(8) says inside."""
    return namespace.submit(subprocess.run, ["tc", *words.split()], check=True, capture_output=True, text=True).result().stdout


def send(frames: int) -> None:
    """That many from `left` to `right`."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
        out.bind(("left", 0))
        for _ in range(frames):
            with suppress(OSError):  # ENOBUFS says that a program dropped it on its way out
                out.send(FRAME)


def received() -> int:
    """How many frames `right` has had from its wire."""
    lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
    return next(int(line.split()[2]) for line in lines if line.split()[0] == "right:")


def arrives(namespace: ThreadPoolExecutor, frames: int = 1) -> int:
    """How many of the frames that `left` sends come to `right`; nobody else sends any here after the first moments."""
    before = namespace.submit(received).result()
    namespace.submit(send, frames).result()
    return namespace.submit(received).result() - before


def without_ipv6(namespace: ThreadPoolExecutor) -> None:
    """Keep the kernel itself from sending anything."""
    for name in ("left", "right"):
        namespace.submit(Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text, "1").result()


def test_what_the_program_drops_on_its_way_out_does_not_arrive_until_it_is_detached(namespace: ThreadPoolExecutor, left: int) -> None:
    without_ipv6(namespace)
    with dropping() as program:
        assert attached(namespace, program, left, TcxHook.EGRESS)
        assert identifier(namespace, left, TcxHook.EGRESS) == program.info().id
        assert identifier(namespace, left, TcxHook.INGRESS) is None
    assert arrives(namespace, 3) == 0
    assert detached(namespace, left, TcxHook.EGRESS)
    assert identifier(namespace, left, TcxHook.EGRESS) is None
    assert arrives(namespace, 3) == 3


def test_on_its_way_in_a_packet_is_seen_by_the_program_of_that_hook_alone(namespace: ThreadPoolExecutor, right: int) -> None:
    without_ipv6(namespace)
    with (
        counter() as coming,
        counter() as going,
        counting(ProgramType.SCHED_CLS, coming) as inward,
        counting(ProgramType.SCHED_CLS, going) as outward,
    ):
        assert attached(namespace, inward, right, TcxHook.INGRESS)
        assert not attached(namespace, outward, right, TcxHook.EGRESS)  # the qdisc is there by now
        namespace.submit(send, 5).result()
        assert (count_of(coming), count_of(going)) == (5, 0)


def test_ours_is_replaced_and_stays_one(namespace: ThreadPoolExecutor, left: int) -> None:
    with dropping() as first, passing() as second:
        attached(namespace, first, left, TcxHook.EGRESS)
        attached(namespace, second, left, TcxHook.EGRESS)
        assert identifier(namespace, left, TcxHook.EGRESS) == second.info().id
    assert tc(namespace, "filter show dev left egress").count(NAME) == 1


def flood(exchange: Callable[[int], object]) -> int:
    """How many frames came through that `left` sent all the time while `exchange` was called with 0, 1, 2, ... 300 times or more."""
    before, sent, exchanged, over = received(), 0, 0, threading.Event()
    end = time.monotonic() + 8

    def keep_sending() -> None:
        nonlocal sent
        while not over.is_set():
            send(100)
            sent += 100

    sending = threading.Thread(target=keep_sending)  # a thread is where the one that starts it is
    sending.start()
    try:
        while (exchanged < 300 or sent < 8_000) and time.monotonic() < end:
            exchange(exchanged)
            exchanged += 1
    finally:
        over.set()
        sending.join()
    assert exchanged >= 300 and sent >= 8_000
    return received() - before


def test_under_a_flood_no_packet_meets_neither_the_old_nor_the_new_program(namespace: ThreadPoolExecutor, left: int) -> None:
    without_ipv6(namespace)
    with dropping() as one, dropping() as other:
        attached(namespace, one, left, TcxHook.EGRESS)
        came = namespace.submit(flood, lambda number: attach_clsact((other, one)[number % 2], left, TcxHook.EGRESS)).result()
    assert came == 0


def test_the_flood_would_notice_a_gap(namespace: ThreadPoolExecutor, left: int) -> None:
    without_ipv6(namespace)
    with dropping() as program:
        attached(namespace, program, left, TcxHook.EGRESS)
        again = lambda _: (detach_clsact(left, TcxHook.EGRESS), attach_clsact(program, left, TcxHook.EGRESS))  # noqa: E731
        assert namespace.submit(flood, again).result() > 0


def test_detaching_what_is_not_there_does_nothing(namespace: ThreadPoolExecutor, left: int) -> None:
    assert not detached(namespace, left, TcxHook.INGRESS)
    assert not detached(namespace, MISSING, TcxHook.INGRESS)
    assert identifier(namespace, MISSING, TcxHook.INGRESS) is None
    assert "clsact" not in tc(namespace, "qdisc show dev left")


def refused(namespace: ThreadPoolExecutor, program: Program, index: int, hook: TcxHook) -> KernelError:
    """What attaching raises."""
    with pytest.raises(KernelError) as caught:
        attached(namespace, program, index, hook)
    return caught.value


def test_a_filter_of_others_at_our_preference_is_an_error_and_stays(namespace: ThreadPoolExecutor, left: int, pinned: Path) -> None:
    tc(namespace, "qdisc add dev left clsact")
    tc(namespace, f"filter add dev left egress pref 1 handle 9 protocol ip bpf direct-action object-pinned {pinned}")
    with dropping() as program:
        error = refused(namespace, program, left, TcxHook.EGRESS)
        assert (error.command, error.errno_name) == ("RTM_NEWTFILTER", "EEXIST")
        assert pinned.name in error.detail and "tc filter show" in error.hint
        assert not detached(namespace, left, TcxHook.EGRESS)
    assert pinned.name in tc(namespace, "filter show dev left egress")


def test_a_filter_of_another_kind_at_our_preference_is_an_error_and_stays(namespace: ThreadPoolExecutor, left: int) -> None:
    tc(namespace, "qdisc add dev left clsact")
    tc(namespace, "filter add dev left ingress pref 1 protocol all u32 match u32 0 0 classid 1:1")
    with dropping() as program:
        assert "u32" in refused(namespace, program, left, TcxHook.INGRESS).detail
    assert "u32" in tc(namespace, "filter show dev left ingress")


def test_a_bpf_filter_of_others_in_our_place_is_neither_ours_nor_replaced(namespace: ThreadPoolExecutor, left: int, pinned: Path) -> None:
    tc(namespace, "qdisc add dev left clsact")
    tc(namespace, f"filter add dev left egress pref 1 handle 1 bpf direct-action object-pinned {pinned}")
    with dropping() as program:
        assert refused(namespace, program, left, TcxHook.EGRESS).errno == errno.EEXIST
    assert identifier(namespace, left, TcxHook.EGRESS) is None
    assert not detached(namespace, left, TcxHook.EGRESS)
    assert "bpf" in tc(namespace, "filter show dev left egress")


def test_filters_of_others_behind_ours_stay_as_does_their_qdisc(namespace: ThreadPoolExecutor, left: int, pinned: Path) -> None:
    tc(namespace, "qdisc add dev left clsact")
    for hook in ("ingress", "egress"):
        tc(namespace, f"filter add dev left {hook} pref 7 protocol ip bpf direct-action object-pinned {pinned}")
    before = [tc(namespace, f"filter show dev left {hook}") for hook in ("ingress", "egress")]
    with dropping() as program:
        assert not attached(namespace, program, left, TcxHook.EGRESS)
        assert detached(namespace, left, TcxHook.EGRESS)
    assert [tc(namespace, f"filter show dev left {hook}") for hook in ("ingress", "egress")] == before
    assert not namespace.submit(remove_empty_clsact, left).result()
    assert "clsact" in tc(namespace, "qdisc show dev left")


def test_an_ingress_qdisc_has_no_hook_for_what_goes_out_and_is_left_alone(namespace: ThreadPoolExecutor, left: int) -> None:
    tc(namespace, "qdisc add dev left ingress")
    with dropping() as program:
        error = refused(namespace, program, left, TcxHook.EGRESS)
    assert (error.command, error.errno_name) == ("RTM_NEWQDISC", "EEXIST")
    assert "ingress" in error.detail and "tcx" in error.hint
    assert tc(namespace, "filter show dev left ingress") == ""
    assert not namespace.submit(remove_empty_clsact, left).result()
    assert "qdisc ingress" in tc(namespace, "qdisc show dev left")


def test_filters_shared_between_interfaces_are_refused(namespace: ThreadPoolExecutor, left: int) -> None:
    tc(namespace, "qdisc add dev left ingress_block 5 egress_block 6 clsact")
    with dropping() as program:
        error = refused(namespace, program, left, TcxHook.EGRESS)
    assert error.errno == errno.EOPNOTSUPP and "shared" in error.hint
    assert not namespace.submit(remove_empty_clsact, left).result()


def test_a_qdisc_is_removed_when_no_filter_is_left_on_either_hook(namespace: ThreadPoolExecutor, left: int) -> None:
    with dropping() as program:
        for hook in TcxHook:
            attached(namespace, program, left, hook)
    for hook in TcxHook:
        assert not namespace.submit(remove_empty_clsact, left).result()
        assert detached(namespace, left, hook)
    assert "clsact" in tc(namespace, "qdisc show dev left")
    assert namespace.submit(remove_empty_clsact, left).result()
    assert "clsact" not in tc(namespace, "qdisc show dev left")
    assert not namespace.submit(remove_empty_clsact, left).result()


def test_filters_in_other_chains_count_as_filters_and_not_as_ours(namespace: ThreadPoolExecutor, left: int, pinned: Path) -> None:
    tc(namespace, "qdisc add dev left clsact")
    tc(namespace, f"filter add dev left egress chain 4 pref 1 handle 1 bpf direct-action object-pinned {pinned}")
    assert not namespace.submit(remove_empty_clsact, left).result()
    with dropping() as program:
        assert not attached(namespace, program, left, TcxHook.EGRESS)
    assert detached(namespace, left, TcxHook.EGRESS)
    assert "chain 4" in tc(namespace, "filter show dev left egress")


@pytest.mark.parametrize("index", [0, -1, 1 << 31])
def test_a_number_that_no_interface_has_is_refused(index: int) -> None:
    with pytest.raises(ValueError, match="if_nametoindex"):
        clsact_program_id(index, TcxHook.INGRESS)


def test_an_interface_that_is_not_there_is_said_to_be_missing(namespace: ThreadPoolExecutor) -> None:
    with dropping() as program:
        error = refused(namespace, program, MISSING, TcxHook.INGRESS)
    assert error.errno_name == "ENODEV" and "namespace" in error.hint


def test_a_program_of_another_type_is_refused(namespace: ThreadPoolExecutor, left: int) -> None:
    with returning(ProgramType.XDP, 1) as program, pytest.raises(ValueError, match="attach_xdp"):
        attached(namespace, program, left, TcxHook.INGRESS)
    assert "clsact" not in tc(namespace, "qdisc show dev left")
