"""What is attached, and what becomes of it: taken off by others, with others beside it, its endpoint renamed, its interface made anew."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from pybpf.demo import namespaces
from pybpf.demo.network import Network, network
from pybpf.enforce import installation, presence, store
from pybpf.enforce.attachments import HOOKS, Way
from pybpf.hooks import TcxHook, TcxOrder, attach_clsact, attach_tcx, detach_clsact
from pybpf.kinds import AttachType, MapType, ProgramType
from pybpf.links import Link
from pybpf.maps import create
from pybpf.spec import MapSpec
from tests.support.enforcing_host import Host, eventually, link, watching
from tests.support.tiny_programs import returning

pytestmark = pytest.mark.kernel
APPLY: Final = ("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml")
ACCEPT: Final = 0  # TC_ACT_OK: nothing behind it sees the packet


@pytest.fixture(scope="module")
def built() -> Iterator[Network]:
    with network(["client", "server"]) as made:
        yield made


@pytest.fixture
def host(built: Network, tmp_path: Path, bpffs: Path) -> Iterator[Host]:
    made = Host(built, tmp_path, bpffs / "enforced")
    yield made
    if made.folder.exists():
        namespaces.run(built.node, partial(installation.detach_all, made.folder))
        made.folder.rmdir()


@pytest.fixture(params=list(Way), ids=lambda way: way.value)
def way(request: pytest.FixtureRequest) -> Way:
    """Both ways to attach."""
    assert isinstance(request.param, Way)
    return request.param


def taken_off(host: Host, way: Way) -> None:
    """As somebody else takes programs off: the server's interface has none any more."""
    index = host.built.place("server").interface_index
    for name, (hook, _) in HOOKS.items():
        if way is Way.CLSACT:
            namespaces.run(host.built.node, partial(detach_clsact, index, hook))
        else:
            with Link.from_pin(host.folder / "links" / f"{index}_{name}") as held:
                held.detach()


def test_an_endpoint_that_is_attached_no_more_is_told_and_attached_again(host: Host, way: Way) -> None:
    host.pybpf(*APPLY, "--attach", way.value)
    taken_off(host, way)
    told = host.pybpf("status")
    assert told.returncode == 1 and "endpoint default/server is NOT ATTACHED" in told.stdout and host.connects(81)
    assert json.loads(host.pybpf("status", "--json").stdout)["not_attached"] == ["default/server"]
    assert host.pybpf("apply", "-f", "policy.yaml", "--attach", way.value).returncode == 0
    assert host.pybpf("status").returncode == 0 and not host.connects(81)
    taken_off(host, way)
    with watching(host):
        assert eventually(lambda: host.pybpf("status").returncode == 0)
    assert not host.connects(81)


@contextmanager
def third_endpoint(host: Host, number: int) -> Iterator[None]:
    """An endpoint `third` behind an interface of that number."""
    with (host.files / "endpoints.yaml").open("a") as inventory:
        inventory.write("- {name: third, namespace: default, labels: {app: third}, addresses: [10.66.99.2], interface: third0}\n")
    make_third(host, number)
    yield
    link(host, "del", "third0")


def make_third(host: Host, number: int) -> None:
    link(host, "add", "third0", "index", str(number), "type", "veth", "peer", "name", "third1")


def test_an_interface_made_anew_with_its_number_is_attached(host: Host) -> None:
    with third_endpoint(host, 4711):
        host.pybpf(*APPLY)
        assert host.pybpf("status").returncode == 0
        link(host, "del", "third0")
        make_third(host, 4711)
        assert "default/third is NOT ATTACHED" in host.pybpf("status").stdout
        with watching(host):
            assert eventually(lambda: host.pybpf("status").returncode == 0)


def test_an_endpoint_whose_names_go_is_enforced_all_the_same(host: Host) -> None:
    server = host.built.place("server").interface
    host.pybpf(*APPLY, "--attach", "clsact")
    link(host, "set", server, "name", "another")
    try:
        host.policy(82)
        assert host.pybpf("apply", "-f", "policy.yaml", "--attach", "clsact").stderr == ""
        assert host.connects(82) and not host.connects(80)
        with watching(host):
            assert host.pybpf("status").returncode == 0 and not host.connects(81)
    finally:
        link(host, "set", "another", "name", server)


