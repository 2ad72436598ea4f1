"""Test runs of XDP, sk_lookup and raw tracepoint programs."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from pybpf.errors import KernelError
from pybpf.kinds import AttachType, ProgramType
from pybpf.runs import SkLookupContext, XdpContext, run_raw_tracepoint, selected_socket
from tests.support.tiny_programs import returning, returning_argument

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
PACKET, METADATA = bytes(range(64)), b"\x01\x02\x03\x04"
XDP_PASS = 2


def test_xdp_runs_on_a_packet_alone() -> None:
    with returning(ProgramType.XDP, XDP_PASS) as program:
        run = program.test_run(PACKET, repeat=3)
    assert (run.return_value, run.data, run.context) == (XDP_PASS, PACKET, b"")


def test_xdp_metadata_goes_in_and_comes_out() -> None:
    context = XdpContext.of(METADATA, PACKET, ingress_ifindex=1)
    with returning(ProgramType.XDP, XDP_PASS) as program:
        run = program.test_run(METADATA + PACKET, context=context.pack())
    assert run.data == METADATA + PACKET
    assert XdpContext.unpack(run.context) == context


def test_metadata_of_a_length_that_xdp_does_not_take_is_refused_by_the_kernel() -> None:
    with returning(ProgramType.XDP, XDP_PASS) as program, pytest.raises(KernelError) as caught:
        program.test_run(b"odd" + PACKET, context=XdpContext.of(b"odd", PACKET).pack())
    assert caught.value.errno_name == "EINVAL"


@pytest.mark.parametrize(
    ("remote", "local"), [(IPv4Address("192.0.2.1"), IPv4Address("127.0.0.1")), (IPv6Address("2001:db8::1"), IPv6Address("::1"))]
)
@pytest.mark.parametrize("verdict", [0, 1])
def test_sk_lookup_runs_for_a_packet_from_there_to_here(
    remote: IPv4Address | IPv6Address, local: IPv4Address | IPv6Address, verdict: int
) -> None:
    context = SkLookupContext((remote, 40000), (local, 80))
    with returning(ProgramType.SK_LOOKUP, verdict, AttachType.SK_LOOKUP) as program:
        run = program.test_run(b"", context=context.pack(), data_out_size=0)
    assert (run.return_value, selected_socket(run.context)) == (verdict, None)


def test_a_packet_has_one_family() -> None:
    with pytest.raises(ValueError, match="one family"):
        SkLookupContext((IPv4Address("192.0.2.1"), 1), (IPv6Address("::1"), 1)).pack()


def test_a_raw_tracepoint_program_runs_on_its_arguments() -> None:
    with returning_argument(ProgramType.RAW_TRACEPOINT) as program:
        assert run_raw_tracepoint(program, [42, 7]) == 42


def test_only_raw_tracepoint_programs_take_arguments() -> None:
    with returning(ProgramType.XDP, XDP_PASS) as program, pytest.raises(ValueError, match="test_run"):
        run_raw_tracepoint(program, [1])
    with returning_argument(ProgramType.RAW_TRACEPOINT) as program, pytest.raises(ValueError, match="12"):
        run_raw_tracepoint(program, [0] * 13)
