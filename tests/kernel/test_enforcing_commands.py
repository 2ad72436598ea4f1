"""The commands of enforcement, as a user has them: in the node's network namespace, on real interfaces."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pybpf.demo.network import Network, network
from pybpf.enforce import installation
from tests.support.enforcing_host import POLICY, Host, eventually, link, watching

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def built() -> Iterator[Network]:
    with network(["client", "server"]) as made:
        yield made


@pytest.fixture
def host(built: Network, tmp_path: Path, bpffs: Path) -> Iterator[Host]:
    made = Host(built, tmp_path, bpffs / "enforced")
    yield made
    if made.folder.exists():
        installation.detach_all(made.folder)
        made.folder.rmdir()


def test_apply_observe_change_and_delete(host: Host) -> None:
    assert host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml", "--dry-run").stdout == "CiliumNetworkPolicy default/server would be created\n"
    assert host.connects(81)
    applied = host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml")
    assert (applied.returncode, applied.stdout, applied.stderr) == (0, "CiliumNetworkPolicy default/server created\n", "")
    assert host.connects(80) and not host.connects(81)

    seen = host.pybpf("observe", "--verdict", "refused", "--to", "server", "-o", "json")
    flows = [json.loads(line) for line in seen.stdout.splitlines()]
    assert flows and all(flow["destination"]["port"] == 81 and flow["rule"]["place"].startswith("policy.yaml:8") for flow in flows)
    assert host.pybpf("observe", "--port", "81", "--not", "--verdict", "refused", "--not", "--verdict", "forwarded").stdout == ""
    assert "policy.yaml:9:15 server: allow" in host.pybpf("rules", "--hits").stdout
    counted = json.loads(host.pybpf("endpoints", "--json").stdout)
    assert next(each for each in counted if each["endpoint"] == "default/server")["ingress"]["refused"] > 0
    status = json.loads(host.pybpf("status", "--json").stdout)
    assert (status["policies"], status["interfaces"], status["unfinished"]) == (1, 2, False) and status["dropped"]["policy"] > 0

    host.policy(81)
    assert host.pybpf("apply", "-f", "policy.yaml").stdout == "CiliumNetworkPolicy default/server changed\n"
    assert host.connects(81) and not host.connects(80)
    assert host.pybpf("apply", "-f", "policy.yaml").stdout == "CiliumNetworkPolicy default/server unchanged\n"
    assert host.pybpf("delete", "-f", "policy.yaml").stdout == "CiliumNetworkPolicy default/server deleted\n"
    assert host.connects(80) and host.connects(81)
    assert host.pybpf("detach", "--all").stdout == "detached from 2 interfaces; nothing is enforced\n"
    assert host.pybpf("status").returncode == 1


def test_what_is_told_can_be_less(host: Host) -> None:
    host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml")
    assert host.pybpf("rates", "--sample", "0").stdout.split() == ["events", "per", "second", "2000", "connections", "sampled", "0", "answers", "per", "second", "1000", "requests", "sampled", "1"]
    assert host.connects(80) and not host.connects(81)
    verdicts = {json.loads(line)["verdict"] for line in host.pybpf("observe", "-o", "json").stdout.splitlines()}
    assert verdicts == {"dropped"}
    host.policy(81)
    host.pybpf("apply", "-f", "policy.yaml")
    assert "connections sampled           0" in host.pybpf("rates").stdout


GROUP = """
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: clients}
spec: {externalCIDRs: [%s]}
"""


def test_a_group_of_networks_changes_with_its_file(host: Host) -> None:
    network = f"{host.built.place('client').ipv4}/32"
    (host.files / "policy.yaml").write_text(POLICY.replace("fromEndpoints: [{matchLabels: {app: client}}]", "fromCIDRSet: [{cidrGroupRef: clients}]") % 80)
    (host.files / "group.yaml").write_text(GROUP % "192.0.2.0/24")
    (host.files / "endpoints.yaml").write_text("settings: {cidrMatches: [endpoints]}\n" + (host.files / "endpoints.yaml").read_text())
    host.pybpf("apply", "-f", "policy.yaml", "-f", "group.yaml", "--endpoints", "endpoints.yaml")
    assert not host.connects(80)
    (host.files / "group.yaml").write_text(GROUP % network)
    assert host.pybpf("apply", "-f", "group.yaml").stdout == "CiliumCIDRGroup clients changed\n1 other as before\n"
    assert host.connects(80)
    assert host.pybpf("delete", "-f", "group.yaml").stdout == "CiliumCIDRGroup clients changed\n1 other as before\n"
    assert not host.connects(80)


def test_files_with_errors_change_nothing(host: Host) -> None:
    host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml")
    (host.files / "policy.yaml").write_text(POLICY.replace("toPorts", "toPort") % 81)
    ended = host.pybpf("apply", "-f", "policy.yaml")
    assert ended.returncode == 2 and "toPort" in ended.stderr and ended.stdout == ""
    assert host.connects(80) and not host.connects(81)


def test_more_than_a_table_holds_changes_nothing(host: Host) -> None:
    host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml")
    looks = "".join(f"  - toPorts: [{{ports: [{{port: \"{1000 + number}\", protocol: TCP}}], rules: {{http: [{{path: /{number}}}]}}}}]\n" for number in range(257))
    (host.files / "policy.yaml").write_text(POLICY % 81 + looks)
    ended = host.pybpf("apply", "-f", "policy.yaml")
    assert ended.returncode == 2 and "rule sets: all 256 are in use, and the policies need more" in ended.stderr
    assert host.connects(80) and not host.connects(81) and host.pybpf("status").returncode == 0


def test_what_is_missing_is_said(host: Host) -> None:
    for words, said in (
        (("apply", "-f", "policy.yaml"), "nothing is enforced yet, and no endpoints were given"),
        (("delete", "-f", "policy.yaml"), "nothing is enforced"),
        (("observe",), "nothing is enforced"),
        (("apply", "-f", "none.yaml"), "none.yaml: ENOENT"),
    ):
        ended = host.pybpf(*words)
        assert ended.returncode == 2 and said in ended.stderr, ended
    for word, said in (("--port=http", "is no port"), ("--verdict=maybe", "no verdict 'maybe'"), ("--since=1d", "write 30s, 5m or 2h"), ("--not", "stands before nothing")):
        host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml")
        ended = host.pybpf("observe", word)
        assert ended.returncode == 2 and said in ended.stderr, ended


def test_what_is_not_confirmed_is_rolled_back(host: Host) -> None:
    host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml")
    host.policy(81)
    applied = host.pybpf("apply", "-f", "policy.yaml", "--confirm", "3s")
    assert applied.returncode == 0 and applied.stderr == "rolled back in 3s unless confirmed: pybpf confirm\n"
    assert host.connects(81) and not host.connects(80)
    waiting = host.pybpf("status")
    assert waiting.returncode == 1 and "unless confirmed" in waiting.stdout
    refused = host.pybpf("delete", "-f", "policy.yaml")
    assert refused.returncode == 2 and "waits to be confirmed" in refused.stderr
    assert eventually(lambda: host.pybpf("status").returncode == 0)
    assert host.connects(80) and not host.connects(81)
    assert host.pybpf("confirm").returncode == 2


def test_what_is_confirmed_stays(host: Host) -> None:
    host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml")
    host.policy(81)
    host.pybpf("apply", "-f", "policy.yaml", "--confirm", "3s")
    assert host.pybpf("confirm").stdout == "confirmed\n"
    time.sleep(3.5)
    assert host.pybpf("status").returncode == 0 and host.connects(81)


def test_rolling_back_the_first_policies_leaves_nothing(host: Host) -> None:
    host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml", "--confirm", "1h")
    assert not host.connects(81)
    assert host.pybpf("rollback").stdout == "rolled back\n"
    assert host.connects(81) and host.pybpf("status").returncode == 1


def test_an_interface_that_appears_is_attached(host: Host) -> None:
    with late_endpoint(host):
        applied = host.pybpf("apply", "-f", "policy.yaml", "--endpoints", "endpoints.yaml")
        assert "endpoint default/late: its interface is not there" in applied.stderr
        with watching(host) as watch:
            link(host, "add", "late0", "type", "veth", "peer", "name", "late1")
            assert watch.stdout is not None and watch.stdout.readline() == "endpoint default/late attached: late0\n"
            counted = json.loads(host.pybpf("endpoints", "--json").stdout)
            assert {each["endpoint"] for each in counted} == {"default/client", "default/server", "default/late"}
            link(host, "del", "late0")
            assert watch.stdout.readline() == "endpoint default/late is gone\n", watch.communicate()


@contextmanager
def late_endpoint(host: Host) -> Iterator[None]:
    """An endpoint in the inventory that is not there yet."""
    with (host.files / "endpoints.yaml").open("a") as inventory:
        inventory.write("- {name: late, namespace: default, labels: {app: late}, addresses: [10.66.99.2], interface: late0}\n")
    yield
    link(host, "del", "late0")