def test_a_namespace_without_its_name_is_enforced_all_the_same(host: Host) -> None:
    name = f"{host.built.node}-third"
    subprocess.run(["ip", "netns", "add", name], check=True)
    inside = namespaces.run(name, lambda: subprocess.Popen(["sleep", "60"]))
    with (host.files / "endpoints.yaml").open("a") as inventory:
        inventory.write(f"- {{name: third, namespace: default, labels: {{app: third}}, addresses: [10.66.99.2], networkNamespace: {name}}}\n")
    try:
        link(host, "add", "third0", "type", "veth", "peer", "name", "third1", "netns", name)
        host.pybpf(*APPLY)
        subprocess.run(["ip", "netns", "del", name], check=True)
        assert host.pybpf(*APPLY).stderr == ""
        assert "default/third" in host.pybpf("endpoints").stdout and host.pybpf("status").returncode == 0
    finally:
        inside.kill()
        inside.wait()
        link(host, "del", "third0")
    assert eventually(lambda: "default/third" in host.pybpf(*APPLY).stderr)
    assert "default/third" not in host.pybpf("endpoints").stdout


@pytest.mark.parametrize("words", [("apply", "-f", "policy.yaml"), ("delete", "-f", "policy.yaml"), ("watch",)])
def test_from_another_namespace_nothing_is_changed(host: Host, words: tuple[str, ...]) -> None:
    host.pybpf(*APPLY)
    ended = elsewhere(host, lambda: host.run(*words))
    assert ended.returncode == 2 and "in another network namespace, net:[" in ended.stderr
    assert host.pybpf("status").returncode == 0 and not host.connects(81)


def test_filters_are_taken_off_in_their_own_namespace_only(host: Host) -> None:
    host.pybpf(*APPLY, "--attach", "clsact")
    ended = elsewhere(host, lambda: host.run("detach", "--all"))
    assert ended.returncode == 2 and "in another network namespace, net:[" in ended.stderr and not host.connects(81)
    assert host.pybpf("detach", "--all").returncode == 0 and host.connects(81)


def elsewhere(host: Host, job: Callable[[], subprocess.CompletedProcess[str]]) -> subprocess.CompletedProcess[str]:
    """In the client's network namespace."""
    return namespaces.run(host.built.place("client").namespace, job)


def attached_to_server(host: Host, order: TcxOrder) -> list[Link]:
    """A program of somebody else's that lets everything pass, at both hooks."""
    index = host.built.place("server").interface_index
    with returning(ProgramType.SCHED_CLS, ACCEPT, AttachType.TCX_INGRESS) as program:
        return namespaces.run(host.built.node, lambda: [attach_tcx(program, index, hook, order) for hook in TcxHook])


def closed(links: list[Link]) -> None:
    for each in links:
        each.detach()
        each.close()


def test_what_was_attached_before_does_not_keep_packets_from_policy(host: Host) -> None:
    others = attached_to_server(host, TcxOrder.LAST)
    try:
        host.pybpf(*APPLY)
        assert host.pybpf("status").returncode == 0 and host.connects(80) and not host.connects(81)
    finally:
        closed(others)


def test_what_is_put_before_policy_is_told(host: Host) -> None:
    host.pybpf(*APPLY)
    others = attached_to_server(host, TcxOrder.FIRST)
    try:
        told = host.pybpf("status")
        assert told.returncode == 1 and "runs before its policy" in told.stdout and "default/server" in told.stdout
    finally:
        closed(others)
    assert host.pybpf("status").returncode == 0


def test_filters_are_not_put_behind_a_program_on_a_link(host: Host) -> None:
    others = attached_to_server(host, TcxOrder.LAST)
    try:
        refused = host.pybpf(*APPLY, "--attach", "clsact")
        assert refused.returncode == 2 and "runs before all filters" in refused.stderr and "attach by tcx" in refused.stderr
        assert host.pybpf("status").returncode == 1
        assert host.pybpf(*APPLY).returncode == 0 and not host.connects(81)
    finally:
        closed(others)


@pytest.mark.parametrize("second", list(Way), ids=lambda way: way.value)
def test_two_enforcements_at_one_interface_are_refused(host: Host, way: Way, second: Way) -> None:
    host.pybpf(*APPLY, "--attach", way.value)
    other = Host(host.built, host.files, host.folder.parent / "second")
    refused = other.pybpf(*APPLY, "--attach", second.value)
    assert refused.returncode == 2 and "another enforcement is attached there" in refused.stderr, refused
    assert host.pybpf("status").returncode == 0 and other.pybpf("status").returncode == 1
    host.pybpf("detach", "--all")
    assert other.pybpf(*APPLY, "--attach", second.value).returncode == 0 and not other.connects(81)
    assert other.pybpf("detach", "--all").returncode == 0
    other.folder.rmdir()


