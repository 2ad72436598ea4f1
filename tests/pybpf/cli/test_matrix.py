"""`pybpf matrix` on the shop of examples/policies."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from click.testing import CliRunner

from pybpf.cli import main

POLICIES = Path(__file__).resolve().parents[3] / "examples" / "policies"
COMMAND = ["matrix", str(POLICIES / "shop"), "--inventory", str(POLICIES / "inventory.yaml")]


def run(*words: str) -> str:
    done = CliRunner().invoke(main, [*COMMAND, *words])
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def test_every_pair_and_port_has_a_row_for_programs() -> None:
    rows = json.loads(run("--port", "8080", "--json"))
    reaches = {(row["from"], row["to"]): row["reaches"] for row in rows}
    assert reaches["shop/web", "shop/orders"] == "requests decide"
    assert reaches["shop/billing", "shop/orders"] == "no"
    assert reaches["host", "shop/orders"] == "yes" and reaches["world", "shop/billing"] == "no"
    assert reaches["shop/orders", "kube-system/dns"] == "yes"
    assert ("world", "host") not in reaches


def test_csv_has_the_same_rows() -> None:
    rows = list(csv.DictReader(run("--port", "8080", "--csv").splitlines()))
    assert [dict(row, port=int(row["port"])) for row in rows] == json.loads(run("--port", "8080", "--json"))


def test_without_ports_all_that_policies_name_are_asked_about() -> None:
    text = run()
    assert [line for line in text.splitlines() if line.startswith(("TCP", "UDP"))] == ["TCP 443", "TCP 8080", "UDP 53"]
    row = next(line for line in text.split("TCP 8080")[1].splitlines() if "shop/web" in line)
    assert row.split() == ["1", "shop/web", "req", "-", "-", "-", "-"]


def test_a_word_that_is_no_port_is_status_2() -> None:
    done = CliRunner().invoke(main, [*COMMAND, "--port", "http"])
    assert done.exit_code == 2 and "is no port" in done.stderr
