"""The maps of policy after changes that went well, and after those that did not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from pybpf.compiler.lower import Lowered, lowered
from pybpf.compiler.policy.model.inventory import Endpoint, Inventory
from pybpf.compiler.policy.model.policy import Policy
from pybpf.compiler.policy.resolve import resolve
from pybpf.enforce import contents
from pybpf.enforce.datapath import Datapath, load_datapath
from pybpf.enforce.numbering import TableFull
from pybpf.enforce.tables import Tables
from pybpf.kernel_progs import abi, numbers
from tests.compiler.policy.made import endpoint, policy, port, ports, rule, selecting

pytestmark = pytest.mark.kernel
COLUMNS = ("addresses", "networks", "endpoints")
OWN = replace(endpoint("own", app="own"), addresses=(ip_address("10.0.0.1"), ip_address("fd00::1")))
PEER = replace(endpoint("peer", app="peer"), addresses=(ip_address("10.0.0.2"),))
NAME = (OWN.namespace, OWN.name)
POLICY = policy(selecting(app="own"), rule([selecting(app="peer")], [ports(port(80))]))


@pytest.fixture
def datapath() -> Iterator[Datapath]:
    with ExitStack() as owned:
        yield load_datapath(owned)


def meaning(*endpoints: Endpoint, policies: tuple[Policy, ...] = (POLICY,)) -> Lowered:
    return lowered(resolve(policies, Inventory(endpoints)))


def content(datapath: Datapath) -> dict[str, dict[bytes, bytes]]:
    """Everything that has columns."""
    return {name: dict(datapath.maps[name].items()) for name in COLUMNS}


def test_a_change_and_back_leaves_the_maps_as_they_were(datapath: Datapath) -> None:
    tables = Tables(datapath.maps)
    tables.switch(meaning(OWN, PEER), {NAME: 1})
    before = content(datapath)
    tables.switch(meaning(OWN), {})
    assert content(datapath)["endpoints"] == {}
    tables.switch(meaning(OWN, PEER), {NAME: 1})
    assert content(datapath) == before
    tables.close()


def test_what_a_change_wrote_before_it_failed_counts_at_no_later_time(datapath: Datapath) -> None:
    many = replace(PEER, addresses=tuple(IPv4Address(0x0B000000 + each) for each in range(numbers.MAX_ADDRESSES + 1)))
    tables = Tables(datapath.maps)
    tables.switch(meaning(OWN, PEER), {NAME: 1})
    before = content(datapath)["addresses"]
    with pytest.raises(TableFull, match="addresses"):
        tables.switch(meaning(OWN, many), {NAME: 1})
    tables.switch(meaning(OWN, PEER), {NAME: 1})
    assert content(datapath)["addresses"] == before
    tables.close()


def test_who_becomes_an_endpoint_is_one_without_policy_until_the_change_counts(datapath: Datapath) -> None:
    tables = Tables(datapath.maps)
    tables.switch(meaning(OWN, PEER), {})
    word = tables.word.value
    begun = tables.begin(meaning(OWN, PEER), {NAME: 1})
    assert tables.word.value == word
    value = content(datapath)["endpoints"][(1).to_bytes(4, "little")]
    idle = 1 - begun.new
    sides = [int.from_bytes(value[16 + 4 * at : 20 + 4 * at], "little") for at in (idle, 2 + idle)]
    assert sides == [numbers.OPEN_SIDE, numbers.OPEN_SIDE]
    tables.close()


def owned_by(datapath: Datapath, index: int, address: str, column: int) -> bool:
    """Whether the interface may send from the address in a column, as kernel_progs/identity.py has it."""
    own = abi.Endpoint.view(bytearray(datapath.maps["endpoints"].lookup(index.to_bytes(4, "little")) or b"")).number
    owner = abi.Owner.view(bytearray(datapath.maps["addresses"].lookup(contents.address(ip_address(address))) or b""))
    return bool(own == owner.endpoints[column])


def test_endpoints_that_change_places_send_from_their_own_addresses_at_every_moment(datapath: Datapath) -> None:
    tables = Tables(datapath.maps)
    peer = (PEER.namespace, PEER.name)
    tables.switch(meaning(OWN, PEER), {NAME: 1, peer: 2})
    old = tables.word.columns - 1
    begun = tables.begin(meaning(OWN, PEER), {NAME: 2, peer: 1})
    for _ in range(2):
        for index, address, was in ((1, "10.0.0.1", True), (2, "10.0.0.2", True), (1, "10.0.0.2", False), (2, "10.0.0.1", False)):
            assert owned_by(datapath, index, address, old) == was
            assert owned_by(datapath, index, address, 1 - old) != was
        tables.turn(begun)
    tables.finish(begun)
    assert [owned_by(datapath, index, "10.0.0.1", 1 - old) for index in (1, 2)] == [False, True]
    tables.close()


def test_another_name_at_an_interface_changes_nothing_of_what_it_is_called(datapath: Datapath) -> None:
    tables = Tables(datapath.maps)
    tables.switch(meaning(OWN, PEER), {NAME: 1})
    before = content(datapath)["endpoints"]
    tables.switch(meaning(replace(OWN, name="renamed"), PEER), {(OWN.namespace, "renamed"): 1})
    numbers_of = [abi.Endpoint.view(bytearray(each[bytes([1, 0, 0, 0])])).number for each in (before, content(datapath)["endpoints"])]
    assert numbers_of[0] == numbers_of[1] and list(tables.names.values()) == [(OWN.namespace, "renamed")]
    tables.close()