def test_two_endpoints_behind_one_interface_are_refused(host: Host) -> None:
    server = host.built.place("server")
    with (host.files / "endpoints.yaml").open("a") as inventory:
        inventory.write(f"- {{name: twin, namespace: default, labels: {{app: twin}}, addresses: [10.66.99.2], interface: {server.interface}}}\n")
    refused = host.pybpf(*APPLY)
    assert refused.returncode == 2 and "default/twin: it is behind the same interface as endpoint default/server" in refused.stderr


def test_only_what_is_its_own_is_taken_away(host: Host, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "7").write_text("mine")
    command = Host(host.built, host.files, tmp_path / "mine").pybpf("detach", "--all")
    assert command.returncode == 2 and "is no folder of a BPF file system" in command.stderr and (tmp_path / "mine" / "7").exists()
    host.pybpf(*APPLY)
    with create(MapSpec("mine", MapType.ARRAY, 4, 8, 1)) as mine:
        mine.pin(host.folder / "mine")
        mine.pin(host.folder / "links" / "mine")
    assert host.pybpf(*APPLY).returncode == 0 and host.pybpf("status").returncode == 0
    assert host.pybpf("detach", "--all").returncode == 0
    assert [each.name for each in host.folder.iterdir()] == ["mine"]
    (host.folder / "mine").unlink()


def test_a_change_that_the_kernel_refuses_changes_nothing_for_later_ones(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.pybpf(*APPLY)
    before = store.read(host.folder)
    assert before is not None
    host.policy(81)
    with third_endpoint(host, 4712):
        monkeypatch.setenv("PYTHONPATH", str(failing_attachment(host.files)))
        failed = host.pybpf(*APPLY)
        monkeypatch.delenv("PYTHONPATH")
        assert failed.returncode == 2 and "ENODEV" in failed.stderr, failed
        after = store.read(host.folder)
        assert after is not None and after.pending is None and after.request == before.request
        assert host.pybpf("status").returncode == 0 and host.connects(80) and not host.connects(81)
        host.policy(82)
        assert host.pybpf("apply", "-f", "policy.yaml").returncode == 0
        assert host.connects(82) and not host.connects(80) and not host.connects(81) and host.pybpf("status").returncode == 0


def failing_attachment(files: Path) -> Path:
    """A folder whose sitecustomize makes the second hook of a new interface fail once all is written, as one that goes at that moment."""
    folder = files / "failing"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "from pybpf.enforce import pinned\n"
        "from pybpf.errors import KernelError\n"
        "make = pinned.Pinned._make\n"
        "def fail(self, path, program, index, name):\n"
        "    if name == 'from':\n"
        "        raise KernelError('BPF_LINK_CREATE', 19)\n"
        "    make(self, path, program, index, name)\n"
        "pinned.Pinned._make = fail\n"
    )
    return folder


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x05K\x01.", b"cposix\nsystem\n(S'touch /tmp/never'\ntR."], ids=["empty", "garbage", "number", "code"])
def test_a_state_that_cannot_be_read_is_refused_and_can_be_taken_away(host: Host, content: bytes) -> None:
    host.pybpf(*APPLY)
    with create(MapSpec("state", MapType.ARRAY, 4, 64, 1)) as made:
        made.update(bytes(4), content.ljust(64, b"\0"))
        (host.folder / "state").unlink()
        made.pin(host.folder / "state")
    for words in (("status",), ("endpoints",), ("apply", "-f", "policy.yaml")):
        ended = host.pybpf(*words)
        assert ended.returncode == 2 and "put there by another version" in ended.stderr and "Traceback" not in ended.stderr
    assert host.pybpf("detach", "--all").returncode == 0 and host.connects(81)


def test_endpoints_are_found_by_what_is_live(host: Host) -> None:
    host.pybpf(*APPLY)
    state = store.read(host.folder)
    assert state is not None
    numbers = {each.interface_index for each in host.built.places}
    assert presence.live(host.folder, state.generation) == numbers == set(presence.recorded(state).values())
    taken_off(host, Way.TCX)
    assert presence.live(host.folder, state.generation) == {host.built.place("client").interface_index}


def test_a_filter_that_was_left_behind_is_not_taken_for_ones_own(host: Host) -> None:
    index = host.built.place("server").interface_index
    with returning(ProgramType.SCHED_CLS, ACCEPT) as program:
        namespaces.run(host.built.node, partial(attach_clsact, program, index, TcxHook.EGRESS))
    try:
        refused = host.pybpf(*APPLY)
        assert refused.returncode == 2 and "another enforcement is attached there" in refused.stderr and "tc filter del" in refused.stderr
    finally:
        namespaces.run(host.built.node, partial(detach_clsact, index, TcxHook.EGRESS))
