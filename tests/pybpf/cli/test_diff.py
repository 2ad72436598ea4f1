"""`pybpf diff` on files."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pybpf.cli import main

SHOP = Path(__file__).resolve().parents[3] / "examples" / "policies"
OLD = "policy a for app=a {\n  allow from app=b on port 80: GET /flights\n}\n"
GROUP = """
apiVersion: cilium.io/v2
kind: CiliumCIDRGroup
metadata: {name: partners}
spec: {externalCIDRs: [203.0.113.0/24]}
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: a}}
  ingress:
  - fromCIDRSet: [{cidrGroupRef: partners}]
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    old, new = tmp_path / "old.policy", tmp_path / "new.policy"
    old.write_text(OLD)
    new.write_text(OLD.replace("/flights", "/flights/{id}"))
    return old, new


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["diff", *map(str, words)])


def test_what_is_the_same_ends_well(files: tuple[Path, Path], tmp_path: Path) -> None:
    done = run(files[0], files[0])
    assert (done.exit_code, done.stdout) == (0, "no difference: the same flows pass\n")
    yaml = tmp_path / "a.yaml"
    assert CliRunner().invoke(main, ["convert", "--to", "cilium", str(files[0]), "-o", str(yaml)]).exit_code == 0
    assert run(files[0], yaml).exit_code == 0


def test_what_differs_is_told_with_examples_and_the_rules_that_decide(files: tuple[Path, Path]) -> None:
    done = run(*files)
    assert done.exit_code == 1
    allowed, refused = done.stdout.split("\n\n")
    assert allowed.splitlines() == [
        "became allowed:",
        "  ingress of app=a in namespace default",
        "  from app=b in namespace default",
        "  on TCP 80",
        "  for example GET /flights/a on TCP 80",
        f"    before: refuse-request by {files[0]}:2:20 (a)",
        f"    now:    allow by {files[1]}:2:32 (a)",
    ]
    assert "became refused:" in refused and "for example GET /flights on TCP 80" in refused


def test_differences_are_there_for_programs_too(files: tuple[Path, Path]) -> None:
    done = run("--json", *files)
    assert done.exit_code == 1
    rows = json.loads(done.stdout)
    assert [(row["became"], row["example"]) for row in rows] == [("allowed", "GET /flights/a on TCP 80"), ("refused", "GET /flights on TCP 80")]
    assert rows[0]["places"] == [{"protocol": 6, "first": 80, "last": 80}]


def test_an_inventory_names_who_is_meant(tmp_path: Path) -> None:
    new = tmp_path / "orders.yaml"
    new.write_text((SHOP / "shop" / "orders.yaml").read_text().replace("[0-9]+", "[0-9]*"))
    done = run("--inventory", SHOP / "inventory.yaml", SHOP / "shop" / "orders.yaml", new)
    assert done.exit_code == 1
    assert "ingress of shop/orders\n  from shop/web\n" in done.stdout and "GET /orders/ " in done.stdout


def test_what_cannot_be_decided_is_neither_equal_nor_different(tmp_path: Path) -> None:
    old, new = tmp_path / "old.policy", tmp_path / "new.policy"
    old.write_text(OLD.replace("80", "http"))
    new.write_text(OLD.replace("80", "web"))
    done = run(old, new)
    assert done.exit_code == 2 and "give --inventory" in done.stderr


def test_files_with_errors_are_not_compared(files: tuple[Path, Path]) -> None:
    files[1].write_text("policy a for { }")
    done = run(*files)
    assert (done.exit_code, done.stdout) == (2, "") and "policy-syntax" in done.stderr
    assert run(files[0], files[0].parent / "none").exit_code == 2


def test_what_changed_otherwise_is_told_too(tmp_path: Path) -> None:
    old, new = tmp_path / "old.policy", tmp_path / "new.policy"
    old.write_text("policy a for app=a { allow from app=b on port 80: GET / on deny 403 }")
    new.write_text(old.read_text().replace("403", "reset"))
    done = run(old, new)
    assert done.exit_code == 1
    assert done.stdout.startswith("changed otherwise:\n") and "looks like 403\n" in done.stdout and "looks like reset\n" in done.stdout
    (row,) = json.loads(run("--json", old, new).stdout)
    assert (row["became"], row["before"]["on_deny"], row["now"]["on_deny"]) == ("otherwise", "403", "reset")


def test_groups_that_come_with_policies_are_compared_as_well(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(GROUP)
    new.write_text(GROUP.replace("/24", "/25"))
    done = run(old, new)
    assert done.exit_code == 1 and "from 203.0.113.128 (203.0.113.0/24)" in done.stdout


def test_the_transcript_of_the_page_is_what_the_command_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "diff.md").read_text()
    old, new = re.findall(r"```policy\n(.*?)```", page, re.DOTALL)
    (transcript,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Path("old.policy").write_text(old)
    Path("new.policy").write_text(new)
    assert run("old.policy", "new.policy").stdout == transcript
