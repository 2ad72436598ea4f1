"""Places of endpoints, in namespaces of the tests' own: one plays the host, the others are endpoints'."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from pyroute2 import netns

from pybpf.compiler.policy.model.inventory import Endpoint
from pybpf.demo import namespaces
from pybpf.errors import KernelError
from pybpf.places import (
    Appeared,
    Change,
    Changed,
    NamesChanged,
    Overrun,
    Place,
    PlaceError,
    Removed,
    Watch,
    find,
    is_there,
)

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("no_leaks")]
T = TypeVar("T")
PREFIX = f"pybpf-places-{os.getpid()}"
ONE, OTHER = f"{PREFIX}-one", f"{PREFIX}-other"
LONG_MS = 5_000


class Host:
    """One thread in the namespace that plays the host."""

    def __init__(self, name: str, thread: ThreadPoolExecutor) -> None:
        self.name = name
        self._thread = thread

    def do(self, job: Callable[..., T], *arguments: object) -> T:
        """What `job` returns or raises there."""
        return self._thread.submit(job, *arguments).result()

    def ip(self, words: str) -> None:
        """ip(8), there."""
        subprocess.run(["ip", "-n", self.name, *words.split()], check=True, capture_output=True)

    def veth(self, name: str, peer: str, namespace: str) -> None:
        """A veth whose other end is in that namespace from the start; `name` may have its number behind it."""
        self.ip(f"link add {name} type veth peer name {peer} netns {namespace}")


@pytest.fixture
def host() -> Iterator[Host]:
    """The host, and two empty namespaces named ONE and OTHER."""
    name = f"{PREFIX}-host"
    with (
        named_namespace(name),
        named_namespace(ONE),
        named_namespace(OTHER),
        ThreadPoolExecutor(max_workers=1, initializer=netns.setns, initargs=(name,)) as thread,
    ):
        yield Host(name, thread)


@contextmanager
def named_namespace(name: str) -> Iterator[Path]:
    """A namespace of that name, which the test may remove itself."""
    namespaces.make(name)
    try:
        yield namespaces.FOLDER / name
    finally:
        namespaces.remove(name)


@pytest.fixture
def watch(host: Host) -> Iterator[Watch]:
    """A watch of the host."""
    with host.do(Watch) as made:
        yield made


def endpoint(interface: str | None = None, namespace: str | None = None) -> Endpoint:
    return Endpoint("cart", "shop", (), interface=interface, network_namespace=namespace)


def until(watch: Watch, kind: type[Change]) -> list[Change]:
    """What the watch tells up to the first change of that kind, within a few seconds."""
    told: list[Change] = []
    end = time.monotonic() + LONG_MS / 1000
    while not any(isinstance(change, kind) for change in told):
        assert time.monotonic() < end, told
        told += watch.read(LONG_MS)
    return told


def wrong(host: Host, where: Endpoint) -> PlaceError:
    """What finding it raises."""
    with pytest.raises(PlaceError) as caught:
        host.do(find, where)
    assert caught.value.endpoint == "shop/cart"
    return caught.value


def test_an_endpoint_of_which_nothing_is_said_has_no_place(host: Host) -> None:
    assert host.do(find, endpoint()) is None


def test_an_interface_is_found_by_its_name_when_it_is_there(host: Host) -> None:
    assert host.do(find, endpoint("cart0")) is None
    host.ip("link add cart0 index 41 type veth peer name cart1")
    assert host.do(find, endpoint("cart0")) == Place("cart0", 41)
    assert find(endpoint("cart0")) is None  # the test's own thread is elsewhere


def test_an_alternative_name_leads_to_the_place_under_its_own_name(host: Host) -> None:
    host.ip("link add cart0 index 41 type veth peer name cart1")
    host.ip("link property add dev cart0 altname shopping-cart")
    assert host.do(find, endpoint("shopping-cart")) == Place("cart0", 41)


@pytest.mark.parametrize("folder", ["", "/run/netns/", "/var/run/netns/"])
def test_the_place_of_a_namespace_is_the_veth_that_leads_into_it(host: Host, folder: str) -> None:
    host.ip("link add unrelated type veth peer name unrelated1")
    host.veth("other0", "eth0", OTHER)
    assert host.do(find, endpoint(namespace=folder + ONE)) is None
    host.veth("one0", "eth0", ONE)
    place = host.do(find, endpoint(namespace=folder + ONE))
    assert place is not None and place.interface == "one0" and host.do(is_there, place)


def test_the_place_is_found_for_a_veth_made_here_whose_end_was_moved(host: Host) -> None:
    host.ip("link add one0 type veth peer name moving")
    assert host.do(find, endpoint(namespace=ONE)) is None
    assert host.do(find, endpoint("one0", ONE)) is None
    host.ip(f"link set moving netns {ONE}")
    found = host.do(find, endpoint(namespace=ONE))
    assert found is not None and found.interface == "one0"
    assert host.do(find, endpoint("one0", ONE)) == found


def test_veths_into_third_namespaces_do_not_count(host: Host) -> None:
    subprocess.run(["ip", "-n", ONE, *f"link add eth9 type veth peer name eth9 netns {OTHER}".split()], check=True)
    assert host.do(find, endpoint(namespace=ONE)) is None
    host.veth("one0", "eth0", ONE)
    place = host.do(find, endpoint(namespace=ONE))
    assert place is not None and place.interface == "one0"


def test_several_veths_into_a_namespace_are_an_error_that_names_them_until_one_is_chosen(host: Host) -> None:
    host.veth("one1", "eth1", ONE)
    host.veth("one0", "eth0", ONE)
    error = wrong(host, endpoint(namespace=ONE))
    assert "one0, one1" in error.message and "interface:" in error.hint
    place = host.do(find, endpoint("one1", ONE))
    assert place is not None and place.interface == "one1"


def test_an_interface_that_leads_into_another_namespace_than_the_named_one_is_an_error(host: Host) -> None:
    host.veth("other0", "eth0", OTHER)
    assert "no veth" in wrong(host, endpoint("other0", ONE)).hint
    host.veth("one0", "eth0", ONE)
    assert "one0" in wrong(host, endpoint("other0", ONE)).hint
    assert "does not lead" in wrong(host, endpoint("lo", ONE)).message


def test_the_path_of_a_process_leads_to_the_namespace_it_lives_in_as_long_as_it_lives(host: Host) -> None:
    host.veth("one0", "eth0", ONE)
    with subprocess.Popen(["ip", "netns", "exec", ONE, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as inhabitant:
        assert inhabitant.stdin and inhabitant.stdout
        inhabitant.stdin.write(b"x\n")
        inhabitant.stdin.flush()
        assert inhabitant.stdout.read(1) == b"x"
        path = f"/proc/{inhabitant.pid}/ns/net"
        place = host.do(find, endpoint(namespace=path))
        assert place is not None and place.interface == "one0"
        inhabitant.kill()
    assert host.do(find, endpoint(namespace=path)) is None


def test_a_name_used_again_leads_to_the_new_namespace(host: Host) -> None:
    host.veth("old0", "eth0", ONE)
    with namespaces_fd(ONE):  # so that the old one lives on without its name
        namespaces.remove(ONE)
        assert host.do(find, endpoint(namespace=ONE)) is None
        namespaces.make(ONE)
        assert host.do(find, endpoint(namespace=ONE)) is None
        host.veth("new0", "eth0", ONE)
        place = host.do(find, endpoint(namespace=ONE))
    assert place is not None and place.interface == "new0"


@contextmanager
def namespaces_fd(name: str) -> Iterator[int]:
    fd = os.open(namespaces.FOLDER / name, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def test_a_name_before_its_namespace_is_mounted_has_no_place_yet(host: Host, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert host.do(find, endpoint(namespace=str(tmp_path / "empty"))) is None
    assert host.do(find, endpoint(namespace=f"{PREFIX}-missing")) is None


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("/proc/self/ns/mnt", "another type"),
        ("/etc/passwd", "no network namespace"),
        ("/etc", "no network namespace"),
        ("relative/path", "absolute"),
        ("..", "absolute"),
    ],
)
def test_what_is_no_network_namespace_is_an_error(host: Host, written: str, words: str) -> None:
    assert words in wrong(host, endpoint(namespace=written)).message


def test_the_namespace_of_the_host_itself_is_an_error(host: Host) -> None:
    assert "own interfaces" in wrong(host, endpoint(namespace=host.name)).message


def test_a_path_that_cannot_be_followed_is_a_refusal_of_the_kernel(host: Host) -> None:
    with pytest.raises(KernelError) as caught:
        host.do(find, endpoint(namespace="/etc/passwd/net"))
    assert (caught.value.command, caught.value.errno_name) == ("open", "ENOTDIR")


def test_a_place_is_there_until_it_is_renamed_or_made_again(host: Host) -> None:
    host.veth("one0", "eth0", ONE)
    place = host.do(find, endpoint("one0"))
    assert place is not None and host.do(is_there, place) and not is_there(place)
    host.ip("link set one0 name renamed")
    assert not host.do(is_there, place)
    host.ip("link set renamed name one0")
    assert host.do(is_there, place)
    host.ip("link del one0")
    assert not host.do(is_there, place)
    host.veth("one0", "eth0", ONE)
    assert not host.do(is_there, place)


def test_a_watch_tells_of_interfaces_that_come_go_and_change_their_names(host: Host, watch: Watch) -> None:
    assert watch.read(0) == []
    host.veth("one0 index 41", "eth0", ONE)
    assert until(watch, Appeared) == [Appeared(Place("one0", 41))]
    host.ip("link set one0 up")
    host.ip("link set one0 name one1")
    assert until(watch, Changed) == [Changed(Place("one1", 41), Place("one0", 41))]
    host.ip("link del one1")
    assert until(watch, Removed)[-1] == Removed(Place("one1", 41))  # that its other end went may be told first


def test_moving_the_other_end_is_told_after_it_can_be_found(host: Host, watch: Watch) -> None:
    host.ip("link add one0 type veth peer name moving")
    until(watch, Appeared)
    host.ip(f"link set moving netns {ONE}")
    told = until(watch, Removed)
    assert any(isinstance(change, Removed) and change.place.interface == "moving" for change in told)
    assert host.do(find, endpoint(namespace=ONE)) is not None


def test_leaving_a_bridge_is_not_taken_for_being_removed(host: Host, watch: Watch) -> None:
    host.veth("port index 41", "eth0", ONE)
    host.ip("link add bridge index 42 type bridge")
    host.ip("link set port master bridge")
    host.ip("link set port nomaster")
    host.ip("link del bridge")
    told = until(watch, Removed)
    assert [change for change in told if isinstance(change, Removed)] == [Removed(Place("bridge", 42))]


def test_more_changes_than_are_read_are_told_as_an_overrun_after_which_all_is_told_again(host: Host, watch: Watch) -> None:
    host.veth("one0 index 41", "eth0", ONE)
    batch = "link set dev one0 name one1\nlink set dev one1 name one0\n" * 300
    subprocess.run(["ip", "-n", host.name, "-batch", "-"], input=batch, text=True, check=True)
    host.ip("link del one0")
    told = until(watch, Overrun)
    assert told[-1] == Overrun()
    host.veth("two0 index 42", "eth0", OTHER)
    assert until(watch, Appeared) == [Appeared(Place("two0", 42))]


def test_a_watch_has_an_fd_to_wait_on(host: Host, watch: Watch) -> None:
    assert select.select([watch], [], [], 0)[0] == []
    host.veth("one0", "eth0", ONE)
    assert select.select([watch], [], [], LONG_MS / 1000)[0] == [watch]


def test_a_watch_returns_when_nothing_happens(watch: Watch) -> None:
    before = time.monotonic()
    assert [change for change in watch.read(200) if not isinstance(change, NamesChanged)] == []
    assert time.monotonic() - before < 2


def test_a_watch_tells_of_names_that_are_new_gone_or_mean_another_namespace(watch: Watch) -> None:
    name = f"{PREFIX}-new"
    told: set[str] = set()
    with named_namespace(name):
        told = names_told(watch)
        assert name in told
        with namespaces_fd(name):  # so that the next one cannot have its inode number
            namespaces.remove(name)
            namespaces.make(name)
            assert name in names_told(watch)
    assert name in names_told(watch)


def names_told(watch: Watch) -> set[str]:
    """The names of the next change of names; other programs may make some, too."""
    return {name for change in until(watch, NamesChanged) if isinstance(change, NamesChanged) for name in change.names}
